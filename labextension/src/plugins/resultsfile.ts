import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { WidgetTracker } from '@jupyterlab/apputils';
import type { DocumentWidget } from '@jupyterlab/docregistry';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { jsonIcon } from '@jupyterlab/ui-components';
import { evaluationsIcon } from '../icons';
import { ResultsFactory, type ResultsPanel } from '../views/job/resultswidget';

const FILE_TYPE = 'lmms-eval-results';
/** Files that may be such, but are also called so by other programs: they can be opened with this, and are not unasked. */
const LIKELY_TYPE = 'lmms-eval-results-likely';
/** As lmms-eval names its files, and as a copy is named where that name is taken. */
const STAMPED = '^\\d{8}_\\d{6}(-[^_]+)?_results\\.json$';
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

    const type = {
      extensions: [],
      mimeTypes: ['application/json'],
      contentType: 'file',
      fileFormat: 'text'
    } as const;
    app.docRegistry.addFileType({
      ...type,
      name: FILE_TYPE,
      displayName: trans.__('Evaluation Results'),
      pattern: STAMPED,
      icon: evaluationsIcon
    });
    app.docRegistry.addFileType({
      ...type,
      name: LIKELY_TYPE,
      displayName: trans.__('JSON of Results'),
      pattern: '_results\\.json$',
      icon: jsonIcon
    });
    const factory = new ResultsFactory(
      {
        name: FACTORY,
        label: trans.__('Evaluation Results'),
        fileTypes: [FILE_TYPE, LIKELY_TYPE],
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
