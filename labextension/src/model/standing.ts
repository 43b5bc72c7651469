/** How things stand on all servers together: pure. */

import type { Device } from '../api/wire';
import type { IKnownServer } from './known';

/** All servers in a few numbers. */
export interface IStanding {
  servers: number;
  running: number;
  queued: number;
  gpus: IGpus | null;
  /** Why the numbers may be old, in sentences; empty while all servers answer. */
  trouble: string[];
}

/** All GPUs of the machine together; null where none of them tells. */
export interface IGpus {
  devices: Device[];
  /** Mean busy share of the last second, 0 to 1. */
  busy: number | null;
  /** Bytes. */
  memoryUsed: number | null;
  memoryTotal: number | null;
}

/** A server with more jobs in its queue than are listed knows better how many there are. */
const LISTED_FOR_SURE = 500;

/**
 * Sum up what is known of the servers.
 *
 * @param servers - All that are recorded.
 * @param trouble - Why Jupyter is not heard, if it is not.
 * @returns Null if no server runs.
 */
export function standing(servers: ReadonlyArray<IKnownServer>, trouble: string): IStanding | null {
  const live = servers.filter(({ info }) => info.state === 'alive' || info.state === 'busy');
  if (!live.length) {
    return null;
  }
  const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
  return {
    servers: live.length,
    running: sum(live.map(server => count(server, 'running', server.info.running_jobs))),
    queued: sum(live.map(server => count(server, 'queued', server.info.queue_size))),
    gpus: gpusOf(live),
    trouble: [...new Set([trouble, ...live.map(server => server.trouble)])].filter(said => said)
  };
}

function count(server: IKnownServer, status: string, told: number | null): number {
  if (told !== null && (server.revision === null || told > LISTED_FOR_SURE)) {
    return told;
  }
  return [...server.jobs.values()].filter(job => job.status === status).length;
}

/** Servers on one machine have the same GPUs. */
function gpusOf(servers: ReadonlyArray<IKnownServer>): IGpus | null {
  const byId = new Map<string, Device>();
  for (const server of servers) {
    for (const device of server.devices) {
      if (device.kind === 'cuda' && !byId.has(device.id)) {
        byId.set(device.id, device);
      }
    }
  }
  const devices = [...byId.values()];
  if (!devices.length) {
    return null;
  }
  const busy = devices.flatMap(({ utilization }) => (typeof utilization === 'number' ? [utilization] : []));
  const memory = devices.flatMap(({ memory_used: used, memory_total: total }) =>
    typeof used === 'number' && typeof total === 'number' ? [{ used, total }] : []
  );
  return {
    devices,
    busy: busy.length ? busy.reduce((total, share) => total + share, 0) / busy.length : null,
    memoryUsed: memory.length ? memory.reduce((total, { used }) => total + used, 0) : null,
    memoryTotal: memory.length ? memory.reduce((total, device) => total + device.total, 0) : null
  };
}
