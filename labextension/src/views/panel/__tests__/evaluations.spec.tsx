import { nullTranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { ContextMenu } from '@lumino/widgets';
import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import React from 'react';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { CommandIDs } from '../../../commandids';
import type { IKnownServer } from '../../../model/known';
import { EvaluationsView } from '../Evaluations';
import { openMenu } from '../menu';
import { device, job, recorded, Scripted, server } from './scripted';

const trans = nullTranslator.load('');

beforeAll(() => {
  // jsdom has no escaping of selectors.
  vi.stubGlobal('CSS', { escape: (text: string) => text });
});
afterEach(cleanup);
afterEach(() => void vi.useRealTimers());

function show(servers: ReadonlyArray<IKnownServer>, given: Partial<Scripted> = {}) {
  const model = Object.assign(new Scripted(servers), given);
  const { commands, calls, finish } = recorded();
  const onDrag = vi.fn();
  const { menu } = contextMenu(commands);
  render(
    <EvaluationsView
      model={model.asModel}
      commands={commands}
      onDrag={onDrag}
      onMore={button => openMenu(button, menu)}
      trans={trans}
    />
  );
  return { model, calls, finish, onDrag, menu };
}

/** JupyterLab's menu, as far as rows have one. */
function contextMenu(commands: CommandRegistry): ContextMenu {
  const contextMenu = new ContextMenu({ commands });
  contextMenu.addItem({ command: CommandIDs.openJob, selector: '[role=row]' });
  open = event => void contextMenu.open(event);
  document.addEventListener('contextmenu', open);
  return contextMenu;
}
let open: (event: MouseEvent) => void;
afterEach(() => document.removeEventListener('contextmenu', open));

// Asking by role takes seconds where there are hundreds of rows.
const rows = (more = ''): HTMLElement[] => [...document.querySelectorAll<HTMLElement>(`[role=row]${more}`)];
const row = (id: string): HTMLElement => rows(`[data-job=${id}]`)[0];
const names = (): (string | undefined)[] => rows().map(each => each.dataset.job);
const selected = (): (string | undefined)[] => rows('[aria-selected=true]').map(each => each.dataset.job);

const some = [
  job('done-old', 'completed', { completed_at: '2026-11-22T10:10:00Z' }),
  job('waits-last', 'queued', { position_in_queue: 1 }),
  job('waits-next', 'queued', { position_in_queue: 0 }),
  job('broken', 'failed', {
    completed_at: '2026-11-22T10:30:00Z',
    failure: { cause: 'bad_input', type: 'OSError', message: 'no such checkpoint' }
  }),
  job('goes', 'running', {
    started_at: '2026-11-22T10:20:00Z',
    progress: {
      phase: 'answering',
      samples_done: 25,
      samples_total: 100,
      rate: 5,
      eta_seconds: 15,
      errors_logged: 0
    }
  })
];

describe('what is shown', () => {
  it('puts running jobs first, then the queue in its order, then the newest that are over', () => {
    show([server({}, some)]);
    expect(names()).toEqual(['goes', 'waits-next', 'waits-last', 'broken', 'done-old']);
  });

  it('tells of a running job how far it is and how long it takes', () => {
    show([server({}, some)]);
    const running = within(row('goes'));
    expect(running.getByText('0:15 left')).toBeTruthy();
    expect(running.getByText('25 / 100')).toBeTruthy();
    expect(running.getByRole('progressbar').getAttribute('aria-valuenow')).toBe('25');
  });

  it('tells of a failed job why it failed', () => {
    show([server({}, some)]);
    expect(within(row('broken')).getByText('OSError: no such checkpoint')).toBeTruthy();
  });

  it('names a server by its notebook, and says how it is', () => {
    show([server({ notebook: 'work/analysis.ipynb', notices: ['The disk is almost full'] })]);
    expect(screen.getByRole('button', { name: /analysis\.ipynb.*alive/ })).toBeTruthy();
    expect(screen.getByText('The disk is almost full')).toBeTruthy();
  });

  it('hides the jobs of a server that is folded', () => {
    show([server({}, some)]);
    fireEvent.click(screen.getByRole('button', { name: /^Server on its own/ }));
    expect(rows()).toEqual([]);
  });

  it('follows what the model hears', () => {
    const { model } = show([server({}, [job('aaa', 'running')])]);
    act(() => model.hear([server({}, [job('aaa', 'completed', { revision: 2 })])]));
    expect(within(row('aaa')).getByText('completed')).toBeTruthy();
  });

  it('says who holds a device, and frees one from a model that waits', () => {
    const { calls } = show([
      server({}, [], {
        devices: [
          device({ job_id: 'abcdefgh-1', memory_total: 80e9, memory_used: 40e9, utilization: 0.5 }),
          device({ id: 'cuda:1', held_by: 'used by another server' }),
          device({ id: 'cuda:2', model: 'llava' })
        ]
      })
    ]);
    expect(screen.getByRole('meter', { name: 'cuda:0 memory' }).getAttribute('aria-valuetext')).toBe(
      '40.0 / 80.0 GB'
    );
    expect(screen.getByText('used by another server')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'cuda:0 runs job abcdefgh: open it' }));
    fireEvent.click(screen.getByRole('button', { name: 'Take llava out of the memory of cuda:2' }));
    expect(calls).toEqual([
      { id: CommandIDs.openJob, args: { server: 'one', job: 'abcdefgh-1' } },
      { id: CommandIDs.freeDevices, args: { server: 'one', device: 'cuda:2' } }
    ]);
  });
});

describe('when something is missing', () => {
  it('says that it looks for servers until Jupyter has answered', () => {
    show([], { heardAt: null });
    expect(screen.getByText('Looking for evaluation servers…')).toBeTruthy();
  });

  it('offers to start a server if there is none', () => {
    const { calls } = show([]);
    fireEvent.click(screen.getByRole('button', { name: 'Start a server' }));
    expect(calls.map(({ id }) => id)).toEqual([CommandIDs.startServer]);
    expect(screen.getByRole('button', { name: 'Starting…' })).toHaveProperty('disabled', true);
  });

  it('says that it reads the jobs of a server that was not heard yet', () => {
    show([server({}, [], { revision: null, heardAt: null })]);
    expect(screen.getByText('Reading its jobs…')).toBeTruthy();
  });

  it('offers a job to a server that has none', () => {
    const { calls } = show([server()]);
    fireEvent.click(screen.getByRole('button', { name: 'New job' }));
    expect(calls).toEqual([{ id: CommandIDs.newJob, args: { server: 'one' } }]);
  });

  it('keeps the rows of a server that is gone, with their age, and says what to do', () => {
    const sentence = 'It ended without a word';
    const heardAt = Date.now() - 120_000;
    const { calls } = show([server({ state: 'gone', message: sentence }, some, { heardAt })]);
    expect(screen.getByText(sentence)).toBeTruthy();
    expect(screen.getByText('As of 2 minutes ago')).toBeTruthy();
    expect(rows()).toHaveLength(5);
    fireEvent.click(screen.getByRole('button', { name: 'Start again on this folder' }));
    fireEvent.click(screen.getByRole('button', { name: 'Forget' }));
    expect(calls).toEqual([
      { id: CommandIDs.startServer, args: { state_dir: '/home/me/evaluations' } },
      { id: CommandIDs.stopServer, args: { server: 'one' } }
    ]);
  });

  it('says that Jupyter is silent, and since when', () => {
    const { calls } = show([server({}, some)], {
      trouble: 'Jupyter does not answer',
      heardAt: Date.now() - 180_000
    });
    expect(screen.getByRole('alert').textContent).toBe('Jupyter does not answer');
    expect(screen.getByText('What is shown is as of 3 minutes ago.')).toBeTruthy();
    expect(screen.getByRole('button', { name: /^Server on its own.*not heard/ })).toBeTruthy();
    expect(rows()).toHaveLength(5);
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(calls.map(({ id }) => id)).toEqual([CommandIDs.refresh]);
  });

  it('says once that Jupyter is silent, however long that lasts', () => {
    vi.useFakeTimers();
    show([server({}, some)], { trouble: 'Jupyter does not answer', heardAt: Date.now() - 61_000 });
    const said = screen.getByRole('alert').textContent;
    const age = screen.getByText(/What is shown is as of/).textContent;
    act(() => void vi.advanceTimersByTime(120_000));
    expect(screen.getByText(/What is shown is as of/).textContent).not.toBe(age);
    expect(screen.getByRole('alert').textContent).toBe(said);
  });

  it('says that page and server do not fit', () => {
    show([], { mismatch: 'Reload the page' });
    expect(screen.getByRole('alert').textContent).toBe('Reload the page');
  });
});

describe('filters', () => {
  it('finds jobs by words of any kind', () => {
    show([server({}, [job('a', 'queued', { request: { name: 'step 2000', tasks: ['mmmu'] } }), job('b')])]);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'MMMU 2000' } });
    expect(names()).toEqual(['a']);
    fireEvent.change(screen.getByRole('searchbox'), { target: { value: 'nothing' } });
    expect(screen.getByText('No job matches the filter.')).toBeTruthy();
  });

  it('shows jobs of one status, and how many there are', () => {
    show([server({}, some)]);
    const queued = screen.getByRole('button', { name: /queued 2/ });
    fireEvent.click(queued);
    expect(names()).toEqual(['waits-next', 'waits-last']);
    expect(queued.getAttribute('aria-pressed')).toBe('true');
    fireEvent.click(queued);
    expect(names()).toHaveLength(5);
  });
});

describe('what a person does', () => {
  it('opens a job by a double click or Enter', () => {
    const { calls } = show([server({}, some)]);
    fireEvent.doubleClick(row('goes'));
    fireEvent.keyDown(row('broken'), { key: 'Enter' });
    expect(calls).toEqual([
      { id: CommandIDs.openJob, args: { server: 'one', job: 'goes' } },
      { id: CommandIDs.openJob, args: { server: 'one', job: 'broken' } }
    ]);
  });

  it('cancels a job, and says so until the server has answered', async () => {
    const { calls, finish } = show([server({}, some)]);
    fireEvent.click(screen.getByRole('button', { name: 'Cancel job goes' }));
    expect(calls).toEqual([{ id: CommandIDs.cancelJob, args: { server: 'one', job: 'goes' } }]);
    expect(within(row('goes')).getByText('cancelling…')).toBeTruthy();
    finish();
    expect(await within(row('goes')).findByText('running')).toBeTruthy();
  });

  it('goes from row to row by arrows, and has one stop for Tab', () => {
    show([server({}, some)]);
    row('goes').focus();
    fireEvent.keyDown(row('goes'), { key: 'ArrowDown' });
    expect(document.activeElement).toBe(row('waits-next'));
    expect(rows().filter(each => each.tabIndex === 0)).toEqual([row('waits-next')]);
    fireEvent.keyDown(row('waits-next'), { key: 'ArrowRight' });
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Cancel job waits-ne' }));
    fireEvent.keyDown(row('waits-next'), { key: 'End' });
    expect(document.activeElement).toBe(row('done-old'));
  });

  it('comes back to the row from its menu', async () => {
    const { menu, calls } = show([server({}, some)]);
    const more = screen.getByRole('button', { name: 'More actions for job goes' });
    const press = (key: string, keyCode: number) => fireEvent.keyDown(menu.node, { key, keyCode });
    more.focus();
    const ask = async () => {
      fireEvent.click(more);
      await waitFor(() => expect(document.activeElement).toBe(menu.node));
    };
    await ask();
    press('Escape', 27);
    expect(document.activeElement).toBe(more);
    // What the menu does begins there too, and may lead elsewhere.
    await ask();
    press('ArrowDown', 40);
    press('Enter', 13);
    expect(calls.map(({ id }) => id)).toEqual([CommandIDs.openJob]);
    expect(document.activeElement).toBe(more);
  });

  it('selects several jobs, and acts on those for which it makes sense', () => {
    const { calls } = show([server({}, some)]);
    fireEvent.click(row('goes'));
    fireEvent.click(row('broken'), { shiftKey: true });
    fireEvent.click(row('waits-next'), { ctrlKey: true });
    expect(selected()).toEqual(['goes', 'waits-last', 'broken']);
    fireEvent.click(screen.getByRole('button', { name: 'Cancel 2' }));
    fireEvent.click(screen.getByRole('button', { name: 'Retry 1' }));
    expect(calls).toEqual([
      { id: CommandIDs.cancelJob, args: { server: 'one', jobs: ['waits-last', 'goes'] } },
      { id: CommandIDs.retryJob, args: { server: 'one', jobs: ['broken'] } }
    ]);
    fireEvent.click(screen.getByRole('button', { name: 'Clear' }));
    expect(screen.queryByRole('group', { name: 'Selected jobs' })).toBeNull();
  });

  it('selects all jobs by a key, and none by Escape', () => {
    show([server({}, some)]);
    fireEvent.keyDown(row('goes'), { key: 'a', ctrlKey: true });
    expect(selected()).toHaveLength(5);
    fireEvent.keyDown(row('goes'), { key: 'Escape' });
    expect(selected()).toEqual([]);
  });

  it('drags all selected jobs, or the one under the mouse', () => {
    const { onDrag } = show([server({}, some)]);
    fireEvent.click(row('goes'));
    fireEvent.click(row('broken'), { ctrlKey: true });
    fireEvent.mouseDown(row('goes'), { button: 0 });
    fireEvent.mouseDown(row('done-old'), { button: 0 });
    expect(onDrag.mock.calls.map(([id, jobs]) => [id, jobs])).toEqual([
      ['one', ['broken', 'goes']],
      ['one', ['done-old']]
    ]);
  });
});

it('tells those who hear the page that a job is over', async () => {
  const known = server({}, some);
  const { model } = show([known]);
  const over = job('goes', 'completed', { request: { name: 'step 2000' } });
  await act(async () => {
    model.jobChanged.emit({ server: known.info, job: over, before: 'running' });
  });
  expect(screen.getByRole('status').textContent).toBe('Job goes step 2000 is completed.');
});
