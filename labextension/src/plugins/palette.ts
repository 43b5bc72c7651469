import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commandids';
import { TRANSLATION_DOMAIN } from './evaluations';

/** Commands that need no job and no server to be named. */
const OFFERED = [
  CommandIDs.newJob,
  CommandIDs.freeDevices,
  CommandIDs.refresh,
  CommandIDs.openPanel,
  CommandIDs.startServer
];

/** Offers the commands in the palette. */
export const palette: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:palette',
  description: 'Offers the commands about evaluations in the command palette.',
  autoStart: true,
  optional: [ICommandPalette, ITranslator],
  activate: (_: JupyterFrontEnd, palette: ICommandPalette | null, translator: ITranslator | null) => {
    const category = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN).__('Evaluations');
    OFFERED.forEach((command, rank) => palette?.addItem({ command, category, rank }));
  }
};
