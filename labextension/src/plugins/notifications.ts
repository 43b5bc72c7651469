import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { CommandIDs } from '../commandids';
import { isNews, news, type INews } from '../model/finished';
import { IPreferences } from '../model/preferences';
import { IEvaluations, type IJobChanged } from '../tokens';
import { TRANSLATION_DOMAIN } from './evaluations';

/** Jobs that are over within so many milliseconds are told of together. */
const TOGETHER = 1000;
/** How long a notification is shown, in milliseconds; it stays among the notifications. */
const SHOWN = 6000;
const FAILURE_SHOWN = 12_000;

/** Tells of jobs that are over, wherever they were submitted. */
export const notifications: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:notifications',
  description: 'Notifies when an evaluation completes or fails.',
  autoStart: true,
  requires: [IEvaluations, IPreferences],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    evaluations: IEvaluations,
    preferences: IPreferences,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    let finished: IJobChanged[] = [];
    evaluations.jobChanged.connect((_, change) => {
      if (!isNews(change, preferences.values.notifyOnFinish)) {
        return;
      }
      if (!finished.length) {
        setTimeout(() => {
          const told = news(finished, trans);
          finished = [];
          told.forEach(each => notify(each, app.commands, trans));
        }, TOGETHER);
      }
      finished.push(change);
    });
  }
};

function notify({ type, message, of }: INews, commands: CommandRegistry, trans: TranslationBundle): void {
  const open = of
    ? { label: trans.__('Open'), callback: () => void commands.execute(CommandIDs.openJob, of) }
    : { label: trans.__('Show'), callback: () => void commands.execute(CommandIDs.openPanel) };
  Notification.emit(message, type, {
    autoClose: type === 'success' ? SHOWN : FAILURE_SHOWN,
    actions: [{ ...open, displayType: 'link' }]
  });
}
