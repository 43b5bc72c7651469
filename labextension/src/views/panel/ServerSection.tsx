import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon, ellipsesIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import React, { memo, useMemo, useState } from 'react';
import { CommandIDs } from '../../commandids';
import type { IKnownServer } from '../../model/known';
import { ago } from '../../words/told';
import { Devices } from './Devices';
import { useNow } from '../now';
import type { Doing } from './hooks';
import { JobList } from './JobList';
import type { IRowActions } from './JobRow';
import { foremost, listing, STEP, type IFilter, type IListing } from './listing';
import type { IChosen } from './selection';
import { serverTitle, shortFolder, STATE_SYMBOLS, stateWord } from '../../words/server';

interface ISectionProps {
  server: IKnownServer;
  filter: IFilter;
  /** Whether Jupyter itself is not heard: then this is old too. */
  jupyterSilent: boolean;
  selected: ReadonlySet<string>;
  doing: ReadonlyMap<string, Doing>;
  commands: CommandRegistry;
  onChoose(key: string, order: ReadonlyArray<string>, how: IChosen): void;
  onSelectAll(order: ReadonlyArray<string>): void;
  onClear(): void;
  onDrag(server: string, job: string, event: React.MouseEvent): void;
  onMore(button: HTMLElement): void;
  trans: TranslationBundle;
}

/** A server with its devices and jobs. */
export const ServerSection = memo(function ServerSection(props: ISectionProps): React.JSX.Element {
  const { server, filter, jupyterSilent, selected, doing, commands, trans } = props;
  const { info } = server;
  const [open, setOpen] = useState(true);
  const title = serverTitle(info, trans);
  const stale = jupyterSilent || server.trouble !== '' || info.state !== 'alive';
  const actions = useActions(info.id, commands, props.onMore);
  const listed = useMemo(() => listing(server.jobs.values(), filter, trans), [server.jobs, filter, trans]);
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section
      className="jp-LmmsEval-panel-server"
      data-server={info.id}
      data-state={info.state}
      data-stale={stale || undefined}
      // Several may have the same title.
      aria-label={`${title}, ${info.state_dir || info.id}`}
    >
      <header className="jp-LmmsEval-panel-serverHead">
        <h3>
          <button
            type="button"
            className="jp-LmmsEval-panel-fold"
            aria-expanded={open}
            title={[title, info.state_dir, info.url].filter(line => line).join('\n')}
            onClick={() => setOpen(!open)}
          >
            <Caret.react tag="span" aria-hidden="true" />
            <span className="jp-LmmsEval-panel-serverTitle">{title}</span>
            <span
              className="jp-LmmsEval-panel-serverState"
              data-state={jupyterSilent ? undefined : info.state}
            >
              <span className="jp-LmmsEval-panel-symbol" aria-hidden="true">
                {jupyterSilent ? '◌' : STATE_SYMBOLS[info.state]}
              </span>
              {jupyterSilent ? trans.__('not heard') : stateWord(info.state, trans)}
            </span>
          </button>
        </h3>
        <button
          type="button"
          className="jp-LmmsEval-panel-iconButton"
          aria-label={trans.__('More actions for %1', title)}
          aria-haspopup="menu"
          title={trans.__('More')}
          onClick={event => props.onMore(event.currentTarget)}
        >
          <ellipsesIcon.react tag="span" aria-hidden="true" />
        </button>
      </header>
      {open && (
        <>
          {info.state_dir && (
            <div className="jp-LmmsEval-panel-folder jp-LmmsEval-panel-dim" title={info.state_dir}>
              {shortFolder(info.state_dir)}
            </div>
          )}
          {/* While Jupyter is silent, that is said once for all. */}
          {!jupyterSilent && <Notices server={server} stale={stale} commands={commands} trans={trans} />}
          {info.state === 'alive' && server.devices.length > 0 && (
            <Devices
              devices={server.devices}
              onOpen={actions.open}
              onFree={device => void commands.execute(CommandIDs.freeDevices, { server: info.id, device })}
              trans={trans}
            />
          )}
          <Jobs
            {...props}
            title={title}
            listed={listed}
            actions={actions}
            selected={selected}
            doing={doing}
          />
        </>
      )}
    </section>
  );
});

interface IJobsProps extends ISectionProps {
  title: string;
  listed: IListing;
  actions: IRowActions;
}

/** The jobs that match: at first the foremost of those that wait, and of those that are finished. */
function Jobs(props: IJobsProps): React.JSX.Element {
  const { server, listed, actions, commands, trans } = props;
  const { info } = server;
  const [limits, setLimits] = useState({ queued: STEP, finished: STEP });
  const { rows } = listed;
  const shown = useMemo(() => foremost(listed, limits), [listed, limits]);
  const hidden = rows.length - shown.length;
  const drag = props.onDrag;
  const onDrag = useMemo(
    () => (job: string, event: React.MouseEvent) => drag(info.id, job, event),
    [drag, info.id]
  );
  if (!rows.length) {
    if (server.jobs.size) {
      return <p className="jp-LmmsEval-panel-empty">{trans.__('No job matches the filter.')}</p>;
    }
    if (info.state !== 'alive' || server.trouble) {
      return <></>;
    }
    if (server.revision === null) {
      return <p className="jp-LmmsEval-panel-empty">{trans.__('Reading its jobs…')}</p>;
    }
    return (
      <div className="jp-LmmsEval-panel-empty">
        <p>{trans.__('No jobs yet. Submit one, and it appears here.')}</p>
        {commands.hasCommand(CommandIDs.newJob) && (
          <button
            type="button"
            className="jp-LmmsEval-panel-button"
            onClick={() => void commands.execute(CommandIDs.newJob, { server: info.id })}
          >
            {trans.__('New job')}
          </button>
        )}
      </div>
    );
  }
  return (
    <>
      <JobList
        server={info.id}
        title={props.title}
        rows={shown}
        selected={props.selected}
        doing={props.doing}
        actions={actions}
        onChoose={props.onChoose}
        onSelectAll={props.onSelectAll}
        onClear={props.onClear}
        onDrag={onDrag}
        trans={trans}
      />
      {hidden > 0 && (
        <button
          type="button"
          className="jp-LmmsEval-panel-moreJobs"
          onClick={() =>
            setLimits(before => ({ queued: before.queued + STEP, finished: before.finished + STEP }))
          }
        >
          {trans.__('Show more (%1 of %2 are shown)', shown.length, rows.length)}
        </button>
      )}
    </>
  );
}

/** What a person should know of a server, and can do about it. */
function Notices({
  server,
  stale,
  commands,
  trans
}: {
  server: IKnownServer;
  stale: boolean;
  commands: CommandRegistry;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { info, trouble, heardAt } = server;
  const now = useNow(stale && heardAt !== null);
  const sentence = info.message || trouble;
  const gone = info.state === 'gone';
  const start = { state_dir: info.state_dir };
  return (
    <>
      {(info.notices ?? []).map(notice => (
        <p key={notice} className="jp-LmmsEval-panel-notice" data-kind="warning">
          {notice}
        </p>
      ))}
      {sentence && (
        <div className="jp-LmmsEval-panel-notice" data-kind={gone ? 'error' : 'warning'}>
          <p>{sentence}</p>
          {gone && (
            <div className="jp-LmmsEval-panel-buttons">
              <button
                type="button"
                className="jp-LmmsEval-panel-button"
                title={info.state_dir}
                onClick={() => void commands.execute(CommandIDs.startServer, start)}
              >
                {trans.__('Start again on this folder')}
              </button>
              <button
                type="button"
                className="jp-LmmsEval-panel-button"
                title={trans.__('Take it off the list; its jobs stay on disk')}
                onClick={() => void commands.execute(CommandIDs.stopServer, { server: info.id })}
              >
                {trans.__('Forget')}
              </button>
            </div>
          )}
        </div>
      )}
      {stale && heardAt !== null && server.jobs.size > 0 && (
        <p className="jp-LmmsEval-panel-age">{trans.__('As of %1', ago(now - heardAt, trans))}</p>
      )}
    </>
  );
}

function useActions(
  server: string,
  commands: CommandRegistry,
  more: (button: HTMLElement) => void
): IRowActions {
  return useMemo(() => {
    const act = (id: string, job: string): void => {
      if (commands.hasCommand(id)) {
        void commands.execute(id, { server, job });
      }
    };
    return {
      open: job => act(CommandIDs.openJob, job),
      cancel: job => act(CommandIDs.cancelJob, job),
      retry: job => act(CommandIDs.retryJob, job),
      more
    };
  }, [server, commands, more]);
}
