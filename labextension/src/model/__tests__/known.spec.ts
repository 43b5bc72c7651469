import { expect, test } from 'vitest';
import type { JobInfo, JobList } from '../../api/wire';
import {
  heard,
  isBusy,
  looksDifferent,
  queuedAnew,
  queueMoved,
  relisted,
  statusChanges,
  unheard,
  withDevices,
  type IKnownServer
} from '../known';
import { gpu, jobInfo, serverInfo } from './jupyter';

function list(revision: number, ...jobs: JobInfo[]): JobList {
  return { jobs, revision };
}

function first(...jobs: JobInfo[]): IKnownServer {
  return heard(unheard(serverInfo('a')), { list: list(1, ...jobs), everything: true, at: 1, most: 100 });
}

function later(server: IKnownServer, revision: number, ...jobs: JobInfo[]): IKnownServer {
  return heard(server, { list: list(revision, ...jobs), everything: false, at: 2, most: 100 });
}

test('what did not change stays the same object', () => {
  const before = first(jobInfo('one', 'running'), jobInfo('two', 'queued'));
  const after = later(before, 2, jobInfo('one', 'running', { revision: 2 }));
  expect(after.jobs.get('two')).toBe(before.jobs.get('two'));
  expect(after.jobs.get('one')).not.toBe(before.jobs.get('one'));
  expect(later(after, 2).jobs).toBe(after.jobs);
  expect(later(after, 2, jobInfo('one', 'running', { revision: 2 })).jobs.get('one')).toBe(
    after.jobs.get('one')
  );
});

test('a list of all forgets the jobs that are not in it', () => {
  const answer = { list: list(1, jobInfo('two', 'queued')), everything: true, at: 2, most: 100 };
  expect([...heard(first(jobInfo('one', 'running')), answer).jobs.keys()]).toEqual(['two']);
});

test('a server that is no longer listed goes, one that does not answer keeps its jobs', () => {
  const known = first(jobInfo('one', 'running'));
  expect(relisted([known], [])).toEqual([]);
  const [busy] = relisted([known], [serverInfo('a', { state: 'busy', message: 'It is busy' })]);
  expect(busy.jobs).toBe(known.jobs);
  expect(busy.trouble).toBe('It is busy');
  expect(relisted([known], [serverInfo('a')])[0]).toBe(known);
});

test('nothing is expected of a server that is gone, whatever its jobs last did', () => {
  const known = first(jobInfo('one', 'running'));
  expect(isBusy(known)).toBe(true);
  expect(isBusy({ ...known, info: serverInfo('a', { state: 'gone' }) })).toBe(false);
  expect(isBusy(first(jobInfo('one', 'completed')))).toBe(false);
  expect(isBusy({ ...first(), info: serverInfo('a', { queue_size: 1 }) })).toBe(true);
});

test('old jobs that are over are forgotten, jobs that are not over never', () => {
  const at = (n: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, n)).toISOString();
  let known = heard(unheard(serverInfo('a')), {
    list: list(1, jobInfo('waits', 'queued', { created_at: at(0) })),
    everything: true,
    at: 1,
    most: 10
  });
  for (let n = 1; n <= 100; n++) {
    const done = jobInfo(`job ${n}`, 'completed', { created_at: at(n), revision: n + 1 });
    known = heard(known, { list: list(n + 1, done), everything: false, at: n, most: 10 });
    expect(known.jobs.size).toBeLessThanOrEqual(13);
  }
  expect(known.jobs.has('waits')).toBe(true);
  expect(known.jobs.has('job 100')).toBe(true);
  expect(known.jobs.has('job 1')).toBe(false);
});

test('a job that leaves the queue moves those behind it', () => {
  const before = first(
    jobInfo('one', 'queued', { position_in_queue: 0 }),
    jobInfo('two', 'queued', { position_in_queue: 1 })
  );
  const started = jobInfo('one', 'running', { revision: 2 });
  expect(queueMoved(before, [started])).toBe(true);
  const after = queuedAnew(later(before, 2, started), ['two']);
  expect(after.jobs.get('two')?.position_in_queue).toBe(0);
  expect(queuedAnew(after, ['two'])).toBe(after);
});

test('progress moves nobody in the queue', () => {
  const before = first(jobInfo('one', 'running'), jobInfo('two', 'queued'));
  expect(queueMoved(before, [jobInfo('one', 'running', { revision: 2 })])).toBe(false);
});

test('what was there when a server is first heard is no news', () => {
  expect(statusChanges(unheard(serverInfo('a')), [jobInfo('one', 'failed')], true)).toEqual([]);
});

test('another status is news, and so is a job that was not known', () => {
  const before = first(jobInfo('one', 'running'), jobInfo('two', 'queued'));
  const one = jobInfo('one', 'completed', { revision: 2 });
  const three = jobInfo('three', 'completed', { revision: 3 });
  const changed = [one, jobInfo('two', 'queued', { revision: 4 }), three];
  expect(statusChanges(before, changed, false)).toEqual([
    { job: one, before: 'running' },
    { job: three, before: null }
  ]);
});

test('of a list of all, a job that is over and was not known is no news', () => {
  const before = first(jobInfo('one', 'running'));
  const waits = jobInfo('waits', 'queued');
  expect(statusChanges(before, [jobInfo('old', 'completed'), waits], true)).toEqual([
    { job: waits, before: null }
  ]);
});

test('that a server was heard again is nothing to show, other devices are', () => {
  const before = first(jobInfo('one', 'running'));
  expect(looksDifferent(later(before, 2), before)).toBe(false);
  const known = withDevices(before, [gpu('cuda:0')]);
  expect(looksDifferent(known, before)).toBe(true);
  expect(withDevices(known, [gpu('cuda:0')])).toBe(known);
});

test('a thousand jobs are kept as they are while one changes', () => {
  const jobs = Array.from({ length: 1000 }, (_, n) =>
    jobInfo(`job ${n}`, 'queued', { position_in_queue: n })
  );
  const before = heard(unheard(serverInfo('a')), {
    list: list(1, ...jobs),
    everything: true,
    at: 1,
    most: 1000
  });
  let after = before;
  for (let revision = 2; revision < 202; revision++) {
    after = later(after, revision, jobInfo('job 7', 'running', { revision }));
  }
  const others = [...after.jobs].filter(([id, job]) => before.jobs.get(id) === job);
  expect(others).toHaveLength(999);
});
