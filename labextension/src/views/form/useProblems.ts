import * as React from 'react';
import type { IProblem } from './draft';

const NO_PROBLEMS: ReadonlyArray<IProblem> = [];

/** Finds the problems of a field; as long as they are the same, the same list. */
export function usePlaced(problems: ReadonlyArray<IProblem>): (field: string) => ReadonlyArray<IProblem> {
  const last = React.useRef(new Map<string, ReadonlyArray<IProblem>>());
  return React.useMemo(() => {
    const lists = new Map<string, IProblem[]>();
    for (const problem of problems) {
      const name = problem.field.split('/')[0];
      lists.set(name, [...(lists.get(name) ?? []), problem]);
    }
    const kept = new Map<string, ReadonlyArray<IProblem>>();
    for (const [name, list] of lists) {
      const before = last.current.get(name);
      kept.set(name, before && JSON.stringify(before) === JSON.stringify(list) ? before : list);
    }
    last.current = kept;
    return (field: string) => kept.get(field) ?? NO_PROBLEMS;
  }, [problems]);
}

/** Put the focus where something is to be corrected, when that has been rendered. */
export function showFirst(root: HTMLElement | null, setMore: (open: boolean) => void): void {
  setTimeout(() => {
    const first = root?.querySelector<HTMLElement>('[data-invalid]');
    if (first?.closest('details')) {
      setMore(true);
    }
    setTimeout(() => {
      const control =
        first?.querySelector<HTMLElement>('[aria-invalid]') ?? first?.querySelector<HTMLElement>('input');
      control?.focus();
      first?.scrollIntoView({ block: 'nearest' });
    });
  });
}
