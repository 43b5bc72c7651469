import { nullTranslator } from '@jupyterlab/translation';
import { describe, expect, it } from 'vitest';
import type { JobInfo } from '../../../api/wire';
import { clock } from '../../../words/numbers';
import { asSentence, causeWord, fraction, jobName, rate, seconds } from '../words';

const trans = nullTranslator.load('test');
const job = (more: Partial<JobInfo>) =>
  ({
    job_id: '0123456789',
    status: 'running',
    request: { model: 'x', tasks: [] },
    ...more
  }) as unknown as JobInfo;

describe('the words of a job', () => {
  it('name it', () => {
    expect(jobName(job({}))).toBe('01234567');
    expect(jobName(job({ request: { name: 'mine' } as JobInfo['request'] }))).toBe('mine');
  });

  it('tell durations', () => {
    expect([0, 59.6, 3661].map(clock)).toEqual(['0:00', '1:00', '1:01:01']);
    const started_at = '2026-01-01T00:00:00Z';
    const now = Date.parse('2026-01-01T00:01:00Z');
    expect(seconds(job({ started_at }), now)).toBe(60);
    expect(seconds(job({ started_at, status: 'failed', completed_at: '2026-01-01T00:00:05Z' }), now)).toBe(5);
    expect(seconds(job({ started_at, status: 'failed' }), now)).toBeNull();
    expect(seconds(job({}), now)).toBeNull();
  });

  it('tell shares and rates only where they are known', () => {
    expect([fraction(3, 4), fraction(3, null), fraction(5, 4), fraction(0, 0)]).toEqual([
      0.75,
      null,
      1,
      null
    ]);
    const progress = { phase: 'answering', samples_done: 1, errors_logged: 0 };
    expect(rate({ ...progress, rate: 12.345 }, trans)).toBe('12.3 per second');
    expect(rate({ ...progress, rate: 0.1 }, trans)).toBe('6 per minute');
    expect(rate({ ...progress, rate: null }, trans)).toBe('');
  });

  it('tell why it failed, also where the cause is newer than they are', () => {
    expect(causeWord('device', trans)).toBe('The device failed');
    expect(causeWord('never_heard_of', trans)).toBe('never_heard_of');
  });

  it('make sentences of what the server says', () => {
    expect(asSentence('waits for cpu:0')).toBe('Waits for cpu:0.');
    expect(asSentence('Why? ')).toBe('Why?');
  });
});
