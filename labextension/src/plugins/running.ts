import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { showErrorMessage } from '@jupyterlab/apputils';
import { IRunningSessionManagers, type IRunningSessions } from '@jupyterlab/running';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { type ISignal, Signal } from '@lumino/signaling';
import type { JobInfo, ServerInfo } from '../api/wire';
import { sentence } from '../api/connection';
import { CommandIDs } from '../commandids';
import { evaluationsIcon } from '../icons';
import { isFinished, type IKnownServer } from '../model/known';
import { IEvaluations } from '../tokens';
import { jobRow, spokenName } from '../words/row';
import { serverDetails, serverTitle } from '../words/server';
import { SYMBOLS } from '../words/status';
import { TRANSLATION_DOMAIN } from './evaluations';

/** Lists servers and their unfinished jobs among what runs. */
export const running: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:running',
  description: 'Lists evaluation servers and their unfinished jobs in the Running panel.',
  autoStart: true,
  requires: [IEvaluations],
  optional: [IRunningSessionManagers, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    evaluations: IEvaluations,
    managers: IRunningSessionManagers | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    managers?.add(new RunningEvaluations(evaluations, app.commands, trans));
  }
};

/** Servers that run, and below them their jobs that wait or run. */
export class RunningEvaluations implements IRunningSessions.IManager {
  constructor(
    private readonly evaluations: IEvaluations,
    private readonly commands: CommandRegistry,
    private readonly trans: TranslationBundle
  ) {
    this.name = trans.__('Evaluations');
    this.shutdownAllLabel = trans.__('Stop All');
    this.shown = this.words();
    // The panel draws everything anew each time: only for what it shows.
    evaluations.changed.connect(() => {
      const shown = this.words();
      if (shown !== this.shown) {
        this.shown = shown;
        this._runningChanged.emit();
      }
    });
  }

  readonly name: string;
  readonly supportsMultipleViews = true;
  readonly shutdownAllLabel: string;

  get runningChanged(): ISignal<this, void> {
    return this._runningChanged;
  }

  readonly shutdownLabel = (item: IRunningSessions.IRunningItem): string =>
    item.context === SERVER ? this.trans.__('Stop the server') : this.trans.__('Cancel the job');

  readonly shutdownAllConfirmationText = (): string =>
    this.stoppable().length
      ? this.trans.__(
          'Stop all evaluation servers that are not part of a kernel? Jobs that are not over go on when a server is started on the same folder.'
        )
      : this.trans.__('All servers here are part of kernels: each stops when its kernel is shut down.');

  running({ mode }: { mode: 'tree' | 'list' }): IRunningSessions.IRunningItem[] {
    return this.live().flatMap(server => {
      const jobs = unfinished(server).map(job => this.jobItem(server.info, job));
      const item = this.serverItem(server);
      return mode === 'tree' ? [jobs.length ? { ...item, children: jobs } : item] : [item, ...jobs];
    });
  }

  refreshRunning(): void {
    void this.evaluations.refresh();
  }

  shutdownAll(): void {
    for (const { info } of this.stoppable()) {
      this.stop(info);
    }
  }

  private serverItem({ info, trouble }: IKnownServer): IRunningSessions.IRunningItem {
    const { trans } = this;
    return {
      context: SERVER,
      icon: () => evaluationsIcon,
      label: () => serverTitle(info, trans),
      labelTitle: () => [trouble, serverDetails(info, trans)].filter(line => line).join('\n'),
      detail: () => (trouble ? trans.__('no answer') : ''),
      open: () => void this.commands.execute(CommandIDs.openPanel, { server: info.id }),
      ...(info.kernel_id ? {} : { shutdown: () => this.stop(info) })
    };
  }

  private jobItem(server: ServerInfo, job: JobInfo): IRunningSessions.IRunningItem {
    const { trans } = this;
    const row = jobRow(job, trans);
    return {
      context: JOB,
      className: 'jp-LmmsEval-RunningJob',
      icon: () => '',
      label: () => `${SYMBOLS[row.status]} ${row.name || row.model}`,
      labelTitle: () =>
        [spokenName(row, trans), row.model, row.all_tasks, row.note].filter(line => line).join('\n'),
      detail: () => howFar(job, trans),
      open: () => void this.commands.execute(CommandIDs.openJob, { server: server.id, job: job.job_id }),
      shutdown: () =>
        this.tell(
          trans.__('The job cannot be cancelled'),
          this.evaluations.act(server.id, api => api.cancel(job.job_id))
        )
    };
  }

  private stop(info: ServerInfo): void {
    this.tell(this.trans.__('The server cannot be stopped'), this.evaluations.stopServer(info.id));
  }

  private tell(what: string, done: Promise<unknown>): void {
    done.catch(error => showErrorMessage(what, sentence(error)));
  }

  private live(): IKnownServer[] {
    return this.evaluations.servers.filter(({ info }) => info.state === 'alive' || info.state === 'busy');
  }

  private stoppable(): IKnownServer[] {
    return this.live().filter(({ info }) => !info.kernel_id);
  }

  /** All that the panel shows. */
  private words(): string {
    const items = this.running({ mode: 'list' });
    return JSON.stringify(items.map(item => [item.label(), item.detail?.(), item.labelTitle?.()]));
  }

  private shown: string;
  private readonly _runningChanged = new Signal<this, void>(this);
}

const SERVER = 'lmms-eval-server';
const JOB = 'lmms-eval-job';

/** Jobs that are not over: those that run, then those that wait in their order. */
function unfinished(server: IKnownServer): JobInfo[] {
  const place = (job: JobInfo): number => (job.status === 'running' ? -1 : (job.position_in_queue ?? 0));
  const jobs = [...server.jobs.values()].filter(job => !isFinished(job.status));
  return jobs.sort((one, other) => place(one) - place(other));
}

/** In a word, how far a job is; whole percents, so that it is not drawn anew for each sample. */
function howFar(job: JobInfo, trans: TranslationBundle): string {
  const { fraction, note } = jobRow(job, trans);
  if (job.status === 'queued') {
    return job.position_in_queue === 0 ? trans.__('next') : trans.__('waits');
  }
  return fraction === null ? note : `${Math.floor(fraction * 100)}%`;
}
