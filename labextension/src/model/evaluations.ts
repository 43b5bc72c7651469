import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { Poll, Throttler } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';
import { Connection, Refusal, sentence } from '../api/connection';
import { ServerApi } from '../api/server';
import { ServersApi, type ServerArguments } from '../api/servers';
import type { JobInfo, JobList, ServerInfo } from '../api/wire';
import type { IEvaluations, IJobChanged, IPace } from '../tokens';
import {
  heard,
  isAskable,
  isBusy,
  looksDifferent,
  queuedAnew,
  queueMoved,
  relisted,
  silent,
  statusChanges,
  withDevices,
  type IKnownServer
} from './known';
import { Turns } from './turns';

/** The protocol of the extension of Jupyter's server that this was written for. */
const PROTOCOL = 1;
/** Jobs in an answer: so many at first; with so many or more of what changed, there may be further ones. */
const PAGE = 500;
/** A round waits so long for those who are slow, in milliseconds; what they say is taken in when it comes. */
const SLOW = 1000;
/** The same if somebody waits for the round. */
const PATIENCE = 5000;
/** How long an answer may take: of a server, and of Jupyter, which waits for the health of servers. */
const SERVER_TIMEOUT = 10_000;
const JUPYTER_TIMEOUT = 15_000;
/** What is said to have changed is asked for at most so often, in milliseconds. */
const CALM = 300;
/** With more jobs in the queue their places are asked for no more often than devices. */
const LONG_QUEUE = 500;

/** What is asked of one server, each independently of the others. */
interface IQuestions {
  jobs: Turns;
  devices: Turns;
  devicesAt: number;
  /** Whether all jobs are to be asked for anew. */
  all: boolean;
  /** Whether jobs that wait may have moved, and when their places were last asked for. */
  moved: boolean;
  queueAt: number;
}

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
    this.trans = trans;
    this.serversApi = new ServersApi(connection);
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
    document.addEventListener('visibilitychange', this.nudge);
    void this.poll.start();
  }

  setPace(pace: Partial<IPace>): void {
    const { newest } = this.pace;
    this.pace = { ...this.pace, ...pace };
    if (this.pace.newest > newest) {
      for (const questions of this.questions.values()) {
        questions.all = true;
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
    if (this.isDisposed) {
      return;
    }
    document.removeEventListener('visibilitychange', this.nudge);
    this.poll.dispose();
    this.nudges.dispose();
    this.ending.abort();
    Signal.clearData(this);
  }

  /**
   * Ask Jupyter and all servers at once; fails only if Jupyter does not answer.
   *
   * @param take - Which turn of each will do.
   * @param patience - How long to wait for those who are slow.
   */
  private async round(take: (turns: Turns) => Promise<void>, patience: number): Promise<void> {
    const known = this._servers.filter(isAskable);
    const asked = known.map(({ info }) => take(this.questionsOf(info.id).jobs));
    const before = new Set(known.map(({ info }) => info.id));
    const listed = take(this.listing).then(() => {
      const found = this._servers.filter(server => isAskable(server) && !before.has(server.info.id));
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
      if (!this.greeted) {
        await this.greet();
      }
      const listed = await this.within(JUPYTER_TIMEOUT, signal => this.serversApi.list(signal));
      if (this.isDisposed) {
        return;
      }
      const first = this._heardAt === null;
      this._heardAt = Date.now();
      const ids = new Set(listed.map(info => info.id));
      for (const id of this.questions.keys()) {
        if (!ids.has(id)) {
          this.questions.delete(id);
        }
      }
      // That there is no server is news too, once.
      this.keep(relisted(this._servers, listed), '', first);
    } catch (error) {
      this.greeted &&= !(error instanceof Refusal && error.status === 0); // another Jupyter may answer next
      this.keep(this._servers, sentence(error));
      throw error;
    }
  }

  private async askJobs(id: string, questions: IQuestions): Promise<void> {
    const known = this.server(id);
    if (!known) {
      return;
    }
    try {
      const { list, everything } = await this.jobsOf(id, questions.all ? null : known.revision);
      const before = this.server(id);
      if (!before || this.isDisposed) {
        return;
      }
      questions.all &&= !everything;
      this.put(heard(before, { list, everything, at: Date.now(), most: this.pace.newest }));
      const changes = statusChanges(before, list.jobs, everything);
      for (const change of changes) {
        this._jobChanged.emit({ server: before.info, ...change });
      }
      questions.moved ||= !everything && queueMoved(before, list.jobs);
      if (everything || changes.length || Date.now() - questions.devicesAt >= this.pace.devices) {
        void questions.devices.fresh(); // who holds which device may have changed
      }
      await this.askQueue(id, questions);
    } catch (error) {
      this.silence(id, error);
    }
  }

  /** What changed after a revision, or the newest jobs if there is none, or if the server counts anew. */
  private async jobsOf(id: string, since: number | null): Promise<{ list: JobList; everything: boolean }> {
    const api = this.api(id);
    if (since === null) {
      return { list: await this.newestJobs(api), everything: true };
    }
    let list = await this.within(SERVER_TIMEOUT, signal => api.changes(since, signal));
    let jobs = list.jobs;
    while (list.jobs.length >= PAGE && list.revision > since) {
      const { revision } = list;
      list = await this.within(SERVER_TIMEOUT, signal => api.changes(revision, signal));
      jobs = [...jobs, ...list.jobs];
    }
    if (list.revision < since) {
      return { list: await this.newestJobs(api), everything: true };
    }
    return { list: { ...list, jobs }, everything: false };
  }

  /** The newest jobs; the revision is that of the first page, so that later changes are told again. */
  private async newestJobs(api: ServerApi): Promise<JobList> {
    const { newest } = this.pace;
    const page = (left: number, cursor?: string): Promise<JobList> =>
      this.within(SERVER_TIMEOUT, signal => api.jobs({ limit: Math.min(PAGE, left), cursor }, signal));
    const first = await page(newest);
    let [last, jobs] = [first, first.jobs];
    while (last.next_cursor && jobs.length < newest) {
      last = await page(newest - jobs.length, last.next_cursor);
      jobs = [...jobs, ...last.jobs];
    }
    return { ...first, jobs };
  }

  /** Places in the queue change without a word of the jobs that wait. */
  private async askQueue(id: string, questions: IQuestions): Promise<void> {
    const waiting = [...(this.server(id)?.jobs.values() ?? [])].filter(job => job.status === 'queued').length;
    const pause = waiting > LONG_QUEUE ? this.pace.devices : 0;
    if (!questions.moved || Date.now() - questions.queueAt < pause) {
      return;
    }
    if (waiting) {
      questions.queueAt = Date.now();
      const { queued_jobs } = await this.within(SERVER_TIMEOUT, signal => this.api(id).queue(signal));
      const known = this.server(id);
      if (known) {
        this.put(queuedAnew(known, queued_jobs));
      }
    }
    questions.moved = false;
  }

  private async askDevices(id: string, questions: IQuestions): Promise<void> {
    questions.devicesAt = Date.now();
    try {
      const devices = await this.within(SERVER_TIMEOUT, signal => this.api(id).devices(signal));
      const known = this.server(id);
      if (known) {
        this.put(withDevices(known, devices));
      }
    } catch (error) {
      // The jobs are heard all the same; if they are not, that is told.
      console.warn(`The devices of the evaluation server ${id} are not known`, error);
    }
  }

  /** Keep what is known of a server, with a word why nothing is heard. */
  private silence(id: string, error: unknown): void {
    const known = this.server(id);
    if (known && !this.isDisposed) {
      this.put(silent(known, sentence(error)));
    }
  }

  private async greet(): Promise<void> {
    const told = await this.within(JUPYTER_TIMEOUT, signal => this.serversApi.version(signal));
    this.greeted = true;
    const mismatch = told.protocol === PROTOCOL ? '' : this.mismatchWith(told.protocol, told.version);
    if (mismatch !== this._mismatch && !this.isDisposed) {
      this._mismatch = mismatch;
      this._changed.emit();
    }
  }

  private mismatchWith(protocol: number, version: string): string {
    return protocol > PROTOCOL
      ? this.trans.__(
          "This page is older than Jupyter's server (jupyter_lmms_eval %1): reload the page, or install that version where it comes from",
          version
        )
      : this.trans.__(
          "This page is newer than Jupyter's server (jupyter_lmms_eval %1): restart Jupyter, or install the page's version where it runs",
          version
        );
  }

  /** Ask for so long at most, and no longer than this lives. */
  private async within<T>(limit: number, ask: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const asked = new AbortController();
    const end = (): void => asked.abort();
    const timer = setTimeout(end, limit);
    this.ending.signal.addEventListener('abort', end);
    try {
      return await ask(asked.signal);
    } catch (error) {
      if (!asked.signal.aborted) {
        throw error;
      }
      const seconds = limit / 1000;
      throw limit === JUPYTER_TIMEOUT
        ? new Refusal(
            0,
            this.trans.__('Jupyter did not answer within %1 s; check that it still runs', seconds)
          )
        : new Refusal(
            504,
            this.trans.__('The server did not answer within %1 s; it is asked again', seconds)
          );
    } finally {
      clearTimeout(timer);
      this.ending.signal.removeEventListener('abort', end);
    }
  }

  private questionsOf(id: string): IQuestions {
    let questions = this.questions.get(id);
    if (!questions) {
      const made: IQuestions = {
        jobs: new Turns(() => this.askJobs(id, made)),
        devices: new Turns(() => this.askDevices(id, made)),
        devicesAt: 0,
        all: false,
        moved: false,
        queueAt: 0
      };
      this.questions.set(id, made);
      questions = made;
    }
    return questions;
  }

  private put(server: IKnownServer): void {
    this.keep(this._servers.map(known => (known.info.id === server.info.id ? server : known)));
  }

  /** Take in a new state, and tell if something that is shown is different. */
  private keep(after: ReadonlyArray<IKnownServer>, trouble = this._trouble, news = false): void {
    if (this.isDisposed) {
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
      this._changed.emit();
    }
  }

  /** Ask often while something goes on, seldom otherwise. */
  private adapt(): void {
    const { busy, idle, longest } = this.pace;
    const interval = this._servers.some(isBusy) ? busy : idle;
    this.poll.frequency = { interval, backoff: 2, max: Math.max(longest, interval) };
  }

  private readonly connection: Connection;
  private readonly trans: TranslationBundle;
  private readonly serversApi: ServersApi;
  private readonly poll: Poll<void, unknown>;
  private readonly nudges: Throttler<void, unknown>;
  private readonly listing: Turns;
  private readonly questions = new Map<string, IQuestions>();
  private readonly ending = new AbortController();
  private readonly _changed = new Signal<this, void>(this);
  private readonly _jobChanged = new Signal<this, IJobChanged>(this);
  private pace: IPace = { busy: 1500, idle: 10_000, devices: 5000, longest: 60_000, newest: 1000 };
  private greeted = false;
  private _servers: ReadonlyArray<IKnownServer> = [];
  private _heardAt: number | null = null;
  private _trouble = '';
  private _mismatch = '';
}

/** A job's identity among all servers. */
export function jobKey(server: ServerInfo | string, job: JobInfo | string): string {
  return `${typeof server === 'string' ? server : server.id}/${typeof job === 'string' ? job : job.job_id}`;
}
