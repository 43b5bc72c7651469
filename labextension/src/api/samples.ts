import { ServerConnection } from '@jupyterlab/services';
import { Refusal } from './connection';

/** What a picture, video or sound of a question is. */
export type MediaKind = 'image' | 'video' | 'audio' | 'unknown';

/** One picture, video or sound of a sample. */
export interface SampleMedia {
  /** Its number, from 0. */
  n: number;
  kind: MediaKind;
}

/** A page of a job's samples, as `GET /jobs/{id}/samples` answers it. */
export interface SamplePage {
  job_id: string;
  task: string;
  /** Tasks that have samples, and how many. */
  tasks: { task: string; total: number }[];
  offset: number;
  limit: number;
  /** In the task. */
  total: number;
  /** After filter and search. */
  matching: number;
  /** From the journal of a running job: not scored yet. */
  live: boolean;
  complete: boolean;
  /** Whether right and wrong can be told apart. */
  scored: boolean;
  /** Lines of the file that could not be read. */
  damaged: number;
  samples: Sample[];
}

/** One sample of a task: a document with the model's answer. */
export interface Sample {
  doc_id: number;
  question: string;
  answers: string[];
  /** What was scored: the answers after the task's filters. */
  filtered: string[];
  target: string;
  scores: Record<string, number>;
  correct: boolean | null;
  /** As far as it is known without loading the dataset. */
  media: SampleMedia[];
  details: Record<string, unknown>;
}

/** The media of one sample, as `GET /jobs/{id}/samples/{task}/{doc_id}/media` answers it. */
export interface SampleMediaList {
  job_id: string;
  task: string;
  doc_id: number;
  media: SampleMedia[];
}

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
