/** The statuses of jobs in words and symbols. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { JobStatus } from '../api/wire';

/** In the order in which they are of interest. */
export const STATUSES: ReadonlyArray<JobStatus> = ['running', 'queued', 'completed', 'failed', 'cancelled'];

/** Beside the word, never in its place: no status is told by colour alone. */
export const SYMBOLS: Readonly<Record<JobStatus, string>> = {
  queued: '○',
  running: '●',
  completed: '✓',
  failed: '✗',
  cancelled: '⊘'
};

/** The word for a status. */
export function statusWord(status: JobStatus, trans: TranslationBundle): string {
  switch (status) {
    case 'queued':
      return trans.__('queued');
    case 'running':
      return trans.__('running');
    case 'completed':
      return trans.__('completed');
    case 'failed':
      return trans.__('failed');
    case 'cancelled':
      return trans.__('cancelled');
  }
}
