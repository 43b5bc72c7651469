import { ServerConnection } from '@jupyterlab/services';
import { Connection } from '../../api/connection';
import type { Device, JobInfo, JobStatus, ServerInfo } from '../../api/wire';

/** A server as Jupyter lists it. */
export function serverInfo(id: string, given: Partial<ServerInfo> = {}): ServerInfo {
  return {
    id,
    state: 'alive',
    message: '',
    path: `/lmms-eval/servers/${id}/`,
    url: 'http://127.0.0.1:8765',
    pid: 1,
    kernel_id: null,
    notebook: null,
    state_dir: '/home/me/evaluations',
    started_at: '2026-01-01T00:00:00Z',
    version: '0.1.0',
    running_jobs: 0,
    queue_size: 0,
    notices: [],
    ...given
  };
}

/** A job as its server tells it. */
export function jobInfo(id: string, status: JobStatus, given: Partial<JobInfo> = {}): JobInfo {
  return {
    job_id: id,
    status,
    created_at: '2026-01-01T00:00:00Z',
    request: { model: 'qwen2_5_vl', tasks: ['mme'] } as JobInfo['request'],
    position_in_queue: status === 'queued' ? 0 : null,
    attempt: 0,
    finishing: false,
    partial: false,
    revision: 1,
    ...given
  };
}

/** A GPU as a server tells it. */
export function gpu(id: string, given: Partial<Device> = {}): Device {
  return {
    id,
    kind: 'cuda',
    name: 'H100',
    memory_total: 80e9,
    memory_used: 20e9,
    utilization: 0.5,
    ...given
  };
}

/** An evaluation server behind Jupyter: jobs, and a revision for every change. */
export class ScriptedServer {
  constructor(readonly id: string) {}

  revision = 0;
  devices: Device[] = [];
  readonly jobs = new Map<string, JobInfo>();
  info: Partial<ServerInfo> = {};
  /** If given, what is asked is answered so. */
  answers: (() => Promise<Response>) | null = null;

  /** Change a job, as the server does: with a revision of its own. */
  tell(id: string, status: JobStatus, given: Partial<JobInfo> = {}): void {
    this.jobs.set(id, jobInfo(id, status, { ...given, revision: ++this.revision }));
  }

  answer(path: string, query: URLSearchParams): unknown {
    const newest = [...this.jobs.values()].reverse();
    if (path === 'devices') {
      return { devices: this.devices };
    }
    if (path === 'queue') {
      const waiting = [...this.jobs.values()].filter(job => job.status === 'queued');
      const place = (job: JobInfo): number => job.position_in_queue ?? 0;
      return {
        queue_size: waiting.length,
        queued_jobs: waiting.sort((one, other) => place(one) - place(other)).map(job => job.job_id),
        completed_jobs: 0,
        failed_jobs: 0
      };
    }
    if (path === 'jobs' && query.has('since')) {
      const changed = newest.filter(job => job.revision > Number(query.get('since')));
      changed.sort((one, other) => one.revision - other.revision);
      const part = changed.slice(0, 1000);
      const cut = part.length < changed.length;
      return { jobs: part, revision: cut ? part[part.length - 1].revision : this.revision };
    }
    if (path === 'jobs') {
      const [from, limit] = [Number(query.get('cursor') ?? 0), Number(query.get('limit'))];
      const jobs = newest.slice(from, from + limit);
      return {
        jobs,
        next_cursor: jobs.length === limit ? String(from + limit) : null,
        revision: this.revision
      };
    }
    return undefined;
  }
}

/** Jupyter's server with the extension, as far as a page can tell: every question is noted. */
export class ScriptedJupyter {
  protocol = 1;
  /** If given, what is asked of Jupyter itself is answered so. */
  answers: (() => Promise<Response>) | null = null;
  readonly servers = new Map<string, ScriptedServer>();
  /** Paths that were asked for, with their queries. */
  readonly asked: string[] = [];

  add(id: string): ScriptedServer {
    const server = new ScriptedServer(id);
    this.servers.set(id, server);
    return server;
  }

  /** How often something was asked for. */
  count(pattern: RegExp): number {
    return this.asked.filter(path => pattern.test(path)).length;
  }

  readonly connection = new Connection(
    ServerConnection.makeSettings({
      baseUrl: 'http://jupyter.test/',
      token: '',
      fetch: (request: RequestInfo) => this.fetch(request as Request)
    })
  );

  private async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url);
    const [, , , id, ...rest] = url.pathname.split('/');
    this.asked.push(`${request.method} ${[id, ...rest].filter(part => part).join('/')}${url.search}`);
    const server = id ? this.servers.get(id) : undefined;
    const special = server ? server.answers : this.answers;
    const answered = special ? special() : Promise.resolve(this.answer(request.method, url, server, rest));
    return Promise.race([answered, ended(request.signal)]);
  }

  private answer(method: string, url: URL, server: ScriptedServer | undefined, rest: string[]): Response {
    if (method === 'DELETE') {
      return rest.length ? json({ message: 'It is cancelled' }) : new Response(null, { status: 204 });
    }
    const parts = url.pathname.split('/').filter(part => part);
    if (parts.length === 1) {
      return json({ name: 'jupyter_lmms_eval', version: '9.8.7', protocol: this.protocol });
    }
    if (parts.length === 2) {
      return json({ servers: [...this.servers.values()].map(({ id, info }) => serverInfo(id, info)) });
    }
    const answer = server?.answer(rest.join('/'), url.searchParams);
    return answer === undefined ? json({ detail: 'Nothing here' }, 404) : json(answer);
  }
}

/** An answer in JSON. */
export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value), { status, headers: { 'Content-Type': 'application/json' } });
}

/** An answer that never comes. */
export function never(): Promise<Response> {
  return new Promise(() => undefined);
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
  });
}
