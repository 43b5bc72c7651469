/** A text in one line of limited length, cut where Python's `textwrap.shorten` cuts it. */

const PLACEHOLDER = ' …';
const LETTER = '\\p{L}';
const PUNCTUATED = '[\\p{L}\\p{N}_!"\'&.,?]';
// White space; a dash between words; a word, which may be cut after its hyphens.
const PIECE = new RegExp(
  [
    '\\s+',
    `(?<=${PUNCTUATED})-{2,}(?=[\\p{L}\\p{N}_])`,
    `\\S+?(?:-(?:(?<=${LETTER}{2}-)|(?<=${LETTER}-${PUNCTUATED}-))(?=${LETTER}-?${LETTER})` +
      `|(?=\\s|$)|(?<=${PUNCTUATED})(?=-{2,}[\\p{L}\\p{N}_]))`
  ].join('|'),
  'gu'
);

/**
 * Put a text into one line, without more white space than between words.
 *
 * @param text - The text.
 * @param width - The most characters; a text that is longer ends with `…`.
 */
export function shorten(text: string, width: number): string {
  const line = text.trim().split(/\s+/).join(' ');
  if (length(line) <= width) {
    return line;
  }
  const kept: string[] = [];
  let used = 0;
  for (const piece of line.match(PIECE) ?? []) {
    if (used + length(piece) > width) {
      const cut = length(piece) > width ? afterHyphen(piece, width - used) : '';
      kept.push(...(cut ? [cut] : []));
      used += length(cut);
      break;
    }
    kept.push(piece);
    used += length(piece);
  }
  while (kept.length) {
    const last = kept[kept.length - 1];
    if (last.trim() && used + length(PLACEHOLDER) <= width) {
      return kept.join('') + PLACEHOLDER;
    }
    used -= length(last);
    kept.pop();
  }
  return PLACEHOLDER.trim();
}

/** What of a word that is longer than the line stays on it. */
function afterHyphen(word: string, room: number): string {
  const characters = [...word];
  const hyphen = characters.slice(0, room).lastIndexOf('-');
  const goesAfter = hyphen > 0 && characters.slice(0, hyphen).some(character => character !== '-');
  return characters.slice(0, goesAfter ? hyphen + 1 : room).join('');
}

/** Characters as Python counts them. */
function length(text: string): number {
  return [...text].length;
}
