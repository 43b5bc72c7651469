import { nullTranslator } from '@jupyterlab/translation';
import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import React from 'react';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Refusal } from '../../../api/connection';
import type { ISampleQuery, Sample, SampleMedia, SamplePage } from '../../../api/samples';
import { kindOf } from '../Medium';
import { Samples } from '../Samples';
import { chosen } from '../samplesfile';
import type { IMediaSource, ISampleSource } from '../samplesource';

const trans = nullTranslator.load('test');
const made: string[] = [];
const revoked: string[] = [];

beforeEach(() => {
  made.length = revoked.length = 0;
  URL.createObjectURL = () => {
    made.push(`blob:${made.length}`);
    return made[made.length - 1];
  };
  URL.revokeObjectURL = url => void revoked.push(url);
});
afterEach(cleanup);

const all: Sample[] = Array.from({ length: 120 }, (_, doc_id) => ({
  doc_id,
  question: `What is ${doc_id}?`,
  answers: [`It is ${doc_id}`],
  filtered: [String(doc_id)],
  target: doc_id % 10 ? String(doc_id) : 'another',
  scores: { acc: doc_id % 10 ? 1 : 0 },
  correct: doc_id % 10 !== 0,
  media: [],
  details: { hint: 'none' }
}));

class Source implements ISampleSource {
  readonly asked: ISampleQuery[] = [];
  media: IMediaSource | null = null;

  constructor(private readonly more: Partial<SamplePage> = {}) {}

  async page(query: ISampleQuery): Promise<SamplePage> {
    this.asked.push(query);
    const matching = chosen(all, query);
    const [offset, limit] = [query.offset ?? 0, query.limit ?? 50];
    return {
      job_id: 'job',
      task: query.task ?? 'one',
      tasks: [
        { task: 'one', total: all.length },
        { task: 'two', total: 7 }
      ],
      offset,
      limit,
      total: all.length,
      matching: matching.length,
      live: false,
      complete: true,
      scored: true,
      damaged: 0,
      samples: matching.slice(offset, offset + limit),
      ...this.more
    };
  }
}

/** A source that takes its time, in seconds. */
class Slow extends Source {
  constructor(private readonly seconds: number) {
    super({ live: true, scored: false });
  }

  override async page(query: ISampleQuery, signal?: AbortSignal): Promise<SamplePage> {
    const answer = super.page(query);
    await new Promise<void>((resolve, reject) => {
      setTimeout(resolve, this.seconds * 1000);
      signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')));
    });
    return answer;
  }
}

/** A source that has nothing but a status for those who ask. */
class Failing implements ISampleSource {
  readonly media = null;
  asked = 0;

  constructor(private readonly status: number) {}

  async page(): Promise<SamplePage> {
    this.asked++;
    throw new Refusal(this.status, 'There is nothing');
  }
}

class Media implements IMediaSource {
  readonly fetched: string[] = [];
  failing = false;

  constructor(private readonly listed: SampleMedia[]) {}

  async list(): Promise<SampleMedia[]> {
    return this.listed;
  }

  url(task: string, docId: number, n: number): string {
    return `/media/${task}/${docId}/${n}`;
  }

  async fetch(task: string, docId: number, n: number): Promise<Blob> {
    this.fetched.push(this.url(task, docId, n));
    if (this.failing) {
      throw new Refusal(404, 'The dataset is gone');
    }
    return new Blob(['x'], { type: 'image/png' });
  }
}

const show = (source: ISampleSource, growing = false) =>
  render(<Samples source={source} active growing={growing} trans={trans} />);

describe('samples', () => {
  it('stand in a list, the first of them beside it', async () => {
    show(new Source());
    const list = await screen.findByRole('listbox', { name: 'Samples' });
    expect(within(list).getAllByRole('option')).toHaveLength(50);
    expect(within(list).getByRole('option', { selected: true }).textContent).toContain('✗ wrong');
    const detail = screen.getByRole('region', { name: 'Sample 0' });
    expect(within(detail).getByRole('region', { name: 'Target' }).textContent).toContain('another');
    expect(within(detail).getByRole('region', { name: 'Answer, extracted' }).textContent).toContain('0');
    expect(within(detail).getByRole('region', { name: 'Answer, raw' }).textContent).toContain('It is 0');
  });

  it('are gone through by keyboard, on to the next page and back', async () => {
    show(new Source());
    const list = await screen.findByRole('listbox', { name: 'Samples' });
    fireEvent.keyDown(list, { key: 'ArrowDown' });
    expect(screen.getByRole('region', { name: 'Sample 1' })).toBeTruthy();
    fireEvent.keyDown(list, { key: 'End' });
    fireEvent.keyDown(list, { key: 'ArrowDown' });
    expect(await screen.findByRole('region', { name: 'Sample 50' })).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'Previous' }));
    expect(await screen.findByRole('region', { name: 'Sample 49' })).toBeTruthy();
  });

  it('leave the focus on the button that leads through them, also at their ends', async () => {
    show(new Source());
    const press = (name: string) => {
      const button = screen.getByRole('button', { name });
      button.focus();
      fireEvent.click(button);
      expect(document.activeElement).toBe(button);
      return button;
    };
    await screen.findByRole('listbox');
    press('Next');
    expect(screen.getByRole('region', { name: 'Sample 1' })).toBeTruthy();
    const back = press('Previous');
    expect(back.getAttribute('aria-disabled')).toBe('true');
    expect(back.matches(':disabled')).toBe(false);
    press('Previous');
    expect(screen.getByRole('region', { name: 'Sample 0' })).toBeTruthy();
    press('Next 50');
    const further = press('Next 50');
    await screen.findByText('101–120 of 120');
    expect(further.matches(':disabled')).toBe(false);
    expect(document.activeElement).toBe(further);
  });

  it('are filtered and searched, from the beginning', async () => {
    const source = new Source();
    show(source);
    fireEvent.click(await screen.findByRole('button', { name: 'Next 50' }));
    await screen.findByText('51–100 of 120');
    fireEvent.change(screen.getByRole('combobox', { name: 'Which samples' }), { target: { value: 'wrong' } });
    expect(await screen.findByText('12 of 120 samples')).toBeTruthy();
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'is 11' } });
    expect(await screen.findByText('1 of 120 samples')).toBeTruthy();
    expect(screen.getByRole('region', { name: 'Sample 110' })).toBeTruthy();
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'nowhere' } });
    expect(await screen.findByText(/No sample matches/)).toBeTruthy();
    expect(source.asked[source.asked.length - 1]).toMatchObject({ filter: 'wrong', q: 'nowhere', offset: 0 });
  });

  it('of a running job say so, and have no verdict to filter by', async () => {
    show(new Source({ live: true, scored: false, complete: false }), true);
    expect(await screen.findByText(/The job still answers/)).toBeTruthy();
    expect(screen.queryByRole('combobox', { name: 'Which samples' })).toBeNull();
  });

  it('can be shown all again where none has a verdict any more', async () => {
    const source = new Source();
    const { rerender } = show(source);
    const which = () => screen.getByRole('combobox', { name: 'Which samples' });
    await screen.findByRole('listbox');
    fireEvent.change(which(), { target: { value: 'wrong' } });
    expect(await screen.findByText('12 of 120 samples')).toBeTruthy();
    // The job is tried again: what is answered has no verdict yet, so that none is wrong.
    const again = new Source({ live: true, scored: false });
    const page = again.page.bind(again);
    again.page = async query => ({
      ...(await page(query)),
      ...(query.filter === 'all' ? {} : { samples: [], matching: 0 })
    });
    rerender(<Samples source={again} active growing trans={trans} />);
    expect(await screen.findByText(/No sample matches/)).toBeTruthy();
    fireEvent.change(which(), { target: { value: 'all' } });
    expect(await screen.findByRole('listbox')).toBeTruthy();
  });

  it('that there are none of yet are no failure', async () => {
    const source = new Source();
    source.page = async () => {
      throw new Refusal(409, 'No sample is answered yet');
    };
    show(source, true);
    expect(await screen.findByText('No sample is answered yet')).toBeTruthy();
    expect(screen.queryByRole('alert')).toBeNull();
  });

  it('that cannot be read can be asked for again', async () => {
    const source = new Source();
    const good = source.page.bind(source);
    source.page = async () => {
      throw new Refusal(0, 'Jupyter does not answer');
    };
    show(source);
    expect((await screen.findByRole('alert')).textContent).toContain('Jupyter does not answer');
    source.page = good;
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('listbox')).toBeTruthy();
  });
});

describe('samples of a running job', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const pass = (seconds: number) => act(() => vi.advanceTimersByTimeAsync(seconds * 1000));

  it('come although an answer takes longer than the pause between two questions', async () => {
    const source = new Slow(5);
    show(source, true);
    await pass(6);
    expect(screen.getByRole('listbox', { name: 'Samples' })).toBeTruthy();
    expect(source.asked).toHaveLength(1);
    await pass(6);
    expect(source.asked).toHaveLength(2);
  });

  it('are asked for once when they are opened, and again while they are seen', async () => {
    const source = new Source({ live: true });
    const { rerender } = show(source, true);
    await pass(1);
    expect(source.asked).toHaveLength(1);
    await pass(10);
    expect(source.asked.length).toBeGreaterThan(2);
    const before = source.asked.length;
    rerender(<Samples source={source} active={false} growing trans={trans} />);
    await pass(10);
    expect(source.asked).toHaveLength(before);
  });

  it('are asked for less and less often while nothing answers, unless there are just none yet', async () => {
    vi.spyOn(console, 'warn').mockReturnValue();
    const [silent, early] = [new Failing(0), new Failing(409)];
    show(silent, true);
    show(early, true);
    await pass(300);
    expect(early.asked).toBeGreaterThan(90);
    expect(silent.asked).toBeLessThan(early.asked / 2);
  });
});

describe('pictures', () => {
  it('are fetched for the sample that is shown only, and let go with it', async () => {
    const source = new Source();
    const media = new Media([{ n: 0, kind: 'image' }]);
    source.media = media;
    const { unmount, container } = show(source);
    const name = 'Enlarge: Picture of sample 0 of task one';
    expect(await screen.findByRole('button', { name })).toBeTruthy();
    expect(container.querySelector('img')?.alt).toBe('Picture of sample 0 of task one');
    expect(media.fetched).toEqual(['/media/one/0/0']);
    fireEvent.click(screen.getByRole('button', { name: 'Next' }));
    await waitFor(() => expect(media.fetched).toHaveLength(2));
    expect(revoked).toEqual(['blob:0']);
    await screen.findByRole('button', { name: /Picture of sample 1/ });
    unmount();
    expect(revoked).toEqual(made);
  });

  it('that are missing say why, and can be asked for again', async () => {
    const source = new Source();
    const media = new Media([{ n: 0, kind: 'image' }]);
    media.failing = true;
    source.media = media;
    show(source);
    expect((await screen.findByRole('alert')).textContent).toContain('The dataset is gone');
    media.failing = false;
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('button', { name: /Enlarge/ })).toBeTruthy();
  });

  it('that the browser cannot show can be downloaded', async () => {
    const source = new Source();
    source.media = new Media([{ n: 0, kind: 'image' }]);
    const { container } = show(source);
    await screen.findByRole('button', { name: /Enlarge/ });
    fireEvent.error(container.querySelector('img') as HTMLImageElement);
    expect(screen.getByRole('link', { name: 'Download' }).getAttribute('href')).toBe('blob:0');
  });

  it('that move are streamed; what the browser does not get so is fetched', async () => {
    const source = new Source();
    const media = new Media([{ n: 0, kind: 'video' }]);
    source.media = media;
    const { container } = show(source);
    const video = () => container.querySelector('video') as HTMLVideoElement;
    await waitFor(() => expect(video()).toBeTruthy());
    expect(video().getAttribute('src')).toBe('/media/one/0/0');
    expect(media.fetched).toEqual([]);
    fireEvent.error(video());
    await waitFor(() => expect(video()?.getAttribute('src')).toBe('blob:0'));
  });

  it('of an unknown kind are what their content says', () => {
    expect(kindOf('unknown', 'audio/wav')).toBe('audio');
    expect(kindOf('unknown', 'application/pdf')).toBe('unknown');
    expect(kindOf('image', '')).toBe('image');
  });
});
