import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator, nullTranslator, type TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import { CommandIDs } from '../commandids';
import { IPreferences } from '../model/preferences';
import { standing, type IStanding } from '../model/standing';
import { IEvaluations } from '../tokens';
import { StatusItem } from '../views/status/StatusItem';
import { TRANSLATION_DOMAIN } from './evaluations';

/** Shows in the status bar what runs, while there is a server. */
export const status: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:status',
  description: 'Shows running and waiting evaluations and the GPUs in the status bar.',
  autoStart: true,
  requires: [IEvaluations, IPreferences],
  optional: [IStatusBar, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    evaluations: IEvaluations,
    preferences: IPreferences,
    statusBar: IStatusBar | null,
    translator: ITranslator | null
  ) => {
    if (!statusBar) {
      return;
    }
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const open = (): void => void app.commands.execute(CommandIDs.openPanel);
    const item = new EvaluationsStatus(evaluations, open, trans);
    const activeStateChanged = new Signal<typeof item, void>(item);
    let active: boolean | null = null;
    const tell = (): void => {
      const now = isActive();
      if (now !== active) {
        active = now;
        activeStateChanged.emit();
      }
    };
    const isActive = (): boolean => preferences.values.showInStatusBar && item.standing !== null;
    evaluations.changed.connect(tell);
    preferences.changed.connect(tell);
    statusBar.registerStatusItem(status.id, { item, align: 'left', rank: 10, isActive, activeStateChanged });
  }
};

/** The item in the status bar. */
class EvaluationsStatus extends ReactWidget {
  constructor(
    private readonly evaluations: IEvaluations,
    private readonly open: () => void,
    private readonly trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-mod-highlighted');
    evaluations.changed.connect(this.update, this);
  }

  get standing(): IStanding | null {
    return standing(this.evaluations.servers, this.evaluations.trouble);
  }

  protected render(): React.JSX.Element | null {
    const { standing, open, trans } = this;
    return standing && React.createElement(StatusItem, { standing, onOpen: open, trans });
  }
}
