import type { TranslationBundle } from '@jupyterlab/translation';
import React, { useMemo, useState } from 'react';
import type { Metric } from '../../api/wire';
import {
  interval,
  nextSorting,
  placed,
  scales,
  scoreText,
  sorted,
  type IScale,
  type ISorting,
  type ScoreColumn
} from './scores';
import { Wide } from './Telling';
import { count, significant } from './words';

/** All scores in a table, each also drawn to scale with its 95 % interval. */
export function Scores({
  metrics,
  trans
}: {
  metrics: ReadonlyArray<Metric>;
  trans: TranslationBundle;
}): JSX.Element {
  const [sorting, setSorting] = useState<ISorting | null>(null);
  const rows = useMemo(() => sorted(metrics, sorting), [metrics, sorting]);
  const scale = useMemo(() => scales(metrics), [metrics]);
  const filtered = new Set(metrics.map(metric => metric.filter)).size > 1;
  const uncertain = metrics.some(metric => interval(metric));
  const head = (column: ScoreColumn, label: string, numeric = false) => (
    <th
      scope="col"
      className={numeric ? 'jp-mod-number' : ''}
      aria-sort={sorting?.column === column ? (sorting.descending ? 'descending' : 'ascending') : 'none'}
    >
      <button
        type="button"
        className="jp-LmmsEval-view-sort"
        onClick={() => setSorting(nextSorting(sorting, column))}
      >
        {label}
        <span aria-hidden="true">{sorting?.column === column ? (sorting.descending ? '▾' : '▴') : ''}</span>
      </button>
    </th>
  );
  return (
    <Wide label={trans.__('Table of scores')}>
      <table className="jp-LmmsEval-view-table jp-LmmsEval-view-scores">
        <caption className="jp-LmmsEval-view-hidden">{trans.__('Scores')}</caption>
        <thead>
          <tr>
            {head('task', trans.__('Task'))}
            {head('metric', trans.__('Metric'))}
            {filtered && <th scope="col">{trans.__('Filter')}</th>}
            <th scope="col">
              <span className="jp-LmmsEval-view-hidden">{trans.__('Better is')}</span>
            </th>
            {head('value', trans.__('Score'), true)}
            {head('stderr', trans.__('Std. error'), true)}
            {head('samples', trans.__('Samples'), true)}
            <th scope="col">
              {uncertain ? trans.__('Score and 95 % interval') : trans.__('Score to scale')}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(metric => (
            <tr
              key={`${metric.task} ${metric.metric} ${metric.filter}`}
              data-group={metric.group || undefined}
            >
              <th scope="row">
                {metric.task}
                {metric.group && <span className="jp-LmmsEval-view-tag">{trans.__('group')}</span>}
              </th>
              <td>{metric.metric}</td>
              {filtered && <td>{metric.filter}</td>}
              <td>
                <Direction higher={metric.higher_is_better} trans={trans} />
              </td>
              <td className="jp-mod-number">
                {metric.value === null ? trans.__('none') : <strong>{scoreText(metric.value)}</strong>}
              </td>
              <td className="jp-mod-number">
                {metric.stderr !== null && metric.stderr !== undefined && `± ${scoreText(metric.stderr)}`}
              </td>
              <td className="jp-mod-number">{typeof metric.samples === 'number' && count(metric.samples)}</td>
              <td>
                <Picture metric={metric} scale={scale.get(metric.metric)} trans={trans} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Wide>
  );
}

function Direction({
  higher,
  trans
}: {
  higher: boolean | null | undefined;
  trans: TranslationBundle;
}): JSX.Element | null {
  if (typeof higher !== 'boolean') {
    return null;
  }
  const says = higher ? trans.__('Higher is better') : trans.__('Lower is better');
  return (
    <span role="img" aria-label={says} title={says}>
      {higher ? '↑' : '↓'}
    </span>
  );
}

/** A point with its interval on the scale of its metric. */
function Picture(props: {
  metric: Metric;
  scale: IScale | undefined;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { metric, scale, trans } = props;
  if (metric.value === null || !scale) {
    return null;
  }
  const ends = interval(metric);
  const at = (value: number) => `${2 + 96 * placed(value, scale)}%`;
  const says = [
    trans.__('%1 on a scale from %2 to %3', scoreText(metric.value), endText(scale.low), endText(scale.high)),
    ends ? trans.__('95 %% interval from %1 to %2', scoreText(ends.low), scoreText(ends.high)) : ''
  ]
    .filter(Boolean)
    .join('; ');
  return (
    <span className="jp-LmmsEval-view-scaled" role="img" aria-label={says} title={says}>
      <span aria-hidden="true">{endText(scale.low)}</span>
      <svg className="jp-LmmsEval-view-picture" aria-hidden="true">
        <line className="jp-mod-scale" x1="2%" x2="98%" y1="50%" y2="50%" />
        <line className="jp-mod-scale" x1="2%" x2="2%" y1="30%" y2="70%" />
        <line className="jp-mod-scale" x1="98%" x2="98%" y1="30%" y2="70%" />
        {ends && <line className="jp-mod-interval" x1={at(ends.low)} x2={at(ends.high)} y1="50%" y2="50%" />}
        <circle cx={at(metric.value)} cy="50%" r="4" />
      </svg>
      <span aria-hidden="true">{endText(scale.high)}</span>
    </span>
  );
}

function endText(end: number): string {
  return Number.isInteger(end) ? String(end) : significant(end);
}
