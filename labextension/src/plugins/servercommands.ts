import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { cleaningIcon, launchIcon, refreshIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ServerArguments } from '../api/servers';
import { sentence } from '../api/connection';
import { CommandIDs } from '../commandids';
import { isFinished, type IKnownServer } from '../model/known';
import { IPreferences } from '../model/preferences';
import { IEvaluations } from '../tokens';
import { serverTitle } from '../words/server';
import { TRANSLATION_DOMAIN } from './evaluations';
import { SERVER_ARGS, serverMeant } from './targets';

/** What can be done with servers: start, stop, look. */
export const serverCommands: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-lmms-eval:server-commands',
  description: 'Commands for evaluation servers.',
  autoStart: true,
  requires: [IEvaluations, IPreferences],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    model: IEvaluations,
    preferences: IPreferences,
    translator: ITranslator | null
  ) => {
    const trans = (translator ?? nullTranslator).load(TRANSLATION_DOMAIN);
    const { commands } = app;
    const meant = (args: ReadonlyPartialJSONObject): IKnownServer | undefined => {
      const id = serverMeant(app, args);
      return id === undefined ? undefined : model.server(id);
    };
    /** In the palette no server is meant, so all that can be asked are. */
    const holders = (args: ReadonlyPartialJSONObject): IKnownServer[] => {
      const known = args.isPalette ? model.servers : [meant(args)];
      return known.flatMap(server => (server?.info.state === 'alive' ? [server] : []));
    };
    const tell = (reason: unknown): void => {
      Notification.error(sentence(reason), { autoClose: false });
    };

    commands.addCommand(CommandIDs.startServer, {
      label: trans.__('Start Evaluation Server'),
      caption: trans.__('Start a server that outlives notebooks and Jupyter'),
      icon: runIcon,
      describedBy: {
        args: {
          type: 'object',
          description: 'Arguments of the server, all that `jupyter lmms-eval serve` has',
          properties: {
            state_dir: { type: 'string', description: 'The folder of its jobs' },
            port: { type: 'integer', description: 'Its port; without one, a free one' }
          }
        }
      },
      execute: async args => {
        const starting = model.startServer({
          ...preferences.values.serverArguments,
          ...serverArguments(args)
        });
        Notification.promise(
          starting.then(({ url }) => url),
          {
            pending: { message: trans.__('Starting an evaluation server…'), options: { autoClose: false } },
            success: {
              message: url => trans.__('An evaluation server runs at %1', String(url)),
              options: { autoClose: 2500 }
            },
            error: {
              message: reason => sentence(reason),
              options: { autoClose: false }
            }
          }
        );
        // The notification says why it did not start.
        await starting.catch(() => undefined);
      }
    });

    commands.addCommand(CommandIDs.stopServer, {
      label: args =>
        meant(args)?.info.state === 'gone' ? trans.__('Forget Server') : trans.__('Stop Server'),
      caption: args =>
        meant(args)?.info.kernel_id
          ? trans.__('It is part of a kernel: `%lmms_eval_server stop` in its notebook stops it')
          : trans.__('Its jobs stay, and go on when a server is started on the same folder'),
      icon: stopIcon,
      describedBy: { args: SERVER_ARGS },
      isVisible: args => meant(args) !== undefined,
      isEnabled: args => stoppable(meant(args)),
      execute: async args => {
        const server = meant(args);
        if (server && (server.info.state === 'gone' || (await agreed(server)))) {
          await model.stopServer(server.info.id).catch(tell);
        }
      }
    });

    commands.addCommand(CommandIDs.openDocs, {
      label: trans.__('Open API Documentation'),
      caption: trans.__("The server's REST API, in a new browser tab"),
      icon: launchIcon,
      describedBy: { args: SERVER_ARGS },
      isVisible: args => meant(args) !== undefined,
      isEnabled: args => meant(args)?.info.state === 'alive',
      execute: args => {
        const server = meant(args);
        if (server) {
          window.open(model.api(server.info.id).url(['docs']), '_blank', 'noopener');
        }
      }
    });

    commands.addCommand(CommandIDs.freeDevices, {
      label: trans.__('Free Models from Memory'),
      caption: trans.__('Take models out of memory that wait for the next job'),
      icon: cleaningIcon,
      describedBy: {
        args: {
          ...SERVER_ARGS,
          properties: {
            ...SERVER_ARGS.properties,
            device: { type: 'string', description: 'One device, such as cuda:0; without it, all' }
          }
        }
      },
      isVisible: args => holders(args).length > 0,
      isEnabled: args => holders(args).some(({ devices }) => devices.some(({ model: kept }) => kept)),
      execute: async args => {
        const device = typeof args.device === 'string' ? args.device : undefined;
        await Promise.all(
          holders(args).map(({ info }) => model.act(info.id, api => api.free(device)).catch(tell))
        );
      }
    });

    commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh Evaluations'),
      caption: trans.__('Ask all evaluation servers now'),
      icon: refreshIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => model.refresh()
    });

    /** Whether the person wants a server stopped, jobs and all. */
    async function agreed(server: IKnownServer): Promise<boolean> {
      const unfinished = [...server.jobs.values()].filter(({ status }) => !isFinished(status)).length;
      if (!unfinished) {
        return true;
      }
      const { button } = await showDialog({
        title: trans.__('Stop Server'),
        body: trans._n(
          '%2: %1 job is not finished. It stops with the server, and goes on when a server is started on the same folder.',
          '%2: %1 jobs are not finished. They stop with the server, and go on when a server is started on the same folder.',
          unfinished,
          serverTitle(server.info, trans)
        ),
        buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Stop') })]
      });
      return button.accept;
    }
  }
};

/** Whether Jupyter can stop a server: those of kernels end with their kernel. */
function stoppable(server: IKnownServer | undefined): boolean {
  return server !== undefined && (server.info.state === 'gone' || !server.info.kernel_id);
}

/** What Jupyter adds to the arguments of commands that it runs. */
const JUPYTERS_OWN = ['isPalette', 'isLauncher', 'isMenu', 'toolbar', 'cwd'];

/** What of a command's arguments is meant for the server. */
function serverArguments(args: ReadonlyPartialJSONObject): ServerArguments {
  const meant = Object.entries(args).filter(
    ([name, value]) => !JUPYTERS_OWN.includes(name) && value !== null && value !== undefined
  );
  return Object.fromEntries(meant) as ServerArguments;
}
