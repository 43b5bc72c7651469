/** What is typed in the form, and the request it makes: pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { EvaluateRequest, ModelClass } from '../../api/wire';
import type { IField } from './fields';
import { parseArguments, readValue, typed, type IArgumentRow } from './modelargs';
import {
  hasPlaceholder,
  isPlaceholder,
  isSecretName,
  isSecretValue,
  redacted,
  redactedText
} from './secrets';

/** Everything that is typed, as it is typed, so that nothing is lost that is not right yet. */
export interface IDraft {
  /** Id of the server; empty: none is chosen. */
  readonly server: string;
  readonly model: string;
  readonly args: ReadonlyArray<IArgumentRow>;
  /** The arguments as text, while they are edited as one; null: in rows. */
  readonly argsText: string | null;
  readonly tasks: ReadonlyArray<string>;
  /** Other fields by name; what is not here was not touched. */
  readonly options: Readonly<Record<string, string | boolean>>;
  /** Idempotency key of this very request; empty: it was not submitted yet. */
  readonly key: string;
  /** Where it came from, in words. */
  readonly origin: string;
  /** What of the origin has to be given again, in the words of the form. */
  readonly again: ReadonlyArray<string>;
}

/** What is wrong with a field. */
export interface IProblem {
  /** Name of the field of the request; `model_args/3` is the row of that id. */
  readonly field: string;
  readonly message: string;
  /** Nothing was typed yet: it is told when the form is submitted. */
  readonly missing?: boolean;
  /** Known names close to the one given, and which one that is. */
  readonly nearest?: ReadonlyArray<string>;
  readonly given?: string;
}

/** A form in which nothing is typed. */
export const EMPTY: IDraft = {
  server: '',
  model: '',
  args: [{ id: 1, name: 'pretrained', value: '', kind: null }],
  argsText: null,
  tasks: [],
  options: {},
  key: '',
  origin: '',
  again: []
};

/** The id of a new row. */
export function nextId(rows: ReadonlyArray<IArgumentRow>): number {
  return rows.reduce((most, row) => Math.max(most, row.id), 0) + 1;
}

/**
 * Fill the form with a request.
 *
 * @param request - As it was submitted; secrets in it are placeholders.
 * @param server - Id of the server.
 * @param origin - Where it came from, in words.
 */
export function draftOf(request: Partial<EvaluateRequest>, server: string, origin = ''): IDraft {
  const {
    model,
    tasks,
    model_args: given,
    ...others
  } = request as Record<string, unknown> & Partial<EvaluateRequest>;
  const { rows, text } = rowsOf(given);
  const options: Record<string, string | boolean> = {};
  for (const [name, value] of Object.entries(others)) {
    if (value !== null && value !== undefined) {
      options[name] = typeof value === 'boolean' ? value : written(value);
    }
  }
  const again = [
    ...rows.filter(row => row.again || hasPlaceholder(row.value)).map(row => row.name),
    ...(text !== null && hasPlaceholder(text) ? ['model_args'] : []),
    ...Object.keys(options).filter(name => hasPlaceholder(String(options[name])))
  ];
  return {
    ...EMPTY,
    server,
    model: model ?? '',
    args: pretrainedFirst(rows),
    argsText: text,
    tasks: tasks ?? [],
    options,
    origin,
    again
  };
}

function rowsOf(given: unknown): { rows: IArgumentRow[]; text: string | null } {
  if (typeof given === 'string') {
    const read = parseArguments(given);
    return read.ok
      ? { rows: read.rows.map((row, index) => blanked({ ...row, id: index + 1 })), text: null }
      : { rows: [], text: given };
  }
  const entries = Object.entries((given ?? {}) as Record<string, unknown>);
  return {
    rows: entries.map(([name, value], index) => blanked({ id: index + 1, name, ...typed(value) })),
    text: null
  };
}

/** A row without the placeholder of a secret, which has to be given again. */
function blanked(row: IArgumentRow): IArgumentRow {
  return isPlaceholder(row.value) ? { ...row, value: '', kind: 'text', again: true } : row;
}

/** Rows with `pretrained` in front, and one to type in. */
export function pretrainedFirst(rows: ReadonlyArray<IArgumentRow>): IArgumentRow[] {
  const first = rows.filter(row => row.name === 'pretrained');
  const all = [...first, ...rows.filter(row => row.name !== 'pretrained')];
  return all.length ? all : [...EMPTY.args];
}

/**
 * Fit the rows in which nothing is typed to a model: `pretrained` only where it is an argument.
 *
 * @param rows - The rows.
 * @param used - What the model takes; null: that is not known.
 * @returns The same rows if nothing is to be changed.
 */
export function fitted(
  rows: ReadonlyArray<IArgumentRow>,
  used: ModelClass | null
): ReadonlyArray<IArgumentRow> {
  const known = used?.arguments;
  if (!known?.length) {
    return rows;
  }
  const takes = known.some(argument => argument.name === 'pretrained');
  const has = rows.some(row => row.name === 'pretrained');
  if (takes && !has) {
    return [{ id: nextId(rows), name: 'pretrained', value: '', kind: null }, ...rows];
  }
  const stays = (row: IArgumentRow) => takes || row.name !== 'pretrained' || row.value.trim() !== '';
  return rows.every(stays) ? rows : rows.filter(stays);
}

function written(value: unknown): string {
  if (Array.isArray(value) && value.length && value.every(each => typeof each === 'string')) {
    return value.join('\n');
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/**
 * Make the request of a form, and say what is wrong with it.
 *
 * @param draft - What is typed.
 * @param fields - The other fields there are.
 * @param trans - Words.
 * @returns The request, without what cannot be read; and the problems in the order of the form.
 */
export function requestOf(
  draft: IDraft,
  fields: ReadonlyArray<IField>,
  trans: TranslationBundle
): { request: EvaluateRequest; problems: IProblem[] } {
  const problems: IProblem[] = [];
  const request: Record<string, unknown> = { model: draft.model.trim(), tasks: [...draft.tasks] };
  if (!request.model) {
    problems.push({ field: 'model', message: trans.__('Choose a model.'), missing: true });
  }
  const args = argumentsOf(draft, problems, trans);
  if (Object.keys(args).length) {
    request.model_args = args;
  }
  if (!draft.tasks.length) {
    problems.push({ field: 'tasks', message: trans.__('Choose at least one task.'), missing: true });
  }
  for (const field of fields) {
    const given = draft.options[field.name];
    if (given === undefined) {
      continue;
    }
    const read = readField(field, given, trans);
    if (typeof read === 'object' && read !== null && 'problem' in read) {
      problems.push({ field: field.name, message: read.problem });
    } else if (read.value !== undefined && read.value !== field.initial) {
      request[field.name] = read.value;
    }
  }
  if (request.fewshot_as_multiturn && !(request.apply_chat_template && request.num_fewshot)) {
    problems.push({
      field: 'fewshot_as_multiturn',
      message: trans.__('It needs the chat template and a number of few-shot examples.')
    });
  }
  if (typeof request.num_gpus === 'number' && request.num_gpus > 1 && request.gpu_memory !== undefined) {
    problems.push({
      field: 'gpu_memory',
      message: trans.__('It is a part of one GPU; leave it empty, or set the number of GPUs to 1.')
    });
  }
  return { request: request as EvaluateRequest, problems };
}

function argumentsOf(draft: IDraft, problems: IProblem[], trans: TranslationBundle): Record<string, unknown> {
  let rows = draft.args;
  if (draft.argsText !== null) {
    const read = parseArguments(draft.argsText);
    if (!read.ok) {
      problems.push({
        field: 'model_args',
        message: trans.__('"%1" is not key=value; write key=value,key=value.', read.part)
      });
      return {};
    }
    rows = read.rows.map((row, index) => ({ ...row, id: index + 1 }));
  }
  const args: Record<string, unknown> = {};
  for (const row of rows) {
    const field = draft.argsText === null ? `model_args/${row.id}` : 'model_args';
    const name = row.name.trim();
    const refuse = (message: string, missing = false) => problems.push({ field, message, missing });
    if (!name) {
      if (row.value.trim()) {
        refuse(trans.__('Name this argument.'), true);
      }
      continue;
    }
    if (row.again && !row.value.trim()) {
      refuse(trans.__('Give %1 again: it is a secret, which the server tells nobody.', name), true);
      continue;
    }
    if (!row.value.trim() && row.kind !== 'text') {
      continue;
    }
    if (hasPlaceholder(row.value)) {
      refuse(
        trans.__('[redacted] stands for a secret, which the server tells nobody; put the secret there.')
      );
      continue;
    }
    if (Object.hasOwn(args, name)) {
      refuse(trans.__('%1 is given twice; remove one of them.', name));
      continue;
    }
    const read = readValue(row.value, row.kind);
    if (read.ok) {
      // Not by assignment, which `__proto__` takes for something else.
      Object.defineProperty(args, name, {
        value: read.value,
        enumerable: true,
        configurable: true,
        writable: true
      });
      continue;
    }
    refuse(
      {
        number: trans.__('This is no number; write one, or make it text.'),
        boolean: trans.__('Write true or false, or make it text.'),
        json: trans.__('This is not JSON; write for example [1, 2] or {"a": 1}, or make it text.'),
        large: trans.__('This number has more digits than a browser keeps; make it text.')
      }[read.problem]
    );
  }
  return args;
}

/**
 * Read a field.
 *
 * @returns Its value, undefined if there is none; or what is wrong with it.
 */
export function readField(
  field: IField,
  given: string | boolean,
  trans: TranslationBundle
): { value: unknown } | { problem: string } {
  if (field.kind === 'switch' || typeof given === 'boolean') {
    return { value: given === true || given === 'true' };
  }
  const said = given.trim();
  if (!said) {
    return { value: undefined };
  }
  if (hasPlaceholder(said)) {
    return {
      problem: trans.__(
        '[redacted] stands for a secret, which the server tells nobody; put the secret there.'
      )
    };
  }
  switch (field.kind) {
    case 'whole':
    case 'number':
      return readNumber(field, said, trans);
    case 'choice':
      return field.choices?.includes(said)
        ? { value: said }
        : { problem: trans.__('Choose one of %1.', field.choices?.join(', ') ?? '') };
    case 'text':
      return field.longest !== undefined && Array.from(said).length > field.longest
        ? { problem: trans.__('At most %1 characters, please.', field.longest) }
        : { value: field.name === 'name' ? said : given };
    default:
      return readMixed(field, said, given, trans);
  }
}

function readNumber(
  field: IField,
  said: string,
  trans: TranslationBundle
): { value: number } | { problem: string } {
  const value = Number(said);
  if (!/^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(said) || !Number.isFinite(value)) {
    return { problem: trans.__('Write a number.') };
  }
  if (field.kind === 'whole' && !Number.isInteger(value)) {
    return { problem: trans.__('Write a whole number.') };
  }
  if (field.name === 'limit') {
    if (value <= 0) {
      return {
        problem: trans.__(
          'Write a number of samples, or a fraction between 0 and 1; leave it empty for all samples.'
        )
      };
    }
    if (value > 1 && !Number.isInteger(value)) {
      return { problem: trans.__('Above 1 it is a number of samples, and must be whole.') };
    }
  }
  if (field.minimum !== undefined && value < field.minimum) {
    return { problem: trans.__('At least %1, please.', field.minimum) };
  }
  if (field.maximum !== undefined && value > field.maximum) {
    return { problem: trans.__('At most %1, please.', field.maximum) };
  }
  if (field.above !== undefined && value <= field.above) {
    return { problem: trans.__('It must be above %1.', field.above) };
  }
  if (field.below !== undefined && value >= field.below) {
    return { problem: trans.__('It must be below %1.', field.below) };
  }
  return { value };
}

function readMixed(
  field: IField,
  said: string,
  given: string,
  trans: TranslationBundle
): { value: unknown } | { problem: string } {
  const takes = (form: string) => field.forms.includes(form);
  if (field.name === 'batch_size' && !/^(auto(:\d+)?|\+?0*[1-9]\d*)$/.test(said)) {
    return { problem: trans.__('Write a whole number above 0, auto or auto:N.') };
  }
  if (takes('integer') && /^[+-]?\d+$/.test(said) && Number.isSafeInteger(Number(said))) {
    return { value: Number(said) };
  }
  if ((takes('array') && said.startsWith('[')) || (takes('object') && said.startsWith('{'))) {
    try {
      return { value: JSON.parse(said) };
    } catch {
      return { problem: trans.__('This is not JSON; look at its quotes and brackets.') };
    }
  }
  if (field.lines && said.includes('\n')) {
    return {
      value: said
        .split('\n')
        .map(line => line.trim())
        .filter(Boolean)
    };
  }
  if (field.name === 'gen_kwargs') {
    const read = parseArguments(given);
    if (!read.ok) {
      return {
        problem: trans.__('"%1" is not key=value; write key=value,key=value or a JSON object.', read.part)
      };
    }
  }
  return { value: said };
}

/**
 * A draft without its secrets, to be stored: Jupyter's state lies in plain files.
 *
 * Where one was, it has to be given again.
 */
export function storable(draft: IDraft): IDraft {
  return {
    ...draft,
    args: draft.args.map(row =>
      isSecretName(row.name) && isSecretValue(row.value)
        ? { ...row, value: '', kind: 'text', again: true }
        : { ...row, value: redactedText(row.value) }
    ),
    argsText: draft.argsText === null ? null : redactedText(draft.argsText),
    options: Object.fromEntries(
      Object.entries(draft.options).map(([name, value]) => [
        name,
        typeof value === 'string' && name !== 'system_instruction' ? redactedText(value) : value
      ])
    )
  };
}

/** A request without its secrets, to be shown. */
export function showable(request: EvaluateRequest): EvaluateRequest {
  return {
    ...request,
    ...(request.model_args ? { model_args: redacted(request.model_args) } : {}),
    ...(request.gen_kwargs ? { gen_kwargs: redacted(request.gen_kwargs) } : {}),
    ...(request.launcher_args ? { launcher_args: redacted(request.launcher_args) } : {})
  };
}

/** Read a stored draft; null if it is none of this version. */
export function readDraft(stored: unknown): IDraft | null {
  if (!stored || typeof stored !== 'object') {
    return null;
  }
  const told = { ...EMPTY, ...(stored as Partial<IDraft>) };
  const texts = (list: unknown): list is string[] =>
    Array.isArray(list) && list.every(each => typeof each === 'string');
  const rows =
    Array.isArray(told.args) &&
    told.args.every(row => typeof row?.name === 'string' && typeof row.value === 'string');
  return rows &&
    texts(told.tasks) &&
    texts(told.again) &&
    typeof told.model === 'string' &&
    typeof told.server === 'string' &&
    told.options !== null &&
    typeof told.options === 'object'
    ? told
    : null;
}

/** What the next form begins with: the model, its arguments, the batch size and the server of this one. */
export function lastSettings(draft: IDraft): IDraft {
  const { server, model, args, argsText, options } = storable(draft);
  const kept = Object.entries(options).filter(([name]) => name === 'batch_size' || name === 'force_simple');
  return { ...EMPTY, server, model, args, argsText, options: Object.fromEntries(kept) };
}
