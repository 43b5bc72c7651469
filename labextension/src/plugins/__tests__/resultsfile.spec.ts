import type { JupyterFrontEnd } from '@jupyterlab/application';
import { DocumentRegistry } from '@jupyterlab/docregistry';
import { beforeEach, expect, test } from 'vitest';
import { resultsFile } from '../resultsfile';
import { Stage } from './stage';

const RESULTS = 'Evaluation Results';
let registry: DocumentRegistry;

beforeEach(() => {
  registry = new DocumentRegistry();
  // What JupyterLab opens JSON with.
  const create = (): never => {
    throw new Error('Nothing is opened here');
  };
  for (const [name, types] of [
    ['Editor', ['*']],
    ['JSON', ['json']]
  ] as const) {
    const factory = { name, fileTypes: [...types], defaultFor: [...types], createNew: create };
    registry.addWidgetFactory(factory as unknown as DocumentRegistry.WidgetFactory);
  }
  const app = { ...new Stage().app, docRegistry: registry, serviceManager: { contents: null } };
  void resultsFile.activate(app as unknown as JupyterFrontEnd, null, null);
});

const opensWith = (path: string): string => registry.defaultWidgetFactory(path).name;
const offered = (path: string): string[] => registry.preferredWidgetFactories(path).map(({ name }) => name);

test.each([
  'runs/tiny_llava/20261123_035956_results.json',
  // A copy beside another of the same second.
  'runs/20261123_035956-0a1b2c3d_results.json'
])("lmms-eval's own %s opens as results", path => {
  expect(opensWith(path)).toBe(RESULTS);
  expect(offered(path)).toEqual(expect.arrayContaining(['Editor', 'JSON']));
});

test.each(['unit_test_results.json', 'my_20261123_035956_results.json', 'runs/x_results.json'])(
  '%s opens as any JSON, and can be opened as results',
  path => {
    expect(opensWith(path)).toBe('JSON');
    expect(offered(path)).toContain(RESULTS);
  }
);

test('other JSON is left alone', () => {
  expect(offered('package.json')).toEqual(['JSON', 'Editor']);
});
