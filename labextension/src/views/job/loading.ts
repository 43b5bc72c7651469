import { Poll } from '@lumino/polling';
import { useCallback, useEffect, useRef, useState } from 'react';
import { Refusal, sentence } from '../../api/connection';

/** Something that is asked for: what came, or why nothing did. */
export interface ILoaded<T> {
  /** The last answer, also while a newer one is asked for; undefined before the first. */
  value: T | undefined;
  loading: boolean;
  /** One sentence; empty if all went well. */
  error: string;
  /** HTTP status of what went wrong; 0 if it was something else. */
  status: number;
  /** Ask again, whatever is asked just now. */
  retry: () => void;
  /** Wait for the answer that is to come, or ask again where none is; fails where that fails. */
  renew: () => Promise<void>;
}

/**
 * Ask for something, and again whenever what it depends on changes.
 *
 * @param ask - Its identity says what it depends on: use `useCallback`. Null: nothing is asked.
 */
export function useLoaded<T>(ask: ((signal: AbortSignal) => Promise<T>) | null): ILoaded<T> {
  const [state, setState] = useState<Omit<ILoaded<T>, 'retry' | 'renew'>>({
    value: undefined,
    loading: ask !== null,
    error: '',
    status: 0
  });
  /** The question that has no answer yet. */
  const open = useRef<{ answered: Promise<void>; abort: AbortController } | null>(null);
  const stop = useCallback(() => {
    open.current?.abort.abort();
    open.current = null;
  }, []);
  const begin = useCallback((): Promise<void> => {
    stop();
    if (!ask) {
      setState(before => ({ ...before, loading: false }));
      return Promise.resolve();
    }
    const abort = new AbortController();
    setState(before => ({ ...before, loading: true }));
    const take = (answer: Omit<typeof state, 'loading'>) => {
      if (!abort.signal.aborted) {
        open.current = null;
        setState({ ...answer, loading: false });
      }
    };
    const answered = ask(abort.signal).then(
      value => take({ value, error: '', status: 0 }),
      error => {
        const status = error instanceof Refusal ? error.status : 0;
        take({ value: undefined, error: sentence(error), status });
        if (!abort.signal.aborted) {
          throw error;
        }
      }
    );
    open.current = { answered, abort };
    return answered;
  }, [ask, stop]);
  const retry = useCallback(() => void begin().catch(() => undefined), [begin]);
  const renew = useCallback(() => open.current?.answered ?? begin(), [begin]);
  useEffect(() => {
    retry();
    return stop;
  }, [retry, stop]);
  return { ...state, retry, renew };
}

/**
 * Do something again and again while it is wanted; slower while it fails, not at all while the page is hidden.
 *
 * @param interval - Milliseconds between an end and the next beginning.
 * @param later - Whether the first time comes after such a pause too: it is being done already.
 */
export function useRepeated(
  work: () => Promise<void>,
  interval: number,
  wanted: boolean,
  later = false
): void {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    if (!wanted) {
      return;
    }
    const poll = new Poll<void, unknown>({
      auto: false,
      factory: () => latest.current(),
      frequency: { interval, backoff: 2, max: 30_000 },
      standby: 'when-hidden'
    });
    void poll.schedule({ phase: 'started', interval: later ? interval : Poll.IMMEDIATE });
    return () => poll.dispose();
  }, [interval, wanted, later]);
}

/** A value that holds still until it has not changed for a while. */
export function useSettled<T>(value: T, milliseconds: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return settled;
}
