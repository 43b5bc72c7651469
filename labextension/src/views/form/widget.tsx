import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import * as React from 'react';
import type { IEvaluations } from '../../tokens';
import type { Catalogs } from './catalog';
import type { IDraft } from './draft';
import { Form } from './Form';

/** What a form needs from around it. */
export interface IFormWidgetOptions {
  readonly key: string;
  readonly model: IEvaluations;
  readonly catalogs: Catalogs;
  readonly initial: IDraft;
  readonly trans: TranslationBundle;
  readonly onDraft: (draft: IDraft) => void;
  readonly onAccepted: (draft: IDraft) => void;
  readonly onOpen: (server: string, job: string) => void;
  readonly onStart: () => Promise<string | null>;
}

/** The form of a new evaluation, as a widget. */
export class FormWidget extends ReactWidget {
  constructor(private readonly options: IFormWidgetOptions) {
    super();
    this.addClass('jp-LmmsEval-FormWidget');
    this.node.tabIndex = -1;
  }

  /** Tells drafts apart. */
  get key(): string {
    return this.options.key;
  }

  /** Choose the server, as if a person did. */
  chooseServer(id: string): void {
    this.serverMeant.emit(id);
  }

  protected override render(): React.ReactElement {
    const { key, model, ...others } = this.options;
    return (
      <UseSignal signal={model.changed} initialSender={model}>
        {() => (
          <Form
            {...others}
            id={`lmms-eval-${key}`}
            model={model}
            serverMeant={this.serverMeant}
            servers={model.servers}
            heard={model.heardAt !== null}
          />
        )}
      </UseSignal>
    );
  }

  protected override onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    if (!this.node.contains(document.activeElement)) {
      this.node.focus();
    }
  }

  private readonly serverMeant = new Signal<this, string>(this);
}
