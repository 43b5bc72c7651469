import { ServerConnection } from '@jupyterlab/services';
import { Refusal } from './connection';
import type { SampleMedia } from './wire';

export type { Sample, SampleMedia, SampleMediaList, SamplePage } from './wire';
export type MediaKind = SampleMedia['kind'];

/** Which samples of a job to show. */
export interface ISampleQuery {
  task?: string;
  offset?: number;
  limit?: number;
  filter?: 'all' | 'wrong' | 'right';
  q?: string;
}

/**
 * Fetch a picture, video or sound with Jupyter's login, whether that is a cookie or a token.
 *
 * @param url - Its address.
 * @param settings - How Jupyter's server is reached.
 * @throws Refusal - With the server's sentence.
 */
export async function fetchMedia(
  url: string,
  settings: ServerConnection.ISettings,
  signal?: AbortSignal
): Promise<Blob> {
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(url, { cache: 'default', signal }, settings);
  } catch (error) {
    if (signal?.aborted) {
      throw error;
    }
    throw new Refusal(0, 'Jupyter does not answer; check that it still runs');
  }
  if (response.ok) {
    return response.blob();
  }
  const told = (await response.json().catch(() => ({}))) as { detail?: unknown; message?: unknown };
  const sentence = [told.detail, told.message].find(said => typeof said === 'string' && said);
  throw new Refusal(response.status, (sentence as string) ?? `The server answered ${response.status}`);
}
