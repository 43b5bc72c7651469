import { describe, expect, it } from 'vitest';
import { matchesBelow, occurrences, rangeOf } from '../finding';

function element(html: string): HTMLElement {
  const made = document.createElement('div');
  made.innerHTML = html;
  return made;
}

describe('finding', () => {
  it('finds in whatever case, without overlaps', () => {
    expect(occurrences('Error: an error, ERROR', 'error')).toEqual([0, 10, 17]);
    expect(occurrences('aaaa', 'aa')).toEqual([0, 2]);
    expect(occurrences('anything', '')).toEqual([]);
  });

  it('finds what colours cut into pieces', () => {
    const found = matchesBelow(element('<pre>a <span>err</span><b>or</b> and error</pre>'), 'error');
    expect(found.map(match => rangeOf(match).toString())).toEqual(['error', 'error']);
  });

  it('marks a whole piece and no empty end of another', () => {
    const [match] = matchesBelow(element('<i>one</i><b>two</b>'), 'two');
    expect(match.start.node).toBe(match.end.node);
    expect(match.start.offset).toBe(0);
  });
});
