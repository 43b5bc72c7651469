import { describe, expect, it } from 'vitest';
import { byRoom, readFields } from '../fields';

// As FastAPI describes pydantic's fields.
const openapi = {
  components: {
    schemas: {
      EvaluateRequest: {
        properties: {
          model: { type: 'string', minLength: 1 },
          tasks: { type: 'array', items: { type: 'string' } },
          model_args: { anyOf: [{ type: 'object' }, { type: 'string' }, { type: 'null' }] },
          num_fewshot: { anyOf: [{ type: 'integer', ge: 0 }, { type: 'null' }], description: 'Examples' },
          num_gpus: { type: 'integer', minimum: 1.0, default: 1 },
          gpu_memory: {
            anyOf: [{ anyOf: [{ type: 'integer' }, { type: 'number' }], gt: 0 }, { type: 'null' }]
          },
          log_samples: { type: 'boolean', default: true },
          verbosity: { type: 'string', pattern: '^(INFO|DEBUG)$', default: 'INFO' },
          name: { anyOf: [{ type: 'string', maxLength: 200 }, { type: 'null' }] },
          include_path: {
            anyOf: [{ type: 'string' }, { items: { type: 'string' }, type: 'array' }, { type: 'null' }]
          },
          batch_size: { anyOf: [{ type: 'integer' }, { type: 'string' }, { type: 'null' }] },
          something_new: { type: 'string' }
        }
      }
    }
  }
};
const fields = readFields(openapi);
const field = (name: string) => fields.find(each => each.name === name);

describe('the fields of a request', () => {
  it("come from the server's own description, with help, bounds and what it takes by itself", () => {
    expect(field('num_fewshot')).toMatchObject({ kind: 'whole', minimum: 0, help: 'Examples' });
    expect(field('num_gpus')).toMatchObject({ kind: 'whole', minimum: 1, initial: 1 });
    expect(field('gpu_memory')).toMatchObject({ kind: 'number', above: 0 });
    expect(field('log_samples')).toMatchObject({ kind: 'switch', initial: true });
    expect(field('verbosity')).toMatchObject({ kind: 'choice', choices: ['INFO', 'DEBUG'] });
    expect(field('name')).toMatchObject({ kind: 'text', longest: 200 });
    expect(field('include_path')).toMatchObject({ kind: 'mixed', lines: true });
    expect(field('batch_size')).toMatchObject({ kind: 'mixed', lines: false });
  });

  it('leave out what has a place of its own', () => {
    expect(field('model')).toBeUndefined();
    expect(field('tasks')).toBeUndefined();
    expect(field('model_args')).toBeUndefined();
  });

  it('are shown whatever they are: one that nobody knew stands among the others', () => {
    const rooms = byRoom(fields);
    expect(rooms.often.map(each => each.name)).toEqual(['batch_size', 'num_fewshot', 'num_gpus', 'name']);
    expect(rooms.other.map(each => each.name)).toEqual(['verbosity', 'include_path', 'something_new']);
    expect(Object.values(rooms).flat()).toHaveLength(fields.length);
  });

  it('are none where the description says nothing', () => {
    expect(readFields({})).toEqual([]);
  });
});
