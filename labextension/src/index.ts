import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { evaluations } from './plugins/evaluations';
import { jobView } from './plugins/jobview';
import { resultsFile } from './plugins/resultsfile';
import { form } from './plugins/form';
import { jobCommands } from './plugins/jobcommands';
import { panel } from './plugins/panel';
import { serverCommands } from './plugins/servercommands';
import { launcher } from './plugins/launcher';
import { notifications } from './plugins/notifications';
import { palette } from './plugins/palette';
import { running } from './plugins/running';
import { settings } from './plugins/settings';
import { status } from './plugins/status';
import { versions } from './plugins/versions';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  evaluations,
  serverCommands,
  jobCommands,
  form,
  jobView,
  resultsFile,
  panel,
  launcher,
  notifications,
  palette,
  running,
  settings,
  status,
  versions
];
export default plugins;
