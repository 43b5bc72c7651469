import { Notification } from '@jupyterlab/apputils';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { CommandIDs } from '../../commandids';
import { DEFAULTS, Preferences } from '../../model/preferences';
import { notifications } from '../notifications';
import { Stage } from './stage';

let stage: Stage;
let preferences: Preferences;

beforeEach(async () => {
  Notification.dismiss();
  stage = new Stage().with(CommandIDs.openJob, CommandIDs.openPanel);
  preferences = new Preferences();
  stage.server.tell('old', 'failed');
  stage.server.tell('one', 'running', named('checkpoint 1'));
  stage.server.tell('two', 'running', named('checkpoint 2'));
  await notifications.activate(stage.app, stage.model, preferences, null);
  await stage.model.refresh();
});

afterEach(() => stage.model.dispose());

function named(name: string): { request: never } {
  return { request: { model: 'm', tasks: ['mme'], name } as never };
}

function told(): [string, string][] {
  return Notification.manager.notifications.map(({ type, message }) => [type, message]);
}

/** Wait until whatever is told has been told. */
async function settled(): Promise<void> {
  await stage.model.refresh();
  await new Promise(resolve => setTimeout(resolve, 1100));
}

test('a job that completes is told of with its score, and can be opened', async () => {
  const metrics = [{ task: 'mme', metric: 'acc', filter: 'none', value: 0.75, stderr: 0.01, group: false }];
  stage.server.tell('one', 'completed', { ...named('checkpoint 1'), metrics });
  await settled();
  expect(told()).toEqual([['success', 'checkpoint 1 completed: mme acc 0.750 ± 0.010']]);
  const [action] = Notification.manager.notifications[0].options.actions ?? [];
  action.callback(new MouseEvent('click'));
  expect(stage.executed).toEqual([[CommandIDs.openJob, { server: 'a', job: 'one' }]]);
});

test('a job that fails is told of with its cause', async () => {
  const failure = {
    cause: 'bad_input',
    type: 'OSError',
    message: 'no such checkpoint\nmore',
    advice: ''
  } as never;
  stage.server.tell('one', 'failed', { ...named('checkpoint 1'), failure });
  await settled();
  expect(told()).toEqual([['error', 'checkpoint 1 failed: OSError: no such checkpoint']]);
});

test('a job that came and went between two looks is told of', async () => {
  stage.server.tell('quick', 'completed', named('quick'));
  await settled();
  expect(told()).toEqual([['success', 'quick completed']]);
});

test('a job is told of once, and one that was cancelled not at all', async () => {
  stage.server.tell('one', 'completed', named('checkpoint 1'));
  stage.server.tell('two', 'cancelled', named('checkpoint 2'));
  await settled();
  stage.server.tell('one', 'completed', named('checkpoint 1'));
  await settled();
  expect(told()).toEqual([['success', 'checkpoint 1 completed']]);
});

test('many at once are told of together', async () => {
  for (const id of ['three', 'four', 'five']) {
    stage.server.tell(id, 'completed');
  }
  stage.server.tell('one', 'failed');
  await settled();
  expect(told()).toEqual([['info', '3 evaluations completed, 1 evaluation failed']]);
  const [action] = Notification.manager.notifications[0].options.actions ?? [];
  action.callback(new MouseEvent('click'));
  expect(stage.executed).toEqual([[CommandIDs.openPanel, {}]]);
});

test('who wants to hear of failures only hears of those', async () => {
  preferences.take({ ...DEFAULTS, notifyOnFinish: 'failures' });
  stage.server.tell('one', 'completed', named('checkpoint 1'));
  stage.server.tell('two', 'failed', named('checkpoint 2'));
  await settled();
  expect(told()).toEqual([['error', 'checkpoint 2 failed']]);
});

test('who wants to hear nothing hears nothing, nor of what was over before', async () => {
  preferences.take({ ...DEFAULTS, notifyOnFinish: 'never' });
  stage.server.tell('one', 'failed');
  await settled();
  expect(told()).toEqual([]);
  vi.restoreAllMocks();
});
