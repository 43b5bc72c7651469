import { nullTranslator } from '@jupyterlab/translation';
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import React from 'react';
import { afterEach, describe, expect, it } from 'vitest';
import type { Metric } from '../../../api/wire';
import { Scores } from '../Scores';
import { interval, nextSorting, scales, scoreText, sorted } from '../scores';

const trans = nullTranslator.load('test');
afterEach(cleanup);

function metric(task: string, value: number | null, more: Partial<Metric> = {}): Metric {
  return { task, metric: 'acc', filter: 'none', value, group: false, ...more };
}

describe('scores', () => {
  it('sorts numbers, those without one last, and goes back to the order of the file', () => {
    const metrics = [metric('a', 0.2), metric('b', null), metric('c', 0.9)];
    const down = nextSorting(null, 'value');
    const up = nextSorting(down, 'value');
    expect(sorted(metrics, down).map(({ task }) => task)).toEqual(['c', 'a', 'b']);
    expect(sorted(metrics, up).map(({ task }) => task)).toEqual(['a', 'c', 'b']);
    expect(nextSorting(up, 'value')).toBeNull();
    expect(sorted(metrics, null)).toBe(metrics);
  });

  it('gives all rows of a metric one scale', () => {
    const found = scales([
      metric('a', 0.2),
      metric('b', 0.9, { stderr: 0.2 }),
      metric('c', 35, { metric: 'perplexity', stderr: 1 }),
      metric('d', 0.5, { metric: 'perplexity' }),
      metric('e', -3, { metric: 'reward' })
    ]);
    expect(found.get('acc')).toEqual({ low: 0, high: 1 });
    expect(found.get('perplexity')).toEqual({ low: 0, high: 36.96 });
    expect(found.get('reward')).toEqual({ low: -3, high: 1 });
  });

  it('knows an interval only with a standard error', () => {
    expect(interval(metric('a', 0.5))).toBeNull();
    expect(interval(metric('a', null, { stderr: 0.1 }))).toBeNull();
    expect(interval(metric('a', 0.5, { stderr: 0.1 }))?.low).toBeCloseTo(0.304);
  });

  it('writes numbers with the places that mean something', () => {
    expect([0.97, 12.3456, 4321.5, 0.00012, 0, null].map(scoreText)).toEqual([
      '0.9700',
      '12.35',
      '4322',
      '1.20e-4',
      '0.0000',
      ''
    ]);
  });
});

describe('the table of scores', () => {
  const metrics = [
    metric('one', 0.2, { stderr: 0.05, higher_is_better: true, samples: 1200 }),
    metric('two', 0.9, { higher_is_better: false, group: true })
  ];

  it('says in words what the picture shows', () => {
    render(<Scores metrics={metrics} trans={trans} />);
    expect(
      screen.getByRole('img', {
        name: /0\.2000 on a scale from 0 to 1; 95 % interval from 0\.1020 to 0\.2980/
      })
    ).toBeTruthy();
    expect(screen.getByRole('img', { name: 'Higher is better' }).textContent).toBe('↑');
    expect(within(screen.getByRole('row', { name: /two/ })).getByText('group')).toBeTruthy();
  });

  it('is sorted by its titles', () => {
    render(<Scores metrics={metrics} trans={trans} />);
    const first = () => within(screen.getAllByRole('row')[1]).getByRole('rowheader').textContent;
    fireEvent.click(screen.getByRole('button', { name: 'Score' }));
    expect(first()).toContain('two');
    expect(screen.getByRole('columnheader', { name: 'Score' }).getAttribute('aria-sort')).toBe('descending');
  });
});
