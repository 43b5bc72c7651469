import type { ISignal } from '@lumino/signaling';
import * as React from 'react';
import { sentence } from '../../api/connection';
import type { ServerInfo } from '../../api/wire';
import type { IKnownServer } from '../../model/known';
import type { ITyping } from './useDraft';

/** What a form needs to find its server. */
export interface IServerOptions {
  readonly servers: ReadonlyArray<IKnownServer>;
  readonly typing: ITyping;
  /** Choose one, as a person does. */
  readonly onChoose: (id: string) => void;
  /** Tells of a server that is chosen elsewhere, by its id. */
  readonly meant?: ISignal<unknown, string>;
  /** Start a server; answers its id, or null if nobody wants it any more. */
  readonly onStart: () => Promise<string | null>;
}

/** The server that runs the job: the one that was chosen, here or elsewhere, or is started for it. */
export function useServer({ servers, typing, onChoose, meant, onStart }: IServerOptions): {
  /** Those to choose from. */
  alive: ReadonlyArray<ServerInfo>;
  /** Id of the one; empty: there is none. */
  server: string;
  starting: boolean;
  /** Why none was started, in a sentence. */
  trouble: string;
  start: () => Promise<void>;
} {
  const { draft, amend } = typing;
  const [starting, setStarting] = React.useState(false);
  const [trouble, setTrouble] = React.useState('');
  const alive = React.useMemo(
    () => servers.map(({ info }) => info).filter(({ state }) => state === 'alive' || state === 'busy'),
    [servers]
  );
  const server = alive.some(info => info.id === draft.server) ? draft.server : (alive[0]?.id ?? '');
  React.useEffect(() => {
    // Another one that starts meanwhile does not take its place.
    amend(before => (before.server || !server ? before : { ...before, server }));
  }, [amend, server]);
  React.useEffect(() => {
    const choose = (_: unknown, id: string): void => {
      if (id !== server) {
        onChoose(id);
      }
    };
    meant?.connect(choose);
    return () => void meant?.disconnect(choose);
  }, [meant, server, onChoose]);
  const start = async (): Promise<void> => {
    setStarting(true);
    setTrouble('');
    try {
      const started = await onStart();
      if (started) {
        amend(before => ({ ...before, server: started, key: '' }));
      }
    } catch (error) {
      setTrouble(sentence(error));
    } finally {
      setStarting(false);
    }
  };
  return { alive, server, starting, trouble, start };
}
