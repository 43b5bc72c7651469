import type { Connection, IAsked, Query } from './connection';
import type { ISampleQuery, SampleMediaList, SamplePage } from './samples';
import type {
  CancelMode,
  CancelResponse,
  Device,
  DeviceList,
  EvaluateRequest,
  FreedDevices,
  JobInfo,
  JobList,
  JobResults,
  JobSubmitResponse,
  LogChunk,
  ModelDetails,
  ModelList,
  QueueStatusResponse,
  TaskDetails,
  TaskList
} from './wire';

/** What a waiting job may be given anew. */
export interface IJobChange {
  priority?: number;
  name?: string;
}

/** The REST API of one evaluation server, through Jupyter. */
export class ServerApi {
  constructor(
    private readonly connection: Connection,
    readonly id: string
  ) {}

  /** Address of something of this server, for links and pictures. */
  url(path: ReadonlyArray<string | number>, query?: Query): string {
    return this.connection.url(['servers', this.id, ...path], query);
  }

  jobs(query: { limit?: number; cursor?: string } = {}, signal?: AbortSignal): Promise<JobList> {
    return this.ask('GET', ['jobs'], { query, signal });
  }

  /** Jobs that changed after a revision, and the revision to ask for next. */
  changes(since: number, signal?: AbortSignal): Promise<JobList> {
    return this.ask('GET', ['jobs'], { query: { since }, signal });
  }

  /** Who waits, in order, and what runs. */
  queue(signal?: AbortSignal): Promise<QueueStatusResponse> {
    return this.ask('GET', ['queue'], { signal });
  }

  job(id: string): Promise<JobInfo> {
    return this.ask('GET', ['jobs', id]);
  }

  async devices(signal?: AbortSignal): Promise<Device[]> {
    return (await this.ask<DeviceList>('GET', ['devices'], { signal })).devices;
  }

  /** Take models out of memory that wait for the next job: on one device, or on all. */
  free(device?: string): Promise<FreedDevices> {
    return this.ask('POST', ['devices', 'free'], { query: { device } });
  }

  /**
   * Submit an evaluation.
   *
   * @param request - What to evaluate.
   * @param key - Submitting again with the same key answers the first job.
   */
  submit(request: EvaluateRequest, key: string): Promise<JobSubmitResponse> {
    return this.ask('POST', ['evaluate'], { body: request, headers: { 'Idempotency-Key': key } });
  }

  cancel(id: string, mode: CancelMode = 'abort'): Promise<CancelResponse> {
    return this.ask('DELETE', ['jobs', id], { query: { mode } });
  }

  retry(id: string): Promise<JobInfo> {
    return this.ask('POST', ['jobs', id, 'retry']);
  }

  change(id: string, change: IJobChange): Promise<JobInfo> {
    return this.ask('PATCH', ['jobs', id], { body: change });
  }

  /** A part of a job's log, from a byte on; negative: so many bytes before the end. */
  log(id: string, offset: number, signal?: AbortSignal): Promise<LogChunk> {
    return this.ask('GET', ['jobs', id, 'logs'], { query: { offset }, signal });
  }

  results(id: string): Promise<JobResults> {
    return this.ask('GET', ['jobs', id, 'results']);
  }

  samples(id: string, query: ISampleQuery, signal?: AbortSignal): Promise<SamplePage> {
    return this.ask('GET', ['jobs', id, 'samples'], { query: { ...query }, signal });
  }

  /** Which pictures, videos and sounds a sample has; the dataset may have to be loaded first. */
  media(id: string, task: string, docId: number, signal?: AbortSignal): Promise<SampleMediaList> {
    return this.ask('GET', ['jobs', id, 'samples', task, docId, 'media'], { signal });
  }

  /** The n-th picture, video or sound of a sample. */
  medium(id: string, task: string, docId: number, n: number, signal?: AbortSignal): Promise<Blob> {
    const path = ['servers', this.id, ...mediumPath(id, task, docId, n)];
    return this.connection.fetch(path, signal);
  }

  /** Address of the n-th picture, video or sound of a sample. */
  mediaUrl(id: string, task: string, docId: number, n: number): string {
    return this.url(mediumPath(id, task, docId, n));
  }

  tasks(query: Query, signal?: AbortSignal): Promise<TaskList> {
    return this.ask('GET', ['tasks'], { query, signal });
  }

  task(name: string, signal?: AbortSignal): Promise<TaskDetails> {
    return this.ask('GET', ['tasks', ...name.split('/')], { signal });
  }

  models(query: Query = {}, signal?: AbortSignal): Promise<ModelList> {
    return this.ask('GET', ['models'], { query, signal });
  }

  model(name: string, signal?: AbortSignal): Promise<ModelDetails> {
    return this.ask('GET', ['models', ...name.split('/')], { signal });
  }

  /** The server's description of itself: what requests and answers hold. */
  openapi<T extends object>(signal?: AbortSignal): Promise<T> {
    return this.ask('GET', ['openapi.json'], { signal });
  }

  private ask<T>(method: string, path: ReadonlyArray<string | number>, asked: IAsked = {}): Promise<T> {
    return this.connection.ask(method, ['servers', this.id, ...path], asked);
  }
}

function mediumPath(id: string, task: string, docId: number, n: number): ReadonlyArray<string | number> {
  return ['jobs', id, 'samples', task, docId, 'media', n];
}
