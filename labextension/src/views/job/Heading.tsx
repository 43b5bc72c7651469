import type { CommandRegistry } from '@lumino/commands';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Button } from '@jupyterlab/ui-components';
import React, { useState } from 'react';
import type { JobInfo } from '../../api/wire';
import { CommandIDs } from '../../commandids';
import { isFinished } from '../../model/known';
import { sentence } from '../../api/connection';
import { Trouble } from './Telling';
import { statusWord, SYMBOLS } from '../../words/status';
import { jobName } from './words';

/** A job's name and state, and what can be done with it. */
export function Heading(props: {
  server: string;
  job: JobInfo;
  commands: CommandRegistry;
  trans: TranslationBundle;
}): JSX.Element {
  const { server, job, commands, trans } = props;
  const [error, setError] = useState('');
  const [busy, setBusy] = useState('');
  const finished = isFinished(job.status);
  const act = async (command: string) => {
    setBusy(command);
    setError('');
    try {
      await commands.execute(command, { server, job: job.job_id });
    } catch (failure) {
      setError(sentence(failure));
    } finally {
      setBusy('');
    }
  };
  const actions = [
    { command: CommandIDs.cancelJob, label: trans.__('Cancel'), shown: !finished },
    {
      command: CommandIDs.finishJob,
      label: trans.__('Finish early'),
      title: trans.__('Score what is answered and end'),
      shown: job.status === 'running' && !job.finishing
    },
    {
      command: CommandIDs.retryJob,
      label: trans.__('Retry'),
      title: trans.__('Run it again under its id; answers it has are kept'),
      shown: finished
    },
    {
      command: CommandIDs.cloneJob,
      label: trans.__('Clone'),
      title: trans.__('A new job with the same settings, to change and submit'),
      shown: true
    }
  ].filter(({ command, shown }) => shown && commands.hasCommand(command));
  return (
    <div className="jp-LmmsEval-view-heading">
      <div className="jp-LmmsEval-view-title">
        <h2>{jobName(job)}</h2>
        <p>
          <span className="jp-LmmsEval-view-status" role="status">
            <span className="jp-LmmsEval-view-symbol" data-status={job.status} aria-hidden="true">
              {SYMBOLS[job.status]}
            </span>{' '}
            {statusWord(job.status, trans)}
            {job.partial && ` (${trans.__('ended early')})`}
          </span>
          <span className="jp-LmmsEval-view-dim">
            {job.request.model} · {job.request.tasks.join(', ')}
          </span>
        </p>
      </div>
      <div className="jp-LmmsEval-view-actions">
        {actions.map(({ command, label, title }) => (
          <Button
            key={command}
            small
            className="jp-LmmsEval-view-button"
            title={title}
            disabled={busy !== ''}
            onClick={() => void act(command)}
          >
            {label}
          </Button>
        ))}
      </div>
      {error && <Trouble message={error} trans={trans} />}
    </div>
  );
}
