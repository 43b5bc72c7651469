import { Notification } from '@jupyterlab/apputils';
import { beforeEach, expect, test } from 'vitest';
import { versions } from '../versions';
import { Stage } from './stage';

beforeEach(() => Notification.dismiss());

test('a page and a server that do not fit are told of once, until they do', async () => {
  const stage = new Stage();
  stage.jupyter.protocol = 2;
  await versions.activate(stage.app, stage.model);
  await stage.model.refresh();
  stage.server.tell('one', 'running');
  await stage.model.refresh();
  const told = Notification.manager.notifications;
  expect(told.map(({ type, options }) => [type, options.autoClose])).toEqual([['warning', false]]);
  expect(told[0].message).toContain('reload the page');
  expect(told[0].message.length).toBeLessThanOrEqual(140);
  stage.jupyter.protocol = 1;
  stage.jupyter.answers = () => Promise.reject(new TypeError('Failed to fetch'));
  await stage.model.refresh();
  stage.jupyter.answers = null;
  await stage.model.refresh();
  expect(Notification.manager.notifications).toEqual([]);
  stage.model.dispose();
});

test('versions that differ but speak the same protocol are fine', async () => {
  const stage = new Stage();
  await versions.activate(stage.app, stage.model);
  await stage.model.refresh();
  expect(Notification.manager.notifications).toEqual([]);
  stage.model.dispose();
});
