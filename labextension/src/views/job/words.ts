/** How a job is put into words: pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { Attempt, JobInfo, Progress } from '../../api/wire';
import { isFinished } from '../../model/known';
import { clock } from '../../words/numbers';

/** A job's name, or the beginning of its id. */
export function jobName(job: JobInfo): string {
  return job.request.name || shortId(job.job_id);
}

/** As much of an id as tells jobs apart. */
export function shortId(id: string): string {
  return id.slice(0, 8);
}

/** Whether a job has scores; one that was told to finish early has them too. */
export function hasScores(job: JobInfo): boolean {
  return job.status === 'completed' || job.partial;
}

/** A duration as people say it: seconds with their parts, longer ones as on a clock. */
export function lasting(seconds: number, trans: TranslationBundle): string {
  return seconds < 60 ? trans.__('%1 s', significant(seconds)) : clock(seconds);
}

/** Seconds a job runs or ran; null if it did not start, or if nobody knows when it ended. */
export function seconds(job: JobInfo, now: number): number | null {
  if (!job.started_at) {
    return null;
  }
  const end = isFinished(job.status) ? (job.completed_at ? Date.parse(job.completed_at) : NaN) : now;
  const lasted = (end - Date.parse(job.started_at)) / 1000;
  return Number.isFinite(lasted) ? Math.max(0, lasted) : null;
}

/** Seconds an attempt ran; of one that runs until now. */
export function attemptSeconds(attempt: Attempt, now: number): number {
  return attempt.ended ? attempt.seconds : Math.max(0, (now - Date.parse(attempt.started_at)) / 1000);
}

/** The share of samples that are answered, from 0 to 1; null while nobody knows how many there are. */
export function fraction(done: number, total: number | null | undefined): number | null {
  return total ? Math.min(1, done / total) : null;
}

/** So many of so many. */
export function outOf(done: number, total: number | null | undefined, trans: TranslationBundle): string {
  return total ? trans.__('%1 of %2', count(done), count(total)) : count(done);
}

/** A whole number, grouped as the reader is used to. */
export function count(number: number): string {
  return number.toLocaleString();
}

/** Samples per second, or per minute where a second is too short. */
export function rate(progress: Progress, trans: TranslationBundle): string {
  const perSecond = progress.rate;
  if (perSecond === null || perSecond === undefined || perSecond <= 0) {
    return '';
  }
  return perSecond < 0.5
    ? trans.__('%1 per minute', significant(perSecond * 60))
    : trans.__('%1 per second', significant(perSecond));
}

/** Three significant digits, not more places than help. */
export function significant(number: number): string {
  return number.toLocaleString(undefined, { maximumSignificantDigits: 3 });
}

/** A time of day, with the date if that is another day. */
export function moment(iso: string, now: number): string {
  const then = new Date(iso);
  if (Number.isNaN(then.getTime())) {
    return iso;
  }
  const time: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', second: '2-digit' };
  return then.toDateString() === new Date(now).toDateString()
    ? then.toLocaleTimeString(undefined, time)
    : then.toLocaleString(undefined, { ...time, year: 'numeric', month: 'short', day: 'numeric' });
}

/** What an attempt came to, and why. */
export function attemptEnd(attempt: Attempt, trans: TranslationBundle): { symbol: string; word: string } {
  switch (attempt.ended) {
    case 'completed':
      return { symbol: '✓', word: trans.__('completed') };
    case 'failed':
      return { symbol: '✗', word: trans.__('failed') };
    case 'cancelled':
      return { symbol: '⊘', word: trans.__('cancelled') };
    case 'interrupted':
      return { symbol: '◌', word: trans.__('interrupted') };
    default:
      return { symbol: '●', word: trans.__('running') };
  }
}

/** How an attempt was begun. */
export function startWord(attempt: Attempt, trans: TranslationBundle): { word: string; meaning: string } {
  switch (attempt.start) {
    case 'fresh':
      return { word: trans.__('fresh'), meaning: trans.__('In a process of its own from the start') };
    case 'forked':
      return {
        word: trans.__('forked'),
        meaning: trans.__('In a process forked from one that had imported everything')
      };
    case 'warm':
      return { word: trans.__('warm'), meaning: trans.__('In a process that had the model in memory') };
    default:
      return { word: '', meaning: '' };
  }
}

/** Why a job failed, in a few words. */
export function causeWord(cause: string, trans: TranslationBundle): string {
  const words: Record<string, string> = {
    bad_input: trans.__('The request cannot work'),
    missing_package: trans.__('A package is missing'),
    out_of_memory: trans.__('Out of memory'),
    missing_data: trans.__('Data or weights are missing'),
    crash: trans.__('The process ended by itself'),
    timeout: trans.__('Out of time'),
    stalled: trans.__('Nothing happened any more'),
    disk_full: trans.__('The disk is full'),
    device: trans.__('The device failed'),
    error: trans.__('An error')
  };
  return words[cause] ?? cause;
}

/** What a server says of a job, beginning with a capital and ending with a full stop. */
export function asSentence(text: string): string {
  const trimmed = text.trim();
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? '' : '.');
}
