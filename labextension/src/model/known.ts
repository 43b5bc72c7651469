/** What is known of servers and their jobs, and what an answer changes of it: pure. */

import type { Device, JobInfo, JobList, JobStatus, ServerInfo } from '../api/wire';

/** A server as it is known; every change makes a new one, what did not change stays the same object. */
export interface IKnownServer {
  readonly info: ServerInfo;
  readonly jobs: ReadonlyMap<string, JobInfo>;
  readonly devices: ReadonlyArray<Device>;
  /** Of the last answer about jobs; null before the first. */
  readonly revision: number | null;
  /** When its jobs were last heard of, in milliseconds since the epoch; null: never. */
  readonly heardAt: number | null;
  /** Why nothing is heard, in a sentence; empty while it answers. */
  readonly trouble: string;
}

/** An answer about jobs. */
export interface IAnswer {
  list: JobList;
  /** Whether these are all jobs that shall be known. */
  everything: boolean;
  /** When it came, in milliseconds since the epoch. */
  at: number;
  /** Finished jobs to keep; the oldest beyond them are forgotten. */
  most: number;
}

/** Whether nothing will happen to a job any more. */
export function isFinished(status: JobStatus): boolean {
  return status !== 'queued' && status !== 'running';
}

/** Whether a server can be asked; one that is busy is left alone until it answers for its health again. */
export function isAskable({ info }: IKnownServer): boolean {
  return info.state === 'alive';
}

/**
 * Find the server of a job.
 *
 * A server that is started again on its folder has another id, and the same jobs.
 *
 * @param servers - All that are known.
 * @param id - The server that had the job when it was last looked at.
 * @param job - Its id.
 */
export function serverOf(
  servers: ReadonlyArray<IKnownServer>,
  id: string,
  job: string
): IKnownServer | undefined {
  const named = servers.find(({ info }) => info.id === id);
  if (named && named.info.state !== 'gone') {
    return named;
  }
  const having = servers.filter(({ jobs }) => jobs.has(job));
  return having.find(({ info }) => info.state !== 'gone') ?? named ?? having[0];
}

/** A server of which only its entry in the list is known. */
export function unheard(info: ServerInfo): IKnownServer {
  return { info, jobs: new Map(), devices: [], revision: null, heardAt: null, trouble: '' };
}

/**
 * Bring the known servers in line with a new list of them.
 *
 * Those that are no longer listed go; of the others everything that is known stays, also if they do not answer.
 */
export function relisted(
  known: ReadonlyArray<IKnownServer>,
  listed: ReadonlyArray<ServerInfo>
): IKnownServer[] {
  const before = new Map(known.map(server => [server.info.id, server]));
  return listed.map(info => {
    const server = before.get(info.id) ?? unheard(info);
    const current = same(server.info, info) ? server : { ...server, info };
    return isAskable(current) ? current : silent(current, info.message);
  });
}

/** Take in an answer about jobs. */
export function heard(server: IKnownServer, { list, everything, at, most }: IAnswer): IKnownServer {
  let jobs = server.jobs;
  if (everything || list.jobs.length) {
    const merged = new Map(everything ? [] : server.jobs);
    for (const job of list.jobs) {
      const before = server.jobs.get(job.job_id);
      merged.set(job.job_id, before && before.revision === job.revision && same(before, job) ? before : job);
    }
    jobs = recent(merged, most);
  }
  return { ...server, jobs, revision: list.revision, heardAt: at, trouble: '' };
}

/** Whether an answer tells that jobs wait at other places than before: that alone is no news of those jobs. */
export function queueMoved(before: IKnownServer, changed: ReadonlyArray<JobInfo>): boolean {
  return changed.some(job => {
    const known = before.jobs.get(job.job_id);
    return (
      (known?.status === 'queued') !== (job.status === 'queued') ||
      known?.position_in_queue !== job.position_in_queue
    );
  });
}

/**
 * Take in who waits.
 *
 * @param server - What was known.
 * @param waiting - Ids of the jobs that wait, the next one first.
 */
export function queuedAnew(server: IKnownServer, waiting: ReadonlyArray<string>): IKnownServer {
  const moved = new Map<string, JobInfo>();
  waiting.forEach((id, position) => {
    const job = server.jobs.get(id);
    if (job?.status === 'queued' && job.position_in_queue !== position) {
      moved.set(id, { ...job, position_in_queue: position });
    }
  });
  return moved.size ? { ...server, jobs: new Map([...server.jobs, ...moved]) } : server;
}

/** Take in the devices of a server. */
export function withDevices(server: IKnownServer, devices: ReadonlyArray<Device>): IKnownServer {
  return same(server.devices, devices) ? server : { ...server, devices };
}

/** Keep what is known of a server that does not answer. */
export function silent(server: IKnownServer, trouble: string): IKnownServer {
  return server.trouble === trouble ? server : { ...server, trouble };
}

/** Whether anything of a server may change soon. */
export function isBusy({ info, jobs }: IKnownServer): boolean {
  if (info.state !== 'alive' && info.state !== 'busy') {
    return false; // what ran there runs no more
  }
  if (info.running_jobs || info.queue_size) {
    return true;
  }
  for (const job of jobs.values()) {
    if (!isFinished(job.status)) {
      return true;
    }
  }
  return false;
}

/** A job that is in another status than before. */
export interface IStatusChange {
  job: JobInfo;
  /** Null: it was not known. */
  before: JobStatus | null;
}

/**
 * Which jobs entered another status.
 *
 * Nothing is news of a server that is heard for the first time. A job that was not known is news unless it is over
 * and came with a list of all: then nobody knows since when.
 */
export function statusChanges(
  before: IKnownServer,
  changed: ReadonlyArray<JobInfo>,
  everything: boolean
): IStatusChange[] {
  if (before.revision === null) {
    return [];
  }
  const found: IStatusChange[] = [];
  for (const job of changed) {
    const known = before.jobs.get(job.job_id)?.status ?? null;
    if (known !== job.status && !(known === null && everything && isFinished(job.status))) {
      found.push({ job, before: known });
    }
  }
  return found;
}

/** Whether something that is shown of a server differs; that it was heard again is none. */
export function looksDifferent(after: IKnownServer, before: IKnownServer | undefined): boolean {
  return (
    before === undefined ||
    after.info !== before.info ||
    after.jobs !== before.jobs ||
    after.devices !== before.devices ||
    after.trouble !== before.trouble ||
    (before.heardAt === null) !== (after.heardAt === null)
  );
}

/** Forget the oldest finished jobs, a quarter more than there may be at once so that it is seldom done. */
function recent(jobs: Map<string, JobInfo>, most: number): Map<string, JobInfo> {
  if (jobs.size <= most * 1.25) {
    return jobs;
  }
  const finished = [...jobs.values()].filter(job => isFinished(job.status));
  finished.sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
  for (const job of finished.slice(most)) {
    jobs.delete(job.job_id);
  }
  return jobs;
}

/** Whether two values are the same as JSON. */
function same(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
