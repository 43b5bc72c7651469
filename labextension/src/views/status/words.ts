import type { TranslationBundle } from '@jupyterlab/translation';
import type { IGpus, IStanding } from '../../model/standing';
import { fixed, grouped } from '../../words/numbers';
import { deviceRow } from '../../words/row';

/** Say what runs and waits. */
export function jobWords({ running, queued }: IStanding, trans: TranslationBundle): string {
  const words = [
    running ? trans.__('%1 running', grouped(running)) : '',
    queued ? trans.__('%1 waiting', grouped(queued)) : ''
  ].filter(word => word);
  return words.length ? words.join(', ') : trans.__('No evaluations');
}

/** Say how busy the GPUs are, and how much of their memory is used. */
export function gpuWords(gpus: IGpus, trans: TranslationBundle): string {
  const name = gpus.devices.length === 1 ? trans.__('GPU') : trans.__('%1 GPUs', gpus.devices.length);
  const busy = gpus.busy === null ? '' : `${Math.round(gpus.busy * 100)}%`;
  const { memoryUsed: used, memoryTotal: total } = gpus;
  const memory =
    used === null || total === null ? '' : `${fixed(used / 1e9, 0)} / ${fixed(total / 1e9, 0)} GB`;
  return [name, busy, memory].filter(part => part).join(' ');
}

/** Say it in full: jobs, every GPU, and why it may be old. */
export function standingDetails(standing: IStanding, trans: TranslationBundle): string {
  const servers = trans._n('%1 evaluation server', '%1 evaluation servers', standing.servers);
  const gpus = (standing.gpus?.devices ?? []).map(device => {
    const { id, name, memory } = deviceRow(device);
    const { utilization } = device;
    const busy = typeof utilization === 'number' ? trans.__('%1% busy', Math.round(utilization * 100)) : '';
    return [id, name, busy, memory].filter(part => part).join(' · ');
  });
  return [...standing.trouble, `${servers}: ${jobWords(standing, trans)}`, ...gpus].join('\n');
}
