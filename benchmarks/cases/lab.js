// Times in milliseconds from a change until the page is laid out anew, by what was done.
async ({ jobs: count, changed, rounds }) => {
  const app = window.jupyterapp;
  const pause = () => new Promise(resolve => setTimeout(resolve, 50));
  const timed = async (within, act) => {
    await pause();
    const seen = new Promise(resolve => {
      const observer = new MutationObserver(() => (observer.disconnect(), resolve()));
      observer.observe(within, { subtree: true, childList: true, attributes: true, characterData: true });
    });
    const began = performance.now();
    act();
    await seen;
    within.getBoundingClientRect();
    return performance.now() - began;
  };
  // As typing does, in a field that React keeps.
  const write = (field, text) => {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
    field.dispatchEvent(new Event('input', { bubbles: true }));
  };

  // The search for tasks, among all that the server has.
  const form = document.querySelector('.jp-LmmsEval-form');
  const search = form.querySelector('.jp-LmmsEval-taskSearch input');
  search.focus();
  const keys = [];
  for (let round = 0; round < rounds / 5; round++) {
    for (const word of ['mmmu_val', 'video', 'read digits', 'e']) {
      for (let length = 1; length <= word.length; length++) {
        keys.push(await timed(form, () => write(search, word.slice(0, length))));
      }
      await timed(form, () => write(search, ''));
    }
  }

  // The panel, with a scripted list of jobs. What else in the page listens to them is part of the times.
  const model = app.pluginRegistry._plugins.get('jupyter-lmms-eval:evaluations').service;
  const finished = ['completed', 'failed', 'cancelled'];
  const moment = number => new Date(Date.UTC(2026, 0, 1) + number * 60000).toISOString();
  const make = (number, status, samples) => ({
    job_id: `${String(number).padStart(8, '0')}-job`,
    status,
    created_at: moment(number),
    started_at: moment(number),
    completed_at: finished.includes(status) ? moment(number) : null,
    request: { model: 'qwen2_5_vl', tasks: ['mme', 'mmmu_val'], name: `step ${number}` },
    progress: {
      phase: 'answering',
      samples_done: samples,
      samples_total: 5000,
      rate: 12.5,
      eta_seconds: 100,
      errors_logged: 0
    },
    metrics:
      status === 'completed' ? [{ task: 'mmmu_val', metric: 'acc', filter: 'none', value: 0.5, stderr: 0.01 }] : [],
    position_in_queue: status === 'queued' ? number : null,
    devices: ['cuda:0'],
    attempt: 1,
    finishing: false,
    partial: false,
    revision: samples,
    error: status === 'failed' ? 'ValueError: no such file' : null
  });
  const statuses = [...Array(changed).fill('running'), ...Array(changed).fill('queued')];
  const jobs = new Map();
  for (let number = 0; number < count; number++) {
    const job = make(number, statuses[number] ?? finished[number % 3], 1);
    jobs.set(job.job_id, job);
  }
  const info = { ...model.servers[0].info, id: 'bench', url: 'http://localhost:1', state_dir: '/bench' };
  let servers = [];
  Object.defineProperty(model, 'servers', { get: () => servers });
  const show = known => {
    servers = [{ info, jobs: known, devices: [], revision: 1, heardAt: Date.now(), trouble: '' }];
    model.changed.emit(undefined);
  };
  const panel = document.querySelector('.jp-LmmsEval-panel');
  const times = { first: [await timed(panel, () => show(jobs))], change: [], end: [], filter: [], keys };
  for (let round = 2; round < rounds + 2; round++) {
    const next = new Map(jobs);
    for (let number = 0; number < changed; number++) {
      const job = make(number, 'running', round * 10);
      next.set(job.job_id, job);
    }
    times.change.push(await timed(panel, () => show(next)));
    const over = make(0, 'completed', round * 10);
    times.end.push(await timed(panel, () => show(new Map([...next, [over.job_id, over]]))));
    const box = panel.querySelector('input[type=search]');
    times.filter.push(await timed(panel, () => write(box, `step ${round}`)));
    await timed(panel, () => write(box, ''));
  }
  return times;
};
