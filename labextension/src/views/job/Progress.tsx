import type { TranslationBundle } from '@jupyterlab/translation';
import React from 'react';
import type { JobInfo } from '../../api/wire';
import { clock } from '../../words/numbers';
import { fraction, outOf, rate } from './words';

/** How far a job is: all samples, and those of each task. */
export function Progress({ job, trans }: { job: JobInfo; trans: TranslationBundle }): JSX.Element | null {
  const progress = job.progress;
  if (!progress) {
    return null;
  }
  const { samples_done: done, samples_total: total, eta_seconds: eta } = progress;
  const running = job.status === 'running';
  if (!running && !done && !total) {
    return null;
  }
  const tasks = Object.entries(progress.tasks ?? {});
  const pace = [
    job.finishing ? trans.__('finishing early') : progress.phase,
    rate(progress, trans),
    eta !== null && eta !== undefined ? trans.__('%1 left', clock(eta)) : ''
  ];
  return (
    <section className="jp-LmmsEval-view-progress" aria-label={trans.__('Progress')}>
      <Bar
        label={trans.__('All samples')}
        share={fraction(done, total)}
        text={trans.__('%1 samples', outOf(done, total, trans))}
        moving={running}
      />
      {running && <p className="jp-LmmsEval-view-pace">{pace.filter(Boolean).join(' · ')}</p>}
      {tasks.length > 1 && (
        <div className="jp-LmmsEval-view-taskbars">
          {tasks.map(([task, each]) => (
            <Bar
              key={task}
              label={task}
              share={fraction(each.done ?? 0, each.total)}
              text={outOf(each.done ?? 0, each.total, trans)}
              moving={running}
            />
          ))}
        </div>
      )}
    </section>
  );
}

function Bar(props: { label: string; share: number | null; text: string; moving: boolean }): JSX.Element {
  const { label, share, text, moving } = props;
  return (
    <div className="jp-LmmsEval-view-barline">
      <span className="jp-LmmsEval-view-barlabel" title={label}>
        {label}
      </span>
      <span
        className="jp-LmmsEval-view-bar"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        // Without a value it is a bar of unknown length, as it should be while a model loads.
        aria-valuenow={share === null ? undefined : Math.floor(share * 100)}
        aria-valuetext={text}
        data-unknown={(share === null && moving) || undefined}
      >
        <span style={{ inlineSize: `${(share ?? 0) * 100}%` }} />
      </span>
      <span className="jp-LmmsEval-view-bartext">{text}</span>
    </div>
  );
}
