/** Which jobs and servers a command means: those in its arguments, else those under the context menu. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';

/** Jobs of one server. */
export interface IJobsRef {
  server: string;
  jobs: ReadonlyArray<string>;
}

export const JOB_CLASS = 'jp-LmmsEval-jobRow';

/** The arguments of commands for jobs, as JSON schema. */
export const JOB_ARGS = {
  type: 'object',
  properties: {
    server: { type: 'string', description: 'Id of the server; without one, the job under the context menu' },
    job: { type: 'string', description: 'Id of the job' },
    jobs: { type: 'array', items: { type: 'string' }, description: 'Ids of several jobs of that server' }
  }
} as const;

/** The arguments of commands for servers, as JSON schema. */
export const SERVER_ARGS = {
  type: 'object',
  properties: {
    server: { type: 'string', description: 'Id of the server; without one, that under the context menu' }
  }
} as const;

/**
 * Find the jobs that a command means.
 *
 * If the job under the context menu is one of several selected ones, all of them are meant.
 *
 * @returns One entry for each server.
 */
export function jobsMeant(app: JupyterFrontEnd, args: ReadonlyPartialJSONObject): IJobsRef[] {
  const { server, job, jobs } = args;
  if (typeof server === 'string') {
    const several = Array.isArray(jobs) ? jobs.filter(id => typeof id === 'string') : [];
    return [{ server, jobs: typeof job === 'string' ? [job] : several }];
  }
  const row = app.contextMenuHitTest(node => node.classList.contains(JOB_CLASS));
  if (!row) {
    return [];
  }
  const chosen = row.getAttribute('aria-selected') === 'true';
  const all = row
    .closest('.jp-LmmsEval-panel')
    ?.querySelectorAll<HTMLElement>(`.${JOB_CLASS}[aria-selected=true]`);
  return byServer(chosen && all ? [...all] : [row]);
}

/** Find the one job that a command means; of several selected ones, that under the menu. */
export function jobMeant(
  app: JupyterFrontEnd,
  args: ReadonlyPartialJSONObject
): { server: string; job: string } | undefined {
  const { server, job } =
    typeof args.server === 'string'
      ? args
      : (app.contextMenuHitTest(node => node.classList.contains(JOB_CLASS))?.dataset ?? {});
  return typeof server === 'string' && typeof job === 'string' ? { server, job } : undefined;
}

/** Find the server that a command means. */
export function serverMeant(app: JupyterFrontEnd, args: ReadonlyPartialJSONObject): string | undefined {
  if (typeof args.server === 'string') {
    return args.server;
  }
  return app.contextMenuHitTest(node => node.dataset.server !== undefined)?.dataset.server;
}

function byServer(rows: ReadonlyArray<HTMLElement>): IJobsRef[] {
  const found = new Map<string, string[]>();
  for (const { dataset } of rows) {
    if (dataset.server && dataset.job) {
      found.set(dataset.server, [...(found.get(dataset.server) ?? []), dataset.job]);
    }
  }
  return [...found].map(([server, jobs]) => ({ server, jobs }));
}
