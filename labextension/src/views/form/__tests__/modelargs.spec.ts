import { describe, expect, it } from 'vitest';
import { guess, parseArguments, readValue, splitArguments, typed, writeArguments } from '../modelargs';

describe('what a value is', () => {
  it.each([
    ['784', 'number'],
    ['-0.5', 'number'],
    ['1e-3', 'number'],
    ['True', 'boolean'],
    ['false', 'boolean'],
    ['null', 'json'],
    ['[1, 2]', 'json'],
    ['{"a": 1}', 'json'],
    ['{not json', 'text'],
    ['007', 'text'],
    ['12345678901234567890', 'text'],
    ['Qwen/Qwen2.5-VL-3B-Instruct', 'text'],
    ['None', 'text'],
    ['', 'text']
  ])('%s is %s', (text, kind) => {
    expect(guess(text)).toBe(kind);
  });

  it('keeps text that looks like a number, if that is said', () => {
    expect(readValue('2024', 'text')).toEqual({ ok: true, value: '2024' });
    expect(readValue('many', 'number')).toEqual({ ok: false, problem: 'number' });
    expect(readValue('12345678901234567890', 'number')).toEqual({ ok: false, problem: 'large' });
  });

  it.each([
    ['a b'],
    ['12'],
    ['true'],
    [''],
    [12],
    [-1.5],
    [true],
    [null],
    [[1, 'two']],
    [{ a: { b: 1 } }],
    ['[1]']
  ])('%j is written so that it is read again as the same', value => {
    const { value: text, kind } = typed(value);
    expect(readValue(text, kind)).toEqual({ ok: true, value });
  });
});

describe("lmms-eval's key=value", () => {
  it('is split outside of quotes and brackets', () => {
    expect(splitArguments('a=1, b={"x":1,"y":[2,3]},c="p,q",')).toEqual([
      'a=1',
      'b={"x":1,"y":[2,3]}',
      'c="p,q"'
    ]);
  });

  it('is read as lmms-eval reads it: what is no number and not true or false is text', () => {
    const read = parseArguments('pretrained=a/b=c,max=3,flag=True,sizes=[1,2]');
    expect(read).toEqual({
      ok: true,
      rows: [
        { name: 'pretrained', value: 'a/b=c', kind: null },
        { name: 'max', value: '3', kind: null },
        { name: 'flag', value: 'True', kind: null },
        { name: 'sizes', value: '[1,2]', kind: 'text' }
      ]
    });
  });

  it('may be pasted with its flag and its quotes', () => {
    const read = parseArguments('--model_args "pretrained=a,device=cpu"');
    expect(read.ok && read.rows.map(row => row.name)).toEqual(['pretrained', 'device']);
  });

  it('is refused with the part that is none', () => {
    expect(parseArguments('pretrained=a,float16')).toEqual({ ok: false, part: 'float16' });
    expect(parseArguments('=a')).toEqual({ ok: false, part: '=a' });
  });

  it('says what it cannot say', () => {
    expect(writeArguments({ pretrained: 'a/b', max: 3, flag: true })).toEqual({
      text: 'pretrained=a/b,max=3,flag=true',
      changed: []
    });
    const odd = {
      comma: 'a,b',
      digits: '12',
      list: [1],
      spaces: 'a ',
      nothing: null,
      quote: "it's",
      word: 'x'
    };
    expect(writeArguments(odd).changed).toEqual(
      expect.arrayContaining(['comma', 'digits', 'list', 'spaces', 'nothing'])
    );
  });

  it('notices a quote that swallows what follows', () => {
    expect(writeArguments({ a: "it's", b: 'x' }).changed).toEqual(['a', 'b']);
  });
});
