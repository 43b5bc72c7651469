import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';
// The notebook's table is held to the same examples.
import shared from '../../../../tests/widget/rows.json';
import type { Device, JobInfo } from '../../api/wire';
import { deviceRow, jobRow } from '../row';
import { ago, told } from '../told';

const trans = nullTranslator.load('');
const DEFAULTS = { attempt: 0, finishing: false, partial: false, revision: 0 };
/** JavaScript's clock knows milliseconds. */
const TIMES = ['created', 'started', 'ended'];

describe('a job has the words that the table in the notebook gives it', () => {
  it.each(shared.jobs.map(example => [example.job.job_id, example] as const))('%s', (_, { job, row }) => {
    const made = jobRow({ ...DEFAULTS, ...job } as JobInfo, trans);
    for (const [name, value] of Object.entries(row)) {
      const here = made[name as keyof typeof made];
      if (TIMES.includes(name) && typeof value === 'number') {
        expect(here, name).toBeCloseTo(value, 2);
      } else {
        expect(here, name).toEqual(value);
      }
    }
    expect(Object.keys(made).sort()).toEqual(Object.keys(row).sort());
  });
});

describe('a device has the words that the table in the notebook gives it', () => {
  it.each(shared.devices.map(({ device, row }) => [device.id, device, row] as const))(
    '%s',
    (_, device, row) => {
      expect(deviceRow(device as Device)).toEqual(row);
    }
  );
});

const rows = shared.jobs.slice(0, 5).map(({ job }) => jobRow({ ...DEFAULTS, ...job } as JobInfo, trans));

it('says which jobs entered another status, and counts them if they are many', () => {
  expect(told(rows.slice(0, 2), trans)).toBe(
    'Job 3fa1c2d4 internvl bs 64 is failed. Job 5cc0b9a7 baseline 7B is completed.'
  );
  expect(told(rows, trans)).toBe('2 running, 1 completed, 1 failed, 1 cancelled.');
});

it('says how long ago something was', () => {
  const said = [900, 61_000, 3_600_000, 72 * 3_600_000].map(milliseconds => ago(milliseconds, trans));
  expect(said).toEqual(['1 second ago', '1 minute ago', '1 hour ago', '3 days ago']);
});
