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

/** Whether nothing will happen to a job any more. */
export function isFinished(status: JobStatus): boolean {
  return status !== 'queued' && status !== 'running';
}

/** A server of which only its entry in the list is known. */
export function unheard(info: ServerInfo): IKnownServer {
  return { info, jobs: new Map(), devices: [], revision: null, heardAt: null, trouble: '' };
}

/**
 * Bring the known servers in line with a new list of them.
 *
 * Those that are no longer listed go; of the others everything that is known stays.
 */
export function relisted(
  known: ReadonlyArray<IKnownServer>,
  listed: ReadonlyArray<ServerInfo>
): IKnownServer[] {
  const before = new Map(known.map(server => [server.info.id, server]));
  return listed.map(info => {
    const server = before.get(info.id) ?? unheard(info);
    return same(server.info, info) ? server : { ...server, info };
  });
}

/**
 * Take in an answer about jobs.
 *
 * @param server - What was known.
 * @param answer - All jobs, or those that changed.
 * @param everything - Whether these are all there are.
 * @param at - Now, in milliseconds since the epoch.
 */
export function heard(server: IKnownServer, answer: JobList, everything: boolean, at: number): IKnownServer {
  let jobs = server.jobs;
  if (everything || answer.jobs.length) {
    const merged = new Map(everything ? [] : server.jobs);
    for (const job of answer.jobs) {
      const before = server.jobs.get(job.job_id);
      merged.set(job.job_id, before && before.revision === job.revision && same(before, job) ? before : job);
    }
    jobs = merged;
  }
  return { ...server, jobs, revision: answer.revision, heardAt: at, trouble: '' };
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
export function isBusy(server: IKnownServer): boolean {
  for (const job of server.jobs.values()) {
    if (!isFinished(job.status)) {
      return true;
    }
  }
  return false;
}

/** Whether two values are the same as JSON. */
function same(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other);
}
