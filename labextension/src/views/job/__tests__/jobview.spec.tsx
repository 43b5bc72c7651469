import { Sanitizer } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import { act, cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import React from 'react';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Refusal } from '../../../api/connection';
import type { JobInfo, ServerInfo } from '../../../api/wire';
import { CommandIDs } from '../../../commandids';
import { unheard, type IKnownServer } from '../../../model/known';
import type { IEvaluations } from '../../../tokens';
import { JobView, type JobTab } from '../JobView';

const trans = nullTranslator.load('test');
const sanitizer = new Sanitizer();

afterEach(cleanup);

function job(more: Partial<JobInfo>): JobInfo {
  return {
    job_id: 'abcdefgh-1',
    status: 'running',
    created_at: '2026-01-01T00:00:00Z',
    request: { model: 'qwen2_5_vl', tasks: ['mme'], name: 'Mine' },
    attempt: 1,
    finishing: false,
    partial: false,
    revision: 1,
    ...more
  } as JobInfo;
}

/** A model that knows what it is told. */
class Known {
  heardAt: number | null = 1;
  trouble = '';
  servers: IKnownServer[] = [];
  answers: Record<string, () => Promise<unknown>> = {};
  readonly changed = new Signal<this, void>(this);

  server(id: string): IKnownServer | undefined {
    return this.servers.find(each => each.info.id === id);
  }

  api(): unknown {
    return new Proxy({}, { get: (_, name: string) => this.answers[name] });
  }

  async refresh(): Promise<void> {
    return;
  }

  hear(id: string, ...jobs: JobInfo[]): void {
    const info = { id, state: 'alive' } as unknown as ServerInfo;
    const known = new Map(jobs.map(each => [each.job_id, each]));
    this.servers = [{ ...unheard(info), jobs: known, revision: 1, heardAt: 1 }];
    this.changed.emit();
  }
}

function show(model: Known, { tab = 'overview', server = 's' }: { tab?: JobTab; server?: string } = {}) {
  const commands = new CommandRegistry();
  const called: unknown[] = [];
  for (const id of [CommandIDs.cancelJob, CommandIDs.retryJob]) {
    commands.addCommand(id, {
      execute: args => {
        called.push([id, args]);
        if (id === CommandIDs.retryJob) {
          throw new Refusal(409, 'The job still runs');
        }
      }
    });
  }
  const onJob = vi.fn();
  render(
    <JobView
      model={model as unknown as IEvaluations}
      server={server}
      jobId="abcdefgh-1"
      tab={tab}
      visible
      sanitizer={sanitizer}
      commands={commands}
      trans={trans}
      onTab={() => undefined}
      onJob={onJob}
    />
  );
  return { called, onJob };
}

describe('the view of a job', () => {
  it('waits for the model, then tells how the job is, and follows it', () => {
    const model = new Known();
    model.heardAt = null;
    const { onJob } = show(model);
    expect(screen.getByText('Looking for the job …')).toBeTruthy();
    const progress = { phase: 'answering', samples_done: 3, samples_total: 12, rate: 2, eta_seconds: 5 };
    act(() => model.hear('s', job({ progress: progress as JobInfo['progress'] })));
    expect(screen.getByRole('heading', { name: 'Mine' })).toBeTruthy();
    expect(screen.getByRole('progressbar', { name: 'All samples' }).getAttribute('aria-valuenow')).toBe('25');
    expect(screen.getByText('answering · 2 per second · 0:05 left')).toBeTruthy();
    act(() => model.hear('s', job({ status: 'cancelled' })));
    expect(screen.getByText('cancelled')).toBeTruthy();
    expect(onJob).toHaveBeenCalledTimes(2);
  });

  it('says why a job waits', () => {
    const model = new Known();
    model.hear(
      's',
      job({ status: 'queued', attempt: 0, wait_reason: 'waits for cpu:0', position_in_queue: 2 })
    );
    show(model);
    const region = screen.getByRole('region', { name: 'Why it waits' });
    expect(region.textContent).toBe('Waits for cpu:0.2 jobs start before it.');
  });

  it('says why a job failed and what to do, and what every attempt came to', () => {
    const model = new Known();
    const failure = {
      cause: 'out_of_memory',
      type: 'OutOfMemoryError',
      message: 'It was too much.',
      advice: 'Take a smaller batch.',
      traceback: 'Traceback …'
    };
    const attempts = [
      {
        number: 1,
        started_at: '2026-01-01T00:00:00Z',
        seconds: 61,
        samples_done: 5,
        ended: 'interrupted',
        start: 'warm',
        message: 'The server ended.'
      },
      {
        number: 2,
        started_at: '2026-01-01T00:02:00Z',
        seconds: 5,
        samples_done: 9,
        ended: 'failed',
        cause: 'out_of_memory',
        batch_size: 8,
        message: ''
      }
    ];
    model.hear('s', job({ status: 'failed', failure, attempts } as unknown as Partial<JobInfo>));
    show(model);
    const region = screen.getByRole('region', { name: 'Failure' });
    expect(within(region).getByRole('heading').textContent).toContain('Out of memory');
    expect(region.textContent).toContain('Take a smaller batch.');
    expect(region.querySelector('details')?.open).toBe(false);
    const rows = within(screen.getByRole('region', { name: 'Attempts' })).getAllByRole('row');
    expect(rows[1].textContent).toMatch(/interrupted.*warm.*1:01.*5.*The server ended/);
    expect(rows[2].textContent).toMatch(/failed.*8.*0:05.*9.*Out of memory/);
  });

  it('acts by commands, and says where it was done what went wrong', async () => {
    const model = new Known();
    model.hear('s', job({ status: 'running' }));
    const { called } = show(model);
    expect(screen.queryByRole('button', { name: 'Retry' })).toBeNull();
    await act(async () => fireEvent.click(screen.getByRole('button', { name: 'Cancel' })));
    expect(called).toEqual([[CommandIDs.cancelJob, { server: 's', job: 'abcdefgh-1' }]]);
    act(() => model.hear('s', job({ status: 'failed' })));
    fireEvent.click(screen.getByRole('button', { name: 'Retry' }));
    expect((await screen.findByRole('alert')).textContent).toContain('The job still runs');
  });

  it('finds its job on the server that was started anew', () => {
    const model = new Known();
    model.hear('another', job({}));
    show(model, { server: 'gone' });
    expect(screen.getByRole('heading', { name: 'Mine' })).toBeTruthy();
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('says that its server is gone', () => {
    const model = new Known();
    show(model);
    expect(screen.getByRole('alert').textContent).toContain('server of this job is gone');
  });

  it('asks for a job that the model does not keep, and says why there is none', async () => {
    const model = new Known();
    model.answers.job = async () => {
      throw new Refusal(404, 'There is no such job');
    };
    model.hear('s');
    show(model);
    expect((await screen.findByRole('alert')).textContent).toContain('There is no such job');
    model.answers.job = async () => job({ status: 'cancelled' });
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('heading', { name: 'Mine' })).toBeTruthy();
  });

  it('shows scores with their file, and times by phase', async () => {
    const model = new Known();
    model.answers.results = async () => ({
      metrics: [{ task: 'mme', metric: 'acc', filter: 'none', value: 0.5, group: false }],
      timings: { answering: 4, total: 5 },
      results_path: '/x_results.json'
    });
    model.hear('s', job({ status: 'completed' }));
    show(model, { tab: 'scores' });
    expect(await screen.findByRole('rowheader', { name: 'mme' })).toBeTruthy();
    expect(await screen.findByText('/x_results.json')).toBeTruthy();
    cleanup();
    show(model);
    expect((await screen.findByRole('region', { name: 'Time by phase' })).textContent).toContain(
      '5 s in all'
    );
  });

  it('shows no times of an attempt before, and no trouble with its results', async () => {
    const model = new Known();
    model.answers.results = async () => ({ metrics: [], timings: { answering: 4 }, results_path: '' });
    model.hear('s', job({ status: 'completed' }));
    show(model);
    await screen.findByRole('region', { name: 'Time by phase' });
    act(() => model.hear('s', job({ status: 'queued', attempt: 1, revision: 2 })));
    expect(screen.queryByRole('region', { name: 'Time by phase' })).toBeNull();
    model.answers.results = async () => {
      throw new Refusal(500, 'The results could not be read');
    };
    act(() => model.hear('s', job({ status: 'completed', attempt: 2, revision: 3 })));
    await screen.findByText('The results could not be read');
    act(() => model.hear('s', job({ status: 'running', attempt: 3, revision: 4 })));
    expect(screen.queryByRole('alert')).toBeNull();
  });
});
