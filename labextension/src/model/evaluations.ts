import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Poll, Throttler } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';
import { Connection, Refusal, sentence } from '../api/connection';
import { ServerApi } from '../api/server';
import { ServersApi, type ServerArguments } from '../api/servers';
import type { JobInfo, ServerInfo } from '../api/wire';
import type { IEvaluations, IJobChanged, IPace } from '../tokens';
import { Deadlines } from './deadlines';
import { Greeting } from './greeting';
import { isAskable, isBusy, type IKnownServer } from './known';
import { Questions } from './questions';
import { Snapshot } from './snapshot';
import { Turns } from './turns';

/** A round waits so long for those who are slow, in milliseconds; what they say is taken in when it comes. */
const SLOW = 1000;
/** The same if somebody waits for the round. */
const PATIENCE = 5000;
/** What is said to have changed is asked for at most so often, in milliseconds. */
const CALM = 300;

/**
 * The one model behind all views: it asks the servers, through Jupyter, and keeps what they say.
 *
 * Each answer is taken in when it comes, so that nobody waits for a server that is slow. While the page is hidden
 * nothing is asked. When Jupyter does not answer the pauses grow, and what was known stays.
 */
export class Evaluations implements IEvaluations {
  /**
   * @param connection - The way to Jupyter's server.
   * @param trans - The language of what is said here.
   */
  constructor(
    connection: Connection = new Connection(),
    trans: TranslationBundle = nullTranslator.load('jupyter_lmms_eval')
  ) {
    this.connection = connection;
    this.serversApi = new ServersApi(connection);
    this.deadlines = new Deadlines(trans);
    const changed = (): void => this._changed.emit();
    const version = () => this.deadlines.jupyter(signal => this.serversApi.version(signal));
    this.greeting = new Greeting(version, trans, changed);
    this.known = new Snapshot(changed);
    this.listing = new Turns(() => this.list());
    this.poll = new Poll({
      name: 'jupyter-lmms-eval:evaluations',
      auto: false,
      factory: () => this.round(turns => turns.join(), SLOW),
      frequency: { interval: this.pace.busy, backoff: 2, max: this.pace.longest },
      standby: 'when-hidden'
    });
    const ask = async (): Promise<void> => void this.refresh(); // not awaited: what is said meanwhile counts too
    this.nudges = new Throttler(ask, { limit: CALM, edge: 'trailing' });
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get jobChanged(): ISignal<this, IJobChanged> {
    return this._jobChanged;
  }

  get servers(): ReadonlyArray<IKnownServer> {
    return this.known.servers;
  }

  get heardAt(): number | null {
    return this.known.heardAt;
  }

  get trouble(): string {
    return this.known.trouble;
  }

  get mismatch(): string {
    return this.greeting.mismatch;
  }

  get isDisposed(): boolean {
    return this.poll.isDisposed;
  }

  /** Begin to ask; returns at once. */
  begin(): void {
    document.addEventListener('visibilitychange', this.nudge);
    void this.poll.start();
  }

  setPace(pace: Partial<IPace>): void {
    const { newest } = this.pace;
    this.pace = { ...this.pace, ...pace };
    if (this.pace.newest > newest) {
      for (const questions of this.questions.values()) {
        questions.anew();
      }
    }
    this.adapt();
  }

  async refresh(): Promise<void> {
    if (this.isDisposed) {
      return;
    }
    try {
      await this.round(turns => turns.fresh(), PATIENCE);
    } catch {
      return; // told by `trouble`; the poll asks again after its pause
    }
    if (this.poll.state.phase !== 'constructed') {
      await this.poll.schedule({ phase: 'resolved' }); // the next question is a whole pause away
    }
  }

  /** Something is said to have changed: ask soon. Many at once are one question; a hidden page asks nothing. */
  readonly nudge = (): void => {
    if (!this.isDisposed && !document.hidden) {
      this.nudges.invoke().catch(() => undefined); // fails only when this is disposed
    }
  };

  server(id: string): IKnownServer | undefined {
    return this.known.server(id);
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
    if (this.isDisposed) {
      return;
    }
    document.removeEventListener('visibilitychange', this.nudge);
    this.poll.dispose();
    this.nudges.dispose();
    this.known.close();
    this.deadlines.end();
    Signal.clearData(this);
  }

  /**
   * Ask Jupyter and all servers at once; fails only if Jupyter does not answer.
   *
   * @param take - Which turn of each will do.
   * @param patience - How long to wait for those who are slow.
   */
  private async round(take: (turns: Turns) => Promise<void>, patience: number): Promise<void> {
    const known = this.servers.filter(isAskable);
    const asked = known.map(({ info }) => take(this.questionsOf(info.id).jobs));
    const before = new Set(known.map(({ info }) => info.id));
    const listed = take(this.listing).then(() => {
      const found = this.servers.filter(server => isAskable(server) && !before.has(server.info.id));
      return Promise.all(found.map(({ info }) => this.questionsOf(info.id).jobs.join()));
    });
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enough = new Promise<void>(resolve => {
      timer = setTimeout(resolve, patience);
    });
    try {
      await Promise.race([Promise.all([listed, ...asked]), enough]);
    } finally {
      clearTimeout(timer);
      this.adapt();
    }
  }

  private async list(): Promise<void> {
    try {
      await this.greeting.meet();
      const listed = await this.deadlines.jupyter(signal => this.serversApi.list(signal));
      const ids = new Set(listed.map(info => info.id));
      for (const id of this.questions.keys()) {
        if (!ids.has(id)) {
          this.questions.delete(id);
        }
      }
      this.known.list(listed);
    } catch (error) {
      if (error instanceof Refusal && error.status === 0) {
        this.greeting.part();
      }
      this.known.silence(sentence(error));
      throw error;
    }
  }

  private questionsOf(id: string): Questions {
    let questions = this.questions.get(id);
    if (!questions) {
      const changed = (change: IJobChanged): void => this._jobChanged.emit(change);
      questions = new Questions(id, this.api(id), this.known, this.deadlines, () => this.pace, changed);
      this.questions.set(id, questions);
    }
    return questions;
  }

  /** Ask often while something goes on, seldom otherwise. */
  private adapt(): void {
    const { busy, idle, longest } = this.pace;
    const interval = this.servers.some(isBusy) ? busy : idle;
    this.poll.frequency = { interval, backoff: 2, max: Math.max(longest, interval) };
  }

  private readonly connection: Connection;
  private readonly serversApi: ServersApi;
  private readonly deadlines: Deadlines;
  private readonly greeting: Greeting;
  private readonly known: Snapshot;
  private readonly poll: Poll<void, unknown>;
  private readonly nudges: Throttler<void, unknown>;
  private readonly listing: Turns;
  private readonly questions = new Map<string, Questions>();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _jobChanged = new Signal<this, IJobChanged>(this);
  private pace: IPace = { busy: 1500, idle: 10_000, devices: 5000, longest: 60_000, newest: 1000 };
}

/** A job's identity among all servers. */
export function jobKey(server: ServerInfo | string, job: JobInfo | string): string {
  return `${typeof server === 'string' ? server : server.id}/${typeof job === 'string' ? job : job.job_id}`;
}
