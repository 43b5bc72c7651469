import { ReactWidget } from '@jupyterlab/ui-components';
import { Signal, type ISignal } from '@lumino/signaling';
import React from 'react';
import type { JobInfo } from '../../api/wire';
import { JobView, type IJobViewProps, type JobTab } from './JobView';

/** What a job's widget is made from. */
export type IJobOptions = Omit<IJobViewProps, 'visible' | 'onTab' | 'onJob'>;

/** The main area's view of one job. */
export class JobPanel extends ReactWidget {
  constructor(private readonly options: IJobOptions) {
    super();
    this.addClass('jp-LmmsEval-JobPanel');
    this._tab = options.tab;
  }

  get server(): string {
    return this.options.server;
  }

  get jobId(): string {
    return this.options.jobId;
  }

  get tab(): JobTab {
    return this._tab;
  }

  /** Show another of the job's views. */
  set tab(tab: JobTab) {
    if (tab !== this._tab) {
      this._tab = tab;
      this._tabChanged.emit(tab);
      this.update();
    }
  }

  get tabChanged(): ISignal<this, JobTab> {
    return this._tabChanged;
  }

  /** The job was heard of, or has changed. */
  get jobChanged(): ISignal<this, JobInfo> {
    return this._jobChanged;
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected override onAfterShow(): void {
    this.update();
  }

  protected override onAfterHide(): void {
    this.update();
  }

  protected override render(): JSX.Element {
    return (
      <JobView
        {...this.options}
        tab={this._tab}
        visible={this.isVisible}
        onTab={this.onTab}
        onJob={this.onJob}
      />
    );
  }

  private readonly onTab = (tab: JobTab) => {
    this.tab = tab;
  };

  private readonly onJob = (job: JobInfo) => {
    this._jobChanged.emit(job);
  };

  private _tab: JobTab;
  private readonly _tabChanged = new Signal<this, JobTab>(this);
  private readonly _jobChanged = new Signal<this, JobInfo>(this);
}
