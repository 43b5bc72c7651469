import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';
import type { EvaluateRequest } from '../../../api/wire';
import {
  draftOf,
  fitted,
  EMPTY,
  lastSettings,
  readDraft,
  readField,
  requestOf,
  showable,
  storable,
  type IDraft
} from '../draft';
import type { IField } from '../fields';

const trans = nullTranslator.load('');
const field = (name: string, more: Partial<IField>): IField => ({
  name,
  help: '',
  kind: 'text',
  forms: ['string'],
  lines: false,
  ...more
});
const fields: IField[] = [
  field('limit', { kind: 'number', forms: ['integer', 'number'] }),
  field('batch_size', { kind: 'mixed', forms: ['integer', 'string'] }),
  field('num_fewshot', { kind: 'whole', forms: ['integer'], minimum: 0 }),
  field('num_gpus', { kind: 'whole', forms: ['integer'], minimum: 1, initial: 1 }),
  field('gpu_memory', { kind: 'number', forms: ['number'], above: 0 }),
  field('gen_kwargs', { kind: 'mixed', forms: ['string', 'object'] }),
  field('log_samples', { kind: 'switch', forms: ['boolean'], initial: true }),
  field('seed', { kind: 'mixed', forms: ['integer', 'string', 'array'] }),
  field('include_path', { kind: 'mixed', forms: ['string', 'array'], lines: true }),
  field('verbosity', { kind: 'choice', choices: ['INFO', 'DEBUG'], initial: 'INFO' }),
  field('system_instruction', {}),
  field('fewshot_as_multiturn', { kind: 'switch', forms: ['boolean'], initial: false }),
  field('name', { longest: 10 })
];
const draft = (more: Partial<IDraft>): IDraft => ({ ...EMPTY, model: 'llava', tasks: ['mme'], ...more });
const rows = (...given: [string, string][]) =>
  given.map(([name, value], index) => ({ id: index + 1, name, value, kind: null }));
const problems = (more: Partial<IDraft>) => requestOf(draft(more), fields, trans).problems;

describe('the request of a form', () => {
  it('holds what was typed, in its types, and nothing that the server would take by itself', () => {
    const { request, problems: none } = requestOf(
      draft({
        args: rows(
          ['pretrained', 'a/b'],
          ['max_pixels', '3136'],
          ['flag', 'true'],
          ['sizes', '[1, 2]'],
          ['', '']
        ),
        options: {
          limit: '0.5',
          batch_size: 'auto',
          num_fewshot: '0',
          num_gpus: '1',
          log_samples: true,
          gen_kwargs: '{"temperature": 0}',
          seed: '1,2,3',
          include_path: '/a\n/b\n',
          system_instruction: ' Be brief. '
        }
      }),
      fields,
      trans
    );
    expect(none).toEqual([]);
    expect(request).toEqual({
      model: 'llava',
      tasks: ['mme'],
      model_args: { pretrained: 'a/b', max_pixels: 3136, flag: true, sizes: [1, 2] },
      limit: 0.5,
      batch_size: 'auto',
      num_fewshot: 0,
      gen_kwargs: { temperature: 0 },
      seed: '1,2,3',
      include_path: ['/a', '/b'],
      system_instruction: ' Be brief. '
    });
  });

  it('is the request that filled the form', () => {
    const request = {
      model: 'llava',
      tasks: ['mme', 'mmmu_val'],
      model_args: {
        device: 'cpu',
        revision: '2024',
        empty: '',
        pretrained: 'a',
        nothing: null,
        deep: { a: [1] }
      },
      limit: 8,
      batch_size: 4,
      gen_kwargs: { temperature: 0.5, until: ['\n'] },
      seed: [0, null, 1, 2],
      include_path: ['/a', '/b'],
      log_samples: false
    } as unknown as EvaluateRequest;
    const { request: again, problems: none } = requestOf(draftOf(request, 'server'), fields, trans);
    expect(none).toEqual([]);
    expect(again).toEqual(request);
  });

  it('takes the arguments from the text while they are edited as text', () => {
    const { request } = requestOf(draft({ argsText: 'pretrained=a,n=3' }), fields, trans);
    expect(request.model_args).toEqual({ pretrained: 'a', n: 3 });
    expect(problems({ argsText: 'pretrained=a,n' })[0]).toMatchObject({ field: 'model_args' });
  });

  it('keeps an argument of any name', () => {
    const { request } = requestOf(
      draft({ args: rows(['__proto__', 'x'], ['constructor', 'y']) }),
      fields,
      trans
    );
    expect(Object.entries(request.model_args as object)).toEqual([
      ['__proto__', 'x'],
      ['constructor', 'y']
    ]);
  });
});

describe('what is wrong', () => {
  it('is not told of what was not typed yet', () => {
    const found = requestOf(EMPTY, fields, trans).problems;
    expect(found.map(each => [each.field, each.missing])).toEqual([
      ['model', true],
      ['tasks', true]
    ]);
  });

  it.each([
    ['limit', '-1'],
    ['limit', '0'],
    ['limit', '1.5'],
    ['limit', 'many'],
    ['batch_size', '0'],
    ['batch_size', 'auto:x'],
    ['num_fewshot', '-1'],
    ['num_fewshot', '1.5'],
    ['num_gpus', '0'],
    ['gpu_memory', '0'],
    ['gen_kwargs', 'temperature'],
    ['gen_kwargs', '{"temperature": }'],
    ['verbosity', 'LOUD'],
    ['name', 'much too long'],
    ['gen_kwargs', 'api_key=[redacted:0123456789abcdef]']
  ])('stands at the field: %s = %s', (name, value) => {
    expect(problems({ options: { [name]: value } })).toMatchObject([{ field: name }]);
  });

  it.each([
    ['limit', '8'],
    ['limit', '1'],
    ['limit', '0.1'],
    ['batch_size', 'auto:4'],
    ['gen_kwargs', 'temperature=0,until=a'],
    ['seed', '7'],
    ['name', 'ten letter']
  ])('is nothing: %s = %s', (name, value) => {
    expect(problems({ options: { [name]: value } })).toEqual([]);
  });

  it('stands at the row of an argument', () => {
    const args = [
      ...rows(['a', '1'], ['a', '2'], ['', 'lost']),
      { id: 4, name: 'n', value: 'x', kind: 'number' as const },
      { id: 5, name: 'api_key', value: '', kind: 'text' as const, again: true }
    ];
    expect(problems({ args }).map(each => each.field)).toEqual([2, 3, 4, 5].map(id => `model_args/${id}`));
  });

  it('can be that two fields do not go together', () => {
    expect(problems({ options: { fewshot_as_multiturn: true } })).toMatchObject([
      { field: 'fewshot_as_multiturn' }
    ]);
    expect(problems({ options: { num_gpus: '2', gpu_memory: '10' } })).toMatchObject([
      { field: 'gpu_memory' }
    ]);
  });

  it('is never a number that only looks like one', () => {
    const limit = fields[0];
    for (const text of ['0x10', 'Infinity', 'NaN', '1_000', '1e999', '--1']) {
      expect(readField(limit, text, trans)).toHaveProperty('problem');
    }
  });
});

describe('secrets', () => {
  const placeholder = '[redacted:0123456789abcdef]';

  it('of a job have to be given again, and it is said which', () => {
    const made = draftOf(
      {
        model: 'openai',
        tasks: ['mme'],
        model_args: { model: 'x', api_key: placeholder, url: `https://${placeholder}@host` },
        gen_kwargs: `token=${placeholder}`
      } as Partial<EvaluateRequest>,
      ''
    );
    expect(made.again).toEqual(['api_key', 'url', 'gen_kwargs']);
    expect(made.args.find(row => row.name === 'api_key')).toMatchObject({ value: '', again: true });
    const { problems: found } = requestOf(made, fields, trans);
    expect(found.map(each => each.field)).toEqual(['model_args/2', 'model_args/3', 'gen_kwargs']);
  });

  const typed = draft({
    args: rows(['pretrained', 'a'], ['api_key', 's3cret-value']),
    options: { gen_kwargs: 'token=s3cret-value', system_instruction: 'The key: value' }
  });

  it('are not stored', () => {
    expect(JSON.stringify(storable(typed))).not.toContain('s3cret');
    expect(JSON.stringify(lastSettings(typed))).not.toContain('s3cret');
    expect(JSON.stringify(storable({ ...typed, argsText: 'api_key=s3cret-value' }))).not.toContain('s3cret');
    expect(storable(typed).options.system_instruction).toBe('The key: value');
  });

  it('are not shown as code', () => {
    const { request } = requestOf(typed, fields, trans);
    expect(JSON.stringify(request)).toContain('s3cret');
    expect(JSON.stringify(showable(request))).not.toContain('s3cret');
  });
});

describe('a stored draft', () => {
  it('is read as it was', () => {
    const typed = draft({ args: rows(['pretrained', 'a']), options: { limit: '-3' }, key: 'k' });
    expect(readDraft(JSON.parse(JSON.stringify(storable(typed))))).toEqual(typed);
  });

  it.each([
    [null],
    ['text'],
    [{ tasks: 'mme' }],
    [{ args: [{ name: 1 }] }],
    [{ options: null }],
    [{ args: [null] }]
  ])('is left if it is none: %j', stored => expect(readDraft(stored)).toBeNull());
});

describe('the row of the checkpoint', () => {
  const taking = (...names: string[]) => ({
    module: 'm',
    name: 'M',
    arguments: names.map(name => ({ name, required: false })),
    more_arguments: true,
    missing_packages: []
  });

  it('is there for models that take one, and goes for others unless something is typed', () => {
    const empty = rows(['pretrained', '']);
    expect(fitted(empty, taking('pretrained'))).toBe(empty);
    expect(fitted(empty, taking('model_version'))).toEqual([]);
    expect(fitted([], taking('pretrained'))).toMatchObject([{ name: 'pretrained' }]);
    const typed = rows(['pretrained', 'a']);
    expect(fitted(typed, taking('model_version'))).toBe(typed);
    expect(fitted(empty, null)).toBe(empty);
  });
});
