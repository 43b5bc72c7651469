import type { TranslationBundle } from '@jupyterlab/translation';
import React, { memo } from 'react';
import type { Device } from '../../api/wire';
import { deviceRow, SHORT_ID } from '../../words/row';

interface IDevicesProps {
  devices: ReadonlyArray<Device>;
  onOpen(job: string): void;
  onFree(device: string): void;
  trans: TranslationBundle;
}

/** The devices of a server: how full, how busy, and who holds them. */
export const Devices = memo(function Devices({
  devices,
  onOpen,
  onFree,
  trans
}: IDevicesProps): React.JSX.Element {
  return (
    <ul className="jp-LmmsEval-panel-devices" aria-label={trans.__('Devices')}>
      {devices.map(device => (
        <DeviceItem key={device.id} device={device} onOpen={onOpen} onFree={onFree} trans={trans} />
      ))}
    </ul>
  );
});

interface IDeviceProps extends Omit<IDevicesProps, 'devices'> {
  device: Device;
}

function DeviceItem({ device, onOpen, onFree, trans }: IDeviceProps): React.JSX.Element {
  const row = deviceRow(device);
  const jobs = device.job_ids?.length ? device.job_ids : row.job_id ? [row.job_id] : [];
  const busy = row.busy_share === null ? '' : `${Math.round(row.busy_share * 100)} %`;
  return (
    <li className="jp-LmmsEval-panel-device" title={row.name}>
      <span className="jp-LmmsEval-panel-deviceId">{row.id}</span>
      <span className="jp-LmmsEval-panel-holder">
        {jobs.map(job => (
          <button
            key={job}
            type="button"
            className="jp-LmmsEval-panel-link"
            aria-label={trans.__('%1 runs job %2: open it', row.id, job.slice(0, SHORT_ID))}
            onClick={() => onOpen(job)}
          >
            {job.slice(0, SHORT_ID)}
          </button>
        ))}
        {!jobs.length && (
          <span className="jp-LmmsEval-panel-dim">
            {row.held_by || (row.model ? trans.__('free, %1 in memory', row.model) : trans.__('free'))}
          </span>
        )}
        {!jobs.length && row.model && (
          <button
            type="button"
            className="jp-LmmsEval-panel-link"
            aria-label={trans.__('Take %1 out of the memory of %2', row.model, row.id)}
            onClick={() => onFree(row.id)}
          >
            {trans.__('Free')}
          </button>
        )}
      </span>
      <span className="jp-LmmsEval-panel-gauges">
        {row.memory_share !== null && (
          <Meter share={row.memory_share} text={row.memory} label={trans.__('%1 memory', row.id)} />
        )}
        {row.busy_share !== null && (
          <Meter share={row.busy_share} text={busy} label={trans.__('%1 utilisation', row.id)} />
        )}
      </span>
    </li>
  );
}

function Meter({ share, text, label }: { share: number; text: string; label: string }): React.JSX.Element {
  const percent = Math.round(share * 100);
  return (
    <span className="jp-LmmsEval-panel-gauge">
      <span
        className="jp-LmmsEval-panel-meter"
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={percent}
        aria-valuetext={text}
      >
        <span className="jp-LmmsEval-panel-fill" style={{ width: `${percent}%` }} />
      </span>
      <span className="jp-LmmsEval-panel-number">{text}</span>
    </span>
  );
}
