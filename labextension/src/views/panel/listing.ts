/** Which jobs of a server are shown, in which order: pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { JobInfo, JobStatus } from '../../api/wire';
import { isFinished } from '../../model/known';
import { jobRow, type IRow } from '../../words/row';

/** What a reader looks for. */
export interface IFilter {
  /** Words that must all be found. */
  readonly text: string;
  /** Null: any. */
  readonly status: JobStatus | null;
}

export const EVERYTHING: IFilter = { text: '', status: null };
/** Jobs that are shown at first of those that wait, and of those that are finished. */
export const STEP = 100;

/** The jobs of a server that match a filter. */
export interface IListing {
  /** Running, then waiting in the order of the queue, then finished with the newest first. */
  readonly rows: ReadonlyArray<IRow>;
  /** How many of them wait, and are finished. */
  readonly queued: number;
  readonly finished: number;
}

const known = new WeakMap<JobInfo, IRow>();

/** The row of a job; the same job gives the same object. */
export function rowOf(job: JobInfo, trans: TranslationBundle): IRow {
  let row = known.get(job);
  if (!row) {
    row = jobRow(job, trans);
    known.set(job, row);
  }
  return row;
}

/** Whether a job is one that the reader looks for. */
export function matches(row: IRow, { text, status }: IFilter): boolean {
  if (status && row.status !== status) {
    return false;
  }
  const words = text.trim().toLowerCase();
  if (!words) {
    return true;
  }
  const said = [row.job_id, row.name, row.model, row.all_tasks, row.status, row.note, row.devices]
    .join('\n')
    .toLowerCase();
  return words.split(/\s+/).every(word => said.includes(word));
}

/**
 * List jobs as a reader wants to see them.
 *
 * @param jobs - All jobs of a server.
 * @param filter - What the reader looks for.
 */
export function listing(jobs: Iterable<JobInfo>, filter: IFilter, trans: TranslationBundle): IListing {
  const found = [...jobs]
    .map(job => ({ job, row: rowOf(job, trans) }))
    .filter(({ row }) => matches(row, filter))
    .sort(compare);
  const count = (wanted: (status: JobStatus) => boolean): number =>
    found.filter(({ row }) => wanted(row.status)).length;
  return {
    rows: found.map(({ row }) => row),
    queued: count(status => status === 'queued'),
    finished: count(isFinished)
  };
}

/**
 * The rows to show: all that run, and the foremost of those that wait and of those that are finished.
 *
 * @param limits - How many of each.
 */
export function foremost(
  { rows, queued, finished }: IListing,
  limits: { queued: number; finished: number }
): ReadonlyArray<IRow> {
  const over = rows.length - finished;
  return [
    ...rows.slice(0, over - queued + Math.min(queued, limits.queued)),
    ...rows.slice(over, over + limits.finished)
  ];
}

/** How many jobs there are of each status. */
export function statusCounts(jobs: Iterable<JobInfo>): ReadonlyMap<JobStatus, number> {
  const counts = new Map<JobStatus, number>();
  for (const { status } of jobs) {
    counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return counts;
}

interface IListed {
  job: JobInfo;
  row: IRow;
}

function compare(one: IListed, other: IListed): number {
  const [left, right] = [place(one.row), place(other.row)];
  if (left !== right) {
    return left - right;
  }
  const { row: a } = one;
  const { row: b } = other;
  const byId = a.job_id < b.job_id ? -1 : 1;
  if (left === 0) {
    return (a.started ?? 0) - (b.started ?? 0) || byId;
  }
  if (left === 1) {
    // A job that only just came has no place yet, but a priority and an age.
    const [ahead, behind] = [one.job.position_in_queue, other.job.position_in_queue];
    const turn = (ahead ?? Number.MAX_SAFE_INTEGER) - (behind ?? Number.MAX_SAFE_INTEGER);
    const priority = (other.job.request.priority ?? 0) - (one.job.request.priority ?? 0);
    return turn || priority || (a.created ?? 0) - (b.created ?? 0) || byId;
  }
  return (b.ended ?? b.created ?? 0) - (a.ended ?? a.created ?? 0) || byId;
}

function place(row: IRow): number {
  return row.status === 'running' ? 0 : row.status === 'queued' ? 1 : 2;
}
