import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Accepted } from './Accepted';
import type { IOutcome } from './useSubmission';

/** What is said beside the buttons. */
export interface ISaysProps {
  readonly submitting: boolean;
  /** Whether that takes long. */
  readonly long: boolean;
  /** Whether the form was emptied just now. */
  readonly emptied: boolean;
  readonly outcome: IOutcome;
  /** How many things are wrong with what is typed. */
  readonly problems: number;
  readonly trans: TranslationBundle;
  readonly onUndo: () => void;
  readonly onOpen: (server: string, job: string) => void;
}

/** One sentence: what goes on, what came of it, or what to do. */
export function Says(props: ISaysProps): React.ReactElement {
  const { outcome, problems, trans } = props;
  const { accepted, refusal, tried } = outcome;
  return (
    <div className="jp-LmmsEval-says" role="status">
      {props.submitting ? (
        <span>
          {props.long
            ? trans.__('Submitting… The server lists its tasks first; the first time takes some seconds.')
            : trans.__('Submitting…')}
        </span>
      ) : props.emptied ? (
        <div className="jp-LmmsEval-accepted">
          {trans.__('The form is empty again.')}
          <button type="button" className="jp-LmmsEval-link" onClick={props.onUndo}>
            {trans.__('Undo')}
          </button>
        </div>
      ) : accepted ? (
        <Accepted accepted={accepted} trans={trans} onOpen={props.onOpen} />
      ) : refusal ? (
        <Wrong>
          {refusal.problems.length
            ? trans.__('Not accepted; what to correct stands at the fields.')
            : refusal.sentence}
        </Wrong>
      ) : tried && problems ? (
        <Wrong>{trans._n('%1 thing to correct above.', '%1 things to correct above.', problems)}</Wrong>
      ) : null}
    </div>
  );
}

function Wrong({ children }: { children: React.ReactNode }): React.ReactElement {
  return (
    <span className="jp-LmmsEval-problem">
      <span aria-hidden="true">⚠ </span>
      {children}
    </span>
  );
}
