import type { TranslationBundle } from '@jupyterlab/translation';
import { ellipsesIcon, LabIcon, redoIcon, stopIcon } from '@jupyterlab/ui-components';
import React, { memo } from 'react';
import { isFinished } from '../../model/known';
import { spokenName, type IRow } from '../../words/row';
import { statusWord, SYMBOLS } from '../../words/status';
import type { Doing } from './hooks';

/** What a person does with a row. */
export interface IRowActions {
  open(job: string): void;
  cancel(job: string): void;
  retry(job: string): void;
  /** Opens the menu of the row, at a button. */
  more(button: HTMLElement): void;
}

interface IJobRowProps {
  server: string;
  row: IRow;
  selected: boolean;
  /** Whether Tab leads to this row. */
  current: boolean;
  doing: Doing | undefined;
  actions: IRowActions;
  trans: TranslationBundle;
}

/** A job in three short lines at most; rendered again only if something of it changed. */
export const JobRow = memo(function JobRow({
  server,
  row,
  selected,
  current,
  doing,
  actions,
  trans
}: IJobRowProps): React.JSX.Element {
  const name = spokenName(row, trans);
  const finished = isFinished(row.status);
  const tip = [
    row.name ? `${row.name} (${row.job_id})` : row.job_id,
    `${row.model}: ${row.all_tasks}`,
    row.devices,
    row.score_name,
    row.note,
    row.advice
  ];
  return (
    <div
      className="jp-LmmsEval-jobRow"
      role="row"
      aria-selected={selected}
      tabIndex={current ? 0 : -1}
      data-server={server}
      data-job={row.job_id}
      data-status={row.status}
      title={tip.filter(line => line).join('\n')}
    >
      <div className="jp-LmmsEval-panel-jobCell" role="gridcell">
        <div className="jp-LmmsEval-panel-line">
          <span className="jp-LmmsEval-panel-symbol" aria-hidden="true">
            {doing ? '◌' : SYMBOLS[row.status]}
          </span>
          <span className="jp-LmmsEval-panel-jobName">{row.name || row.short_id}</span>
          <Outcome row={row} trans={trans} />
        </div>
        <div className="jp-LmmsEval-panel-line jp-LmmsEval-panel-dim">
          <span className="jp-LmmsEval-panel-jobStatus">
            {doing ? doingWord(doing, trans) : statusWord(row.status, trans)}
          </span>
          <span className="jp-LmmsEval-panel-jobWhat">
            {row.model} · {row.tasks}
          </span>
        </div>
        {row.status === 'running' && <Progress row={row} name={name} trans={trans} />}
        {row.note && (
          <div className="jp-LmmsEval-panel-note" data-failed={row.status === 'failed' || undefined}>
            {row.note}
          </div>
        )}
      </div>
      <div className="jp-LmmsEval-panel-jobActions" role="gridcell">
        {finished ? (
          <RowButton
            icon={redoIcon}
            label={trans.__('Retry %1', name)}
            title={trans.__('Retry: run it again under its id')}
            current={current}
            disabled={doing !== undefined}
            onClick={() => actions.retry(row.job_id)}
          />
        ) : (
          <RowButton
            icon={stopIcon}
            label={trans.__('Cancel %1', name)}
            title={trans.__('Cancel')}
            current={current}
            disabled={doing !== undefined}
            onClick={() => actions.cancel(row.job_id)}
          />
        )}
        <RowButton
          icon={ellipsesIcon}
          label={trans.__('More actions for %1', name)}
          title={trans.__('More')}
          current={current}
          menu
          onClick={event => actions.more(event.currentTarget)}
        />
      </div>
    </div>
  );
});

/** What came of a job, or how long it still takes. */
function Outcome({ row, trans }: { row: IRow; trans: TranslationBundle }): React.JSX.Element | null {
  if (row.eta) {
    return (
      <span className="jp-LmmsEval-panel-number jp-LmmsEval-panel-dim">{trans.__('%1 left', row.eta)}</span>
    );
  }
  if (!row.score) {
    return null;
  }
  return (
    <span className="jp-LmmsEval-panel-number">
      {row.score}
      {row.stderr && <span className="jp-LmmsEval-panel-dim"> ± {row.stderr}</span>}
    </span>
  );
}

function Progress({
  row,
  name,
  trans
}: {
  row: IRow;
  name: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const known = row.fraction !== null;
  return (
    <div className="jp-LmmsEval-panel-line jp-LmmsEval-panel-dim">
      <span
        className="jp-LmmsEval-panel-bar"
        role="progressbar"
        aria-label={trans.__('Progress of %1', name)}
        aria-valuemin={0}
        aria-valuemax={100}
        // Without a value it is of unknown length, as it should be while a model loads.
        aria-valuenow={known ? Math.floor((row.fraction ?? 0) * 100) : undefined}
        aria-valuetext={[row.samples, row.note].filter(part => part).join(', ') || undefined}
      >
        <span className="jp-LmmsEval-panel-fill" style={{ width: `${(row.fraction ?? 0) * 100}%` }} />
      </span>
      <span className="jp-LmmsEval-panel-number">{row.samples}</span>
      <span className="jp-LmmsEval-panel-number jp-LmmsEval-panel-rate">{row.rate}</span>
    </div>
  );
}

interface IRowButtonProps {
  icon: LabIcon;
  label: string;
  title: string;
  current: boolean;
  disabled?: boolean;
  menu?: boolean;
  onClick: (event: React.MouseEvent<HTMLButtonElement>) => void;
}

function RowButton({
  icon,
  label,
  title,
  current,
  disabled,
  menu,
  onClick
}: IRowButtonProps): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-LmmsEval-panel-iconButton"
      aria-label={label}
      aria-haspopup={menu ? 'menu' : undefined}
      title={title}
      tabIndex={current ? 0 : -1}
      disabled={disabled}
      onClick={onClick}
    >
      <icon.react tag="span" aria-hidden="true" />
    </button>
  );
}

function doingWord(doing: Doing, trans: TranslationBundle): string {
  const words: Record<Doing, string> = {
    cancelling: trans.__('cancelling…'),
    finishing: trans.__('finishing…'),
    queueing: trans.__('queueing…')
  };
  return words[doing];
}
