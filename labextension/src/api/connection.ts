import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { FieldError } from './wire';

/** What may go into a query; what is undefined or null is left out. */
export type Query = Record<string, string | number | boolean | null | undefined>;

/** A question to Jupyter's server. */
export interface IAsked {
  query?: Query;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** An answer that is not the wished one: one sentence that says what happened and what to do. */
export class Refusal extends Error {
  /**
   * @param status - HTTP status; 0 if there was no answer at all.
   * @param sentence - What happened and what to do.
   * @param fields - What is wrong with which field of a request.
   */
  constructor(
    readonly status: number,
    sentence: string,
    readonly fields: ReadonlyArray<FieldError> = []
  ) {
    super(sentence);
    this.name = 'Refusal';
  }
}

/** What an error says. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The way to the extension of Jupyter's server, and through it to the evaluation servers. */
export class Connection {
  /**
   * @param settings - How Jupyter's server is reached.
   * @param trans - The language of what is said here; servers speak for themselves.
   */
  constructor(
    private readonly settings: ServerConnection.ISettings = ServerConnection.makeSettings(),
    private readonly trans: TranslationBundle = nullTranslator.load('jupyter_lmms_eval')
  ) {}

  /**
   * Address of something below the extension's root, for links and pictures.
   *
   * @param path - Parts of the path; each is encoded.
   * @param query - The query.
   */
  url(path: ReadonlyArray<string | number>, query: Query = {}): string {
    const parts = path.map(part => encodeURIComponent(String(part)));
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const asked = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
    return URLExt.join(this.settings.baseUrl, 'lmms-eval', ...parts) + (asked ? `?${asked}` : '');
  }

  /**
   * Ask, and read the answer as JSON.
   *
   * @throws Refusal - With the server's sentence, or with one of ours if nothing answered.
   */
  async ask<T>(method: string, path: ReadonlyArray<string | number>, asked: IAsked = {}): Promise<T> {
    const response = await this.send(method, this.url(path, asked.query), 'no-store', asked);
    if (response.status === 204) {
      return undefined as T;
    }
    const answer = await parsed(response);
    if (response.ok && answer !== undefined) {
      return answer as T;
    }
    throw this.refusal(response.status, answer);
  }

  /**
   * Fetch a picture, video or sound with Jupyter's login, whether that is a cookie or a token.
   *
   * @throws Refusal - As for `ask`.
   */
  async fetch(path: ReadonlyArray<string | number>, signal?: AbortSignal): Promise<Blob> {
    const response = await this.send('GET', this.url(path), 'default', { signal });
    if (response.ok) {
      return response.blob();
    }
    throw this.refusal(response.status, await parsed(response));
  }

  private refusal(status: number, answer: unknown): Refusal {
    const { detail, message, errors } = (answer ?? {}) as {
      detail?: unknown;
      message?: unknown;
      errors?: FieldError[];
    };
    const said = [detail, message].find(each => typeof each === 'string' && each) as string | undefined;
    return new Refusal(status, said ?? this.unexplained(status), errors ?? []);
  }

  private async send(
    method: string,
    url: string,
    cache: RequestCache,
    { body, headers, signal }: IAsked
  ): Promise<Response> {
    const init: RequestInit = { method, cache, headers: { ...headers }, signal };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { 'Content-Type': 'application/json', ...headers };
    }
    try {
      return await ServerConnection.makeRequest(url, init, this.settings);
    } catch (error) {
      if (signal?.aborted) {
        throw error;
      }
      throw new Refusal(0, this.trans.__('Jupyter does not answer; check that it still runs'));
    }
  }

  private unexplained(status: number): string {
    switch (status) {
      case 200:
        return this.trans.__('Jupyter answered with a page in place of data; reload the page and log in');
      case 404:
        return this.trans.__(
          "Jupyter's server has no extension for evaluations; install jupyter_lmms_eval where Jupyter runs and restart it"
        );
      case 401:
      case 403:
        return this.trans.__('Jupyter does not know you any more; reload the page and log in');
      default:
        return this.trans.__('Jupyter answered %1 without a word; its log may say why', status);
    }
  }
}

/** The answer as JSON; undefined if it is none. */
async function parsed(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
