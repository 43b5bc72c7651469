import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React, { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { JobInfo } from '../../api/wire';
import { CommandIDs } from '../../commandids';
import { jobKey } from '../../model/evaluations';
import { isFinished } from '../../model/known';
import type { IEvaluations, IJobChanged } from '../../tokens';
import { ago, told } from '../../words/told';
import { FilterBar } from './FilterBar';
import { useNow } from '../now';
import { useDoing, useSignal } from './hooks';
import { EVERYTHING, matches, rowOf, statusCounts } from './listing';
import { ServerSection } from './ServerSection';
import { choose, NOTHING, type IChosen } from './selection';

interface IEvaluationsProps {
  model: IEvaluations;
  commands: CommandRegistry;
  /** Begins to drag jobs of a server, if the mouse moves on. */
  onDrag(server: string, jobs: ReadonlyArray<string>, event: React.MouseEvent): void;
  /** Opens the menu of a row or a server, at a button. */
  onMore(button: HTMLElement): void;
  trans: TranslationBundle;
}

/** All servers with their jobs. */
export function EvaluationsView({
  model,
  commands,
  onDrag,
  onMore,
  trans
}: IEvaluationsProps): React.JSX.Element {
  useSignal(model.changed);
  const { servers, trouble } = model;
  const [filter, setFilter] = useState(EVERYTHING);
  const [selection, setSelection] = useState(NOTHING);
  const doing = useDoing(commands);
  const jobs = useMemo(() => servers.flatMap(({ jobs: known }) => [...known.values()]), [servers]);
  const counts = useMemo(() => statusCounts(jobs), [jobs]);

  const onChoose = useCallback(
    (key: string, order: ReadonlyArray<string>, how: IChosen) =>
      setSelection(before => choose(before, order, key, how)),
    []
  );
  const onSelectAll = useCallback(
    (order: ReadonlyArray<string>) =>
      setSelection(({ anchor }) => ({ keys: new Set(order), anchor: anchor ?? order[0] ?? null })),
    []
  );
  const onClear = useCallback(() => setSelection(NOTHING), []);
  const selected = useRef(selection.keys);
  selected.current = selection.keys;
  const drag = useCallback(
    (server: string, job: string, event: React.MouseEvent) => {
      const keys = selected.current;
      const along = keys.has(jobKey(server, job))
        ? [...(model.server(server)?.jobs.keys() ?? [])].filter(id => keys.has(jobKey(server, id)))
        : [job];
      onDrag(server, along, event);
    },
    [model, onDrag]
  );

  return (
    <div className="jp-LmmsEval-panel-body">
      {model.mismatch && (
        <p className="jp-LmmsEval-panel-notice" data-kind="error" role="alert">
          {model.mismatch}
        </p>
      )}
      {trouble && <Trouble model={model} commands={commands} trans={trans} />}
      {jobs.length > 0 && <FilterBar filter={filter} counts={counts} onFilter={setFilter} trans={trans} />}
      <Selected
        model={model}
        filter={filter}
        keys={selection.keys}
        commands={commands}
        onClear={onClear}
        trans={trans}
      />
      <div className="jp-LmmsEval-panel-servers">
        {!servers.length && <Nothing model={model} commands={commands} trans={trans} />}
        {servers.map(server => (
          <ServerSection
            key={server.info.id}
            server={server}
            filter={filter}
            jupyterSilent={trouble !== ''}
            selected={selection.keys}
            doing={doing}
            commands={commands}
            onChoose={onChoose}
            onSelectAll={onSelectAll}
            onClear={onClear}
            onDrag={drag}
            onMore={onMore}
            trans={trans}
          />
        ))}
      </div>
      <News model={model} trans={trans} />
    </div>
  );
}

interface IPartProps {
  model: IEvaluations;
  commands: CommandRegistry;
  trans: TranslationBundle;
}

/** Jupyter is not heard: why, since when, and what to do. */
function Trouble({ model, commands, trans }: IPartProps): React.JSX.Element {
  const { heardAt } = model;
  const now = useNow(true);
  return (
    <div className="jp-LmmsEval-panel-notice" data-kind="error">
      {/* Whose age changes is no alert: it would be spoken again and again. */}
      <p role="alert">{model.trouble}</p>
      {heardAt !== null && <p>{trans.__('What is shown is as of %1.', ago(now - heardAt, trans))}</p>}
      <button
        type="button"
        className="jp-LmmsEval-panel-button"
        onClick={() => void commands.execute(CommandIDs.refresh)}
      >
        {trans.__('Try again')}
      </button>
    </div>
  );
}

/** No server is known: either it is not known yet, or there is none. */
function Nothing({ model, commands, trans }: IPartProps): React.JSX.Element | null {
  const [starting, setStarting] = useState(false);
  if (model.trouble) {
    return null;
  }
  if (model.heardAt === null) {
    return <p className="jp-LmmsEval-panel-empty">{trans.__('Looking for evaluation servers…')}</p>;
  }
  const start = (): void => {
    const over = (): void => setStarting(false);
    setStarting(true);
    commands.execute(CommandIDs.startServer).then(over, over);
  };
  return (
    <div className="jp-LmmsEval-panel-empty">
      <p>
        {trans.__(
          'No evaluation server runs. A server runs evaluations of models beside your notebooks, and outlives them.'
        )}
      </p>
      <button
        type="button"
        className="jp-LmmsEval-panel-button"
        data-kind="accept"
        disabled={starting}
        onClick={start}
      >
        {starting ? trans.__('Starting…') : trans.__('Start a server')}
      </button>
    </div>
  );
}

interface ISelectedProps extends IPartProps {
  filter: typeof EVERYTHING;
  keys: ReadonlySet<string>;
  onClear(): void;
}

/** What can be done with several selected jobs at once. */
function Selected({
  model,
  filter,
  keys,
  commands,
  onClear,
  trans
}: ISelectedProps): React.JSX.Element | null {
  if (keys.size < 2) {
    return null;
  }
  const chosen = model.servers.map(({ info, jobs }) => ({
    server: info.id,
    jobs: [...jobs.values()].filter(
      job => keys.has(jobKey(info.id, job.job_id)) && matches(rowOf(job, trans), filter)
    )
  }));
  const those = (wanted: (job: JobInfo) => boolean): { server: string; jobs: string[] }[] =>
    chosen
      .map(({ server, jobs }) => ({ server, jobs: jobs.filter(wanted).map(job => job.job_id) }))
      .filter(({ jobs }) => jobs.length);
  const count = (refs: { jobs: string[] }[]): number => refs.reduce((sum, { jobs }) => sum + jobs.length, 0);
  const execute = (id: string, refs: { server: string; jobs: string[] }[]): void => {
    for (const ref of refs) {
      void commands.execute(id, ref);
    }
  };
  const all = count(those(() => true));
  const unfinished = those(job => !isFinished(job.status));
  const finished = those(job => isFinished(job.status));
  if (all < 2) {
    return null;
  }
  return (
    <div className="jp-LmmsEval-panel-selection" role="group" aria-label={trans.__('Selected jobs')}>
      <span className="jp-LmmsEval-panel-number">{trans.__('%1 selected', all)}</span>
      {unfinished.length > 0 && (
        <button
          type="button"
          className="jp-LmmsEval-panel-button"
          onClick={() => execute(CommandIDs.cancelJob, unfinished)}
        >
          {trans.__('Cancel %1', count(unfinished))}
        </button>
      )}
      {finished.length > 0 && (
        <button
          type="button"
          className="jp-LmmsEval-panel-button"
          onClick={() => execute(CommandIDs.retryJob, finished)}
        >
          {trans.__('Retry %1', count(finished))}
        </button>
      )}
      <button type="button" className="jp-LmmsEval-panel-button" onClick={onClear}>
        {trans.__('Clear')}
      </button>
    </div>
  );
}

/** Tells those who hear the page which jobs began, ended or failed. */
function News({ model, trans }: { model: IEvaluations; trans: TranslationBundle }): React.JSX.Element {
  const [text, setText] = useState('');
  useEffect(() => {
    let news: JobInfo[] = [];
    const slot = (_: IEvaluations, { job }: IJobChanged): void => {
      // What one answer brought is said in one sentence.
      if (!news.length) {
        queueMicrotask(() => {
          setText(
            told(
              news.map(each => rowOf(each, trans)),
              trans
            )
          );
          news = [];
        });
      }
      news.push(job);
    };
    model.jobChanged.connect(slot);
    return () => {
      model.jobChanged.disconnect(slot);
    };
  }, [model, trans]);
  return (
    <div className="jp-LmmsEval-panel-unseen" role="status" aria-live="polite">
      {text}
    </div>
  );
}
