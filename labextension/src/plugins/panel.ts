import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { createToolbarFactory, IToolbarWidgetRegistry, setToolbar } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs } from '../commandids';
import { evaluationsIcon } from '../icons';
import { IEvaluations } from '../tokens';
import { EvaluationsPanel, PANEL_ID } from '../views/panel/widget';
import { TRANSLATION_DOMAIN } from './evaluations';

const PLUGIN_ID = 'jupyter-lmms-eval:panel';

/** Shows servers and jobs in the left area; its toolbar and its menus are in `schema/panel.json`. */
export const panel: JupyterFrontEndPlugin<void> = {
  id: PLUGIN_ID,
  description: 'Shows evaluation servers and their jobs beside the notebook.',
  autoStart: true,
  requires: [IEvaluations],
  optional: [ITranslator, ILayoutRestorer, IToolbarWidgetRegistry, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    model: IEvaluations,
    translatorGiven: ITranslator | null,
    restorer: ILayoutRestorer | null,
    toolbars: IToolbarWidgetRegistry | null,
    settings: ISettingRegistry | null
  ) => {
    const translator = translatorGiven ?? nullTranslator;
    const trans = translator.load(TRANSLATION_DOMAIN);
    const widget = new EvaluationsPanel(model, app.commands, app.contextMenu.menu, translator, trans);
    if (toolbars && settings) {
      setToolbar(widget, createToolbarFactory(toolbars, settings, 'Evaluations', PLUGIN_ID, translator));
    }
    app.shell.add(widget, 'left', { rank: 550, type: 'Evaluations' });
    restorer?.add(widget, PANEL_ID);

    app.commands.addCommand(CommandIDs.openPanel, {
      label: args => (args.isMenu ? trans.__('Evaluations') : trans.__('Show Evaluations')),
      caption: trans.__('Evaluation servers and their jobs'),
      icon: args => (args.isMenu ? undefined : evaluationsIcon),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(PANEL_ID)
    });
  }
};
