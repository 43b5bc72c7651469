import { describe, expect, it } from 'vitest';
import type { LogChunk } from '../../../api/wire';
import { appended, earlierOffset, opened, prepended, type ILog } from '../logtext';

/** A log as the server reads it. */
class Log {
  constructor(private text: string) {}

  add(text: string): void {
    this.text += text;
  }

  read(offset: number, complete = false): LogChunk {
    const all = new TextEncoder().encode(this.text);
    const start = offset < 0 ? Math.max(0, all.length + offset) : Math.min(offset, all.length);
    return {
      text: new TextDecoder().decode(all.subarray(start)),
      offset: start,
      next_offset: all.length,
      complete
    };
  }
}

const text = (log: ILog) => log.parts.map(part => part.text).join('');
const lines = (count: number) =>
  Array.from({ length: count }, (_, at) => `Zeile ${at} über Bücher ✓\n`).join('');

describe('a log', () => {
  it('that is short is read whole', () => {
    const log = opened(new Log('one\ntwo').read(-1000));
    expect([log.first, text(log)]).toEqual([0, 'one\ntwo']);
  });

  it('that is long begins with a whole line, even where the cut is within a character', () => {
    const whole = lines(100);
    for (let back = 40; back < 80; back += 1) {
      const source = new Log(whole);
      const log = opened(source.read(-back));
      expect(whole.endsWith(text(log))).toBe(true);
      expect(text(log).startsWith('Zeile ')).toBe(true);
      expect(source.read(log.first).text).toBe(text(log));
    }
  });

  it('is read backwards until its beginning, without a gap and without a line twice', () => {
    const whole = lines(60_000);
    const source = new Log(whole);
    let log = opened(source.read(-1000));
    for (let step = 0; log.first > 0 && step < 50; step += 1) {
      log = prepended(log, source.read(earlierOffset(log)));
      expect(whole.endsWith(text(log))).toBe(true);
    }
    expect(text(log)).toBe(whole);
  });

  it('grows, and only its last part is another', () => {
    const source = new Log(lines(3000));
    const before = opened(source.read(0));
    source.add('half a li');
    const middle = appended(before, source.read(before.next)) as ILog;
    source.add('ne\nnext\n');
    const after = appended(middle, source.read(middle.next, true)) as ILog;
    expect(text(after).endsWith('half a line\nnext\n')).toBe(true);
    expect(after.complete).toBe(true);
    expect(after.parts[0]).toBe(before.parts[0]);
    expect(before.parts.length).toBeGreaterThan(2);
    after.parts.slice(1).forEach((part, at) => expect(part.at).toBeGreaterThan(after.parts[at].at));
  });

  it('stays the same object while nothing comes', () => {
    const source = new Log('one\n');
    const log = opened(source.read(0));
    expect(appended(log, source.read(log.next))).toBe(log);
  });

  it('that became shorter is another log', () => {
    const log = opened(new Log('one\ntwo\n').read(0));
    expect(appended(log, new Log('x\n').read(log.next))).toBeNull();
  });

  it('that is endless is dropped at its beginning, from where it can be read again', () => {
    const source = new Log('');
    let log = opened(source.read(0));
    for (let turn = 0; turn < 12; turn += 1) {
      source.add(lines(20_000));
      log = appended(log, source.read(log.next)) as ILog;
    }
    expect(text(log).length).toBeLessThan((4 << 20) + (64 << 10));
    expect(source.read(log.first).text).toBe(text(log));
    expect(log.first).toBe(log.parts[0].at);
  });
});
