/** Finding a text in what is shown of a log. */

/** Matches beyond are not marked; nobody goes through them one by one. */
export const MOST_MATCHES = 5000;

/** A place in the text nodes below an element. */
export interface IMatch {
  start: { node: Text; offset: number };
  end: { node: Text; offset: number };
}

/** Where a text occurs, in whatever case: first characters, in order; without overlaps. */
export function occurrences(text: string, words: string, most: number = MOST_MATCHES): number[] {
  // Folding may change lengths (İ): then letters are compared as they are.
  const folded = text.toLowerCase();
  const [hay, needle] = folded.length === text.length ? [folded, words.toLowerCase()] : [text, words];
  const found: number[] = [];
  for (let at = hay.indexOf(needle); needle && at >= 0 && found.length < most;) {
    found.push(at);
    at = hay.indexOf(needle, at + needle.length);
  }
  return found;
}

/** Find a text below an element, also where colours cut it into pieces. */
export function matchesBelow(root: Node, words: string): IMatch[] {
  if (!words) {
    return [];
  }
  const nodes: Text[] = [];
  const starts: number[] = [];
  let text = '';
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode as Text;
    nodes.push(node);
    starts.push(text.length);
    text += node.data;
  }
  let at = 0;
  const locate = (place: number, end: boolean) => {
    // A place between two nodes is the end of the one, or the beginning of the other.
    while (at + 1 < nodes.length && (end ? starts[at + 1] < place : starts[at + 1] <= place)) {
      at += 1;
    }
    return { node: nodes[at], offset: place - starts[at] };
  };
  return occurrences(text, words).map(place => ({
    start: locate(place, false),
    end: locate(place + words.length, true)
  }));
}

/** A match as a range of the document. */
export function rangeOf({ start, end }: IMatch): Range {
  const range = document.createRange();
  range.setStart(start.node, start.offset);
  range.setEnd(end.node, end.offset);
  return range;
}
