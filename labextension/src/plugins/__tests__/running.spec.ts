import { RunningSessionManagers, type IRunningSessions } from '@jupyterlab/running';
import { nullTranslator } from '@jupyterlab/translation';
import { fireEvent, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CommandIDs } from '../../commandids';
import { json } from '../../model/__tests__/jupyter';
import { running } from '../running';
import { Stage } from './stage';

let stage: Stage;
let section: IRunningSessions.IManager;

beforeEach(async () => {
  stage = new Stage().with(CommandIDs.openJob, CommandIDs.openPanel);
  const progress = { phase: 'answering', samples_done: 374, samples_total: 1000, errors_logged: 0 };
  stage.server.tell('waits', 'queued', { position_in_queue: 1, request: request('checkpoint 2') });
  stage.server.tell('next', 'queued', { position_in_queue: 0, request: request('checkpoint 1') });
  stage.server.tell('runs', 'running', { progress, request: request('checkpoint 0') });
  stage.server.tell('over', 'completed');
  const managers = new RunningSessionManagers();
  await running.activate(stage.app, stage.model, managers, nullTranslator);
  await stage.model.refresh();
  [section] = managers.items();
});

afterEach(() => stage.model.dispose());

function request(name: string): { model: string; tasks: string[]; name: string } & Record<string, never> {
  return { model: 'qwen2_5_vl', tasks: ['mme'], name } as ReturnType<typeof request>;
}

function told(items: ReadonlyArray<IRunningSessions.IRunningItem> = []): unknown[] {
  return items.map(item => `${String(item.label())} ${item.detail?.() ?? ''}`.trim());
}

test('servers are listed with their jobs that are not over, in the order of the queue', () => {
  const [server, ...others] = section.running({ mode: 'tree' });
  expect(others).toEqual([]);
  expect(told([server])).toEqual(['Server on its own']);
  expect(told(server.children)).toEqual([
    '● checkpoint 0 37%',
    '○ checkpoint 1 next',
    '○ checkpoint 2 waits'
  ]);
  expect(told(section.running({ mode: 'list' }))).toHaveLength(4);
});

test('a job opens in its view, a server in the panel', () => {
  const [server] = section.running({ mode: 'tree' });
  server.children?.[0].open?.();
  server.open?.();
  expect(stage.executed).toEqual([
    [CommandIDs.openJob, { server: 'a', job: 'runs' }],
    [CommandIDs.openPanel, { server: 'a' }]
  ]);
});

test('a job is cancelled, and a server stopped', async () => {
  const [server] = section.running({ mode: 'tree' });
  server.children?.[0].shutdown?.();
  await vi.waitFor(() => expect(stage.jupyter.count(/^DELETE a\/jobs\/runs\?mode=abort/)).toBe(1));
  server.shutdown?.();
  await vi.waitFor(() => expect(stage.jupyter.count(/^DELETE a(\?|$)/)).toBe(1));
});

test('what cannot be done is said', async () => {
  stage.server.answers = () => Promise.resolve(json({ detail: 'It is over already' }, 409));
  section.running({ mode: 'tree' })[0].children?.[0].shutdown?.();
  await screen.findByText('It is over already');
  fireEvent.click(screen.getByText('Close'));
});

test('a server of a kernel stops with its kernel only', async () => {
  stage.server.info = { kernel_id: 'k', notebook: 'work/study.ipynb' };
  await stage.model.refresh();
  const [server] = section.running({ mode: 'tree' });
  expect(told([server])).toEqual(['study.ipynb']);
  expect(server.shutdown).toBeUndefined();
  section.shutdownAll();
  expect(stage.jupyter.count(/^DELETE/)).toBe(0);
  expect((section.shutdownAllConfirmationText as () => string)()).toContain('stops when its kernel');
});

test('all servers on their own are stopped at once', async () => {
  stage.jupyter.add('b');
  await stage.model.refresh();
  expect((section.shutdownAllConfirmationText as () => string)()).toContain('Stop all evaluation servers');
  section.shutdownAll();
  await vi.waitFor(() => expect(stage.jupyter.count(/^DELETE [ab](\?|$)/)).toBe(2));
});

test('a server that is gone runs no more, and one that is busy says so', async () => {
  stage.server.info = { state: 'busy', message: 'It did not answer' };
  await stage.model.refresh();
  expect(told(section.running({ mode: 'tree' }))).toEqual(['Server on its own no answer']);
  stage.server.info = { state: 'gone', message: 'It ended' };
  await stage.model.refresh();
  expect(section.running({ mode: 'tree' })).toEqual([]);
});

test('the panel is drawn anew only if what it shows is different', async () => {
  let drawn = 0;
  section.runningChanged.connect(() => drawn++);
  const progress = { phase: 'answering', samples_done: 379, samples_total: 1000, errors_logged: 0 };
  stage.server.tell('runs', 'running', { progress, request: request('checkpoint 0') });
  await stage.model.refresh();
  expect(drawn).toBe(0);
  stage.server.tell('runs', 'running', {
    progress: { ...progress, samples_done: 381 },
    request: request('c')
  });
  await stage.model.refresh();
  expect(drawn).toBe(1);
});

test('without a Running panel nothing happens', () => {
  expect(() => running.activate(stage.app, stage.model, null, null)).not.toThrow();
});
