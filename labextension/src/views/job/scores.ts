/** Scores as rows of a table, sorted and drawn to scale: pure. */

import type { Metric } from '../../api/wire';

/** Columns that sort. */
export type ScoreColumn = 'task' | 'metric' | 'value' | 'stderr' | 'samples';

/** How a table is sorted; null: as lmms-eval lists it. */
export interface ISorting {
  column: ScoreColumn;
  descending: boolean;
}

/** A range of values that rows of the same metric share, so that their pictures compare. */
export interface IScale {
  low: number;
  high: number;
}

/** The middle 95 % of a normal distribution, in standard errors to each side. */
const NORMAL_95 = 1.96;

/** What a click on a column's title does: up, down, and back to lmms-eval's order. */
export function nextSorting(sorting: ISorting | null, column: ScoreColumn): ISorting | null {
  const numeric = column !== 'task' && column !== 'metric';
  if (sorting?.column !== column) {
    return { column, descending: numeric };
  }
  return sorting.descending === numeric ? { column, descending: !numeric } : null;
}

/** Sort; what has no number comes last, equals stay in order. */
export function sorted(metrics: ReadonlyArray<Metric>, sorting: ISorting | null): ReadonlyArray<Metric> {
  if (!sorting) {
    return metrics;
  }
  const sign = sorting.descending ? -1 : 1;
  return [...metrics].sort((one, other) => {
    const [a, b] = [one[sorting.column] ?? null, other[sorting.column] ?? null];
    if (a === null || b === null) {
      return Number(a === null) - Number(b === null);
    }
    return typeof a === 'string'
      ? sign * a.localeCompare(String(b), undefined, { numeric: true })
      : sign * (a - Number(b));
  });
}

/** The 95 % interval of a score; null without a standard error. */
export function interval(metric: Metric): { low: number; high: number } | null {
  if (metric.value === null || metric.stderr === null || metric.stderr === undefined) {
    return null;
  }
  return { low: metric.value - NORMAL_95 * metric.stderr, high: metric.value + NORMAL_95 * metric.stderr };
}

/**
 * The scale of every metric by name: 0 to 1 where all its scores lie there, else from 0 or the lowest end of an
 * interval to the highest.
 */
export function scales(metrics: ReadonlyArray<Metric>): ReadonlyMap<string, IScale> {
  const found = new Map<string, IScale>();
  for (const metric of metrics) {
    if (metric.value === null) {
      continue;
    }
    const ends = interval(metric) ?? { low: metric.value, high: metric.value };
    const known = found.get(metric.metric);
    const share = metric.value >= 0 && metric.value <= 1 && (!known || (known.low === 0 && known.high === 1));
    found.set(
      metric.metric,
      share
        ? { low: 0, high: 1 }
        : {
            low: Math.min(0, ends.low, known?.low ?? 0),
            high: Math.max(1, ends.high, known?.high ?? 0)
          }
    );
  }
  return found;
}

/** Where a value lies on a scale, from 0 to 1. */
export function placed(value: number, { low, high }: IScale): number {
  return high > low ? Math.min(1, Math.max(0, (value - low) / (high - low))) : 0;
}

/** A score, or its standard error, with the places that mean something. */
export function scoreText(value: number | null | undefined): string {
  if (value === null || value === undefined) {
    return '';
  }
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) {
    return value.toExponential(2);
  }
  return value.toFixed(size < 10 ? 4 : size < 1000 ? 2 : 0);
}
