/** lmms-eval's `*_samples_<task>.jsonl`, parsed and searched as the server does: pure. */

import type { ISampleQuery, Sample } from '../../api/samples';
import { headlineRank } from '../../words/headline';
import { isTable, parseJson } from './resultsfile';

/** What lmms-eval writes of every sample; everything else in a line is a metric. */
const FIXED = new Set([
  'doc_id',
  'doc',
  'arguments',
  'target',
  'resps',
  'filtered_resps',
  'token_counts',
  'doc_hash',
  'input',
  'input_media',
  'bypass'
]);
/** Where tasks that aggregate for themselves put the score of a sample, in a metric that is an object. */
const SCORE_KEYS = ['score', 'correct', 'is_correct', 'acc', 'accuracy', 'exact_match', 'hit'];
const RESULTS = /^(.+)_results\.json$/;
const SAMPLES = /^(.+?)_samples_(.+)\.jsonl$/;

/** The samples of one task, in the order of the dataset. */
export interface ISamplesFile {
  samples: ReadonlyArray<Sample>;
  /** Whether right and wrong can be told. */
  scored: boolean;
  /** Lines that are no samples. */
  damaged: number;
}

/** Of which task a file holds the samples that belong to a results file; null if it does not. */
export function taskOf(resultsName: string, name: string): string | null {
  const [results, samples] = [RESULTS.exec(resultsName), SAMPLES.exec(name)];
  return results && samples && results[1] === samples[1] ? samples[2] : null;
}

/**
 * Parse a samples file.
 *
 * @param lowerIsBetter - Metrics for which less is better: they tell nothing of right and wrong.
 */
export function parseSamples(text: string, lowerIsBetter: ReadonlySet<string> = new Set()): ISamplesFile {
  const byDocument = new Map<number, Sample>();
  let damaged = 0;
  for (const line of text.split('\n')) {
    if (!line.trim()) {
      continue;
    }
    const sample = parsed(line);
    if (!sample) {
      damaged += 1;
      continue;
    }
    const known = byDocument.get(sample.doc_id);
    byDocument.set(sample.doc_id, known ? joined(known, sample) : sample);
  }
  const samples = [...byDocument.values()].sort((one, other) => one.doc_id - other.doc_id);
  const verdicts = judged(samples, lowerIsBetter);
  return {
    samples: verdicts ? samples.map((sample, at) => ({ ...sample, correct: verdicts[at] })) : samples,
    scored: verdicts !== null,
    damaged
  };
}

/** The samples that a filter and a search leave. */
export function chosen(
  samples: ReadonlyArray<Sample>,
  { filter = 'all', q = '' }: ISampleQuery
): ReadonlyArray<Sample> {
  const words = q.toLowerCase();
  return samples.filter(
    ({ question, target, answers, filtered, correct }) =>
      (filter === 'all' || correct === (filter === 'right')) &&
      (!words || [question, target, ...answers, ...filtered].some(text => text.toLowerCase().includes(words)))
  );
}

function parsed(line: string): Sample | null {
  let content: unknown;
  try {
    content = parseJson(line);
  } catch {
    return null;
  }
  if (!isTable(content) || !Number.isSafeInteger(content.doc_id) || Number(content.doc_id) < 0) {
    return null;
  }
  const others = Object.entries(content).filter(([name]) => !FIXED.has(name));
  const scores = others.flatMap(([name, value]) => {
    const score = scoreOf(value);
    return score === null ? [] : [[name, score] as const];
  });
  const numbers = new Set(scores.map(([name]) => name));
  const filtered = texts(content.filtered_resps);
  return {
    doc_id: Number(content.doc_id),
    question: textOf(content.input),
    answers: 'resps' in content ? texts(content.resps) : filtered,
    filtered,
    target: textOf(content.target),
    scores: Object.fromEntries(scores),
    correct: null,
    media: [],
    details: Object.fromEntries(others.filter(([name, value]) => !numbers.has(name) || isTable(value)))
  };
}

/** A document that was scored after several filters has a line for each. */
function joined(known: Sample, more: Sample): Sample {
  const extra = Object.entries(more.scores).map(([name, score], at) => {
    let free = name;
    for (let turn = 2; free in known.scores; turn += 1) {
      free = `${name},${turn}`;
    }
    return [free, score, at] as const;
  });
  return {
    ...known,
    filtered: [...known.filtered, ...more.filtered],
    scores: { ...known.scores, ...Object.fromEntries(extra.map(([name, score]) => [name, score])) }
  };
}

function judged(
  samples: ReadonlyArray<Sample>,
  lowerIsBetter: ReadonlySet<string>
): (boolean | null)[] | null {
  let full = false;
  const verdicts: (boolean | null)[] = [];
  for (const { scores } of samples) {
    const names = Object.keys(scores);
    if (!names.length) {
      verdicts.push(null);
      continue;
    }
    // The metric that is most like an accuracy; of equals the first.
    const judge = names.reduce((best, name) => (headlineRank(name) < headlineRank(best) ? name : best));
    const score = scores[judge];
    if (score < 0 || score > 1 || lowerIsBetter.has(judge)) {
      return null;
    }
    full ||= score === 0 || score === 1;
    verdicts.push(score === 1);
  }
  return full ? verdicts : null;
}

function scoreOf(value: unknown): number | null {
  if (isTable(value)) {
    for (const key of SCORE_KEYS) {
      const score = number(value[key]);
      if (score !== null) {
        return score;
      }
    }
    return null;
  }
  return number(value);
}

function number(value: unknown): number | null {
  if (typeof value === 'boolean') {
    return Number(value);
  }
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

function texts(value: unknown): string[] {
  if (value === null || value === undefined) {
    return [];
  }
  if (!Array.isArray(value)) {
    return [textOf(value)];
  }
  // A request of its own has one answer for each repetition.
  return value.flatMap(part =>
    Array.isArray(part) && part.length && part.every(Array.isArray) ? part.map(answer) : [answer(part)]
  );
}

function answer(value: unknown): string {
  if (!Array.isArray(value)) {
    return textOf(value);
  }
  return value.some(part => typeof part === 'object' && part !== null)
    ? value.map(answer).join('\n')
    : value.map(textOf).join(', ');
}

/** Any value of a line as text. */
function textOf(value: unknown): string {
  if (value === null || value === undefined) {
    return '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
