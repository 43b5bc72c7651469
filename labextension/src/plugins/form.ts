import { ILayoutRestorer, type JupyterFrontEnd, type JupyterFrontEndPlugin } from '@jupyterlab/application';
import { MainAreaWidget, WidgetTracker } from '@jupyterlab/apputils';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { UUID, type ReadonlyPartialJSONObject, type ReadonlyPartialJSONValue } from '@lumino/coreutils';
import { Debouncer } from '@lumino/polling';
import { CommandIDs } from '../commandids';
import { evaluationsIcon } from '../icons';
import type { EvaluateRequest } from '../api/wire';
import { IEvaluations } from '../tokens';
import { Catalogs } from '../views/form/catalog';
import { draftOf, EMPTY, lastSettings, readDraft, storable, type IDraft } from '../views/form/draft';
import { FormWidget } from '../views/form/widget';
import { TRANSLATION_DOMAIN } from './evaluations';
import { JOB_ARGS, jobsMeant, serverMeant } from './targets';
import { place, reveal } from './place';

/** Where Jupyter's state keeps what is typed, and what the next form begins with. */
const DRAFTS = 'jupyter-lmms-eval:form-draft:';
const LAST = 'jupyter-lmms-eval:form-last';
/** The form that opens without a request to begin with. */
const MAIN = 'main';
/** Milliseconds after the last key until what is typed is stored. */
const PAUSE = 300;

type Opened = MainAreaWidget<FormWidget>;

/** The form of a new evaluation, in the main area. */
export const form: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:form',
  description: 'The form of a new evaluation.',
  autoStart: true,
  requires: [IEvaluations, IStateDB],
  optional: [ILayoutRestorer, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IEvaluations,
    state: IStateDB,
    restorer: ILayoutRestorer | null,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const { commands, shell } = app;
    const catalogs = new Catalogs(server => model.api(server));
    const tracker = new WidgetTracker<Opened>({ namespace: 'jupyter-lmms-eval-form' });

    const store = (id: string, draft: IDraft): Promise<unknown> =>
      state.save(id, storable(draft) as unknown as ReadonlyPartialJSONValue);

    const open = (key: string, initial: IDraft): Opened => {
      let typed = initial;
      if (key !== MAIN) {
        // After a reload nothing else would know with what it was filled.
        void store(DRAFTS + key, initial);
      }
      const keeper = new Debouncer(() => store(DRAFTS + key, typed), PAUSE);
      const content = new FormWidget({
        key,
        model,
        catalogs,
        initial,
        trans,
        onDraft: draft => {
          typed = draft;
          if (draft !== initial) {
            void keeper.invoke();
          }
        },
        onAccepted: draft => void store(LAST, lastSettings(draft)),
        onOpen: (server, job) => void commands.execute(CommandIDs.openJob, { server, job }),
        onStart: () => startServer(app, model)
      });
      const widget = new MainAreaWidget({ content });
      widget.id = `lmms-eval-form-${key}`;
      widget.title.label = trans.__('New evaluation');
      widget.title.caption = trans.__('New evaluation');
      widget.title.icon = evaluationsIcon;
      widget.title.closable = true;
      widget.toolbar.hide();
      content.disposed.connect(() => {
        keeper.dispose();
        if (key === MAIN) {
          void store(DRAFTS + key, typed);
        } else {
          void state.remove(DRAFTS + key);
        }
      });
      place(shell, widget);
      void tracker.add(widget);
      reveal(shell, widget);
      return widget;
    };

    const begin = async (key: string): Promise<IDraft> =>
      readDraft(await state.fetch(DRAFTS + key)) ?? readDraft(await state.fetch(LAST)) ?? EMPTY;

    /** The server that an evaluation shall run on; empty: nobody said so. */
    const wished = (args: ReadonlyPartialJSONObject): string =>
      // Where a menu was opened last is known ever after: only an item of that menu may mean it.
      (typeof args.server === 'string' || args.underMenu === true ? serverMeant(app, args) : '') ?? '';

    commands.addCommand(CommandIDs.newJob, {
      label: args => (args.isMenu ? trans.__('Evaluation') : trans.__('New Evaluation')),
      caption: trans.__('Submit an evaluation of a model'),
      icon: args => (args.isPalette ? undefined : evaluationsIcon),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            server: { type: 'string', description: 'Id of the server' },
            underMenu: { type: 'boolean', description: 'Without an id: the server under the context menu' },
            request: {
              type: 'object',
              description: 'What to fill the form with, as `POST /evaluate` takes it'
            }
          }
        }
      },
      execute: async args => {
        const server = wished(args);
        if (args.request && typeof args.request === 'object') {
          return open(UUID.uuid4(), draftOf(args.request as Partial<EvaluateRequest>, server));
        }
        const key = typeof args.form === 'string' ? args.form : MAIN;
        const shown = tracker.find(widget => widget.content.key === key);
        if (shown) {
          if (server) {
            shown.content.chooseServer(server);
          }
          reveal(shell, shown);
          return shown;
        }
        const draft = await begin(key);
        return open(key, server ? { ...draft, server } : draft);
      }
    });

    /** The one job that is meant. */
    const meant = (args: ReadonlyPartialJSONObject): [server: string, job: string] | null => {
      const [first, ...others] = jobsMeant(app, args);
      return first?.jobs.length === 1 && !others.length ? [first.server, first.jobs[0]] : null;
    };
    commands.addCommand(CommandIDs.cloneJob, {
      label: trans.__('Submit Again with Changes…'),
      caption: trans.__('Open the form with the request of this job'),
      icon: args => (args.isPalette ? undefined : evaluationsIcon),
      describedBy: { args: JOB_ARGS },
      isEnabled: args => meant(args) !== null,
      execute: async args => {
        const job = meant(args);
        if (!job) {
          return undefined;
        }
        const [server, id] = job;
        const known = model.server(server)?.jobs.get(id) ?? (await model.api(server).job(id));
        const origin = trans.__(
          'With the request of %1.',
          known.request.name ?? trans.__('job %1', id.slice(0, 8))
        );
        return open(UUID.uuid4(), draftOf(known.request, server, origin));
      }
    });

    if (restorer) {
      void restorer.restore(tracker, {
        command: CommandIDs.newJob,
        args: widget => ({ form: widget.content.key }),
        name: widget => widget.content.key
      });
    }
  }
};

/** Start a server as the other views do, or plainly where they are not loaded. */
async function startServer(app: JupyterFrontEnd, model: IEvaluations): Promise<string | null> {
  const before = new Set(model.servers.map(server => server.info.id));
  if (app.commands.hasCommand(CommandIDs.startServer)) {
    await app.commands.execute(CommandIDs.startServer);
    await model.refresh();
  } else {
    return (await model.startServer()).id;
  }
  const alive = model.servers.filter(server => server.info.state === 'alive');
  return (alive.find(server => !before.has(server.info.id)) ?? alive[0])?.info.id ?? null;
}
