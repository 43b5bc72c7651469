import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, SidePanel } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import { Panel, type Menu } from '@lumino/widgets';
import React from 'react';
import { evaluationsIcon } from '../../icons';
import type { IEvaluations } from '../../tokens';
import { SHORT_ID } from '../../words/row';
import { clientCode } from './clientcode';
import { dragCode } from './dragging';
import { EvaluationsView } from './Evaluations';
import { openMenu } from './menu';

export const PANEL_ID = 'jp-lmms-eval-panel';

/** The panel beside the notebook: servers, their devices and their jobs. */
export class EvaluationsPanel extends SidePanel {
  constructor(
    model: IEvaluations,
    commands: CommandRegistry,
    menu: Menu,
    translator: ITranslator,
    trans: TranslationBundle
  ) {
    super({ content: new Panel(), translator });
    this.id = PANEL_ID;
    this.addClass('jp-LmmsEval-panel');
    this.title.icon = evaluationsIcon;
    this.title.caption = trans.__('Evaluations');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Evaluations'));
    const drag = (server: string, jobs: ReadonlyArray<string>, event: React.MouseEvent): void => {
      const label = jobs.length > 1 ? trans.__('%1 jobs', jobs.length) : jobs[0].slice(0, SHORT_ID);
      dragCode(event, () => code(model, server, jobs), label, this);
    };
    const more = (button: HTMLElement): void => openMenu(button, menu);
    const body = ReactWidget.create(
      <EvaluationsView model={model} commands={commands} onDrag={drag} onMore={more} trans={trans} />
    );
    body.addClass('jp-LmmsEval-panel-scroll');
    this.content.addWidget(body);
  }
}

function code(model: IEvaluations, server: string, jobs: ReadonlyArray<string>): string {
  const known = model.server(server);
  const meant = jobs.flatMap(id => known?.jobs.get(id) ?? []);
  return known
    ? clientCode(
        meant,
        known.info,
        model.servers.map(({ info }) => info)
      )
    : '';
}
