import type { TranslationBundle } from '@jupyterlab/translation';
import type { ServerInfo } from '../api/wire';

/** Say where a server runs, for those who look closer. */
export function serverDetails(info: ServerInfo, trans: TranslationBundle): string {
  const lines = [
    info.kernel_id ? trans.__('Part of a kernel; it stops with it') : trans.__('A process of its own'),
    info.notebook ? trans.__('Notebook: %1', info.notebook) : '',
    trans.__('Process: %1', info.pid),
    info.state_dir ? trans.__('Folder: %1', info.state_dir) : '',
    info.version ? trans.__('Version: %1', info.version) : ''
  ];
  return lines.filter(line => line).join('\n');
}
