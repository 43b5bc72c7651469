import { CommandRegistry } from '@lumino/commands';
import { Signal } from '@lumino/signaling';
import type { Device, JobInfo, ServerInfo } from '../../../api/wire';
import { CommandIDs } from '../../../commandids';
import { unheard, type IKnownServer } from '../../../model/known';
import type { IEvaluations, IJobChanged } from '../../../tokens';

/** A job with as much as a row needs. */
export function job(id: string, status: JobInfo['status'] = 'queued', more: object = {}): JobInfo {
  const { request, ...rest } = more as { request?: object };
  return {
    job_id: id,
    status,
    created_at: '2026-11-22T10:00:00Z',
    request: { model: 'qwen2_5_vl', tasks: ['mme'], ...request },
    attempt: 0,
    finishing: false,
    partial: false,
    revision: 1,
    ...rest
  } as JobInfo;
}

/** A server that is known, with jobs. */
export function server(
  info: Partial<ServerInfo> = {},
  jobs: ReadonlyArray<JobInfo> = [],
  more: Partial<IKnownServer> = {}
): IKnownServer {
  const whole = {
    id: 'one',
    state: 'alive',
    message: '',
    path: '',
    url: 'http://127.0.0.1:8000',
    pid: 1,
    kernel_id: null,
    notebook: null,
    state_dir: '/home/me/evaluations',
    started_at: '',
    version: '',
    running_jobs: 0,
    queue_size: 0,
    notices: [],
    ...info
  } as ServerInfo;
  return {
    ...unheard(whole),
    jobs: new Map(jobs.map(each => [each.job_id, each])),
    revision: 1,
    heardAt: Date.now(),
    ...more
  };
}

export function device(more: Partial<Device> = {}): Device {
  return { id: 'cuda:0', kind: 'cuda', name: 'NVIDIA H100', ...more };
}

/** A model that knows what it is told. */
export class Scripted {
  readonly changed = new Signal<IEvaluations, void>(this as unknown as IEvaluations);
  readonly jobChanged = new Signal<IEvaluations, IJobChanged>(this as unknown as IEvaluations);
  servers: ReadonlyArray<IKnownServer> = [];
  heardAt: number | null = Date.now();
  trouble = '';
  mismatch = '';

  constructor(servers: ReadonlyArray<IKnownServer> = []) {
    this.servers = servers;
  }

  server(id: string): IKnownServer | undefined {
    return this.servers.find(({ info }) => info.id === id);
  }

  /** Take in what is new, as after an answer. */
  hear(servers: ReadonlyArray<IKnownServer>): void {
    this.servers = servers;
    this.changed.emit();
  }

  get asModel(): IEvaluations {
    return this as unknown as IEvaluations;
  }
}

/** Commands that only write down how they were called; each ends when it is told to. */
export function recorded(): {
  commands: CommandRegistry;
  calls: { id: string; args: unknown }[];
  finish: () => void;
} {
  const commands = new CommandRegistry();
  const calls: { id: string; args: unknown }[] = [];
  let finish: () => void = () => undefined;
  const finished = new Promise<void>(resolve => {
    finish = resolve;
  });
  for (const id of Object.values(CommandIDs)) {
    commands.addCommand(id, {
      execute: args => {
        calls.push({ id, args });
        return finished;
      }
    });
  }
  return { commands, calls, finish };
}
