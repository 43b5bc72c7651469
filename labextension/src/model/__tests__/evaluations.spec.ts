import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Refusal } from '../../api/connection';
import type { IJobChanged } from '../../tokens';
import { Evaluations } from '../evaluations';
import { gpu, jobInfo, json, never, ScriptedJupyter } from './jupyter';

let jupyter: ScriptedJupyter;
let model: Evaluations;
let changes: number;
let told: IJobChanged[];

/** Often, so that nobody waits. */
const PACE = { busy: 20, idle: 20, devices: 100, longest: 100 };

beforeEach(() => {
  jupyter = new ScriptedJupyter();
  model = new Evaluations(jupyter.connection);
  model.setPace(PACE);
  changes = 0;
  told = [];
  model.changed.connect(() => changes++);
  model.jobChanged.connect((_, change) => told.push(change));
});

afterEach(() => {
  model.dispose();
  setHidden(false);
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function status(server: string, job: string): string | undefined {
  return model.server(server)?.jobs.get(job)?.status;
}

function setHidden(hidden: boolean): void {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  const visibilityState = hidden ? 'hidden' : 'visible';
  Object.defineProperty(document, 'visibilityState', { value: visibilityState, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}

test('servers, jobs and devices are known after a refresh', async () => {
  const server = jupyter.add('a');
  server.tell('one', 'running');
  server.devices = [gpu('cuda:0')];
  await model.refresh();
  expect(status('a', 'one')).toBe('running');
  await vi.waitFor(() => expect(model.server('a')?.devices).toHaveLength(1));
  expect(model.heardAt).not.toBeNull();
  expect(model.trouble).toBe('');
});

test('that there is no server is told once', async () => {
  model.begin();
  await vi.waitFor(() => expect(model.heardAt).not.toBeNull());
  expect(changes).toBe(1);
  await model.refresh();
  expect(changes).toBe(1);
});

test('what changes is heard without being asked for again, and only what changed is asked', async () => {
  const server = jupyter.add('a');
  server.tell('one', 'queued');
  server.tell('two', 'queued', { position_in_queue: 1 });
  model.begin();
  await vi.waitFor(() => expect(status('a', 'one')).toBe('queued'));
  const two = model.server('a')?.jobs.get('two');
  server.tell('one', 'running');
  await vi.waitFor(() => expect(status('a', 'one')).toBe('running'));
  expect(jupyter.count(/jobs\?limit/)).toBe(1);
  // It is next now, of which the server says nothing by itself.
  server.jobs.set('two', jobInfo('two', 'queued', { revision: 2, position_in_queue: 0 }));
  server.tell('one', 'completed');
  await vi.waitFor(() => expect(status('a', 'one')).toBe('completed'));
  expect(two?.position_in_queue).toBe(1);
  await vi.waitFor(() => expect(model.server('a')?.jobs.get('two')?.position_in_queue).toBe(0));
});

test('while nothing changes, nothing is drawn', async () => {
  jupyter.add('a').tell('one', 'running');
  model.begin();
  await vi.waitFor(() => expect(jupyter.count(/since/)).toBeGreaterThan(2));
  const before = changes;
  const asked = jupyter.count(/since/);
  await vi.waitFor(() => expect(jupyter.count(/since/)).toBeGreaterThan(asked + 3));
  expect(changes).toBe(before);
});

test('a job in another status is told once, wherever it was submitted', async () => {
  const server = jupyter.add('a');
  server.tell('old', 'completed');
  await model.refresh();
  server.tell('new', 'running');
  await model.refresh();
  server.tell('new', 'failed');
  await Promise.all([model.refresh(), model.refresh(), model.refresh()]);
  expect(told.map(({ job, before }) => [job.job_id, before, job.status])).toEqual([
    ['new', null, 'running'],
    ['new', 'running', 'failed']
  ]);
});

test('a refresh while one is under way asks again, and many share that', async () => {
  const server = jupyter.add('a');
  await model.refresh();
  const before = jupyter.count(/since/);
  const first = model.refresh();
  server.tell('one', 'queued');
  await Promise.all([first, ...Array.from({ length: 50 }, () => model.refresh())]);
  expect(status('a', 'one')).toBe('queued');
  expect(jupyter.count(/since/) - before).toBe(2);
});

test('what came of an action is asked for at once, also if it failed', async () => {
  const server = jupyter.add('a');
  server.tell('one', 'running');
  await model.refresh();
  const refused = model.act('a', () => {
    server.tell('one', 'completed');
    return Promise.reject(new Refusal(409, 'It is over'));
  });
  await expect(refused).rejects.toThrow('It is over');
  await vi.waitFor(() => expect(status('a', 'one')).toBe('completed'));
});

test('a storm of events is a question or two', async () => {
  jupyter.add('a');
  await model.refresh();
  const before = jupyter.count(/since/);
  for (let n = 0; n < 200; n++) {
    model.nudge();
  }
  await vi.waitFor(() => expect(jupyter.count(/since/)).toBeGreaterThan(before));
  expect(jupyter.count(/since/) - before).toBe(1);
});

test('a hidden page asks nothing, and asks at once when it is seen again', async () => {
  const server = jupyter.add('a');
  model.begin();
  await vi.waitFor(() => expect(model.servers).toHaveLength(1));
  setHidden(true);
  const lingering = 3;
  const before = jupyter.asked.length;
  await new Promise(resolve => setTimeout(resolve, 300));
  model.nudge();
  expect(jupyter.asked.length - before).toBeLessThanOrEqual(3 * lingering);
  const asked = jupyter.asked.length;
  server.tell('one', 'running');
  model.setPace({ busy: 60_000, idle: 60_000 });
  setHidden(false);
  await vi.waitFor(() => expect(jupyter.asked.length).toBeGreaterThan(asked));
  await vi.waitFor(() => expect(status('a', 'one')).toBe('running'));
});

test('a server that hangs delays no other', async () => {
  const [slow, quick] = [jupyter.add('slow'), jupyter.add('quick')];
  slow.tell('one', 'running');
  quick.tell('two', 'queued');
  await model.refresh();
  slow.answers = never;
  model.begin();
  quick.tell('two', 'running');
  // Sooner than the other one is given up.
  const soon = { timeout: 5000 };
  await vi.waitFor(() => expect(status('quick', 'two')).toBe('running'), soon);
  quick.tell('two', 'completed');
  await vi.waitFor(() => expect(status('quick', 'two')).toBe('completed'), soon);
  expect(status('slow', 'one')).toBe('running');
});

test('a server that does not answer in time is said to, and keeps its rows', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  const server = jupyter.add('a');
  server.tell('one', 'running');
  await model.refresh();
  server.answers = never;
  const asked = model.refresh();
  await vi.advanceTimersByTimeAsync(10_500);
  await asked;
  expect(model.server('a')?.trouble).toBe('The server did not answer within 10 s; it is asked again');
  expect(status('a', 'one')).toBe('running');
  server.answers = null;
  await model.refresh();
  expect(model.server('a')?.trouble).toBe('');
});

test('a server whose devices do not answer is heard all the same', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const server = jupyter.add('a');
  server.tell('one', 'running');
  const answer = server.answer.bind(server);
  server.answer = (path, query) => (path === 'devices' ? undefined : answer(path, query));
  await model.refresh();
  server.tell('one', 'completed');
  await model.refresh();
  expect(status('a', 'one')).toBe('completed');
  expect(model.server('a')?.trouble).toBe('');
});

test('a busy server is left alone until it answers for its health again', async () => {
  const server = jupyter.add('a');
  server.tell('one', 'running');
  await model.refresh();
  server.info = { state: 'busy', message: 'It did not answer within 2 s' };
  await model.refresh();
  const asked = jupyter.count(/since/);
  await model.refresh();
  expect(jupyter.count(/since/)).toBe(asked);
  expect(model.server('a')?.trouble).toBe('It did not answer within 2 s');
  expect(status('a', 'one')).toBe('running');
  server.info = {};
  server.tell('one', 'completed');
  await model.refresh();
  expect(status('a', 'one')).toBe('completed');
  expect(model.server('a')?.trouble).toBe('');
});

test("a refusal of a server is told in the server's words", async () => {
  const server = jupyter.add('a');
  await model.refresh();
  server.answers = () => Promise.resolve(json({ detail: 'It broke off the connection; ask again' }, 502));
  await model.refresh();
  expect(model.server('a')?.trouble).toBe('It broke off the connection; ask again');
});

test('a server that goes takes its jobs along', async () => {
  jupyter.add('a').tell('one', 'running');
  await model.refresh();
  jupyter.servers.clear();
  await model.refresh();
  expect(model.servers).toEqual([]);
});

test('a server that counts anew is read anew, and what is over there is no news', async () => {
  const server = jupyter.add('a');
  server.tell('one', 'running');
  server.tell('one', 'running');
  server.tell('two', 'queued');
  await model.refresh();
  server.revision = 0;
  server.jobs.clear();
  server.tell('old', 'completed');
  server.tell('one', 'queued');
  await model.refresh();
  expect([...(model.server('a')?.jobs.keys() ?? [])].sort()).toEqual(['old', 'one']);
  expect(told.map(({ job, before }) => [job.job_id, before, job.status])).toEqual([
    ['one', 'running', 'queued']
  ]);
});

test('more jobs than an answer holds are read page by page, and no more than wanted', async () => {
  const server = jupyter.add('a');
  for (let n = 0; n < 1700; n++) {
    server.tell(`job ${n}`, 'completed');
  }
  model.setPace({ newest: 1200 });
  await model.refresh();
  expect(model.server('a')?.jobs.size).toBe(1200);
  expect(jupyter.count(/jobs\?limit/)).toBe(3);
});

test('more changes than an answer holds are read to the end', async () => {
  const server = jupyter.add('a');
  await model.refresh();
  for (let n = 0; n < 2300; n++) {
    server.tell(`job ${n}`, 'queued', { position_in_queue: n });
  }
  await model.refresh();
  expect(model.server('a')?.jobs.size).toBe(2300);
});

test('who wants more jobs gets them', async () => {
  const server = jupyter.add('a');
  for (let n = 0; n < 300; n++) {
    server.tell(`job ${n}`, 'completed');
  }
  model.setPace({ newest: 100 });
  await model.refresh();
  expect(model.server('a')?.jobs.size).toBe(100);
  model.setPace({ newest: 1000 });
  await model.refresh();
  expect(model.server('a')?.jobs.size).toBe(300);
  expect(told).toEqual([]);
});

test('while Jupyter does not answer, that is said and what was known stays', async () => {
  jupyter.add('a').tell('one', 'running');
  model.begin();
  await vi.waitFor(() => expect(status('a', 'one')).toBe('running'));
  jupyter.answers = () => Promise.reject(new TypeError('Failed to fetch'));
  await vi.waitFor(() => expect(model.trouble).toBe('Jupyter does not answer; check that it still runs'));
  expect(status('a', 'one')).toBe('running');
  jupyter.answers = null;
  await vi.waitFor(() => expect(model.trouble).toBe(''));
});

test('the longer Jupyter does not answer, the less it is asked', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  vi.spyOn(Math, 'random').mockReturnValue(0.5); // the pauses are drawn, so that pages do not ask in step
  jupyter.answers = () => Promise.reject(new TypeError('Failed to fetch'));
  model.setPace({ busy: 1000, idle: 1000, longest: 60_000 });
  model.begin();
  await vi.advanceTimersByTimeAsync(60_000);
  // Once a second it would be sixty times.
  expect(jupyter.asked.length).toBeGreaterThan(2);
  expect(jupyter.asked.length).toBeLessThan(25);
});

test('without the extension, it is said what to install', async () => {
  jupyter.answers = () => Promise.resolve(new Response('<html></html>', { status: 404 }));
  await model.refresh();
  expect(model.trouble).toContain('install jupyter_lmms_eval where Jupyter runs');
});

test('a server of another protocol is told of, until Jupyter is another one', async () => {
  jupyter.protocol = 2;
  await model.refresh();
  expect(model.mismatch).toContain('9.8.7');
  expect(model.mismatch).toContain('reload the page');
  jupyter.protocol = 1;
  jupyter.answers = () => Promise.reject(new TypeError('Failed to fetch'));
  await model.refresh();
  jupyter.answers = null;
  await model.refresh();
  expect(model.mismatch).toBe('');
});

test('after it is disposed of, nothing is asked and nothing told', async () => {
  const server = jupyter.add('a');
  model.begin();
  await vi.waitFor(() => expect(model.servers).toHaveLength(1));
  server.answers = never;
  const under = model.refresh();
  model.dispose();
  await under;
  const [asked, drawn] = [jupyter.asked.length, changes];
  await model.refresh();
  model.nudge();
  await new Promise(resolve => setTimeout(resolve, 100));
  expect(jupyter.asked.length).toBe(asked);
  expect(changes).toBe(drawn);
});
