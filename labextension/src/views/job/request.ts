/** What was asked for, as rows and as Python: pure. */

import type { EvaluateRequest } from '../../api/wire';
import { pythonCode } from '../form/commandline';

/** A field of a request and its value as text. */
export interface IRequestRow {
  name: string;
  value: string;
}

/** Told first, in this order. */
const FIRST = ['name', 'model', 'model_args', 'tasks', 'limit', 'batch_size', 'num_fewshot', 'gen_kwargs'];

/** Fields that say nothing: what anybody gets who does not give them. */
const USUAL: Readonly<Record<string, unknown>> = {
  offset: 0,
  log_samples: true,
  predict_only: false,
  num_gpus: 1,
  one_process: false,
  apply_chat_template: false,
  fewshot_as_multiturn: false,
  repeats: 1,
  force_simple: false,
  process_with_media: false,
  process_docs_parallel: 4,
  agentic_trace_mode: 'basic',
  verbosity: 'INFO',
  priority: 0
};

/** The fields that were given, those that people ask for first at the top. */
export function given(request: EvaluateRequest): [string, unknown][] {
  const place = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length);
  return Object.entries(request)
    .filter(([name, value]) => value !== null && value !== undefined && value !== '' && USUAL[name] !== value)
    .sort(([one], [other]) => place(one) - place(other));
}

/** The same as rows of a table; objects become a row for each value. */
export function requestRows(request: EvaluateRequest): IRequestRow[] {
  return given(request).flatMap(([name, value]) => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return Object.entries(value).map(([key, each]) => ({ name: `${name}.${key}`, value: plain(each) }));
    }
    return [{ name, value: plain(value) }];
  });
}

/** Python that submits the same again. */
export function requestCode(request: EvaluateRequest): string {
  return pythonCode(Object.fromEntries(given(request)) as EvaluateRequest).code;
}

function plain(value: unknown): string {
  if (Array.isArray(value) && value.every(each => typeof each !== 'object')) {
    return value.join(', ');
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
