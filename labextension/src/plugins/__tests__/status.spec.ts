import { StatusBar } from '@jupyterlab/statusbar';
import { act, fireEvent, screen } from '@testing-library/react';
import { Widget } from '@lumino/widgets';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CommandIDs } from '../../commandids';
import { DEFAULTS, Preferences } from '../../model/preferences';
import { gpu, json } from '../../model/__tests__/jupyter';
import { status } from '../status';
import { Stage } from './stage';

let stage: Stage;
let bar: StatusBar;
let preferences: Preferences;

beforeEach(async () => {
  stage = new Stage().with(CommandIDs.openPanel);
  preferences = new Preferences();
  bar = new StatusBar();
  Widget.attach(bar, document.body);
  await status.activate(stage.app, stage.model, preferences, bar, null);
});

afterEach(() => {
  stage.model.dispose();
  bar.dispose();
});

async function shown(name: string): Promise<HTMLElement> {
  await act(() => stage.model.refresh());
  return screen.findByRole('button', { name });
}

function hidden(): boolean {
  return bar.node.querySelector('.jp-StatusBar-Item')?.classList.contains('lm-mod-hidden') ?? true;
}

test('nothing is shown while there is no server', async () => {
  stage.jupyter.servers.clear();
  await stage.model.refresh();
  expect(hidden()).toBe(true);
  stage.jupyter.add('b');
  await shown('Evaluations: No evaluations');
  expect(hidden()).toBe(false);
});

test('what runs and waits is shown, and how busy the GPUs are', async () => {
  stage.server.devices = [gpu('cuda:0'), gpu('cuda:1', { utilization: 1, memory_used: 60e9 })];
  stage.server.tell('one', 'running');
  stage.server.tell('two', 'queued');
  stage.server.tell('three', 'queued', { position_in_queue: 1 });
  const item = await shown('Evaluations: 1 running, 2 waiting · 2 GPUs 75% 80 / 160 GB');
  expect(item.title).toContain('cuda:1 · H100 · 100% busy · 60.0 / 80.0 GB');
});

test('GPUs that two servers share are counted once', async () => {
  stage.server.devices = [gpu('cuda:0')];
  stage.jupyter.add('b').devices = [gpu('cuda:0')];
  await shown('Evaluations: No evaluations · GPU 50% 20 / 80 GB');
});

test('what is not up to date says so', async () => {
  stage.server.tell('one', 'running');
  await stage.model.refresh();
  stage.server.answers = () => Promise.resolve(json({ detail: 'It broke off' }, 502));
  const item = await shown('Evaluations: 1 running, not up to date');
  expect(item.textContent).toContain('⚠ not up to date');
  expect(item.title).toContain('It broke off');
});

test('it opens the panel, by mouse and by keyboard', async () => {
  const item = await shown('Evaluations: No evaluations');
  fireEvent.click(item);
  fireEvent.keyDown(item, { key: 'Enter' });
  fireEvent.keyDown(item, { key: 'x' });
  expect(stage.executed.map(([id]) => id)).toEqual([CommandIDs.openPanel, CommandIDs.openPanel]);
});

test('it can be switched off and on', async () => {
  await shown('Evaluations: No evaluations');
  preferences.take({ ...DEFAULTS, showInStatusBar: false });
  expect(hidden()).toBe(true);
  preferences.take(DEFAULTS);
  await vi.waitFor(() => expect(hidden()).toBe(false));
});
