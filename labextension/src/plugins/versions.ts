import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { IEvaluations } from '../tokens';

/** Says once that the page and Jupyter's server do not fit, until they do. */
export const versions: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:versions',
  description: "Says that the page and Jupyter's server are of versions that do not fit.",
  autoStart: true,
  requires: [IEvaluations],
  activate: (_: JupyterFrontEnd, evaluations: IEvaluations) => {
    let told = { sentence: '', id: '' };
    evaluations.changed.connect(({ mismatch }) => {
      if (mismatch === told.sentence) {
        return;
      }
      if (told.id) {
        Notification.dismiss(told.id);
      }
      told = { sentence: mismatch, id: mismatch ? Notification.warning(mismatch, { autoClose: false }) : '' };
    });
  }
};
