import type { TranslationBundle } from '@jupyterlab/translation';
import { grouped } from './numbers';
import { spokenName, type IRow } from './row';
import { STATUSES, statusWord } from './status';

/**
 * Say which jobs entered another status, for people who hear the page.
 *
 * @param rows - The jobs, as they are now.
 * @returns Empty if there are none.
 */
export function told(rows: ReadonlyArray<IRow>, trans: TranslationBundle): string {
  if (rows.length <= 3) {
    return rows
      .map(row => capitalized(trans.__('%1 is %2.', spokenName(row, trans), statusWord(row.status, trans))))
      .join(' ');
  }
  const counts = STATUSES.map(status => [status, rows.filter(row => row.status === status).length] as const);
  const parts = counts.filter(([, count]) => count);
  return `${parts.map(([status, count]) => `${grouped(count)} ${statusWord(status, trans)}`).join(', ')}.`;
}

/**
 * Say how long ago something was, for example `2 minutes ago`.
 *
 * @param milliseconds - How long.
 */
export function ago(milliseconds: number, trans: TranslationBundle): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) {
    return trans._n('%1 second ago', '%1 seconds ago', seconds);
  }
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) {
    return trans._n('%1 minute ago', '%1 minutes ago', minutes);
  }
  const hours = Math.round(minutes / 60);
  return hours < 48
    ? trans._n('%1 hour ago', '%1 hours ago', hours)
    : trans.__('%1 days ago', Math.round(hours / 24));
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
