import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ISanitizer, MainAreaWidget, Sanitizer, WidgetTracker } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import { CommandIDs } from '../commandids';
import { evaluationsIcon } from '../icons';
import { serverOf } from '../model/known';
import { IEvaluations } from '../tokens';
import { JOB_TABS, type JobTab } from '../views/job/JobView';
import { JobPanel } from '../views/job/widget';
import { jobName, shortId } from '../views/job/words';
import { statusWord, SYMBOLS } from '../words/status';
import { place, reveal } from './place';
import { jobMeant } from './targets';

const NAMESPACE = 'lmms-eval-job';

/** Opens a job in the main area: how it is, its log, its scores, its samples. */
export const jobView: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:job-view',
  description: 'Shows an evaluation in the main area.',
  autoStart: true,
  requires: [IEvaluations],
  optional: [ITranslator, ILayoutRestorer, ISanitizer],
  activate: (
    app: JupyterFrontEnd,
    model: IEvaluations,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    sanitizer: ISanitizer | null
  ) => {
    const trans = (translator ?? nullTranslator).load('jupyter_lmms_eval');
    const tracker = new WidgetTracker<MainAreaWidget<JobPanel>>({ namespace: NAMESPACE });

    const make = (server: string, job: string, tab: JobTab) => {
      const content = new JobPanel({
        model,
        server,
        jobId: job,
        tab,
        sanitizer: sanitizer ?? new Sanitizer(),
        commands: app.commands,
        trans
      });
      const widget = new MainAreaWidget({ content });
      widget.id = `${NAMESPACE}-${server}-${job}`;
      widget.toolbar.hide();
      widget.title.icon = evaluationsIcon;
      widget.title.label = shortId(job);
      widget.title.closable = true;
      content.jobChanged.connect((_, info) => {
        const [name, status] = [jobName(info), statusWord(info.status, trans)];
        widget.title.label = `${SYMBOLS[info.status]} ${name}`;
        widget.title.caption = trans.__(
          'Evaluation %1: %2\n%3 on %4',
          name,
          status,
          info.request.model,
          info.request.tasks.join(', ')
        );
      });
      content.tabChanged.connect(() => void tracker.save(widget));
      return widget;
    };

    app.commands.addCommand(CommandIDs.openJob, {
      label: trans.__('Open Evaluation'),
      caption: trans.__('Show how a job is, its log, its scores and its samples'),
      icon: evaluationsIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            server: { type: 'string', description: trans.__('Id of the server') },
            job: { type: 'string', description: trans.__('Id of the job') },
            tab: { type: 'string', enum: [...JOB_TABS], description: trans.__('What to show first') }
          }
        }
      },
      execute: async (args: ReadonlyPartialJSONObject) => {
        const { server, job } = jobMeant(app, args) ?? {};
        if (server === undefined || job === undefined) {
          throw new Error(trans.__('Say which job to open: its server and its id.'));
        }
        const tab = JOB_TABS.find(each => each === args.tab);
        // A tab follows its job to the server that was started again, so it is the tab of that server's job.
        const now = (id: string): string => serverOf(model.servers, id, job)?.info.id ?? id;
        let widget = tracker.find(
          ({ content }) => content.jobId === job && now(content.server) === now(server)
        );
        if (!widget) {
          widget = make(server, job, tab ?? 'overview');
          await tracker.add(widget);
        } else if (tab) {
          widget.content.tab = tab;
        }
        if (!widget.isAttached) {
          place(app.shell, widget);
        }
        reveal(app.shell, widget);
        return widget;
      }
    });

    if (restorer) {
      void restorer.restore(tracker, {
        command: CommandIDs.openJob,
        args: ({ content: { server, jobId, tab } }) => ({ server, job: jobId, tab }),
        name: ({ content }) => `${content.server}-${content.jobId}`
      });
    }
  }
};
