import { Button, HTMLSelect } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { ServerInfo } from '../../api/wire';

/** Which server. */
export interface IServerFieldProps {
  readonly id: string;
  readonly servers: ReadonlyArray<ServerInfo>;
  readonly chosen: string;
  /** Whether one is being started. */
  readonly starting: boolean;
  /** Whether it is known by now which servers there are. */
  readonly heard: boolean;
  /** Why none is known or started, in a sentence. */
  readonly trouble: string;
  readonly trans: TranslationBundle;
  readonly onServer: (id: string) => void;
  readonly onStart: () => void;
}

/** The server that runs the job: one is named, several can be chosen from, none can be started. */
export function ServerField(props: IServerFieldProps): React.ReactElement {
  const { id, servers, chosen, starting, trans } = props;
  return (
    <div className="jp-LmmsEval-server">
      <label htmlFor={servers.length > 1 ? id : undefined} className="jp-LmmsEval-label">
        {trans.__('Server')}
      </label>
      {servers.length > 1 ? (
        <HTMLSelect
          id={id}
          value={chosen}
          options={servers.map(server => ({ value: server.id, label: nameOf(server, trans) }))}
          onChange={event => props.onServer(event.target.value)}
        />
      ) : servers.length === 1 ? (
        <span className="jp-LmmsEval-serverName">{nameOf(servers[0], trans)}</span>
      ) : !props.heard ? (
        <span className="jp-LmmsEval-help">{trans.__('Looking for servers…')}</span>
      ) : (
        <>
          <span>{trans.__('No evaluation server runs.')}</span>
          <Button
            type="button"
            className="jp-mod-styled jp-mod-accept"
            disabled={starting}
            onClick={props.onStart}
          >
            {starting ? trans.__('Starting…') : trans.__('Start a server')}
          </Button>
        </>
      )}
      {props.trouble && (
        <span className="jp-LmmsEval-problem" role="alert">
          {props.trouble}
        </span>
      )}
    </div>
  );
}

/** What a server is called in front of people. */
export function nameOf(server: ServerInfo, trans: TranslationBundle): string {
  const place = server.url.replace(/^https?:\/\//, '').replace(/\/$/, '');
  const name = server.notebook ? trans.__('%1, of %2', place, server.notebook.split('/').pop() ?? '') : place;
  return server.state === 'busy' ? trans.__('%1 (does not answer just now)', name) : name;
}
