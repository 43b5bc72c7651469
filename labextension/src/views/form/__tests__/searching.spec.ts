import { describe, expect, it } from 'vitest';
import type { TaskDetails } from '../../../api/wire';
import { findNames, findTasks, matching, searchable } from '../searching';

const task = (name: string, more: Partial<TaskDetails> = {}): TaskDetails => ({
  name,
  kind: 'task',
  ...more
});
const all = searchable([
  task('mmmu_val', { dataset_path: 'lmms-lab/MMMU' }),
  task('mmmu', { kind: 'group', tasks: ['mmmu_val', 'mmmu_test'] }),
  task('cmmmu'),
  task('jmmmu_pro'),
  task('video_mmmu'),
  task('art', { dataset_path: 'lmms-lab/MMMU', description: 'Pictures of art' }),
  task('mme', { kind: 'tag' })
]);
const names = (words: string, kind: '' | 'task' | 'group' | 'tag' = '') =>
  findTasks(all, words, kind).map(each => each.task.name);

describe('finding tasks', () => {
  it('puts the very name first, then beginnings, parts of names, names that hold it, and the rest', () => {
    expect(names('mmmu')).toEqual(['mmmu', 'mmmu_val', 'video_mmmu', 'cmmmu', 'jmmmu_pro', 'art']);
  });

  it('needs every word somewhere', () => {
    expect(names('pictures MMMU')).toEqual(['art']);
    expect(names('val mmmu')).toEqual(['mmmu_val']);
  });

  it('lists all in order of their names if nothing is asked', () => {
    expect(names('  ')).toEqual(['art', 'cmmmu', 'jmmmu_pro', 'mme', 'mmmu', 'mmmu_val', 'video_mmmu']);
  });

  it('finds only a kind', () => {
    expect(names('mm', 'group')).toEqual(['mmmu']);
    expect(names('', 'tag')).toEqual(['mme']);
  });

  it('ranks names alone the same way', () => {
    expect(findNames(['a_vl', 'vl', 'vl_2', 'xvl'], 'vl')).toEqual(['vl', 'vl_2', 'a_vl', 'xvl']);
  });
});

describe('patterns', () => {
  const known = all.map(each => each.task.name);
  it.each([
    ['mmmu*', 2],
    ['*mmmu*', 5],
    ['mm?', 1],
    ['[cj]mmmu*', 2],
    ['[!cj]mmmu', 0],
    ['a.t', 0],
    ['nothing*', 0]
  ])('%s matches %i', (pattern, count) => {
    expect(matching(pattern, known)).toBe(count);
  });

  it('does not choke on what is none', () => {
    expect(matching('[z-a]', known)).toBeNull();
  });
});
