/** lmms-eval's `*_results.json`, parsed as `jupyter_lmms_eval/results/reading.py` does: pure. */

import type { Metric } from '../../api/wire';

/** What a results file says. */
export interface IResultsFile {
  metrics: Metric[];
  /** How many samples of each task were evaluated; null where it is not told. */
  samples: ReadonlyMap<string, number | null>;
  /** Name that lmms-eval gave the model. */
  model: string;
  config: Record<string, unknown>;
  /** Duration of the whole evaluation. */
  seconds: number | null;
  /** When it was run, as lmms-eval writes it. */
  date: string;
}

type Table = Record<string, unknown>;

const STDERR_ENDINGS = ['_stderr', '_stderr_clt', '_stderr_clustered'];
// lmms-eval adds these when a question is asked several times; null: the direction of the metric itself.
const STABILITY_ENDINGS: ReadonlyArray<[string, boolean | null]> = [
  ['_expected_accuracy', null],
  ['_consensus_accuracy', null],
  ['_internal_variance', false],
  ['_consistency_rate', true]
];
/** Stands for "no metric"; its value is 999. */
const BYPASS = 'bypass';

/**
 * Read JSON as Python writes it: NaN and Infinity become null.
 *
 * @throws SyntaxError - If it is not even that.
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Strings are matched so that words within them stay.
    const words = /"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g;
    return JSON.parse(text.replace(words, word => (word.startsWith('"') ? word : 'null')));
  }
}

/**
 * Parse a results file.
 *
 * @returns Null if it is JSON, but not of lmms-eval.
 * @throws SyntaxError - If it is not JSON.
 */
export function parseResults(text: string): IResultsFile | null {
  const content = table(parseJson(text));
  if (!isTable(content.results)) {
    return null;
  }
  const samples = new Map(
    Object.entries(table(content['n-samples']))
      .filter(([, entry]) => isTable(entry))
      .map(([task, entry]) => [task, whole(table(entry).effective)])
  );
  const subtasks = new Map(
    Object.entries(table(content.group_subtasks))
      .filter((entry): entry is [string, unknown[]] => Array.isArray(entry[1]) && entry[1].length > 0)
      .map(([group, tasks]) => [group, tasks.map(String)])
  );
  const groups = new Set([...subtasks.keys(), ...Object.keys(table(content.groups))]);
  const directions = table(content.higher_is_better);
  const metrics = Object.entries(content.results).flatMap(([task, scores]) =>
    taskMetrics(
      task,
      table(scores),
      table(directions[task]),
      samplesOf(task, samples, subtasks),
      groups.has(task)
    )
  );
  return {
    metrics,
    samples,
    model: typeof content.model_name === 'string' ? content.model_name : '',
    config: table(content.config),
    seconds: finite(content.total_evaluation_time_seconds),
    date: typeof content.date === 'string' ? content.date : ''
  };
}

/** A number as lmms-eval writes it, also as text; null for everything that is none. */
export function finite(value: unknown): number | null {
  if (typeof value !== 'number' && (typeof value !== 'string' || !value.trim())) {
    return null;
  }
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

/** A JSON object. */
export function isTable(value: unknown): value is Table {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function taskMetrics(
  task: string,
  scores: Table,
  directions: Table,
  samples: number | null,
  group: boolean
): Metric[] {
  return Object.entries(scores).flatMap(([key, value]) => {
    const comma = key.indexOf(',');
    const [metric, filter] = [key.slice(0, comma), key.slice(comma + 1)];
    // Only scores are named "metric,filter"; a group without scores of its own holds {" ": " "}.
    if (comma < 0 || metric === BYPASS || STDERR_ENDINGS.some(ending => metric.endsWith(ending))) {
      return [];
    }
    return [
      {
        task,
        metric,
        filter,
        value: finite(value),
        stderr: finite(scores[`${metric}_stderr,${filter}`]),
        higher_is_better: direction(metric, directions),
        samples,
        group
      }
    ];
  });
}

function direction(name: string, directions: Table): boolean | null {
  const bool = (value: unknown) => (typeof value === 'boolean' ? value : null);
  const own = bool(directions[name]);
  if (own !== null) {
    return own;
  }
  const stability = STABILITY_ENDINGS.find(([ending]) => name.endsWith(ending));
  return stability ? (stability[1] ?? bool(directions[name.slice(0, -stability[0].length)])) : null;
}

function samplesOf(
  task: string,
  samples: ReadonlyMap<string, number | null>,
  subtasks: ReadonlyMap<string, string[]>
): number | null {
  const leaves = new Set<string>();
  const seen = new Set<string>();
  const open = [task];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (samples.has(name)) {
      leaves.add(name);
    } else if (!seen.has(name)) {
      seen.add(name);
      open.push(...(subtasks.get(name) ?? []));
    }
  }
  const counts = [...leaves].map(name => samples.get(name) ?? null);
  return counts.length && counts.every(count => count !== null)
    ? counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)
    : null;
}

function whole(value: unknown): number | null {
  const number = finite(value);
  return number === null || number < 0 ? null : Math.trunc(number);
}

function table(value: unknown): Table {
  return isTable(value) ? value : {};
}
