import { describe, expect, it } from 'vitest';
import type { EvaluateRequest } from '../../../api/wire';
import { requestCode, requestRows } from '../request';

const request = {
  tasks: ['mme', 'mmmu_val'],
  priority: 0,
  limit: 8,
  model: 'qwen2_5_vl',
  model_args: { pretrained: 'Qwen/x', min_pixels: 784, use_cache: true },
  log_samples: true,
  verbosity: 'INFO',
  system_instruction: null,
  seed: null,
  name: 'A "first" try'
} as unknown as EvaluateRequest;

describe('a request', () => {
  it('is told without what nobody asked for, the important first', () => {
    expect(requestRows(request)).toEqual([
      { name: 'name', value: 'A "first" try' },
      { name: 'model', value: 'qwen2_5_vl' },
      { name: 'model_args.pretrained', value: 'Qwen/x' },
      { name: 'model_args.min_pixels', value: '784' },
      { name: 'model_args.use_cache', value: 'true' },
      { name: 'tasks', value: 'mme, mmmu_val' },
      { name: 'limit', value: '8' }
    ]);
  });

  it('is Python', () => {
    const code = requestCode(request);
    expect(code).toContain('tasks=["mme", "mmmu_val"]');
    expect(code).toContain('"use_cache": True');
    expect(code).not.toContain('verbosity');
  });
});
