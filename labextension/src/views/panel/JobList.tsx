import type { TranslationBundle } from '@jupyterlab/translation';
import React, { memo, useCallback, useRef, useState } from 'react';
import { jobKey } from '../../model/evaluations';
import type { IRow } from '../../words/row';
import type { Doing } from './hooks';
import { JobRow, type IRowActions } from './JobRow';
import type { IChosen } from './selection';

interface IJobListProps {
  server: string;
  /** What its jobs are the jobs of. */
  title: string;
  /** The rows that are shown, in their order. */
  rows: ReadonlyArray<IRow>;
  selected: ReadonlySet<string>;
  doing: ReadonlyMap<string, Doing>;
  actions: IRowActions;
  /** A row was chosen, by its key; the order is that of all rows that are shown. */
  onChoose(key: string, order: ReadonlyArray<string>, how: IChosen): void;
  onSelectAll(order: ReadonlyArray<string>): void;
  onClear(): void;
  onDrag(job: string, event: React.MouseEvent): void;
  trans: TranslationBundle;
}

const ROW = '.jp-LmmsEval-jobRow';
const BUTTON = '.jp-LmmsEval-panel-iconButton';

/** The jobs of a server: a grid in which arrows lead from row to row, and into a row. */
export const JobList = memo(function JobList(props: IJobListProps): React.JSX.Element {
  const { server, rows, selected, doing, actions, onChoose, onSelectAll, onClear, onDrag, trans } = props;
  const grid = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState<string | null>(null);
  const current = rows.some(row => row.job_id === cursor) ? cursor : rows[0]?.job_id;

  const order = useCallback((): string[] => rows.map(row => jobKey(server, row.job_id)), [rows, server]);

  const choose = (job: string, event: { ctrlKey: boolean; metaKey: boolean; shiftKey: boolean }): void =>
    onChoose(jobKey(server, job), order(), {
      toggle: event.ctrlKey || event.metaKey,
      extend: event.shiftKey
    });

  const onKeyDown = (event: React.KeyboardEvent): void => {
    const row = (event.target as HTMLElement).closest<HTMLElement>(ROW);
    const job = row?.dataset.job;
    if (!row || !job) {
      return;
    }
    const onRow = event.target === row;
    const index = rows.findIndex(each => each.job_id === job);
    const goTo = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (goTo !== undefined) {
      const next = rows[Math.max(0, Math.min(rows.length - 1, goTo))].job_id;
      grid.current?.querySelector<HTMLElement>(`[data-job="${CSS.escape(next)}"]`)?.focus();
      // With Control the focus goes alone.
      if (!event.ctrlKey && !event.metaKey) {
        choose(next, { ctrlKey: false, metaKey: false, shiftKey: event.shiftKey });
      }
    } else if (event.key === 'ArrowRight' || event.key === 'ArrowLeft') {
      const stops = [row, ...row.querySelectorAll<HTMLElement>(BUTTON)];
      const step = event.key === 'ArrowRight' ? 1 : -1;
      stops[stops.indexOf(event.target as HTMLElement) + step]?.focus();
    } else if (onRow && event.key === 'Enter') {
      actions.open(job);
    } else if (onRow && event.key === ' ') {
      choose(job, { ctrlKey: true, metaKey: false, shiftKey: event.shiftKey });
    } else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
      onSelectAll(order());
    } else if (event.key === 'Escape') {
      onClear();
      row.focus();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const jobOf = (event: React.SyntheticEvent): string | undefined => {
    const target = event.target as HTMLElement;
    return target.closest('button') ? undefined : target.closest<HTMLElement>(ROW)?.dataset.job;
  };

  return (
    // The rows are what is focused; what happens to them is heard here, once for all.
    // eslint-disable-next-line jsx-a11y/interactive-supports-focus
    <div
      ref={grid}
      className="jp-LmmsEval-panel-jobs"
      role="grid"
      aria-multiselectable="true"
      aria-label={trans.__('Jobs of %1', props.title)}
      onKeyDown={onKeyDown}
      onFocus={event => {
        const row = (event.target as HTMLElement).closest<HTMLElement>(ROW);
        setCursor(row?.dataset.job ?? null);
      }}
      onClick={event => {
        const job = jobOf(event);
        if (job) {
          choose(job, event);
        }
      }}
      onDoubleClick={event => {
        const job = jobOf(event);
        if (job) {
          actions.open(job);
        }
      }}
      onContextMenu={event => {
        // As with files: the menu is about the row under it, or about all selected ones if it is one of them.
        const job = (event.target as HTMLElement).closest<HTMLElement>(ROW)?.dataset.job;
        if (job && !selected.has(jobKey(server, job))) {
          choose(job, { ctrlKey: false, metaKey: false, shiftKey: false });
        }
      }}
      onMouseDown={event => {
        const job = jobOf(event);
        if (job && event.button === 0) {
          onDrag(job, event);
        }
      }}
    >
      {rows.map(row => {
        const key = jobKey(server, row.job_id);
        return (
          <JobRow
            key={row.job_id}
            server={server}
            row={row}
            selected={selected.has(key)}
            current={row.job_id === current}
            doing={doing.get(key)}
            actions={actions}
            trans={trans}
          />
        );
      })}
    </div>
  );
});
