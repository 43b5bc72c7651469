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
  /** Ask again. */
  retry: () => void;
}

/**
 * Ask for something, and again whenever what it depends on changes.
 *
 * @param ask - Its identity says what it depends on: use `useCallback`. Null: nothing is asked.
 */
export function useLoaded<T>(ask: ((signal: AbortSignal) => Promise<T>) | null): ILoaded<T> {
  const [state, setState] = useState<Omit<ILoaded<T>, 'retry'>>({
    value: undefined,
    loading: ask !== null,
    error: '',
    status: 0
  });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    if (!ask) {
      setState(before => ({ ...before, loading: false }));
      return;
    }
    const abort = new AbortController();
    setState(before => ({ ...before, loading: true }));
    ask(abort.signal).then(
      value => !abort.signal.aborted && setState({ value, loading: false, error: '', status: 0 }),
      error =>
        !abort.signal.aborted &&
        setState({
          value: undefined,
          loading: false,
          error: sentence(error),
          status: error instanceof Refusal ? error.status : 0
        })
    );
    return () => abort.abort();
  }, [ask, turn]);
  const retry = useCallback(() => setTurn(before => before + 1), []);
  return { ...state, retry };
}

/** Do something again and again while it is wanted; slower while it fails, not at all while the page is hidden. */
export function useRepeated(work: () => Promise<void>, interval: number, wanted: boolean): void {
  const latest = useRef(work);
  latest.current = work;
  useEffect(() => {
    if (!wanted) {
      return;
    }
    const poll = new Poll<void, unknown>({
      factory: () => latest.current(),
      frequency: { interval, backoff: 2, max: 30_000 },
      standby: 'when-hidden'
    });
    return () => poll.dispose();
  }, [interval, wanted]);
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
