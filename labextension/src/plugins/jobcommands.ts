import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Clipboard, InputDialog, Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import {
  codeIcon,
  copyIcon,
  fastForwardIcon,
  LabIcon,
  moveUpIcon,
  redoIcon,
  stopIcon
} from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject, ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ServerApi } from '../api/server';
import type { JobInfo } from '../api/wire';
import { sentence } from '../api/connection';
import { CommandIDs } from '../commandids';
import { isFinished } from '../model/known';
import { IEvaluations } from '../tokens';
import { clientCode } from '../views/panel/clientcode';
import { SHORT_ID } from '../words/row';
import { TRANSLATION_DOMAIN } from './evaluations';
import { JOB_ARGS, jobsMeant, type IJobsRef } from './targets';

/** What can be done with jobs: cancel, try again, copy. */
export const jobCommands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:job-commands',
  description: 'Commands for jobs.',
  autoStart: true,
  requires: [IEvaluations],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, model: IEvaluations, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const { commands } = app;

    /** The jobs that a command means and that are in the right state; unknown ones are left to the server. */
    const suited = (args: ReadonlyPartialJSONObject, wanted: Wanted): IJobsRef[] =>
      jobsMeant(app, args)
        .map(({ server, jobs }) => ({
          server,
          jobs: jobs.filter(id => {
            const job = model.server(server)?.jobs.get(id);
            return !job || wanted(job);
          })
        }))
        .filter(({ jobs }) => jobs.length);
    const count = (args: ReadonlyPartialJSONObject, wanted: Wanted): number =>
      suited(args, wanted).reduce((sum, { jobs }) => sum + jobs.length, 0);

    /** Do something with each job, and say of which it was refused, and why. */
    const each = async ({ server, jobs }: IJobsRef, action: Action): Promise<void> => {
      const refused: string[] = [];
      await model.act(server, api =>
        Promise.all(
          jobs.map(id =>
            action(api, id).catch((reason: unknown) => {
              refused.push(trans.__('Job %1: %2', id.slice(0, SHORT_ID), sentence(reason)));
            })
          )
        )
      );
      if (refused.length) {
        const more = refused.length > 3 ? trans.__(' And %1 more.', refused.length - 3) : '';
        Notification.error(refused.slice(0, 3).join('\n') + more, { autoClose: false });
      }
    };

    const add = (id: string, options: IJobCommand): void => {
      commands.addCommand(id, {
        label: args => options.label(count(args, options.wanted)),
        caption: options.caption,
        icon: options.icon,
        describedBy: { args: options.args ?? JOB_ARGS },
        isVisible: args => count(args, options.wanted) > 0,
        isEnabled: args => count(args, options.wanted) > 0,
        execute: async args => {
          const refs = suited(args, options.wanted);
          if (typeof args.server === 'string' || !refs.length) {
            await Promise.all(refs.map(ref => options.run(ref, args)));
            return;
          }
          // Those who watch what is done see which jobs are meant.
          await Promise.all(
            refs.map(({ server, jobs }) => commands.execute(id, { server, jobs: [...jobs] }))
          );
        }
      });
    };

    add(CommandIDs.cancelJob, {
      label: jobs => (jobs > 1 ? trans.__('Cancel %1 Jobs', jobs) : trans.__('Cancel Job')),
      caption: trans.__('Stop the job; its answers are kept for a retry'),
      icon: stopIcon,
      wanted: job => !isFinished(job.status),
      run: ref => each(ref, (api, id) => api.cancel(id))
    });
    add(CommandIDs.finishJob, {
      label: jobs => (jobs > 1 ? trans.__('Finish %1 Jobs Early', jobs) : trans.__('Finish Job Early')),
      caption: trans.__('Score what is answered so far, and end'),
      icon: fastForwardIcon,
      wanted: job => job.status === 'running' && !job.finishing,
      run: ref => each(ref, (api, id) => api.cancel(id, 'finish'))
    });
    add(CommandIDs.retryJob, {
      label: jobs => (jobs > 1 ? trans.__('Retry %1 Jobs', jobs) : trans.__('Retry Job')),
      caption: trans.__('Run the job again under its id; answers that it has are kept'),
      icon: redoIcon,
      wanted: job => isFinished(job.status),
      run: ref => each(ref, (api, id) => api.retry(id))
    });
    add(CommandIDs.prioritizeJob, {
      label: jobs =>
        jobs > 1 ? trans.__('Change Priority of %1 Jobs…', jobs) : trans.__('Change Priority…'),
      caption: trans.__('Jobs with a higher priority start first'),
      icon: moveUpIcon,
      wanted: job => job.status === 'queued',
      args: {
        ...JOB_ARGS,
        properties: {
          ...JOB_ARGS.properties,
          priority: {
            type: 'integer',
            description: 'The higher, the sooner; without one, the person is asked'
          }
        }
      },
      run: async (ref, { priority }) => {
        const wished = typeof priority === 'number' ? priority : await askPriority(ref);
        if (wished !== null) {
          await each(ref, (api, id) => api.change(id, { priority: wished }));
        }
      }
    });
    add(CommandIDs.copyJobId, {
      label: jobs => (jobs > 1 ? trans.__('Copy %1 Job Ids', jobs) : trans.__('Copy Job Id')),
      caption: trans.__('Copy the id, one a line'),
      icon: copyIcon,
      wanted: () => true,
      run: async ({ jobs }) => Clipboard.copyToSystem(jobs.join('\n'))
    });
    add(CommandIDs.copyCode, {
      label: () => trans.__('Copy Client Code'),
      caption: trans.__('Copy the code that asks for the results from a notebook'),
      icon: codeIcon,
      wanted: () => true,
      run: async ({ server, jobs }) => {
        const known = model.server(server);
        const meant = jobs.flatMap(id => known?.jobs.get(id) ?? []);
        if (known && meant.length) {
          const servers = model.servers.map(({ info }) => info);
          Clipboard.copyToSystem(clientCode(meant, known.info, servers));
        }
      }
    });

    /** Null: the person thought better of it. */
    async function askPriority({ server, jobs }: IJobsRef): Promise<number | null> {
      const known = model.server(server)?.jobs.get(jobs[0]);
      const { button, value } = await InputDialog.getNumber({
        title: trans.__('Change Priority'),
        label: trans.__('Jobs with a higher number start first; those that run go on.'),
        value: known?.request.priority ?? 0,
        okLabel: trans.__('Change')
      });
      return button.accept && value !== null ? Math.round(value) : null;
    }
  }
};

type Wanted = (job: JobInfo) => boolean;
type Action = (api: ServerApi, id: string) => Promise<unknown>;

interface IJobCommand {
  label: (jobs: number) => string;
  caption: string;
  icon: LabIcon;
  /** Whether it makes sense for a job. */
  wanted: Wanted;
  args?: ReadonlyJSONObject;
  run: (ref: IJobsRef, args: ReadonlyPartialJSONObject) => Promise<unknown>;
}
