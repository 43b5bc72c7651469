/**
 * Jobs and devices in the words of the notebook's table.
 *
 * `tests/widget/rows.json` holds examples to which both are held.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { Device, JobInfo, JobStatus, Metric, Progress } from '../api/wire';
import { isFinished } from '../model/known';
import { headline } from './headline';
import { clock, fixed, grouped, shortNumber } from './numbers';
import { shorten } from './shorten';

/** Characters of a job's id that tell it from the others. */
export const SHORT_ID = 8;
/** Characters of a note. */
const NOTE = 160;
const USUAL_PHASES = ['answering', 'done'];

/** A job as a row shows it: words, and the numbers that it sorts by or computes with. */
export interface IRow {
  readonly job_id: string;
  readonly short_id: string;
  readonly name: string;
  readonly model: string;
  readonly tasks: string;
  readonly all_tasks: string;
  readonly status: JobStatus;
  /** Share of the samples that are answered; null where no bar makes sense. */
  readonly fraction: number | null;
  readonly samples: string;
  /** Why it waits, what it does besides answering, or why it failed. */
  readonly note: string;
  readonly advice: string;
  readonly rate: string;
  readonly rate_number: number | null;
  readonly eta: string;
  readonly eta_number: number | null;
  readonly score: string;
  readonly stderr: string;
  readonly score_name: string;
  readonly score_number: number | null;
  /** Seconds since the epoch. */
  readonly created: number | null;
  readonly started: number | null;
  readonly ended: number | null;
  readonly devices: string;
  readonly partial: boolean;
}

/** A device as it is shown. */
export interface IDeviceRow {
  readonly id: string;
  readonly name: string;
  readonly memory: string;
  readonly memory_share: number | null;
  readonly busy_share: number | null;
  readonly job_id: string | null;
  readonly held_by: string;
  readonly model: string;
}

/**
 * Put a job into words.
 *
 * @param job - The job.
 * @param trans - The words of the reader's language.
 */
export function jobRow(job: JobInfo, trans: TranslationBundle): IRow {
  const pace = paceOf(job);
  const share = fraction(job);
  const best = headline(job.metrics ?? []);
  const [score, stderr] = best ? scoreParts(best.value, best.stderr ?? null) : ['', ''];
  const { tasks } = job.request;
  return {
    job_id: job.job_id,
    short_id: job.job_id.slice(0, SHORT_ID),
    name: job.request.name || '',
    model: job.request.model,
    tasks: tasks.length > 1 ? `${tasks[0]} +${tasks.length - 1}` : (tasks[0] ?? ''),
    all_tasks: tasks.join(', '),
    status: job.status,
    fraction: share === null ? null : Number(fixed(share, 3)),
    samples: job.status === 'running' || job.status === 'completed' ? counted(job, ' / ') : '',
    note: shorten(note(job, trans), NOTE),
    advice: job.failure?.advice ?? '',
    rate: pace?.rate ? `${shortNumber(pace.rate)}/s` : '',
    rate_number: pace?.rate ?? null,
    eta: typeof pace?.eta_seconds === 'number' ? clock(pace.eta_seconds) : '',
    eta_number: pace?.eta_seconds ?? null,
    score,
    stderr,
    score_name: best ? scoreName(best) : '',
    score_number: best?.value ?? null,
    created: seconds(job.created_at),
    started: seconds(job.started_at),
    ended: isFinished(job.status) ? seconds(job.completed_at) : null,
    devices: deviceNames(job.devices ?? []),
    partial: job.partial
  };
}

/** Put a device into words; shares are rounded to what a small bar can show. */
export function deviceRow(device: Device): IDeviceRow {
  const { memory_total: total, memory_used: used, utilization } = device;
  const known = typeof used === 'number';
  const size = (bytes: number): string => fixed(bytes / 1e9, 1);
  return {
    id: device.id,
    name: device.name,
    memory: typeof total === 'number' ? `${known ? size(used) : '?'} / ${size(total)} GB` : '',
    memory_share: total && known ? Number(fixed(Math.min(1, used / total), 2)) : null,
    busy_share: typeof utilization === 'number' ? Number(fixed(utilization, 2)) : null,
    job_id: device.job_id ?? null,
    held_by: device.held_by ?? '',
    model: device.model ?? ''
  };
}

/** Whether a job has scores; one that was told to finish early has them too. */
export function hasResults(job: JobInfo): boolean {
  return job.status === 'completed' || job.partial;
}

/** Name a job for people who hear the page. */
export function spokenName(row: Pick<IRow, 'short_id' | 'name'>, trans: TranslationBundle): string {
  return row.name ? trans.__('job %1 %2', row.short_id, row.name) : trans.__('job %1', row.short_id);
}

function note(job: JobInfo, trans: TranslationBundle): string {
  return notes(job, trans)
    .filter(part => part)
    .join(', ');
}

function notes(job: JobInfo, trans: TranslationBundle): string[] {
  const finishing = job.finishing ? trans.__('finishing') : '';
  if (job.status === 'queued') {
    return [finishing, job.wait_reason || place(job.position_in_queue, trans)];
  }
  if (job.status === 'failed') {
    return [failure(job)];
  }
  if (job.status === 'cancelled') {
    return [partial(job, trans)];
  }
  const errors = job.progress?.errors_logged ?? 0;
  const logged = errors ? trans._n('%2 error logged', '%2 errors logged', errors, grouped(errors)) : '';
  if (job.status === 'completed') {
    return [logged];
  }
  const phase = job.progress?.phase ?? '';
  return [
    job.attempt > 1 ? trans.__('attempt %1', job.attempt) : '',
    finishing,
    USUAL_PHASES.includes(phase) ? '' : phase,
    logged
  ];
}

function place(before: number | null | undefined, trans: TranslationBundle): string {
  if (before === null || before === undefined) {
    return '';
  }
  return before === 0 ? trans.__('next') : trans.__('%1 before it', before);
}

function failure(job: JobInfo): string {
  if (!job.failure) {
    return (job.error ?? '').trim().split('\n').pop()?.trim() ?? '';
  }
  const [first] = job.failure.message.trim().split('\n');
  // What the server itself noticed, such as a time limit, is no exception and has no type.
  return [job.failure.type, first].filter(part => part).join(': ');
}

function partial(job: JobInfo, trans: TranslationBundle): string {
  if (!job.partial) {
    return '';
  }
  const of = counted(job, '/');
  return of ? trans.__('partial: %1', of) : trans.__('partial');
}

function counted(job: JobInfo, between: string): string {
  const { samples_done: done, samples_total: total } = job.progress ?? {};
  return total ? `${grouped(done ?? 0)}${between}${grouped(total)}` : '';
}

function fraction(job: JobInfo): number | null {
  const { samples_done: done, samples_total: total } = job.progress ?? {};
  return job.status === 'running' && total ? Math.min(1, Math.max(0, (done ?? 0) / total)) : null;
}

/** What tells how fast a job goes; null unless it runs and is to answer all its samples. */
function paceOf(job: JobInfo): Progress | null {
  return job.status === 'running' && !job.finishing ? (job.progress ?? null) : null;
}

/** A score and its standard error with as many digits after the point. */
function scoreParts(value: number | null, stderr: number | null): [string, string] {
  if (value === null) {
    return ['', ''];
  }
  const places = Math.abs(value) < 10 ? 3 : Math.abs(value) < 1000 ? 2 : 1;
  return [fixed(value, places), stderr === null ? '' : fixed(stderr, places)];
}

function scoreName({ task, metric, filter }: Metric): string {
  return [task, metric, ...(filter && filter !== 'none' ? [`(${filter})`] : [])].join(' ');
}

/** Device names in little room: `cuda:0,1` for `cuda:0` and `cuda:1`. */
function deviceNames(names: ReadonlyArray<string>): string {
  const numbers = new Map<string, string[]>();
  for (const name of names) {
    const [, kind, number] = /^([^:]*:?)(.*)$/s.exec(name) ?? ['', name, ''];
    numbers.set(kind, [...(numbers.get(kind) ?? []), number]);
  }
  return [...numbers].map(([kind, each]) => kind + each.join(',')).join(' ');
}

/** Read a time of the server, in seconds since the epoch. */
function seconds(text: string | null | undefined): number | null {
  const at = text ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : at / 1000;
}
