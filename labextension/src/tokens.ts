import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { ServerApi } from './api/server';
import type { ServerArguments } from './api/servers';
import type { JobInfo, JobStatus, ServerInfo } from './api/wire';
import type { IKnownServer } from './model/known';

/** How often the servers are asked, in milliseconds, and for how much. */
export interface IPace {
  /** Between two questions while a job waits or runs. */
  busy: number;
  /** The same while none does. */
  idle: number;
  /** Between two questions for devices. */
  devices: number;
  /** The longest pause while nothing answers. */
  longest: number;
  /** Jobs of a server to ask for at first; later ones join them. */
  newest: number;
}

/** A job that entered another status, or is new. */
export interface IJobChanged {
  server: ServerInfo;
  job: JobInfo;
  /** Null: the job was not known. */
  before: JobStatus | null;
}

/** What is known of the evaluation servers of this user, and what can be asked of them. */
export interface IEvaluations extends IDisposable {
  /** Something that is shown has changed. */
  readonly changed: ISignal<IEvaluations, void>;
  /** A job entered another status; not told of jobs that were there when a server was first heard. */
  readonly jobChanged: ISignal<IEvaluations, IJobChanged>;
  /** Newest first. */
  readonly servers: ReadonlyArray<IKnownServer>;
  /** When Jupyter last answered, in milliseconds since the epoch; null: not yet. */
  readonly heardAt: number | null;
  /** Why nothing is heard, in a sentence; empty while Jupyter answers. */
  readonly trouble: string;
  /** That this page and Jupyter's server do not fit, in a sentence; empty if they do. */
  readonly mismatch: string;

  setPace(pace: Partial<IPace>): void;
  /** Ask now; answers when everything is up to date. */
  refresh(): Promise<void>;
  server(id: string): IKnownServer | undefined;
  /** The REST API of a server. */
  api(id: string): ServerApi;
  /** Start a server that outlives Jupyter, or find the one that runs. */
  startServer(given?: ServerArguments): Promise<ServerInfo>;
  stopServer(id: string): Promise<void>;
  /** Do something with a server that changes jobs; what came of it is asked for at once. */
  act<T>(id: string, action: (api: ServerApi) => Promise<T>): Promise<T>;
}

export const IEvaluations = new Token<IEvaluations>(
  'jupyter-lmms-eval:IEvaluations',
  'What is known of the evaluation servers of this user, and what can be asked of them.'
);
