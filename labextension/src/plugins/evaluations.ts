import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Connection } from '../api/connection';
import { Evaluations } from '../model/evaluations';
import { IEvaluations } from '../tokens';

/** Where language packs have our words: under the name of the Python package, as theirs is made of it. */
export const TRANSLATION_DOMAIN = 'jupyter_lmms_eval';

/** Of the events that Jupyter's server emits when a job changes. */
const JOB_EVENTS = 'https://events.jupyter.org/jupyter_lmms_eval/job/v1';

/** Provides the one model that all views share. */
export const evaluations: JupyterFrontEndPlugin<IEvaluations> = {
  id: 'jupyter-lmms-eval:evaluations',
  description: 'Knows the evaluation servers of this user and their jobs.',
  autoStart: true,
  optional: [ITranslator],
  provides: IEvaluations,
  activate: (app: JupyterFrontEnd, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const model = new Evaluations(new Connection(app.serviceManager.serverSettings, trans), trans);
    // Jupyter tells of a job that changed: then nobody waits for the next question.
    app.serviceManager.events.stream.connect((_, event) => {
      if (event.schema_id === JOB_EVENTS) {
        model.nudge();
      }
    });
    void app.restored.then(() => model.begin());
    return model;
  }
};
