import { sentence } from '../api/connection';
import type { ServerApi } from '../api/server';
import type { JobList } from '../api/wire';
import type { IJobChanged, IPace } from '../tokens';
import type { Deadlines } from './deadlines';
import { heard, queuedAnew, queueMoved, statusChanges, withDevices } from './known';
import type { Snapshot } from './snapshot';
import { Turns } from './turns';

/** Jobs in an answer: so many at first; with so many or more of what changed, there may be further ones. */
const PAGE = 500;
/** With more jobs in the queue their places are asked for no more often than devices. */
const LONG_QUEUE = 500;

/** What is asked of one server, each independently of the others. */
export class Questions {
  /**
   * @param id - Of the server.
   * @param api - The way to it.
   * @param known - Where its answers are kept.
   * @param deadlines - How long they may take.
   * @param pace - How often may be asked, now.
   * @param changed - Told of each job that entered another status.
   */
  constructor(
    private readonly id: string,
    private readonly api: ServerApi,
    private readonly known: Snapshot,
    private readonly deadlines: Deadlines,
    private readonly pace: () => IPace,
    private readonly changed: (change: IJobChanged) => void
  ) {}

  readonly jobs = new Turns(() => this.askJobs());

  /** Ask for all jobs anew, next time. */
  anew(): void {
    this.all = true;
  }

  private async askJobs(): Promise<void> {
    const { id, known } = this;
    const server = known.server(id);
    if (!server) {
      return;
    }
    try {
      const { list, everything } = await this.jobsOf(this.all ? null : server.revision);
      const before = known.server(id);
      if (!before || known.closed) {
        return;
      }
      this.all &&= !everything;
      known.put(heard(before, { list, everything, at: Date.now(), most: this.pace().newest }));
      const changes = statusChanges(before, list.jobs, everything);
      for (const change of changes) {
        this.changed({ server: before.info, ...change });
      }
      this.moved ||= !everything && queueMoved(before, list.jobs);
      if (everything || changes.length || Date.now() - this.devicesAt >= this.pace().devices) {
        void this.devices.fresh(); // who holds which device may have changed
      }
      await this.askQueue();
    } catch (error) {
      known.silenceOf(id, sentence(error));
    }
  }

  /** What changed after a revision, or the newest jobs if there is none, or if the server counts anew. */
  private async jobsOf(since: number | null): Promise<{ list: JobList; everything: boolean }> {
    if (since === null) {
      return { list: await this.newestJobs(), everything: true };
    }
    const after = (revision: number): Promise<JobList> =>
      this.deadlines.server(signal => this.api.changes(revision, signal));
    let list = await after(since);
    let jobs = list.jobs;
    while (list.jobs.length >= PAGE && list.revision > since) {
      list = await after(list.revision);
      jobs = [...jobs, ...list.jobs];
    }
    if (list.revision < since) {
      return { list: await this.newestJobs(), everything: true };
    }
    return { list: { ...list, jobs }, everything: false };
  }

  /** The newest jobs; the revision is that of the first page, so that later changes are told again. */
  private async newestJobs(): Promise<JobList> {
    const { newest } = this.pace();
    const page = (left: number, cursor?: string): Promise<JobList> =>
      this.deadlines.server(signal => this.api.jobs({ limit: Math.min(PAGE, left), cursor }, signal));
    const first = await page(newest);
    let [last, jobs] = [first, first.jobs];
    while (last.next_cursor && jobs.length < newest) {
      last = await page(newest - jobs.length, last.next_cursor);
      jobs = [...jobs, ...last.jobs];
    }
    return { ...first, jobs };
  }

  /** Places in the queue change without a word of the jobs that wait. */
  private async askQueue(): Promise<void> {
    const jobs = this.known.server(this.id)?.jobs.values() ?? [];
    const waiting = [...jobs].filter(job => job.status === 'queued').length;
    const pause = waiting > LONG_QUEUE ? this.pace().devices : 0;
    if (!this.moved || Date.now() - this.queueAt < pause) {
      return;
    }
    if (waiting) {
      this.queueAt = Date.now();
      const { queued_jobs } = await this.deadlines.server(signal => this.api.queue(signal));
      const server = this.known.server(this.id);
      if (server) {
        this.known.put(queuedAnew(server, queued_jobs));
      }
    }
    this.moved = false;
  }

  private async askDevices(): Promise<void> {
    this.devicesAt = Date.now();
    try {
      const devices = await this.deadlines.server(signal => this.api.devices(signal));
      const server = this.known.server(this.id);
      if (server) {
        this.known.put(withDevices(server, devices));
      }
    } catch (error) {
      // The jobs are heard all the same; if they are not, that is told.
      console.warn(`The devices of the evaluation server ${this.id} are not known`, error);
    }
  }

  private readonly devices = new Turns(() => this.askDevices());
  private devicesAt = 0;
  /** Whether all jobs are to be asked for anew. */
  private all = false;
  /** Whether jobs that wait may have moved, and when their places were last asked for. */
  private moved = false;
  private queueAt = 0;
}
