import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { CommandIDs } from '../commandids';

/** Offers a new evaluation where notebooks and terminals are begun. */
export const launcher: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:launcher',
  description: 'Offers a new evaluation in the launcher.',
  autoStart: true,
  optional: [ILauncher],
  activate: (app: JupyterFrontEnd, launcher: ILauncher | null) => {
    // A card has the words of its command, which may be added after this.
    void app.started.then(() => {
      if (launcher && app.commands.hasCommand(CommandIDs.newJob)) {
        launcher.add({ command: CommandIDs.newJob, rank: 10 });
      }
    });
  }
};
