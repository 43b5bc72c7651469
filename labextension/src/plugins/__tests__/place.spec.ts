import type { JupyterFrontEnd } from '@jupyterlab/application';
import { SplitPanel, TabPanel, Widget } from '@lumino/widgets';
import { expect, test, vi } from 'vitest';
import { place, reveal } from '../place';

function shell(given: object): JupyterFrontEnd.IShell & { add: ReturnType<typeof vi.fn> } {
  return { add: vi.fn(), activateById: vi.fn(), ...given } as never;
}

test('in JupyterLab a view comes beside the others', () => {
  const [lab, view] = [shell({ mode: 'multiple-document' }), new Widget()];
  place(lab, view);
  expect(lab.add).toHaveBeenCalledWith(view, 'main');
});

test('in Notebook, whose document fills the main area, it comes below that, in front and with height', () => {
  const [split, tabs] = [new SplitPanel({ orientation: 'vertical' }), new TabPanel()];
  split.addWidget(new Widget());
  split.addWidget(tabs);
  split.setRelativeSizes([1, 0]);
  tabs.addWidget(new Widget());
  const view = new Widget();
  const notebook = shell({});
  notebook.add.mockImplementation((widget: Widget) => tabs.addWidget(widget));
  place(notebook, view);
  expect(notebook.add).toHaveBeenCalledWith(view, 'down');
  reveal(notebook, view);
  expect(tabs.currentWidget).toBe(view);
  expect(split.relativeSizes()).toEqual([0.5, 0.5]);
  split.setRelativeSizes([7, 3]);
  reveal(notebook, view);
  expect(split.relativeSizes()[1]).toBeCloseTo(0.3);
});
