/** Code that asks for a job from a notebook: pure. */

import type { JobInfo, ServerInfo } from '../../api/wire';
import { hasResults } from '../../words/row';

/**
 * Write the code with which a notebook gets the results of jobs.
 *
 * @param jobs - Jobs of one server.
 * @param server - The server.
 * @param servers - All servers; where several run, the code names which.
 */
export function clientCode(
  jobs: ReadonlyArray<Pick<JobInfo, 'job_id' | 'status' | 'partial'>>,
  server: ServerInfo,
  servers: ReadonlyArray<ServerInfo>
): string {
  const living = servers.filter(({ state }) => state === 'alive' || state === 'busy');
  const several = living.some(({ id }) => id !== server.id);
  return [
    'from jupyter_lmms_eval import EvalClient',
    '',
    `client = EvalClient(${several && server.url ? quoted(server.url) : ''})`,
    ...jobs.flatMap(job => asking(job as JobInfo))
  ].join('\n');
}

function asking(job: JobInfo): string[] {
  const id = quoted(job.job_id);
  if (job.status === 'queued' || job.status === 'running') {
    return [`client.wait_for_job(${id})`, `client.results(${id})`];
  }
  return [hasResults(job) ? `client.results(${id})` : `client.get_job(${id})`];
}

/** A string of Python; what is quoted has no characters that JSON writes otherwise. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
