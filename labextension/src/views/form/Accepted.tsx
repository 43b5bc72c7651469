import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { JobSubmitResponse } from '../../api/wire';

/** A job that was accepted, and by which server. */
export interface IAccepted {
  readonly server: string;
  readonly answer: JobSubmitResponse;
}

/** Tells of a job that was accepted, and opens it. */
export function Accepted(props: {
  accepted: IAccepted;
  trans: TranslationBundle;
  onOpen: (server: string, job: string) => void;
}): React.ReactElement {
  const { trans } = props;
  const { server, answer } = props.accepted;
  const before = answer.position_in_queue;
  const place =
    answer.created === false
      ? trans.__('Job %1 was submitted before.', answer.job_id.slice(0, 8))
      : before > 0
        ? trans._n(
            'Job %2 accepted, after %1 other.',
            'Job %2 accepted, after %1 others.',
            before,
            answer.job_id.slice(0, 8)
          )
        : trans.__('Job %1 accepted.', answer.job_id.slice(0, 8));
  return (
    <>
      <div className="jp-LmmsEval-accepted">
        <span>
          <span className="jp-LmmsEval-good" aria-hidden="true">
            ✓{' '}
          </span>
          {place}
        </span>
        <button
          type="button"
          className="jp-LmmsEval-link"
          onClick={() => props.onOpen(server, answer.job_id)}
        >
          {trans.__('Open job')}
        </button>
      </div>
      {!!answer.warnings?.length && (
        <ul className="jp-LmmsEval-warnings">
          {answer.warnings.map(warning => (
            <li key={warning}>
              <span aria-hidden="true">⚠ </span>
              {warning}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
