import type { JupyterFrontEnd } from '@jupyterlab/application';
import { SplitPanel, TabPanel, type Widget } from '@lumino/widgets';

/**
 * Add a view that wants room.
 *
 * In JupyterLab it comes beside the others; in Notebook, whose main area is taken by its one document, below that.
 */
export function place(shell: JupyterFrontEnd.IShell, widget: Widget): void {
  shell.add(widget, 'mode' in shell ? 'main' : 'down'); // JupyterLab's shell alone has modes
}

/** Share of the height below which a view cannot be read. */
const LOW = 0.2;

/** Bring a view to the front that was placed. */
export function reveal(shell: JupyterFrontEnd.IShell, widget: Widget): void {
  // Notebook's shell neither turns to what lies below its document nor gives it any height.
  const tabs = widget.parent?.parent;
  if (tabs instanceof TabPanel) {
    tabs.currentWidget = widget;
    const split = tabs.parent;
    if (split instanceof SplitPanel && split.relativeSizes()[1] < LOW) {
      split.setRelativeSizes([1, 1]);
    }
  }
  shell.activateById(widget.id);
}
