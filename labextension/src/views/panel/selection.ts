/** Which rows are selected after a click or a key: pure. */

/** How a row was chosen. */
export interface IChosen {
  /** Add to what is selected, or take away from it. */
  toggle: boolean;
  /** Everything from where the last choice began. */
  extend: boolean;
}

/** The selected rows, and where a range begins. */
export interface ISelection {
  readonly keys: ReadonlySet<string>;
  readonly anchor: string | null;
}

export const NOTHING: ISelection = { keys: new Set(), anchor: null };

/**
 * Choose a row.
 *
 * @param selection - What was selected.
 * @param order - The keys of the rows, as they stand.
 * @param key - The row.
 * @param how - What was held down.
 */
export function choose(
  selection: ISelection,
  order: ReadonlyArray<string>,
  key: string,
  how: IChosen
): ISelection {
  const anchor = selection.anchor !== null && order.includes(selection.anchor) ? selection.anchor : key;
  if (how.extend) {
    const [from, to] = [order.indexOf(anchor), order.indexOf(key)].sort((one, other) => one - other);
    const range = order.slice(from, to + 1);
    return { keys: new Set(how.toggle ? [...selection.keys, ...range] : range), anchor };
  }
  if (how.toggle) {
    const keys = new Set(selection.keys);
    if (!keys.delete(key)) {
      keys.add(key);
    }
    return { keys, anchor: key };
  }
  return { keys: new Set([key]), anchor: key };
}
