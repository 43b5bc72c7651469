/** Servers in words: pure. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { ServerInfo, ServerState } from '../api/wire';

/** Beside the word, never in its place. */
export const STATE_SYMBOLS: Record<ServerState, string> = {
  alive: '●',
  busy: '◐',
  gone: '○',
  unsupported: '△'
};

/** How a server is, in a word or two. */
export function stateWord(state: ServerState, trans: TranslationBundle): string {
  const words: Record<ServerState, string> = {
    alive: trans.__('alive'),
    busy: trans.__('busy'),
    gone: trans.__('gone'),
    unsupported: trans.__('not supported')
  };
  return words[state];
}

/** What a server is called: the notebook that it belongs to, or that it belongs to none. */
export function serverTitle(info: ServerInfo, trans: TranslationBundle): string {
  return (info.notebook && baseName(info.notebook)) || trans.__('Server on its own');
}

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

/** Where a server keeps its jobs, short enough for a line; its end says more than its beginning. */
export function shortFolder(folder: string): string {
  const parts = folder.split('/').filter(part => part);
  return parts.length > 2 ? `…/${parts.slice(-2).join('/')}` : folder;
}

function baseName(path: string): string {
  return path.split('/').pop() ?? path;
}
