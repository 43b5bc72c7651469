import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { MainAreaWidget } from '@jupyterlab/apputils';
import { Widget } from '@lumino/widgets';
import { act, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CommandIDs } from '../../commandids';
import type { ScriptedServer } from '../../model/__tests__/jupyter';
import type { JobPanel } from '../../views/job/widget';
import { jobView } from '../jobview';
import { Stage } from './stage';

type Opened = MainAreaWidget<JobPanel>;

let stage: Stage;
let opened: Opened[];

beforeEach(async () => {
  [stage, opened] = [new Stage(), []];
  await has(stage.server);
  const shell = {
    add: (widget: Opened) => {
      opened.push(widget);
      Widget.attach(widget, document.body);
    },
    activateById: () => undefined
  };
  const app = { ...stage.app, shell } as unknown as JupyterFrontEnd;
  void jobView.activate(app, stage.model, null, null, null);
});

afterEach(() => {
  act(() => opened.forEach(widget => widget.dispose()));
  stage.model.dispose();
});

/** A server has a job. */
async function has(server: ScriptedServer): Promise<void> {
  server.tell('one', 'cancelled');
  await stage.model.refresh();
}

const open = (server: string): Promise<Opened> =>
  act(() => stage.commands.execute(CommandIDs.openJob, { server, job: 'one' }));

test('a job has one tab, however often it is opened', async () => {
  expect(await open('a')).toBe(await open('a'));
  expect(opened).toHaveLength(1);
});

test('the tab of a job is that of the server that was started again, too', async () => {
  const tab = await open('a');
  stage.jupyter.servers.delete('a');
  await has(stage.jupyter.add('again'));
  expect(await open('again')).toBe(tab);
  expect(screen.queryByRole('alert')).toBeNull();
  expect(opened).toHaveLength(1);
});

test('the same is so while the one before is still told of as gone', async () => {
  const tab = await open('a');
  stage.server.info = { state: 'gone', message: 'It ended' };
  await has(stage.jupyter.add('again'));
  expect(await open('again')).toBe(tab);
  expect(await open('a')).toBe(tab);
  expect(screen.queryByText('It ended')).toBeNull();
});

test('another server that runs has a job of its own', async () => {
  const tab = await open('a');
  await has(stage.jupyter.add('b'));
  expect(await open('b')).not.toBe(tab);
});
