import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';
import { Connection, Refusal } from '../api/connection';
import { ServerApi } from '../api/server';
import { ServersApi, type ServerArguments } from '../api/servers';
import type { JobInfo, JobList, ServerInfo } from '../api/wire';
import type { IEvaluations, IJobChanged, IPace } from '../tokens';
import { heard, isBusy, relisted, silent, withDevices, type IKnownServer } from './known';

/** The protocol of the extension of Jupyter's server that this was written for. */
const PROTOCOL = 1;
const PAGE = 500;

/**
 * The one model behind all views: it asks the servers, through Jupyter, and keeps what they say.
 *
 * While the page is hidden nothing is asked. When nothing answers the pauses grow, and what was known stays.
 */
export class Evaluations implements IEvaluations {
  constructor(connection: Connection = new Connection()) {
    this.connection = connection;
    this.serversApi = new ServersApi(connection);
    this.poll = new Poll({
      name: 'jupyter-lmms-eval:evaluations',
      auto: false,
      factory: () => this.ask(),
      frequency: { interval: this.pace.busy, backoff: 2, max: this.pace.longest },
      standby: 'when-hidden'
    });
    this.poll.ticked.connect((_, { phase, payload }) => {
      if (phase === 'rejected') {
        this.note({ trouble: payload instanceof Error ? payload.message : String(payload) });
      }
    });
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get jobChanged(): ISignal<this, IJobChanged> {
    return this._jobChanged;
  }

  get servers(): ReadonlyArray<IKnownServer> {
    return this._servers;
  }

  get heardAt(): number | null {
    return this._heardAt;
  }

  get trouble(): string {
    return this._trouble;
  }

  get mismatch(): string {
    return this._mismatch;
  }

  get isDisposed(): boolean {
    return this.poll.isDisposed;
  }

  /** Begin to ask; returns at once. */
  begin(): void {
    void this.poll.start();
  }

  setPace(pace: Partial<IPace>): void {
    this.pace = { ...this.pace, ...pace };
    this.adapt();
  }

  async refresh(): Promise<void> {
    if (!this.isDisposed) {
      await this.poll.refresh();
      await this.poll.tick.catch(() => undefined); // told by `trouble`
    }
  }

  server(id: string): IKnownServer | undefined {
    return this._servers.find(server => server.info.id === id);
  }

  api(id: string): ServerApi {
    return new ServerApi(this.connection, id);
  }

  async startServer(given: ServerArguments = {}): Promise<ServerInfo> {
    const { server } = await this.serversApi.start(given);
    await this.refresh();
    return server;
  }

  async stopServer(id: string): Promise<void> {
    await this.serversApi.stop(id);
    await this.refresh();
  }

  async act<T>(id: string, action: (api: ServerApi) => Promise<T>): Promise<T> {
    try {
      return await action(this.api(id));
    } finally {
      void this.refresh();
    }
  }

  dispose(): void {
    this.poll.dispose();
    Signal.clearData(this);
  }

  /** One round of questions; fails only if Jupyter itself does not answer. */
  private async ask(): Promise<void> {
    if (!this.greeted) {
      await this.greet();
    }
    const listed = await this.serversApi.list();
    const before = this._servers;
    const now = Date.now();
    const devicesDue = now - this.devicesAt >= this.pace.devices;
    const after = await Promise.all(
      relisted(before, listed).map(server => this.askServer(server, devicesDue))
    );
    if (devicesDue) {
      this.devicesAt = now;
    }
    if (this.isDisposed) {
      return;
    }
    const differs =
      after.length !== before.length || after.some((server, index) => shown(server, before[index]));
    this._servers = after;
    this._heardAt = Date.now();
    this.tell(before, after);
    this.adapt();
    this.note({ trouble: '' }, differs);
  }

  private async askServer(server: IKnownServer, devicesDue: boolean): Promise<IKnownServer> {
    const { state, message, id } = server.info;
    if (state !== 'alive') {
      return silent(server, message ?? '');
    }
    const api = this.api(id);
    try {
      const first = server.revision === null;
      const [told, devices] = await Promise.all([
        first ? this.all(api) : api.changes(server.revision ?? 0),
        devicesDue || first || !server.devices.length ? api.devices() : server.devices
      ]);
      let [answer, everything] = [told, first];
      if (!first && answer.revision < (server.revision ?? 0)) {
        // A restarted server counts anew.
        [answer, everything] = [await this.all(api), true];
      }
      return withDevices(heard(server, answer, everything, Date.now()), devices);
    } catch (error) {
      if (error instanceof Refusal) {
        return silent(server, error.message);
      }
      throw error;
    }
  }

  /** The newest jobs; the revision is that of the first page, so that later changes are told again. */
  private async all(api: ServerApi): Promise<JobList> {
    const first = await api.jobs({ limit: Math.min(PAGE, this.pace.newest) });
    let [page, jobs] = [first, first.jobs];
    while (page.next_cursor && jobs.length < this.pace.newest) {
      page = await api.jobs({
        limit: Math.min(PAGE, this.pace.newest - jobs.length),
        cursor: page.next_cursor
      });
      jobs = [...jobs, ...page.jobs];
    }
    return { ...first, jobs };
  }

  private async greet(): Promise<void> {
    const told = await this.serversApi.version();
    this.greeted = true;
    if (told.protocol !== PROTOCOL) {
      const which = told.protocol > PROTOCOL ? 'reload the page' : 'restart Jupyter';
      this._mismatch =
        `This page and Jupyter's server are of different versions of jupyter_lmms_eval ` +
        `(the server's is ${told.version}); ${which}, or install the same version where both come from`;
    }
  }

  private tell(before: ReadonlyArray<IKnownServer>, after: ReadonlyArray<IKnownServer>): void {
    const known = new Map(before.map(server => [server.info.id, server]));
    for (const server of after) {
      const earlier = known.get(server.info.id);
      if (!earlier || earlier.revision === null || earlier.jobs === server.jobs) {
        continue;
      }
      for (const [id, job] of server.jobs) {
        const previous = earlier.jobs.get(id);
        if (previous?.status !== job.status) {
          this._jobChanged.emit({ server: server.info, job, before: previous?.status ?? null });
        }
      }
    }
  }

  /** Ask often while something goes on, seldom otherwise. */
  private adapt(): void {
    const interval = this._servers.some(isBusy) ? this.pace.busy : this.pace.idle;
    if (this.poll.frequency.interval !== interval || this.poll.frequency.max !== this.pace.longest) {
      this.poll.frequency = { interval, backoff: 2, max: this.pace.longest };
    }
  }

  private note({ trouble }: { trouble: string }, differs = false): void {
    if (differs || trouble !== this._trouble) {
      this._trouble = trouble;
      this._changed.emit();
    }
  }

  private readonly connection: Connection;
  private readonly serversApi: ServersApi;
  private readonly poll: Poll<void, unknown>;
  private readonly _changed = new Signal<this, void>(this);
  private readonly _jobChanged = new Signal<this, IJobChanged>(this);
  private pace: IPace = { busy: 1500, idle: 10_000, devices: 5000, longest: 60_000, newest: 1000 };
  private greeted = false;
  private devicesAt = 0;
  private _servers: ReadonlyArray<IKnownServer> = [];
  private _heardAt: number | null = null;
  private _trouble = '';
  private _mismatch = '';
}

/** Whether something that is shown of a server differs; that it was heard again is none. */
function shown(after: IKnownServer, before: IKnownServer | undefined): boolean {
  return (
    before === undefined ||
    after.info !== before.info ||
    after.jobs !== before.jobs ||
    after.devices !== before.devices ||
    after.trouble !== before.trouble ||
    (before.heardAt === null) !== (after.heardAt === null)
  );
}

/** A job's identity among all servers. */
export function jobKey(server: ServerInfo | string, job: JobInfo | string): string {
  return `${typeof server === 'string' ? server : server.id}/${typeof job === 'string' ? job : job.job_id}`;
}
