/** The fields of a request, as the server's own description has them: pure. */

/** How a field is typed. `mixed` takes more than one form: a number or a word, JSON or text. */
export type FieldKind = 'switch' | 'whole' | 'number' | 'choice' | 'text' | 'mixed';

/** A field of a request. */
export interface IField {
  readonly name: string;
  /** What it means, in the server's words; `code` stands between backticks. */
  readonly help: string;
  readonly kind: FieldKind;
  readonly minimum?: number;
  readonly maximum?: number;
  /** Values must lie above it. */
  readonly above?: number;
  /** Values must lie below it. */
  readonly below?: number;
  readonly longest?: number;
  readonly choices?: ReadonlyArray<string>;
  /** What the server takes if nothing is said; undefined: nothing. */
  readonly initial?: string | number | boolean;
  /** Which forms a mixed field takes. */
  readonly forms: ReadonlyArray<string>;
  /** Whether several lines make a list of texts. */
  readonly lines: boolean;
}

/** The part of JSON Schema, with pydantic's own words, that such a description uses. */
interface ISchema {
  type?: string;
  anyOf?: ISchema[];
  items?: ISchema;
  description?: string;
  default?: unknown;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  ge?: number;
  gt?: number;
  le?: number;
  lt?: number;
  maxLength?: number;
}

/** The part of an OpenAPI document that is read. */
export interface IOpenApi {
  components?: { schemas?: Record<string, { properties?: Record<string, unknown> }> };
}

/** Fields that have a place of their own in the form. */
const OWN_PLACE = new Set(['model', 'tasks', 'model_args']);

/**
 * Read the fields of a request.
 *
 * @param openapi - The server's description of itself.
 * @returns In the server's order, without those that have a place of their own.
 */
export function readFields(openapi: IOpenApi): IField[] {
  const properties = openapi.components?.schemas?.EvaluateRequest?.properties ?? {};
  return Object.entries(properties)
    .filter(([name]) => !OWN_PLACE.has(name))
    .map(([name, schema]) => readField(name, schema as ISchema));
}

function readField(name: string, schema: ISchema): IField {
  const alternatives = flat(schema).filter(each => each.type !== 'null');
  const forms = [...new Set(alternatives.map(each => each.type ?? 'string'))];
  const bound = (...keys: (keyof ISchema)[]): number | undefined => {
    for (const each of [schema, ...alternatives]) {
      for (const key of keys) {
        const value = each[key];
        if (typeof value === 'number') {
          return value;
        }
      }
    }
    return undefined;
  };
  const choices = alternatives.map(each => listed(each.pattern)).find(Boolean);
  const initial = schema.default;
  return {
    name,
    help: schema.description ?? '',
    kind: kindOf(forms, choices),
    minimum: bound('minimum', 'ge'),
    maximum: bound('maximum', 'le'),
    above: bound('exclusiveMinimum', 'gt'),
    below: bound('exclusiveMaximum', 'lt'),
    longest: bound('maxLength'),
    choices,
    initial:
      typeof initial === 'string' || typeof initial === 'number' || typeof initial === 'boolean'
        ? initial
        : undefined,
    forms,
    lines: alternatives.some(each => each.type === 'array' && each.items?.type === 'string')
  };
}

/** All alternatives of a schema, with the bounds of those around them. */
function flat(schema: ISchema): ISchema[] {
  if (!schema.anyOf) {
    return [schema];
  }
  const { anyOf, ...around } = schema;
  return anyOf.flatMap(each => flat({ ...around, ...each }));
}

function kindOf(forms: string[], choices: string[] | undefined): FieldKind {
  const only = (...expected: string[]) => forms.length > 0 && forms.every(form => expected.includes(form));
  if (only('boolean')) {
    return 'switch';
  }
  if (only('integer')) {
    return 'whole';
  }
  if (only('integer', 'number')) {
    return 'number';
  }
  if (only('string')) {
    return choices ? 'choice' : 'text';
  }
  return 'mixed';
}

/** The words of a pattern that only lists some, such as `^(basic|full)$`. */
function listed(pattern: string | undefined): string[] | undefined {
  const found = /^\^\(([\w|-]+)\)\$$/.exec(pattern ?? '');
  return found?.[1].split('|');
}

/** Which fields are shown where: those of the first room at once, the others on demand. */
export const ROOMS: ReadonlyArray<{ room: 'often' | 'prompt' | 'running' | 'results'; names: string[] }> = [
  {
    room: 'often',
    names: ['limit', 'batch_size', 'num_fewshot', 'num_gpus', 'device', 'name', 'gen_kwargs']
  },
  {
    room: 'prompt',
    names: [
      'system_instruction',
      'reasoning_tags',
      'seed',
      'repeats',
      'offset',
      'max_tokens',
      'apply_chat_template',
      'fewshot_as_multiturn',
      'force_simple'
    ]
  },
  { room: 'running', names: ['one_process', 'gpu_memory', 'priority', 'timeout', 'max_batch_size'] },
  { room: 'results', names: ['output_dir', 'baseline', 'log_samples', 'predict_only', 'process_with_media'] }
];

/**
 * Put fields into rooms.
 *
 * @param fields - All fields.
 * @returns The fields of each room, in its order; a field that no room names is in `other`.
 */
export function byRoom(fields: ReadonlyArray<IField>): Record<string, IField[]> {
  const left = new Map(fields.map(field => [field.name, field]));
  const rooms: Record<string, IField[]> = {};
  for (const { room, names } of ROOMS) {
    rooms[room] = names.flatMap(name => left.get(name) ?? []);
    names.forEach(name => left.delete(name));
  }
  rooms.other = [...left.values()];
  return rooms;
}
