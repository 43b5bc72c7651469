/** Arguments of a model: typed in rows or as lmms-eval's `key=value,key=value`: pure. */

/** What a value is. */
export type ValueKind = 'text' | 'number' | 'boolean' | 'json';

/** One argument as it is typed. */
export interface IArgumentRow {
  /** Tells rows apart while names change. */
  readonly id: number;
  readonly name: string;
  readonly value: string;
  /** What the value is to be; null: what it looks like. */
  readonly kind: ValueKind | null;
  /** A secret that was there and has to be given again. */
  readonly again?: boolean;
}

/** What came of reading something typed. */
export type Read<T> =
  { ok: true; value: T } | { ok: false; problem: 'number' | 'boolean' | 'json' | 'large' };

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const LEADING_ZERO = /^[+-]?0\d/;
/** What Python's `float` reads, and `int` for digits alone. */
const PYTHON_NUMBER =
  /^[+-]?((\d+(_\d+)*)(\.(\d+(_\d+)*)?)?|\.\d+(_\d+)*)([eE][+-]?\d+)?$|^[+-]?(nan|inf|infinity)$/i;

/** What a value looks like. */
export function guess(text: string): ValueKind {
  const said = text.trim();
  if (/^(true|false)$/i.test(said)) {
    return 'boolean';
  }
  if (NUMBER.test(said) && !LEADING_ZERO.test(said) && !tooLarge(said)) {
    return 'number';
  }
  if (said === 'null') {
    return 'json';
  }
  if (/^[[{]/.test(said)) {
    try {
      JSON.parse(said);
      return 'json';
    } catch {
      return 'text';
    }
  }
  return 'text';
}

/** Read a value as what it is said to be, or else as what it looks like. */
export function readValue(text: string, kind: ValueKind | null): Read<unknown> {
  const said = text.trim();
  switch (kind ?? guess(text)) {
    case 'number':
      if (!NUMBER.test(said) || !Number.isFinite(Number(said))) {
        return { ok: false, problem: 'number' };
      }
      return tooLarge(said) ? { ok: false, problem: 'large' } : { ok: true, value: Number(said) };
    case 'boolean':
      return /^(true|false)$/i.test(said)
        ? { ok: true, value: said.toLowerCase() === 'true' }
        : { ok: false, problem: 'boolean' };
    case 'json':
      try {
        return { ok: true, value: JSON.parse(said) };
      } catch {
        return { ok: false, problem: 'json' };
      }
    default:
      return { ok: true, value: text };
  }
}

/** Whether an integer has more digits than a browser keeps. */
function tooLarge(text: string): boolean {
  return /^[+-]?\d+$/.test(text) && !Number.isSafeInteger(Number(text));
}

/** Write a value so that it is read again as the same; the kind is null where it looks like what it is. */
export function typed(value: unknown): Pick<IArgumentRow, 'value' | 'kind'> {
  if (typeof value === 'string') {
    // What is empty would otherwise not be given at all.
    return { value, kind: value.trim() && guess(value) === 'text' ? null : 'text' };
  }
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  const kind = typeof value === 'number' ? 'number' : typeof value === 'boolean' ? 'boolean' : 'json';
  return { value: text, kind: guess(text) === kind ? null : kind };
}

/**
 * Split `key=value,key=value` at the commas that lmms-eval splits at: outside of quotes and brackets.
 *
 * @param text - As it is typed.
 */
export function splitArguments(text: string): string[] {
  const parts: string[] = [];
  let [current, quote, depth] = ['', '', 0];
  Array.from(text).forEach((char, index, all) => {
    if ((char === '"' || char === "'") && all[index - 1] !== '\\') {
      quote = !quote ? char : quote === char ? '' : quote;
    } else if (!quote && (char === '{' || char === '[')) {
      depth += 1;
    } else if (!quote && (char === '}' || char === ']')) {
      depth -= 1;
    } else if (!quote && depth === 0 && char === ',') {
      parts.push(current.trim());
      current = '';
      return;
    }
    current += char;
  });
  return [...parts, current.trim()].filter(Boolean);
}

/** What was found in `key=value,key=value`: arguments, or the part that is none. */
export type Parsed = { ok: true; rows: Omit<IArgumentRow, 'id'>[] } | { ok: false; part: string };

/**
 * Read `key=value,key=value` as lmms-eval does: what is no number and not true or false is text.
 *
 * @param text - As it is typed; quotes around all of it, as a shell needs them, are taken off.
 */
export function parseArguments(text: string): Parsed {
  const rows: Omit<IArgumentRow, 'id'>[] = [];
  for (const part of splitArguments(unquoted(text.trim().replace(/^--model_args[\s=]+/, '')))) {
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0)).trim();
    if (!name) {
      return { ok: false, part };
    }
    const value = part.slice(at + 1);
    rows.push({ name, value, kind: guess(value) === 'json' ? 'text' : null });
  }
  return { ok: true, rows };
}

function unquoted(text: string): string {
  const inner = text.slice(1, -1);
  const quoted = text.length > 1 && (text[0] === '"' || text[0] === "'") && text.endsWith(text[0]);
  return quoted && !inner.includes(text[0]) ? inner : text;
}

/**
 * Write arguments as `key=value,key=value`.
 *
 * @param values - The arguments.
 * @returns The text, and the names of those that lmms-eval would read from it as something else.
 */
export function writeArguments(values: Record<string, unknown>): { text: string; changed: string[] } {
  const changed: string[] = [];
  const parts = Object.entries(values).map(([name, value]) => {
    const text =
      typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
    const part = `${name}=${text}`;
    const split = splitArguments(part);
    if (split.length !== 1 || split[0] !== part || name.includes('=') || !same(understood(text), value)) {
      changed.push(name);
    }
    return part;
  });
  const text = parts.join(',');
  // A quote in one argument may hide the comma before the next.
  if (!changed.length && splitArguments(text).length !== parts.length) {
    changed.push(...Object.keys(values));
  }
  return { text, changed };
}

/** What lmms-eval makes of a value in such a text; a number is one, whether whole or not. */
function understood(text: string): unknown {
  if (/^(true|false)$/i.test(text)) {
    return text.toLowerCase() === 'true';
  }
  const said = text.trim();
  return PYTHON_NUMBER.test(said)
    ? Number(said.replace(/_/g, '').replace(/inf(inity)?$/i, 'Infinity'))
    : text;
}

function same(one: unknown, other: unknown): boolean {
  return Object.is(one, other);
}
