/** What the views of the panel listen to. */

import type { CommandRegistry } from '@lumino/commands';
import type { ISignal } from '@lumino/signaling';
import { useEffect, useReducer, useRef, useState } from 'react';
import { CommandIDs } from '../../commandids';
import { jobKey } from '../../model/evaluations';

/** Render again whenever a signal is emitted. */
export function useSignal<T, U>(signal: ISignal<T, U>): void {
  const [, again] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const slot = (): void => again();
    signal.connect(slot);
    // What changed between the first rendering and now was not heard.
    again();
    return () => {
      signal.disconnect(slot);
    };
  }, [signal]);
}

/** What is being done with a job, from the click until the server has answered. */
export type Doing = 'cancelling' | 'finishing' | 'queueing';

const DOING: Record<string, Doing> = {
  [CommandIDs.cancelJob]: 'cancelling',
  [CommandIDs.finishJob]: 'finishing',
  [CommandIDs.retryJob]: 'queueing'
};

/** The jobs with which something is being done, by `jobKey`, wherever it was asked for. */
export function useDoing(commands: CommandRegistry): ReadonlyMap<string, Doing> {
  const [doing, setDoing] = useState<ReadonlyMap<string, Doing>>(new Map());
  const mounted = useRef(true);
  useEffect(() => {
    mounted.current = true;
    const slot = (_: CommandRegistry, { id, args, result }: CommandRegistry.ICommandExecutedArgs): void => {
      const word = DOING[id];
      const { server, job, jobs } = args;
      if (!word || typeof server !== 'string') {
        return;
      }
      const ids = [job, ...(Array.isArray(jobs) ? jobs : [])].filter(each => typeof each === 'string');
      const keys = ids.map(each => jobKey(server, each));
      setDoing(before => new Map([...before, ...keys.map(key => [key, word] as const)]));
      const over = (): void => {
        if (mounted.current) {
          setDoing(before => new Map([...before].filter(([key]) => !keys.includes(key))));
        }
      };
      result.then(over, over);
    };
    commands.commandExecuted.connect(slot);
    return () => {
      mounted.current = false;
      commands.commandExecuted.disconnect(slot);
    };
  }, [commands]);
  return doing;
}
