import type { TranslationBundle } from '@jupyterlab/translation';
import { Refusal } from '../api/connection';

/** How long an answer may take, in milliseconds: of a server, and of Jupyter, which waits for the health of servers. */
const SERVER_TIMEOUT = 10_000;
const JUPYTER_TIMEOUT = 15_000;

type Ask<T> = (signal: AbortSignal) => Promise<T>;

/** Waits for answers, not for ever; who is late is refused in a sentence. */
export class Deadlines {
  constructor(private readonly trans: TranslationBundle) {}

  /** Ask an evaluation server. */
  server<T>(ask: Ask<T>): Promise<T> {
    const late = (seconds: number): Refusal =>
      new Refusal(504, this.trans.__('The server did not answer within %1 s; it is asked again', seconds));
    return this.within(SERVER_TIMEOUT, ask, late);
  }

  /** Ask Jupyter itself. */
  jupyter<T>(ask: Ask<T>): Promise<T> {
    const late = (seconds: number): Refusal =>
      new Refusal(0, this.trans.__('Jupyter did not answer within %1 s; check that it still runs', seconds));
    return this.within(JUPYTER_TIMEOUT, ask, late);
  }

  /** Wait for nothing any more. */
  end(): void {
    this.ending.abort();
  }

  private async within<T>(limit: number, ask: Ask<T>, late: (seconds: number) => Refusal): Promise<T> {
    const asked = new AbortController();
    const end = (): void => asked.abort();
    const timer = setTimeout(end, limit);
    this.ending.signal.addEventListener('abort', end);
    try {
      return await ask(asked.signal);
    } catch (error) {
      throw asked.signal.aborted ? late(limit / 1000) : error;
    } finally {
      clearTimeout(timer);
      this.ending.signal.removeEventListener('abort', end);
    }
  }

  private readonly ending = new AbortController();
}
