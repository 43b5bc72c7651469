/** Finds tasks by what one remembers of them, ranked as the server ranks them: pure. */

import type { TaskDetails } from '../../api/wire';

/** A task made ready to be found. */
export interface ISearchable {
  readonly task: TaskDetails;
  /** Its name in lower case. */
  readonly folded: string;
  /** The parts of its name. */
  readonly parts: ReadonlyArray<string>;
  /** What a search looks through. */
  readonly text: string;
}

/** Make tasks ready to be found; sorted by name. */
export function searchable(tasks: ReadonlyArray<TaskDetails>): ISearchable[] {
  return [...tasks]
    .sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0))
    .map(task => {
      const folded = task.name.toLowerCase();
      return {
        task,
        folded,
        parts: folded.split(/[^a-z0-9]+/),
        text: [task.name, task.alias, task.description, task.dataset_path, task.dataset_name]
          .filter(Boolean)
          .join(' ')
          .toLowerCase()
      };
    });
}

/**
 * Find tasks, best first: the very name, names that begin so, with a part that begins so, that hold it, the rest.
 *
 * @param all - What there is.
 * @param words - Each must occur in the name, the alias, the description or the dataset.
 * @param kind - Only these; nothing: all.
 */
export function findTasks(
  all: ReadonlyArray<ISearchable>,
  words: string,
  kind: TaskDetails['kind'] | '' = ''
): ISearchable[] {
  const asked = words.toLowerCase().split(/\s+/).filter(Boolean);
  const ranks: ISearchable[][] = [[], [], [], [], []];
  for (const each of all) {
    if ((!kind || each.task.kind === kind) && asked.every(word => each.text.includes(word))) {
      ranks[rank(each.folded, each.parts, asked)].push(each);
    }
  }
  return ranks.flat();
}

/** Find names, ranked as tasks are. */
export function findNames(names: ReadonlyArray<string>, words: string): string[] {
  const asked = words.toLowerCase().split(/\s+/).filter(Boolean);
  const ranks: string[][] = [[], [], [], [], []];
  for (const name of names) {
    const folded = name.toLowerCase();
    if (asked.every(word => folded.includes(word))) {
      ranks[rank(folded, folded.split(/[^a-z0-9]+/), asked)].push(name);
    }
  }
  return ranks.flat();
}

function rank(folded: string, parts: ReadonlyArray<string>, asked: ReadonlyArray<string>): number {
  if (!asked.length || folded === asked.join('_')) {
    return 0;
  }
  if (folded.startsWith(asked[0])) {
    return 1;
  }
  if (asked.every(word => parts.some(part => part.startsWith(word)))) {
    return 2;
  }
  return asked.every(word => folded.includes(word)) ? 3 : 4;
}

/** Whether a name is meant as a pattern or a path, which stands for other names. */
export function isPattern(name: string): boolean {
  return /[*?[]/.test(name) || name.includes('/') || /\.ya?ml$/.test(name);
}

/**
 * Count the names that a pattern with `*`, `?` or `[...]` matches, as a shell would.
 *
 * @returns Null if the pattern cannot be read here.
 */
export function matching(pattern: string, names: Iterable<string>): number | null {
  const source = pattern
    .replace(/\[!/g, '[^')
    .replace(/[.+^${}()|\\*?]/g, (char, at: number, all: string) => {
      if (char === '*') {
        return '.*';
      }
      if (char === '?') {
        return '.';
      }
      return char === '^' && all[at - 1] === '[' ? '^' : `\\${char}`;
    });
  let expression: RegExp;
  try {
    expression = new RegExp(`^${source}$`);
  } catch {
    return null;
  }
  let count = 0;
  for (const name of names) {
    count += expression.test(name) ? 1 : 0;
  }
  return count;
}
