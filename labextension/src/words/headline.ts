import type { Metric } from '../api/wire';

const HEADLINES = [
  'acc',
  'accuracy',
  'exact_match',
  'overall',
  'average',
  'acc_norm',
  'score',
  'f1',
  'anls',
  'cider'
];
const ENDINGS = ['acc', 'accuracy', 'exact_match', 'overall', 'average', 'score'];
/** What lmms-eval adds to metrics when a question is asked several times. */
const STABILITY = ['_expected_accuracy', '_consensus_accuracy', '_internal_variance', '_consistency_rate'];

/**
 * Pick the score to show for a whole job: of its first task that has any, the one that is most like an accuracy.
 *
 * @param metrics - All scores, in their order.
 * @returns Undefined if there is no number.
 */
export function headline(metrics: ReadonlyArray<Metric>): Metric | undefined {
  const numbers = metrics.filter(metric => metric.value !== null);
  const candidates = numbers.filter(metric => metric.task === numbers[0].task);
  return candidates.reduce<Metric | undefined>(
    (best, metric) => (best && headlineRank(best.metric) <= headlineRank(metric.metric) ? best : metric),
    undefined
  );
}

/** How much a metric's name is like an accuracy; the lower, the more. */
export function headlineRank(name: string): number {
  const lowered = name.toLowerCase();
  if (HEADLINES.includes(lowered)) {
    return HEADLINES.indexOf(lowered);
  }
  if (STABILITY.some(ending => lowered.endsWith(ending))) {
    return HEADLINES.length + 2;
  }
  return HEADLINES.length + (ENDINGS.some(ending => lowered.endsWith(ending)) ? 0 : 1);
}
