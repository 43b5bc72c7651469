import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { evaluations } from './plugins/evaluations';

const plugins: JupyterFrontEndPlugin<unknown>[] = [evaluations];
export default plugins;
