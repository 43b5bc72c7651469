import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React, { useCallback, useEffect, useMemo, useReducer } from 'react';
import type { JobInfo, JobResults } from '../../api/wire';
import type { IKnownServer } from '../../model/known';
import { isFinished, serverOf } from '../../model/known';
import type { IEvaluations } from '../../tokens';
import { Heading } from './Heading';
import { useLoaded, type ILoaded } from './loading';
import { LogView } from './LogView';
import { Overview } from './Overview';
import { Samples } from './Samples';
import { JobSamples } from './samplesource';
import { Scores } from './Scores';
import { Tabs } from './Tabs';
import { Loading, Nothing, Trouble } from './Telling';
import { hasScores } from './words';

/** The views of a job. */
export const JOB_TABS = ['overview', 'log', 'scores', 'samples'] as const;
/** The name of one of them. */
export type JobTab = (typeof JOB_TABS)[number];

/** What a job's view needs. */
export interface IJobViewProps {
  model: IEvaluations;
  server: string;
  jobId: string;
  tab: JobTab;
  /** Whether anybody can see it. */
  visible: boolean;
  sanitizer: IRenderMime.ISanitizer;
  commands: CommandRegistry;
  trans: TranslationBundle;
  onTab: (tab: JobTab) => void;
  /** The job was heard of, or has changed. */
  onJob: (job: JobInfo) => void;
}

/** Everything about one job. */
export function JobView(props: IJobViewProps): JSX.Element {
  const { model, jobId, trans, onJob } = props;
  const { known, job, error, retry } = useJob(model, props.server, jobId);
  useEffect(() => job && onJob(job), [job, onJob]);
  if (job) {
    const server = known?.info.id ?? props.server;
    return <Job {...props} server={server} job={job} trouble={troubleOf(model, known, trans)} />;
  }
  if (error) {
    return (
      <div className="jp-LmmsEval-view-padded">
        <Trouble message={error} trans={trans} onRetry={retry} />
      </div>
    );
  }
  const trouble = model.heardAt === null && !model.trouble ? '' : troubleOf(model, known, trans);
  return trouble ? (
    <div className="jp-LmmsEval-view-padded">
      <Trouble message={trouble} trans={trans} onRetry={() => void model.refresh()} />
    </div>
  ) : (
    <Loading>{trans.__('Looking for the job …')}</Loading>
  );
}

function Job(props: IJobViewProps & { job: JobInfo; trouble: string }): JSX.Element {
  const { model, server, job, tab, visible, sanitizer, commands, trans, onTab, trouble } = props;
  const api = useMemo(() => model.api(server), [model, server]);
  const { job_id: id, attempt } = job;
  const scored = hasScores(job);
  const over = isFinished(job.status);
  // An attempt more, and all is asked anew.
  const askResults = useMemo(
    () => (scored && attempt >= 0 ? () => api.results(id) : null),
    [api, id, scored, attempt]
  );
  const results = useLoaded(visible ? askResults : null);
  const begun = attempt > 0;
  const samples = useMemo(
    () => (begun && (over || attempt) ? new JobSamples(api, id) : null),
    [api, id, begun, over, attempt]
  );
  const read = useCallback((offset: number) => api.log(id, offset), [api, id]);
  return (
    <div className="jp-LmmsEval-view-job">
      <Heading server={server} job={job} commands={commands} trans={trans} />
      {trouble && <Trouble message={trouble} trans={trans} onRetry={() => void model.refresh()} />}
      <Tabs<JobTab>
        label={trans.__('Views of the job')}
        current={tab}
        onChange={onTab}
        tabs={[
          {
            key: 'overview',
            label: trans.__('Overview'),
            render: active => (
              <Overview job={job} results={results} active={active && visible} trans={trans} />
            )
          },
          {
            key: 'log',
            label: trans.__('Log'),
            render: active => (
              <LogView
                read={read}
                active={active && visible}
                over={over}
                sanitizer={sanitizer}
                trans={trans}
              />
            )
          },
          {
            key: 'scores',
            label: trans.__('Scores'),
            render: () => <JobScores job={job} results={results} trans={trans} />
          },
          {
            key: 'samples',
            label: trans.__('Samples'),
            render: active =>
              samples ? (
                <Samples source={samples} active={active && visible} growing={!over} trans={trans} />
              ) : (
                <Nothing>{trans.__('There are no samples before the job has started.')}</Nothing>
              )
          }
        ]}
      />
    </div>
  );
}

function JobScores(props: {
  job: JobInfo;
  results: ILoaded<JobResults>;
  trans: TranslationBundle;
}): JSX.Element {
  const { job, results, trans } = props;
  if (!hasScores(job)) {
    return (
      <Nothing>
        {isFinished(job.status)
          ? trans.__('There are no scores: the job did not get to its end.')
          : trans.__('Scores come when all samples are answered.')}
      </Nothing>
    );
  }
  const metrics = results.value?.metrics ?? job.metrics ?? [];
  return (
    <div className="jp-LmmsEval-view-padded">
      {results.error && <Trouble message={results.error} trans={trans} onRetry={results.retry} />}
      {metrics.length ? (
        <Scores metrics={metrics} trans={trans} />
      ) : results.loading ? (
        <Loading>{trans.__('Reading the scores …')}</Loading>
      ) : (
        <Nothing>{trans.__('The job computed no scores.')}</Nothing>
      )}
      {results.value && (
        <p className="jp-LmmsEval-view-path">
          {trans.__('Results file:')} <code>{results.value.results_path}</code>
        </p>
      )}
    </div>
  );
}

/** The job as the model knows it; one that is older than what the model keeps is asked for. */
function useJob(
  model: IEvaluations,
  server: string,
  id: string
): { known: IKnownServer | undefined; job: JobInfo | undefined; error: string; retry: () => void } {
  const [, changed] = useReducer((turn: number) => turn + 1, 0);
  useEffect(() => {
    model.changed.connect(changed);
    return () => {
      model.changed.disconnect(changed);
    };
  }, [model]);
  const known = serverOf(model.servers, server, id);
  const told = known?.jobs.get(id);
  const missing = !told && known?.revision !== null && known?.revision !== undefined;
  const ask = useMemo(() => (missing ? () => model.api(server).job(id) : null), [missing, model, server, id]);
  const asked = useLoaded(ask);
  return { known, job: told ?? asked.value, error: asked.error, retry: asked.retry };
}

function troubleOf(model: IEvaluations, known: IKnownServer | undefined, trans: TranslationBundle): string {
  if (model.trouble) {
    return model.trouble;
  }
  return known
    ? known.trouble
    : trans.__(
        'The evaluation server of this job is gone; start one on the same state directory to see it again.'
      );
}
