import type { Contents } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import React from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseResults } from '../resultsfile';
import { ResultsView } from '../ResultsView';
import { chosen, parseSamples, taskOf } from '../samplesfile';
import { LARGEST_FILE } from '../samplesource';

afterEach(cleanup);

const trans = nullTranslator.load('test');
/** What lmms-eval wrote of an evaluation of the demonstration's model. */
const FILES = join(import.meta.dirname, 'files');
const RESULTS = '20261123_035956_results.json';
const read = (name: string) => readFileSync(join(FILES, name), 'utf-8');

describe('a results file', () => {
  it('of a real evaluation has its scores', () => {
    const file = parseResults(read(RESULTS));
    expect(file?.metrics).toHaveLength(4);
    expect(file?.metrics[0]).toEqual({
      task: 'digits_choice',
      metric: 'acc',
      filter: 'none',
      value: 1,
      stderr: 0,
      higher_is_better: true,
      samples: 12,
      group: false
    });
    expect(file?.model).toContain('tiny_llava');
    expect(file?.seconds).toBeGreaterThan(0);
  });

  it('may hold what is no JSON, and words of it within texts', () => {
    const text =
      '{"results": {"t": {"acc,none": NaN, "acc_stderr,none": -Infinity, "note": "NaN \\" Infinity"}}}';
    expect(parseResults(text)?.metrics).toMatchObject([{ task: 't', value: null, stderr: null }]);
  });

  it('counts the samples of groups, and leaves out what is no score', () => {
    const file = parseResults(
      JSON.stringify({
        results: {
          all: { 'acc,none': '0.5', 'acc_stderr,none': 'N/A', alias: 'all' },
          a: { 'bypass,none': 999 },
          b: { ' ': ' ' }
        },
        group_subtasks: { all: ['some', 'a'], some: ['b', 'all'], a: [], b: [] },
        'n-samples': { a: { original: 9, effective: 3 }, b: { original: 9, effective: 4 } },
        higher_is_better: { all: { acc: false } }
      })
    );
    expect(file?.metrics).toMatchObject([
      { task: 'all', value: 0.5, stderr: null, samples: 7, group: true, higher_is_better: false }
    ]);
  });

  it('gives stability metrics the direction that they have', () => {
    const scores = {
      'acc_consistency_rate,none': 1,
      'acc_internal_variance,none': 0,
      'acc_expected_accuracy,none': 1
    };
    const file = parseResults(
      JSON.stringify({ results: { t: scores }, higher_is_better: { t: { acc: false } } })
    );
    expect(file?.metrics.map(metric => metric.higher_is_better)).toEqual([true, false, false]);
  });

  it('that is another JSON is none', () => {
    expect(parseResults('{"results": [1]}')).toBeNull();
    expect(parseResults('[]')).toBeNull();
    expect(() => parseResults('{"results": {')).toThrow(SyntaxError);
  });
});

describe('a samples file', () => {
  it('is known by its name', () => {
    expect(taskOf(RESULTS, '20261123_035956_samples_digits_read.jsonl')).toBe('digits_read');
    expect(taskOf(RESULTS, '20261123_035957_samples_digits_read.jsonl')).toBeNull();
    expect(taskOf('x_results.json', 'x_samples_a_samples_b.jsonl')).toBe('a_samples_b');
  });

  it('of a real evaluation has questions, answers and verdicts', () => {
    const file = parseSamples(read('20261123_035956_samples_digits_read.jsonl'));
    expect([file.samples.length, file.scored, file.damaged]).toEqual([12, true, 0]);
    expect(file.samples[0]).toMatchObject({
      doc_id: 0,
      correct: true,
      scores: { exact_match: 1 },
      target: '2'
    });
    expect(file.samples[0].question).toContain('What digit is shown?');
  });

  it('of choices has an answer for each', () => {
    const { samples } = parseSamples(read('20261123_035956_samples_digits_choice.jsonl'));
    expect(samples[0].answers).toHaveLength(10);
    expect(samples[0].answers[0]).toMatch(/^[\d.]+, (True|False)$/);
  });

  it('is sorted, and survives damaged lines', () => {
    const line = (doc_id: number, acc: number, more = {}) => JSON.stringify({ doc_id, acc, ...more });
    const text = [
      line(3, 0, { resps: [['long answer']], filtered_resps: ['answer'], target: 7 }),
      '{"doc_id": 1, "acc": tr',
      '[]',
      line(1, 1),
      line(3, 0.5, { filtered_resps: ['other'] }),
      ''
    ].join('\n');
    const file = parseSamples(text);
    expect(file.damaged).toBe(2);
    expect(file.samples.map(sample => [sample.doc_id, sample.correct])).toEqual([
      [1, true],
      [3, false]
    ]);
    expect(file.samples[1]).toMatchObject({
      answers: ['long answer'],
      filtered: ['answer', 'other'],
      scores: { acc: 0, 'acc,2': 0.5 },
      target: '7'
    });
  });

  it('tells right from wrong only where full marks are known', () => {
    const lines = (...scores: object[]) =>
      scores.map((score, doc_id) => JSON.stringify({ doc_id, ...score })).join('\n');
    expect(parseSamples(lines({ cider: 1.7 }, { cider: 1 })).scored).toBe(false);
    expect(parseSamples(lines({ acc: 0.4 }, { acc: 0.6 })).scored).toBe(false);
    expect(parseSamples(lines({ wer: 0 }, { wer: 1 }), new Set(['wer'])).scored).toBe(false);
    expect(parseSamples(lines({ length: 70, acc: 1 }, { length: 9, acc: 0 })).scored).toBe(true);
    expect(parseSamples(lines({ mme: { score: 1 } }, { mme: { score: 0 } })).scored).toBe(true);
  });

  it('is filtered and searched', () => {
    const { samples } = parseSamples(read('20261123_035956_samples_digits_read.jsonl'));
    expect(chosen(samples, { filter: 'wrong' })).toEqual([]);
    expect(chosen(samples, { filter: 'right', q: 'WHAT DIGIT' })).toHaveLength(12);
    expect(chosen(samples, { q: 'no such word' })).toEqual([]);
  });
});

/** Files of a folder on disk, as Jupyter serves them. */
function folder(sizes: Record<string, number> = {}): Contents.IManager {
  const model = (name: string) => ({
    name,
    path: `runs/${name}`,
    size: sizes[name] ?? statSync(join(FILES, name)).size
  });
  return {
    localPath: (path: string) => path,
    driveName: () => '',
    get: async (path: string) =>
      path === 'runs'
        ? { content: readdirSync(FILES).map(model) }
        : { content: read(path.replace('runs/', '')) }
  } as unknown as Contents.IManager;
}

const view = (text: string, contents = folder(), onPlain = () => undefined) => (
  <ResultsView
    path={`runs/${RESULTS}`}
    text={text}
    visible
    contents={contents}
    trans={trans}
    onPlain={onPlain}
  />
);

describe('the view of a results file', () => {
  it('shows scores, and samples from the files beside it', async () => {
    render(view(read(RESULTS)));
    expect(screen.getByRole('heading', { name: 'tiny_llava' })).toBeTruthy();
    expect(screen.getByRole('row', { name: /digits_choice acc/ })).toBeTruthy();
    fireEvent.click(screen.getByRole('tab', { name: 'Samples' }));
    const tasks = await screen.findByRole('combobox', { name: 'Task' });
    expect(
      within(tasks)
        .getAllByRole('option')
        .map(each => each.textContent)
    ).toEqual(['digits_choice (12)', 'digits_read (12)', 'numbers_read (12)']);
    fireEvent.change(tasks, { target: { value: 'numbers_read' } });
    expect((await screen.findAllByText(/What number is shown/)).length).toBeGreaterThan(0);
  });

  it('says that samples are too many to be opened', async () => {
    const name = '20261123_035956_samples_digits_choice.jsonl';
    render(view(read(RESULTS), folder({ [name]: LARGEST_FILE + 1 })));
    fireEvent.click(screen.getByRole('tab', { name: 'Samples' }));
    const tasks = await screen.findByRole('combobox', { name: 'Task' });
    expect((tasks as HTMLSelectElement).value).toBe('digits_read');
    fireEvent.change(tasks, { target: { value: 'digits_choice' } });
    expect((await screen.findByRole('alert')).textContent).toContain('more than 50 MB are not opened here');
  });

  it('leads to the text of a file that is another', () => {
    const plain = vi.fn();
    render(view('{"some": "json"}', folder(), plain));
    expect(screen.getByRole('alert').textContent).toContain('not a results file of lmms-eval');
    fireEvent.click(screen.getByRole('button', { name: 'Open as text' }));
    expect(plain).toHaveBeenCalled();
  });

  it('says that a file is incomplete', () => {
    render(view('{"results": {'));
    expect(screen.getByRole('alert').textContent).toContain('not complete JSON');
  });
});
