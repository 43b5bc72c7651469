import { SettingRegistry } from '@jupyterlab/settingregistry';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DEFAULTS, type IPreferences } from '../../model/preferences';
import type { IPace } from '../../tokens';
import { settings } from '../settings';
import { Stage } from './stage';

const SCHEMA = JSON.parse(readFileSync('schema/plugin.json', 'utf-8'));
const ID = 'jupyter-lmms-eval:plugin';

let stage: Stage;
let paces: Partial<IPace>[];

beforeEach(() => {
  stage = new Stage();
  paces = [];
  vi.spyOn(stage.model, 'setPace').mockImplementation(pace => void paces.push(pace));
});

afterEach(() => stage.model.dispose());

/** A registry of settings that knows ours. */
async function registry(raw = '{}'): Promise<SettingRegistry> {
  let saved = raw;
  const found = new SettingRegistry({
    connector: {
      fetch: () =>
        Promise.resolve({
          id: ID,
          schema: SCHEMA,
          version: '1',
          raw: saved,
          data: { composite: {}, user: {} }
        }),
      list: () => Promise.resolve({ ids: [ID], values: [] }),
      save: (_: string, value: string) => Promise.resolve(void (saved = value)),
      remove: () => Promise.resolve()
    } as never
  });
  await found.ready;
  return found;
}

function activate(found: SettingRegistry | null): IPreferences {
  return settings.activate(stage.app, stage.model, found) as IPreferences;
}

test('what the schema gives by default is what holds without settings', () => {
  const defaults = Object.entries(SCHEMA.properties as Record<string, { default: unknown }>);
  expect(Object.fromEntries(defaults.map(([name, given]) => [name, given.default]))).toMatchObject(DEFAULTS);
});

test('every setting says what it is for', () => {
  for (const property of Object.values(SCHEMA.properties as Record<string, Record<string, string>>)) {
    expect(property.title).toBeTruthy();
    expect(property.description.endsWith('.')).toBe(true);
  }
});

test('the settings are applied, and applied again when they change', async () => {
  const found = await registry('{"pollBusySeconds": 3, "notifyOnFinish": "failures"}');
  const preferences = activate(found);
  expect(preferences.values).toEqual(DEFAULTS);
  await vi.waitFor(() => expect(preferences.values.notifyOnFinish).toBe('failures'));
  expect(paces.at(-1)).toEqual({ busy: 3000, idle: 10_000, newest: 1000 });
  await found.set(ID, 'pollIdleSeconds', 30);
  await vi.waitFor(() => expect(paces.at(-1)?.idle).toBe(30_000));
});

test('a pace that cannot work is not applied', async () => {
  const found = await registry();
  const preferences = activate(found);
  await vi.waitFor(() => expect(paces).toHaveLength(1));
  await expect(found.set(ID, 'pollBusySeconds', 0)).rejects.toBeTruthy();
  expect(preferences.values.pollBusySeconds).toBe(DEFAULTS.pollBusySeconds);
});

test('without settings, or if they cannot be read, the defaults hold', async () => {
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  expect(activate(null).values).toEqual(DEFAULTS);
  const broken = { load: () => Promise.reject(new Error('no such schema')) } as unknown as SettingRegistry;
  expect(activate(broken).values).toEqual(DEFAULTS);
  await vi.waitFor(() => expect(said).toHaveBeenCalled());
});
