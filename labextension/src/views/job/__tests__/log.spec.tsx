import { Sanitizer } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';
import { act, cleanup, fireEvent, render, screen } from '@testing-library/react';
import React from 'react';
import { afterEach, describe, expect, it } from 'vitest';
import { Refusal } from '../../../api/connection';
import type { LogChunk } from '../../../api/wire';
import { LogView } from '../LogView';

const trans = nullTranslator.load('test');
const sanitizer = new Sanitizer();

afterEach(cleanup);

/** A log that answers as the server does. */
class Source {
  text = '';
  failing = false;
  complete = false;
  asked: number[] = [];

  readonly read = async (offset: number): Promise<LogChunk> => {
    this.asked.push(offset);
    if (this.failing) {
      throw new Refusal(0, 'Jupyter does not answer');
    }
    const all = new TextEncoder().encode(this.text);
    const start = offset < 0 ? Math.max(0, all.length + offset) : Math.min(offset, all.length);
    return {
      text: new TextDecoder().decode(all.subarray(start)),
      offset: start,
      next_offset: all.length,
      complete: this.complete
    };
  };
}

const view = (source: Source, more: { active?: boolean; over?: boolean } = {}) => (
  <LogView read={source.read} active over={false} sanitizer={sanitizer} trans={trans} {...more} />
);

describe('a log', () => {
  it('grows while it is seen, and is left alone while it is not', async () => {
    const source = new Source();
    source.text = 'first line\n';
    const { rerender } = render(view(source));
    expect((await screen.findByRole('log')).textContent).toContain('first line');
    source.text += 'second line\n';
    expect(await screen.findByText(/second line/)).toBeTruthy();
    rerender(view(source, { active: false }));
    const asked = source.asked.length;
    await act(async () => new Promise(done => setTimeout(done, 1500)));
    expect(source.asked.length).toBe(asked);
  });

  it('is coloured as Jupyter colours output', async () => {
    const source = new Source();
    source.text = 'plain \u001b[31mred\u001b[0m <b>no tag</b>\n';
    render(view(source));
    const red = await screen.findByText('red');
    expect(red.className).toBe('ansi-red-fg');
    expect(screen.getByRole('log').textContent).toContain('<b>no tag</b>');
  });

  it('is searched by keyboard, with a count', async () => {
    const source = new Source();
    source.text = 'an error\nfine\nanother Error\n';
    source.complete = true;
    render(view(source, { over: true }));
    await screen.findByText(/fine/);
    const box = screen.getByRole('searchbox', { name: 'Search the log' });
    fireEvent.change(box, { target: { value: 'error' } });
    expect(await screen.findByText('2 of 2')).toBeTruthy();
    fireEvent.keyDown(box, { key: 'Enter', shiftKey: true });
    expect(await screen.findByText('1 of 2')).toBeTruthy();
    fireEvent.keyDown(box, { key: 'F3' });
    expect(await screen.findByText('2 of 2')).toBeTruthy();
    fireEvent.keyDown(box, { key: 'Escape' });
    fireEvent.change(box, { target: { value: 'nothing' } });
    expect(await screen.findByText(/Not found/)).toBeTruthy();
  });

  it('is followed until the reader scrolls up', async () => {
    const source = new Source();
    source.text = 'line\n';
    render(view(source));
    const log = await screen.findByRole('log');
    Object.defineProperties(log, { scrollHeight: { value: 1000 }, clientHeight: { value: 100 } });
    const follow = screen.getByRole('button', { name: 'Follow' });
    log.scrollTop = 900;
    fireEvent.scroll(log);
    expect(follow.getAttribute('aria-pressed')).toBe('true');
    log.scrollTop = 300;
    fireEvent.scroll(log);
    expect(follow.getAttribute('aria-pressed')).toBe('false');
    fireEvent.click(follow);
    expect(log.scrollTop).toBe(1000);
  });

  it('that is long loads what was earlier when asked', async () => {
    const source = new Source();
    source.text = Array.from({ length: 6000 }, (_, at) => `line ${at} of many\n`).join('');
    source.complete = true;
    render(view(source, { over: true }));
    expect((await screen.findByRole('log')).textContent).not.toContain('line 0 of');
    fireEvent.click(screen.getByRole('button', { name: 'Load earlier' }));
    expect(await screen.findByText(/line 0 of/)).toBeTruthy();
    expect(screen.queryByRole('button', { name: 'Load earlier' })).toBeNull();
  });

  it('that cannot be read says why, and can be asked for again', async () => {
    const source = new Source();
    source.failing = true;
    render(view(source));
    expect((await screen.findByRole('alert')).textContent).toContain('Jupyter does not answer');
    source.failing = false;
    source.text = 'here\n';
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByText(/here/)).toBeTruthy();
  });
});
