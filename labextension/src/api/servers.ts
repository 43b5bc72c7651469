import type { Connection } from './connection';
import type { ServerInfo, ServerList } from './wire';

/** What the extension of Jupyter's server says of itself. */
export interface IVersion {
  name: string;
  version: string;
  protocol: number;
}

/** Arguments of a server that is started; names and meaning are those of `jupyter lmms-eval serve`. */
export type ServerArguments = Record<string, string | number | boolean | string[]>;

/** Servers of this user on the machine where Jupyter runs: list, start, stop. */
export class ServersApi {
  constructor(private readonly connection: Connection) {}

  version(signal?: AbortSignal): Promise<IVersion> {
    return this.connection.ask('GET', [], { signal });
  }

  async list(signal?: AbortSignal): Promise<ServerInfo[]> {
    return (await this.connection.ask<ServerList>('GET', ['servers'], { signal })).servers;
  }

  /** Start a server that outlives Jupyter; answers when it is healthy, or the one that runs already. */
  start(given: ServerArguments = {}): Promise<{ message: string; server: ServerInfo }> {
    return this.connection.ask('POST', ['servers'], { body: given });
  }

  /** Stop a server that is not part of a kernel; forget one that is gone. */
  stop(id: string): Promise<void> {
    return this.connection.ask('DELETE', ['servers', id]);
  }
}
