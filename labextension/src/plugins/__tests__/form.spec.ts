import type { ILayoutRestorer, JupyterFrontEnd } from '@jupyterlab/application';
import { MainAreaWidget } from '@jupyterlab/apputils';
import { StateDB } from '@jupyterlab/statedb';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { Widget } from '@lumino/widgets';
import { act, screen, waitFor } from '@testing-library/react';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandIDs } from '../../commandids';
import type { FormWidget } from '../../views/form/widget';
import { form } from '../form';
import { Stage } from './stage';

type Opened = MainAreaWidget<FormWidget>;

let stage: Stage;
let state: StateDB;
let opened: Set<Opened>;
/** Where the context menu was opened last. */
let menuAt: HTMLElement | undefined;
/** How the last page restores its tabs. */
let restoring: { command: string; args: (widget: Opened) => ReadonlyPartialJSONObject };

beforeEach(async () => {
  [stage, state, opened, menuAt] = [new Stage(), new StateDB(), new Set(), undefined];
  stage.jupyter.add('b');
  await stage.model.refresh();
  load();
});

afterEach(() => {
  unload();
  stage.model.dispose();
});

/** Load the page. */
function load(): void {
  const app = {
    ...stage.app,
    contextMenuHitTest: (test: (node: HTMLElement) => boolean) =>
      menuAt && test(menuAt) ? menuAt : undefined,
    shell: {
      add: (widget: Opened) => {
        opened.add(widget);
        Widget.attach(widget, document.body);
      },
      activateById: () => undefined
    }
  } as unknown as JupyterFrontEnd;
  const restorer = {
    restore: async (_: unknown, options: typeof restoring) => {
      restoring = options;
    }
  } as unknown as ILayoutRestorer;
  void form.activate(app, stage.model, state, restorer, null);
}

/** Leave the page: its tabs are gone without being closed. */
function unload(): void {
  opened.forEach(widget => Widget.detach(widget));
  opened.clear();
}

/** Load the page anew, with the tabs that were there. */
async function reload(): Promise<void> {
  const tabs = [...opened].map(widget => restoring.args(widget));
  unload();
  Object.assign(stage, { commands: new Stage().commands });
  load();
  for (const args of tabs) {
    await run(restoring.command, args);
  }
}

const run = (id: string, args?: ReadonlyPartialJSONObject): Promise<Opened> =>
  act(() => stage.commands.execute(id, args));
const chosen = async (): Promise<string> =>
  ((await screen.findByLabelText('Server')) as HTMLSelectElement).value;
const model = async (): Promise<string> =>
  ((await screen.findByRole('combobox', { name: 'Model' })) as HTMLInputElement).value;

describe('the server of a new evaluation', () => {
  /** Click "New Evaluation" in the menu of a server. */
  const fromMenu = (server: string): Promise<Opened> => {
    const schema = JSON.parse(readFileSync(join(import.meta.dirname, '../../../schema/panel.json'), 'utf-8'));
    const items: { command: string; args?: ReadonlyPartialJSONObject }[] =
      schema['jupyter.lab.menus'].context;
    menuAt = document.createElement('header');
    menuAt.dataset.server = server;
    return run(CommandIDs.newJob, items.find(({ command }) => command === CommandIDs.newJob)?.args);
  };

  it('is the one in whose menu it was asked for', async () => {
    await fromMenu('b');
    expect(await chosen()).toBe('b');
  });

  it('is chosen in the form that is open already', async () => {
    await run(CommandIDs.newJob, { server: 'a' });
    expect(await chosen()).toBe('a');
    await run(CommandIDs.newJob, { server: 'b' });
    expect(await chosen()).toBe('b');
    await fromMenu('a');
    expect(await chosen()).toBe('a');
    expect(opened.size).toBe(1);
  });

  it('is not the one of an earlier menu, wherever else it is asked for', async () => {
    await fromMenu('b');
    await run(CommandIDs.newJob, { server: 'a' });
    for (const args of [{ isPalette: true }, { isMenu: true }, { isLauncher: true }, { toolbar: true }, {}]) {
      await run(CommandIDs.newJob, args);
      expect(await chosen()).toBe('a');
    }
  });
});

it('the request of a job is in the form after a reload, also if nothing was changed', async () => {
  stage.server.tell('one', 'completed', {
    request: { model: 'llava', tasks: ['mme'], name: 'First' } as never
  });
  await stage.model.refresh();
  await run(CommandIDs.cloneJob, { server: 'a', job: 'one' });
  expect(await model()).toBe('llava');
  await reload();
  await waitFor(async () => expect(await model()).toBe('llava'));
  expect(screen.getByText('With the request of First.')).toBeTruthy();
});
