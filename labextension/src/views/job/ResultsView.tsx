import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import React, { useMemo, useState } from 'react';
import { sentence } from '../../api/connection';
import { parseResults, type IResultsFile } from './resultsfile';
import { clock } from '../../words/numbers';
import { Samples } from './Samples';
import { FileSamples } from './samplesource';
import { Scores } from './Scores';
import { Tabs } from './Tabs';
import { Nothing, Trouble } from './Telling';

type ResultsTab = 'scores' | 'samples' | 'run';

/** What a results file says, and the samples beside it. */
export function ResultsView(props: {
  path: string;
  /** The file's content. */
  text: string;
  visible: boolean;
  contents: Contents.IManager;
  trans: TranslationBundle;
  /** Open the file as what else it is. */
  onPlain: () => void;
}): JSX.Element {
  const { path, text, visible, contents, trans, onPlain } = props;
  const [tab, setTab] = useState<ResultsTab>('scores');
  const { file, problem } = useMemo(() => read(text, trans), [text, trans]);
  const source = useMemo(
    () => (file ? new FileSamples(contents, path, file.metrics, trans) : null),
    [contents, path, file, trans]
  );
  if (!file || !source) {
    return (
      <div className="jp-LmmsEval-view-padded">
        <Trouble message={problem} trans={trans}>
          <Button small className="jp-LmmsEval-view-button" onClick={onPlain}>
            {trans.__('Open as text')}
          </Button>
        </Trouble>
      </div>
    );
  }
  return (
    <div className="jp-LmmsEval-view-job">
      <div className="jp-LmmsEval-view-heading">
        <div className="jp-LmmsEval-view-title">
          <h2 title={file.model}>{shortModel(file.model) || trans.__('Results of an evaluation')}</h2>
          <p className="jp-LmmsEval-view-dim">
            {[...new Set(file.metrics.map(metric => metric.task))].join(', ')}
          </p>
        </div>
      </div>
      <Tabs<ResultsTab>
        label={trans.__('Views of the results')}
        current={tab}
        onChange={setTab}
        tabs={[
          {
            key: 'scores',
            label: trans.__('Scores'),
            render: () => (
              <div className="jp-LmmsEval-view-padded">
                {file.metrics.length ? (
                  <Scores metrics={file.metrics} trans={trans} />
                ) : (
                  <Nothing>{trans.__('The file holds no scores.')}</Nothing>
                )}
              </div>
            )
          },
          {
            key: 'samples',
            label: trans.__('Samples'),
            render: active => (
              <Samples source={source} active={active && visible} growing={false} trans={trans} />
            )
          },
          { key: 'run', label: trans.__('Run'), render: () => <Run file={file} trans={trans} /> }
        ]}
      />
    </div>
  );
}

/** How the evaluation was run. */
function Run({ file, trans }: { file: IResultsFile; trans: TranslationBundle }): JSX.Element {
  const rows: [string, string][] = [
    ...(file.date ? [[trans.__('Date'), file.date] as [string, string]] : []),
    ...(file.seconds !== null ? [[trans.__('Took'), clock(file.seconds)] as [string, string]] : []),
    ...Object.entries(file.config)
      .filter(([, value]) => value !== null && value !== '')
      .map(
        ([name, value]) =>
          [name, typeof value === 'string' ? value : JSON.stringify(value)] as [string, string]
      )
  ];
  return (
    <div className="jp-LmmsEval-view-padded">
      <table className="jp-LmmsEval-view-table jp-LmmsEval-view-request">
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Of a folder its name; names of repositories whole. */
function shortModel(model: string): string {
  return model.startsWith('/') ? PathExt.basename(model) : model;
}

function read(text: string, trans: TranslationBundle): { file: IResultsFile | null; problem: string } {
  try {
    const file = parseResults(text);
    return { file, problem: trans.__('This is not a results file of lmms-eval: it has no "results".') };
  } catch (error) {
    return { file: null, problem: trans.__('This file is not complete JSON: %1.', sentence(error)) };
  }
}
