import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import React, { useState } from 'react';
import type { Attempt, Failure, JobInfo, JobResults } from '../../api/wire';
import { clock } from '../../words/numbers';
import { useNow } from '../now';
import type { ILoaded } from './loading';
import { Progress } from './Progress';
import { requestCode, requestRows } from './request';
import { Trouble, Wide } from './Telling';
import {
  asSentence,
  attemptEnd,
  attemptSeconds,
  causeWord,
  count,
  hasScores,
  moment,
  seconds,
  lasting,
  startWord
} from './words';

/** How a job is, how it went, and what was asked for. */
export function Overview(props: {
  job: JobInfo;
  results: ILoaded<JobResults>;
  active: boolean;
  trans: TranslationBundle;
}): JSX.Element {
  const { job, results, active, trans } = props;
  const now = useNow(active && (job.status === 'running' || job.status === 'queued'), 1000);
  return (
    <div className="jp-LmmsEval-view-overview">
      {job.status === 'queued' && <Waiting job={job} trans={trans} />}
      {job.failure && <FailureBox failure={job.failure} trans={trans} />}
      {job.partial && (
        <p className="jp-LmmsEval-view-note">
          {trans.__('It was told to end early: its scores are of the samples answered until then.')}
        </p>
      )}
      <Warnings job={job} trans={trans} />
      <Progress job={job} trans={trans} />
      <Facts job={job} now={now} trans={trans} />
      <Attempts attempts={job.attempts ?? []} now={now} trans={trans} />
      {/* While a job is tried again what is known is of the attempt before. */}
      {hasScores(job) && <Timings results={results} trans={trans} />}
      <Request job={job} trans={trans} />
    </div>
  );
}

function Waiting({ job, trans }: { job: JobInfo; trans: TranslationBundle }): JSX.Element {
  const before = job.position_in_queue;
  return (
    <section className="jp-LmmsEval-view-note" aria-label={trans.__('Why it waits')}>
      <p>{job.wait_reason ? asSentence(job.wait_reason) : trans.__('It waits for its turn.')}</p>
      {typeof before === 'number' && (
        <p>
          {before === 0
            ? trans.__('It is the next to start.')
            : trans._n('One job starts before it.', '%1 jobs start before it.', before, count(before))}
        </p>
      )}
    </section>
  );
}

function FailureBox({ failure, trans }: { failure: Failure; trans: TranslationBundle }): JSX.Element {
  return (
    <section className="jp-LmmsEval-view-failure" aria-label={trans.__('Failure')}>
      <h3>
        <span aria-hidden="true">✗ </span>
        {causeWord(failure.cause, trans)}
      </h3>
      <p className="jp-LmmsEval-view-message">
        {failure.type && <code>{failure.type}</code>}
        {failure.type && ': '}
        {failure.message}
      </p>
      {failure.advice && <p className="jp-LmmsEval-view-advice">{failure.advice}</p>}
      {failure.traceback && (
        <details>
          <summary>{trans.__('Traceback')}</summary>
          {/* It scrolls: keyboards must reach it. */}
          {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
          <pre tabIndex={0} role="region" aria-label={trans.__('Traceback')}>
            {failure.traceback}
          </pre>
        </details>
      )}
    </section>
  );
}

function Warnings({ job, trans }: { job: JobInfo; trans: TranslationBundle }): JSX.Element | null {
  const logged = job.progress?.errors_logged ?? 0;
  const warnings = [
    ...(job.warnings ?? []),
    ...(logged
      ? [
          trans._n(
            'The model or a task wrote an error to the log.',
            'The model or a task wrote %1 errors to the log.',
            logged,
            count(logged)
          )
        ]
      : [])
  ];
  return warnings.length ? (
    <section className="jp-LmmsEval-view-warnings" aria-label={trans.__('Warnings')}>
      <ul>
        {warnings.map((warning, at) => (
          <li key={at}>
            <span aria-hidden="true">⚠ </span>
            {warning}
          </li>
        ))}
      </ul>
    </section>
  ) : null;
}

function Facts({ job, now, trans }: { job: JobInfo; now: number; trans: TranslationBundle }): JSX.Element {
  const lasted = seconds(job, now);
  const facts: [string, React.ReactNode][] = [
    [trans.__('Id'), <code key="id">{job.job_id}</code>],
    [trans.__('Submitted'), moment(job.created_at, now)],
    [trans.__('Started'), job.started_at && moment(job.started_at, now)],
    [trans.__('Ended'), job.completed_at && moment(job.completed_at, now)],
    [trans.__('Ran for'), lasted !== null && clock(lasted)],
    [trans.__('Devices'), job.devices?.join(', ')],
    [trans.__('Folder'), job.job_dir && <code key="folder">{job.job_dir}</code>]
  ];
  return (
    <dl className="jp-LmmsEval-view-facts">
      {facts
        .filter(([, value]) => value)
        .map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

function Attempts(props: {
  attempts: ReadonlyArray<Attempt>;
  now: number;
  trans: TranslationBundle;
}): JSX.Element | null {
  const { attempts, now, trans } = props;
  if (!attempts.length) {
    return null;
  }
  const reasons = attempts.some(attempt => attempt.message || attempt.cause);
  const batches = attempts.some(attempt => attempt.batch_size !== null && attempt.batch_size !== undefined);
  return (
    <section aria-label={trans.__('Attempts')}>
      <h3>{trans.__('Attempts')}</h3>
      <Wide label={trans.__('Table of attempts')}>
        <table className="jp-LmmsEval-view-table">
          <thead>
            <tr>
              <th scope="col" className="jp-mod-number">
                {trans.__('No.')}
              </th>
              <th scope="col">{trans.__('Ended')}</th>
              <th scope="col">{trans.__('Begun')}</th>
              <th scope="col">{trans.__('Devices')}</th>
              {batches && <th scope="col">{trans.__('Batch size')}</th>}
              <th scope="col">{trans.__('Started')}</th>
              <th scope="col" className="jp-mod-number">
                {trans.__('Time')}
              </th>
              <th scope="col" className="jp-mod-number">
                {trans.__('Samples')}
              </th>
              {reasons && <th scope="col">{trans.__('Why')}</th>}
            </tr>
          </thead>
          <tbody>
            {attempts.map(attempt => {
              const end = attemptEnd(attempt, trans);
              const start = startWord(attempt, trans);
              const why = attempt.message || (attempt.cause ? causeWord(attempt.cause, trans) : '');
              return (
                <tr key={attempt.number}>
                  <th scope="row" className="jp-mod-number">
                    {attempt.number}
                  </th>
                  <td className="jp-LmmsEval-view-nowrap">
                    <span
                      className="jp-LmmsEval-view-symbol"
                      data-status={attempt.ended ?? 'running'}
                      aria-hidden="true"
                    >
                      {end.symbol}
                    </span>{' '}
                    {end.word}
                  </td>
                  <td title={start.meaning}>{start.word}</td>
                  <td>{attempt.devices?.join(', ')}</td>
                  {batches && <td>{attempt.batch_size}</td>}
                  <td className="jp-LmmsEval-view-nowrap">{moment(attempt.started_at, now)}</td>
                  <td className="jp-mod-number">{clock(attemptSeconds(attempt, now))}</td>
                  <td className="jp-mod-number">{attempt.ended ? count(attempt.samples_done) : ''}</td>
                  {reasons && <td className="jp-LmmsEval-view-why">{why}</td>}
                </tr>
              );
            })}
          </tbody>
        </table>
      </Wide>
    </section>
  );
}

function Timings({
  results,
  trans
}: {
  results: ILoaded<JobResults>;
  trans: TranslationBundle;
}): JSX.Element | null {
  if (results.error) {
    return <Trouble message={results.error} trans={trans} onRetry={results.retry} />;
  }
  const { total, ...phases } = results.value?.timings ?? {};
  const timings = Object.entries(phases);
  const longest = Math.max(...timings.map(([, each]) => each), 0);
  return timings.length ? (
    <section aria-label={trans.__('Time by phase')}>
      <h3>
        {trans.__('Time by phase')}
        {total !== undefined && (
          <span className="jp-LmmsEval-view-aside">{trans.__('%1 in all', lasting(total, trans))}</span>
        )}
      </h3>
      <div className="jp-LmmsEval-view-taskbars">
        {timings.map(([phase, each]) => (
          <div key={phase} className="jp-LmmsEval-view-barline">
            <span className="jp-LmmsEval-view-barlabel">{phase.replace(/_/g, ' ')}</span>
            <span className="jp-LmmsEval-view-bar jp-mod-quiet" aria-hidden="true">
              <span style={{ inlineSize: `${longest ? (100 * each) / longest : 0}%` }} />
            </span>
            <span className="jp-LmmsEval-view-bartext">{lasting(each, trans)}</span>
          </div>
        ))}
      </div>
    </section>
  ) : null;
}

function Request({ job, trans }: { job: JobInfo; trans: TranslationBundle }): JSX.Element {
  const [told, setTold] = useState('');
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(requestCode(job.request));
      setTold(trans.__('Copied.'));
    } catch {
      setTold(trans.__('The browser did not allow copying; it does for pages of https or of localhost.'));
    }
  };
  return (
    <section aria-label={trans.__('Request')}>
      <h3 className="jp-LmmsEval-view-headline">
        {trans.__('Request')}
        <Button small className="jp-LmmsEval-view-button" onClick={() => void copy()}>
          {trans.__('Copy as Python')}
        </Button>
        <span className="jp-LmmsEval-view-told" role="status">
          {told}
        </span>
      </h3>
      <table className="jp-LmmsEval-view-table jp-LmmsEval-view-request">
        <tbody>
          {requestRows(job.request).map(({ name, value }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
