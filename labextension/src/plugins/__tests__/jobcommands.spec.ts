import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { CommandRegistry } from '@lumino/commands';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Refusal } from '../../api/connection';
import type { ServerApi } from '../../api/server';
import { CommandIDs } from '../../commandids';
import { Preferences } from '../../model/preferences';
import type { IEvaluations } from '../../tokens';
import { job, Scripted, server } from '../../views/panel/__tests__/scripted';
import { jobCommands } from '../jobcommands';
import { serverCommands } from '../servercommands';
import { jobMeant } from '../targets';

const asked: unknown[][] = [];
const api = {
  cancel: (...args: unknown[]) => {
    asked.push(['cancel', ...args]);
    return args[0] === 'stubborn'
      ? Promise.reject(new Refusal(409, 'It cannot be cancelled'))
      : Promise.resolve();
  },
  retry: async (id: string) => asked.push(['retry', id]),
  change: async (id: string, change: object) => asked.push(['change', id, change]),
  free: async (device?: string) => asked.push(['free', device])
} as unknown as ServerApi;

const known = [
  server({ id: 'one' }, [job('goes', 'running'), job('waits'), job('stubborn'), job('over', 'completed')]),
  server({ id: 'two', kernel_id: 'k' }, [], {
    devices: [{ id: 'cuda:0', kind: 'cuda', name: '', model: 'llava' }]
  }),
  server({ id: 'three', state: 'gone' })
];

const preferences = new Preferences();
let app: JupyterFrontEnd;
let commands: CommandRegistry;
let menuAt: HTMLElement | null = null;

beforeEach(() => {
  commands = new CommandRegistry();
  app = {
    commands,
    contextMenuHitTest: (test: (node: HTMLElement) => boolean) => {
      for (let node = menuAt; node; node = node.parentElement) {
        if (test(node)) {
          return node;
        }
      }
      return undefined;
    }
  } as unknown as JupyterFrontEnd;
  const model = Object.assign(new Scripted(known), {
    act: (id: string, action: (api: ServerApi) => unknown) => (asked.push(['on', id]), action(api)),
    stopServer: async (id: string) => asked.push(['stop', id]),
    startServer: async (given: object) => (asked.push(['start', given]), { url: 'http://127.0.0.1:1' })
  }) as unknown as IEvaluations;
  void jobCommands.activate(app, model, null);
  void serverCommands.activate(app, model, preferences, null, null);
});

afterEach(() => {
  asked.length = 0;
  menuAt = null;
  document.body.replaceChildren();
  vi.restoreAllMocks();
});

/** A panel in which the first rows are selected, with the menu at a row. */
function openMenu(selected: number, at: number): void {
  const panel = document.createElement('div');
  panel.className = 'jp-LmmsEval-panel';
  for (const [index, id] of ['goes', 'waits', 'over'].entries()) {
    const row = document.createElement('div');
    row.className = 'jp-LmmsEval-jobRow';
    row.dataset.server = 'one';
    row.dataset.job = id;
    row.setAttribute('aria-selected', String(index < selected));
    panel.append(row);
  }
  document.body.append(panel);
  menuAt = panel.children[at] as HTMLElement;
}

it('does what is asked with the job that is named', async () => {
  await commands.execute(CommandIDs.cancelJob, { server: 'one', job: 'goes' });
  await commands.execute(CommandIDs.finishJob, { server: 'one', job: 'goes' });
  await commands.execute(CommandIDs.retryJob, { server: 'one', job: 'over' });
  await commands.execute(CommandIDs.prioritizeJob, { server: 'one', job: 'waits', priority: 3 });
  expect(asked.filter(([what]) => what !== 'on')).toEqual([
    ['cancel', 'goes'],
    ['cancel', 'goes', 'finish'],
    ['retry', 'over'],
    ['change', 'waits', { priority: 3 }]
  ]);
});

it('offers only what makes sense for a job', () => {
  const offered = (id: string, name: string): boolean => commands.isVisible(id, { server: 'one', job: name });
  expect(offered(CommandIDs.cancelJob, 'over')).toBe(false);
  expect(offered(CommandIDs.retryJob, 'goes')).toBe(false);
  expect(offered(CommandIDs.prioritizeJob, 'goes')).toBe(false);
  expect(offered(CommandIDs.finishJob, 'goes')).toBe(true);
  expect(commands.isVisible(CommandIDs.cancelJob)).toBe(false);
});

it('means the job under the menu, or all selected ones if it is one of them', async () => {
  openMenu(2, 1);
  expect(commands.label(CommandIDs.cancelJob)).toBe('Cancel 2 Jobs');
  await commands.execute(CommandIDs.cancelJob);
  expect(asked).toEqual([
    ['on', 'one'],
    ['cancel', 'goes'],
    ['cancel', 'waits']
  ]);
  openMenu(2, 2);
  expect(commands.label(CommandIDs.retryJob)).toBe('Retry Job');
  expect(commands.isVisible(CommandIDs.cancelJob)).toBe(false);
});

it('opens the one job under the menu, however many are selected', () => {
  openMenu(2, 1);
  expect(jobMeant(app, {})).toEqual({ server: 'one', job: 'waits' });
  expect(jobMeant(app, { server: 'two', job: 'over' })).toEqual({ server: 'two', job: 'over' });
  menuAt = null;
  expect(jobMeant(app, {})).toBeUndefined();
});

it('says of which job it was refused, and why; the others are done', async () => {
  const said = vi.spyOn(Notification, 'error').mockReturnValue('');
  await commands.execute(CommandIDs.cancelJob, { server: 'one', jobs: ['stubborn', 'waits'] });
  expect(said.mock.calls.map(([sentence]) => sentence)).toEqual(['Job stubborn: It cannot be cancelled']);
  expect(asked).toContainEqual(['cancel', 'waits']);
});

it('frees the memory of one server, or of all from the palette', async () => {
  await commands.execute(CommandIDs.freeDevices, { server: 'two', device: 'cuda:0' });
  await commands.execute(CommandIDs.freeDevices, { isPalette: true });
  expect(asked.filter(([what]) => what === 'free')).toEqual([
    ['free', 'cuda:0'],
    ['free', undefined],
    ['free', undefined]
  ]);
  expect(commands.isEnabled(CommandIDs.freeDevices, { server: 'one' })).toBe(false);
});

it('forgets a server that is gone without a question, and leaves those of kernels to their notebooks', async () => {
  expect(commands.label(CommandIDs.stopServer, { server: 'three' })).toBe('Forget Server');
  await commands.execute(CommandIDs.stopServer, { server: 'three' });
  expect(asked).toEqual([['stop', 'three']]);
  expect(commands.isEnabled(CommandIDs.stopServer, { server: 'two' })).toBe(false);
});

it('gives a new server what was asked for and what is preferred, and nothing of what Jupyter adds', async () => {
  preferences.take({ serverArguments: { crash_retries: 1, state_dir: '/there' } });
  await commands.execute(CommandIDs.startServer, { state_dir: '/here', isPalette: true, toolbar: true });
  expect(asked).toEqual([['start', { crash_retries: 1, state_dir: '/here' }]]);
});
