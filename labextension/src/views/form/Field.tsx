import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { IProblem } from './draft';

/** Text in which `code` stands between backticks. */
export function Marked({ text }: { text: string }): React.ReactElement {
  return (
    <>
      {text
        .split('`')
        .map((part, index) =>
          index % 2 ? <code key={index}>{part}</code> : <React.Fragment key={index}>{part}</React.Fragment>
        )}
    </>
  );
}

/** What is wrong with a field, with what may have been meant. */
export function Problems(props: {
  id: string;
  problems: ReadonlyArray<IProblem>;
  trans: TranslationBundle;
  onNearest?: (problem: IProblem, name: string) => void;
}): React.ReactElement | null {
  const { id, problems, trans, onNearest } = props;
  return (
    <div id={id} className="jp-LmmsEval-problems" role="alert">
      {problems.map((problem, index) => (
        <div key={index} className="jp-LmmsEval-problem">
          <span aria-hidden="true">⚠ </span>
          {problem.message}
          {onNearest && !!problem.nearest?.length && (
            <span className="jp-LmmsEval-nearest">
              {trans.__('Did you mean')}
              {problem.nearest.map(name => (
                <button
                  key={name}
                  type="button"
                  className="jp-LmmsEval-suggestion"
                  aria-label={trans.__('Use %1', name)}
                  onClick={() => onNearest(problem, name)}
                >
                  {name}
                </button>
              ))}
            </span>
          )}
        </div>
      ))}
    </div>
  );
}

/** A label, what stands under it, its help, and what is wrong with it. */
export function Field(props: {
  id: string;
  label: string;
  /** How a request calls it. */
  code?: string;
  help?: React.ReactNode;
  problems: ReadonlyArray<IProblem>;
  trans: TranslationBundle;
  required?: boolean;
  wide?: boolean;
  onNearest?: (problem: IProblem, name: string) => void;
  children: (describedBy: string) => React.ReactNode;
}): React.ReactElement {
  const { id, problems, onNearest } = props;
  return (
    <div
      className="jp-LmmsEval-field"
      data-wide={props.wide || undefined}
      data-invalid={problems.length > 0 || undefined}
    >
      <div className="jp-LmmsEval-labels">
        <label htmlFor={id}>{props.label}</label>
        {props.code && <code aria-hidden="true">{props.code}</code>}
      </div>
      {props.children(`${id}-help ${id}-problems`)}
      {props.help && (
        <div id={`${id}-help`} className="jp-LmmsEval-help">
          {props.help}
        </div>
      )}
      <Problems
        id={`${id}-problems`}
        problems={problems}
        trans={props.trans}
        onNearest={
          onNearest &&
          ((problem, name) => {
            onNearest(problem, name);
            // What was pressed goes with the problem.
            document.getElementById(id)?.focus();
          })
        }
      />
    </div>
  );
}
