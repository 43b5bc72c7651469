import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';
import { clientCode } from '../clientcode';
import { EVERYTHING, foremost, listing } from '../listing';
import { choose, NOTHING } from '../selection';
import { shortFolder } from '../../../words/server';
import { job, server } from './scripted';

describe('code for a notebook', () => {
  const here = server({ id: 'one' }).info;
  const there = server({ id: 'two', url: 'http://127.0.0.1:9000' }).info;
  const lines = (text: string): string[] => text.split('\n').slice(2);

  it('finds the only server by itself', () => {
    expect(clientCode([job('a', 'completed')], here, [here])).toBe(
      'from jupyter_lmms_eval import EvalClient\n\nclient = EvalClient()\nclient.results("a")'
    );
  });

  it('names one of several servers, as far as they run', () => {
    expect(lines(clientCode([], there, [here, there]))).toEqual([
      'client = EvalClient("http://127.0.0.1:9000")'
    ]);
    expect(lines(clientCode([], there, [{ ...here, state: 'gone' }, there]))).toEqual([
      'client = EvalClient()'
    ]);
  });

  it('waits for a job that is not over, and looks at one without results', () => {
    const code = clientCode(
      [job('a', 'running'), job('b', 'failed'), job('c', 'cancelled', { partial: true })],
      here,
      []
    );
    expect(lines(code).slice(1)).toEqual([
      'client.wait_for_job("a")',
      'client.results("a")',
      'client.get_job("b")',
      'client.results("c")'
    ]);
  });
});

describe('a choice among rows', () => {
  const order = ['a', 'b', 'c', 'd'];
  const plain = { toggle: false, extend: false };

  it('is one row, or a range from where it began', () => {
    const one = choose(NOTHING, order, 'c', plain);
    expect([...choose(one, order, 'a', { ...plain, extend: true }).keys]).toEqual(['a', 'b', 'c']);
    expect([...choose(one, order, 'd', { ...plain, extend: true }).keys]).toEqual(['c', 'd']);
    expect([...choose(one, order, 'b', plain).keys]).toEqual(['b']);
  });

  it('can be added to, and taken from', () => {
    const two = choose(choose(NOTHING, order, 'a', plain), order, 'c', { toggle: true, extend: false });
    expect([...two.keys]).toEqual(['a', 'c']);
    expect([...choose(two, order, 'a', { toggle: true, extend: false }).keys]).toEqual(['c']);
  });

  it('begins anew where it began is no longer shown', () => {
    const gone = { keys: new Set(['x']), anchor: 'x' };
    expect([...choose(gone, order, 'b', { ...plain, extend: true }).keys]).toEqual(['b']);
  });
});

it('shortens a folder to its end', () => {
  expect(shortFolder('/home/me/.local/share/jupyter/lmms-eval')).toBe('…/jupyter/lmms-eval');
  expect(shortFolder('/scratch')).toBe('/scratch');
});

it('shows all jobs that run, and the foremost of the others', () => {
  const jobs = ['queued', 'completed', 'running'].flatMap(status =>
    Array.from({ length: 250 }, (_, number) => job(`${status}-${number}`, status as 'queued'))
  );
  const listed = listing(jobs, EVERYTHING, nullTranslator.load(''));
  const shown = foremost(listed, { queued: 100, finished: 200 }).map(({ status }) => status);
  expect(
    ['running', 'queued', 'completed'].map(status => shown.filter(each => each === status).length)
  ).toEqual([250, 100, 200]);
  expect(foremost(listed, { queued: 1000, finished: 1000 })).toHaveLength(750);
});
