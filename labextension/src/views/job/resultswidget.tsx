import { ABCWidgetFactory, DocumentWidget, type DocumentRegistry } from '@jupyterlab/docregistry';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import React from 'react';
import { evaluationsIcon } from '../../icons';
import { ResultsView } from './ResultsView';
import { Loading } from './Telling';

/** What a results file's widget needs beside the file. */
export interface IResultsOptions {
  contents: Contents.IManager;
  trans: TranslationBundle;
  /** Open a file as text. */
  openPlain: (path: string) => void;
}

/** A results file, as scores and samples. */
export class ResultsPanel extends ReactWidget {
  constructor(
    private readonly context: DocumentRegistry.Context,
    private readonly options: IResultsOptions
  ) {
    super();
    this.addClass('jp-LmmsEval-JobPanel');
    const update = () => this.update();
    context.model.contentChanged.connect(update, this);
    context.pathChanged.connect(update, this);
    void context.ready.then(update, update);
  }

  override dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }

  protected override onAfterShow(): void {
    this.update();
  }

  protected override onAfterHide(): void {
    this.update();
  }

  protected override render(): JSX.Element {
    const { contents, trans, openPlain } = this.options;
    if (!this.context.isReady) {
      return <Loading>{trans.__('Reading the file …')}</Loading>;
    }
    return (
      <ResultsView
        path={this.context.path}
        text={this.context.model.toString()}
        visible={this.isVisible}
        contents={contents}
        trans={trans}
        onPlain={() => openPlain(this.context.path)}
      />
    );
  }
}

/** Makes widgets for results files. */
export class ResultsFactory extends ABCWidgetFactory<DocumentWidget<ResultsPanel>> {
  constructor(
    factory: DocumentRegistry.IWidgetFactoryOptions,
    private readonly results: IResultsOptions
  ) {
    super(factory);
  }

  protected createNewWidget(context: DocumentRegistry.Context): DocumentWidget<ResultsPanel> {
    const widget = new DocumentWidget({ content: new ResultsPanel(context, this.results), context });
    widget.title.icon = evaluationsIcon;
    widget.toolbar.hide();
    return widget;
  }
}
