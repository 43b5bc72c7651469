import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import type { DocumentWidget } from '@jupyterlab/docregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { evaluationsIcon } from '../icons';
import { ResultsFactory, type ResultsPanel } from '../views/job/resultswidget';

const FILE_TYPE = 'lmms-eval-results';
const FACTORY = 'Evaluation Results';

/** Opens lmms-eval's results files as scores and samples. */
export const resultsFile: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:results-file',
  description: 'Shows the scores and samples of results files of lmms-eval.',
  autoStart: true,
  optional: [ITranslator, ILayoutRestorer],
  activate: (app: JupyterFrontEnd, translator: ITranslator | null, restorer: ILayoutRestorer | null) => {
    const trans = (translator ?? nullTranslator).load('jupyter_lmms_eval');
    const tracker = new WidgetTracker<DocumentWidget<ResultsPanel>>({ namespace: FILE_TYPE });

    app.docRegistry.addFileType({
      name: FILE_TYPE,
      displayName: trans.__('Evaluation Results'),
      // As lmms-eval names them; all other JSON is opened as before.
      pattern: '.*_results\\.json$',
      extensions: [],
      mimeTypes: ['application/json'],
      contentType: 'file',
      fileFormat: 'text',
      icon: evaluationsIcon
    });
    const factory = new ResultsFactory(
      {
        name: FACTORY,
        label: trans.__('Evaluation Results'),
        fileTypes: [FILE_TYPE],
        defaultFor: [FILE_TYPE],
        modelName: 'text',
        readOnly: true
      },
      {
        contents: app.serviceManager.contents,
        trans,
        openPlain: path => void app.commands.execute('docmanager:open', { path, factory: 'Editor' })
      }
    );
    factory.widgetCreated.connect((_, widget) => {
      widget.context.pathChanged.connect(() => void tracker.save(widget));
      void tracker.add(widget);
    });
    app.docRegistry.addWidgetFactory(factory);

    if (restorer) {
      void restorer.restore(tracker, {
        command: 'docmanager:open',
        args: ({ context }) => ({ path: context.path, factory: FACTORY }),
        name: ({ context }) => context.path
      });
    }
  }
};
