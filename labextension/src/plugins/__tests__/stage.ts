import type { JupyterFrontEnd } from '@jupyterlab/application';
import { CommandRegistry } from '@lumino/commands';
import { Evaluations } from '../../model/evaluations';
import { ScriptedJupyter, type ScriptedServer } from '../../model/__tests__/jupyter';

/** What the plugins need of an application: commands, of which is noted what is executed. */
export class Stage {
  readonly commands = new CommandRegistry();
  readonly executed: [string, unknown][] = [];
  readonly jupyter = new ScriptedJupyter();
  readonly model = new Evaluations(this.jupyter.connection);
  readonly server: ScriptedServer = this.jupyter.add('a');

  get app(): JupyterFrontEnd {
    const app: Partial<Record<keyof JupyterFrontEnd, unknown>> = {
      commands: this.commands,
      started: Promise.resolve()
    };
    return app as unknown as JupyterFrontEnd;
  }

  /** Add commands that do nothing. */
  with(...ids: string[]): this {
    for (const id of ids) {
      this.commands.addCommand(id, {
        label: id,
        execute: args => {
          this.executed.push([id, { ...args }]);
        }
      });
    }
    return this;
  }
}
