/** What is told of jobs that are over: pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { JobInfo } from '../api/wire';
import type { IJobChanged } from '../tokens';
import { jobRow } from '../words/row';
import { shorten } from '../words/shorten';
import { isFinished } from './known';
import type { NotifyOnFinish } from './preferences';

/** With more jobs at once they are told of together. */
const ONE_BY_ONE = 3;
/** Characters of a notification: Jupyter cuts it off after 140, in the middle of a word. */
const LENGTH = 138;

/** A notification. */
export interface INews {
  type: 'success' | 'error' | 'info';
  message: string;
  /** What it is of; null: of several. */
  of: { server: string; job: string } | null;
}

/**
 * Whether it is news that a job is over.
 *
 * One that was cancelled is none, as somebody knows; with scores of the samples answered until then it is.
 */
export function isNews({ job }: Pick<IJobChanged, 'job'>, wished: NotifyOnFinish): boolean {
  if (!isFinished(job.status) || wished === 'never') {
    return false;
  }
  return job.status === 'failed' || (wished === 'all' && (job.status === 'completed' || job.partial));
}

/** Put jobs that were over at about the same time into notifications. */
export function news(finished: ReadonlyArray<IJobChanged>, trans: TranslationBundle): INews[] {
  if (finished.length <= ONE_BY_ONE) {
    return finished.map(({ server, job }) => ({
      type: typeOf([job]),
      message: shorten(sentence(job, trans), LENGTH),
      of: { server: server.id, job: job.job_id }
    }));
  }
  const jobs = finished.map(({ job }) => job);
  const failed = jobs.filter(job => job.status === 'failed').length;
  const others = jobs.length - failed;
  const parts = [
    others ? trans._n('%1 evaluation completed', '%1 evaluations completed', others) : '',
    failed ? trans._n('%1 evaluation failed', '%1 evaluations failed', failed) : ''
  ];
  return [{ type: typeOf(jobs), message: parts.filter(part => part).join(', '), of: null }];
}

function typeOf(jobs: ReadonlyArray<JobInfo>): INews['type'] {
  const failed = jobs.filter(job => job.status === 'failed').length;
  return failed === 0 ? 'success' : failed === jobs.length ? 'error' : 'info';
}

function sentence(job: JobInfo, trans: TranslationBundle): string {
  const row = jobRow(job, trans);
  const name = row.name || `${row.model} (${row.tasks})`;
  if (job.status === 'failed') {
    return row.note ? trans.__('%1 failed: %2', name, row.note) : trans.__('%1 failed', name);
  }
  const score = row.score && `${row.score_name} ${row.score}${row.stderr && ` ± ${row.stderr}`}`;
  if (job.partial) {
    return [trans.__('%1 finished early', name), score].filter(part => part).join(': ');
  }
  return [trans.__('%1 completed', name), score].filter(part => part).join(': ');
}
