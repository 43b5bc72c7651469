import type { ServerInfo } from '../api/wire';
import { looksDifferent, relisted, silent, type IKnownServer } from './known';

/** All that is known now; what is taken in makes a new state, and is told if something that is shown is different. */
export class Snapshot {
  /**
   * @param changed - Told when something that is shown is different.
   */
  constructor(private readonly changed: () => void) {}

  get servers(): ReadonlyArray<IKnownServer> {
    return this._servers;
  }

  /** When Jupyter last answered, in milliseconds since the epoch; null: not yet. */
  get heardAt(): number | null {
    return this._heardAt;
  }

  /** Why Jupyter is not heard, in a sentence; empty while it answers. */
  get trouble(): string {
    return this._trouble;
  }

  /** Nothing is taken in any more. */
  get closed(): boolean {
    return this._closed;
  }

  close(): void {
    this._closed = true;
  }

  server(id: string): IKnownServer | undefined {
    return this._servers.find(server => server.info.id === id);
  }

  /** Take in which servers Jupyter lists. */
  list(listed: ReadonlyArray<ServerInfo>): void {
    if (this._closed) {
      return;
    }
    const first = this._heardAt === null;
    this._heardAt = Date.now();
    // That there is no server is news too, once.
    this.keep(relisted(this._servers, listed), '', first);
  }

  /** Keep what is known, with a word why Jupyter is not heard. */
  silence(trouble: string): void {
    this.keep(this._servers, trouble);
  }

  /** Take in what is new of a server. */
  put(server: IKnownServer): void {
    this.keep(this._servers.map(known => (known.info.id === server.info.id ? server : known)));
  }

  /** Keep what is known of a server, with a word why it is not heard. */
  silenceOf(id: string, trouble: string): void {
    const known = this.server(id);
    if (known) {
      this.put(silent(known, trouble));
    }
  }

  private keep(after: ReadonlyArray<IKnownServer>, trouble = this._trouble, news = false): void {
    if (this._closed) {
      return;
    }
    const before = this._servers;
    const differs =
      news ||
      trouble !== this._trouble ||
      after.length !== before.length ||
      after.some((server, index) => looksDifferent(server, before[index]));
    this._servers = after;
    this._trouble = trouble;
    if (differs) {
      this.changed();
    }
  }

  private _servers: ReadonlyArray<IKnownServer> = [];
  private _heardAt: number | null = null;
  private _trouble = '';
  private _closed = false;
}
