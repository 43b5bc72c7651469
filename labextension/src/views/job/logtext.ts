/** A log that is read in pieces, from its end and forwards: pure. */

import type { LogChunk } from '../../api/wire';

/** Bytes read at first, and with each step back. */
export const FIRST_BYTES = 64 << 10;
export const EARLIER_BYTES = 256 << 10;
/** A part that is drawn as one; only the last one is drawn again when something is added. */
const PART_CHARACTERS = 16 << 10;
/** What is kept on the page of a log that grows; what is before can be loaded again. */
const MOST_CHARACTERS = 4 << 20;

/** Some lines of a log. */
export interface ILogPart {
  /** Byte at which it begins: its name. */
  readonly at: number;
  readonly text: string;
}

/** What is loaded of a log. */
export interface ILog {
  /** Byte at which what is loaded begins, and the one after its end. */
  readonly first: number;
  readonly next: number;
  /** The job is over and the log ends here. */
  readonly complete: boolean;
  readonly parts: ReadonlyArray<ILogPart>;
}

/** The end of a log as it was first read: from the beginning of a line, if it is not the log's own. */
export function opened(chunk: LogChunk): ILog {
  const text = wholeLines(chunk.text, chunk.offset);
  const first = chunk.next_offset - bytes(text);
  return { first, next: chunk.next_offset, complete: chunk.complete, parts: split(text, first) };
}

/**
 * Add what came after.
 *
 * @returns Null if the log is another one: it has become shorter.
 */
export function appended(log: ILog, chunk: LogChunk): ILog | null {
  if (chunk.offset !== log.next) {
    return null;
  }
  if (!chunk.text) {
    return chunk.complete === log.complete ? log : { ...log, complete: chunk.complete };
  }
  const last = log.parts[log.parts.length - 1];
  const kept = last ? log.parts.slice(0, -1) : [];
  const grown = last ? split(last.text + chunk.text, last.at) : split(chunk.text, chunk.offset);
  return trimmed({
    ...log,
    next: chunk.next_offset,
    complete: chunk.complete,
    parts: [...kept, ...grown]
  });
}

/** Where to read on backwards. */
export function earlierOffset(log: ILog): number {
  return Math.max(0, log.first - EARLIER_BYTES);
}

/** Put before what was loaded what came earlier; a chunk may hold more than that. */
export function prepended(log: ILog, chunk: LogChunk): ILog {
  const encoded = new TextEncoder().encode(chunk.text);
  const known = Math.max(0, chunk.next_offset - log.first);
  const before = new TextDecoder().decode(encoded.subarray(0, Math.max(0, encoded.length - known)));
  const text = wholeLines(before, chunk.offset);
  const first = log.first - bytes(text);
  return { ...log, first, parts: [...split(text, first), ...log.parts] };
}

function wholeLines(text: string, offset: number): string {
  return offset === 0 ? text : text.slice(text.indexOf('\n') + 1);
}

function trimmed(log: ILog): ILog {
  let characters = log.parts.reduce((sum, part) => sum + part.text.length, 0);
  let begin = 0;
  while (characters > MOST_CHARACTERS && begin < log.parts.length - 1) {
    characters -= log.parts[begin].text.length;
    begin += 1;
  }
  return begin ? { ...log, first: log.parts[begin].at, parts: log.parts.slice(begin) } : log;
}

function split(text: string, at: number): ILogPart[] {
  const parts: ILogPart[] = [];
  let rest = text;
  let start = at;
  while (rest.length > PART_CHARACTERS) {
    const end = rest.indexOf('\n', PART_CHARACTERS) + 1;
    if (end === 0 || end === rest.length) {
      break;
    }
    const part = rest.slice(0, end);
    parts.push({ at: start, text: part });
    start += bytes(part);
    rest = rest.slice(end);
  }
  if (rest) {
    parts.push({ at: start, text: rest });
  }
  return parts;
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
