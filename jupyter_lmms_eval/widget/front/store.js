// What the page knows of the jobs: one store for all views of a table. It hears Python's messages and sends clicks.

import { told } from "./words.js";

const PATIENCE = 600; // milliseconds after which a click that Python has not heard is said to wait

/**
 * @typedef {{kind: string, token: string, heard: boolean, waits: boolean}} Pending a click on its way
 * @typedef {{text: string, complete: boolean, error: string}} Log
 * @typedef {{url: string, trouble: string, silent_since: number | null}} Server
 * @typedef {{rows?: string[], devices?: boolean, server?: boolean, says?: boolean, detail?: string}} Change
 */

/**
 * Make the store of a table.
 * @param {any} model
 */
export function make_store(model) {
  const whole = model.get("_whole");
  const store = {
    /** @type {Map<string, import("./words.js").Row>} */ rows: new Map(),
    /** @type {any[]} */ devices: [],
    /** @type {Server} */ server: { url: "", trouble: "", silent_since: null },
    /** @type {Map<string, Pending>} */ pending: new Map(),
    /** @type {Map<string, Log>} */ logs: new Map(),
    /** @type {Map<string, any>} */ results: new Map(),
    says: "",
    sequence: 0,
    /** Python's clock minus the page's, in seconds. */ ahead: 0,
    /** @type {Set<(change: Change) => void>} */ listeners: new Set(),
    now: () => Date.now() / 1000 + store.ahead,
    /** Until when something is known of the jobs: their clocks stand while the server is silent. */
    known_until: () => store.server.silent_since ?? store.now(),
    tell: (/** @type {Change} */ change) => store.listeners.forEach((listen) => listen(change)),
    say: (/** @type {string} */ text) => {
      store.says = text;
      store.tell({ says: true });
    },
    send: (/** @type {any} */ message) => model.send(message),
  };
  if (whole) take_patch(store, whole);
  store.says = "";
  const hear = (/** @type {any} */ message) => HEARD[message.type]?.(store, message);
  model.on("msg:custom", hear);
  return { store, stop: () => model.off("msg:custom", hear) };
}

/** @typedef {ReturnType<typeof make_store>["store"]} Store */

const HEARD = { patch: take_patch, log: take_log, heard: take_heard, answer: take_answer };

/** @param {Store} store @param {any} message */
function take_patch(store, message) {
  const news = store.sequence > 0;
  store.sequence = message.sequence;
  store.ahead = message.now - Date.now() / 1000;
  const transitions = [];
  if (message.reset) {
    const present = new Set(message.rows.map((/** @type {any} */ row) => row.job_id));
    for (const job_id of store.rows.keys()) if (!present.has(job_id)) store.rows.delete(job_id);
  }
  for (const patch of message.rows ?? []) {
    const before = store.rows.get(patch.job_id);
    const row = before ? { ...before, ...patch } : patch;
    if (row.status === undefined) continue; // of a row whose beginning was missed; it comes again in full
    if (before?.status !== row.status) {
      transitions.push({ row, before: before?.status });
      forget(store, row, before?.status);
    }
    store.rows.set(row.job_id, row);
  }
  for (const job_id of message.gone ?? []) store.rows.delete(job_id);
  if (message.devices) store.devices = message.devices;
  const silent = Boolean(store.server.trouble);
  if (message.server) store.server = message.server;
  const rows = (message.rows ?? []).map((/** @type {any} */ row) => row.job_id);
  store.tell({ rows: [...rows, ...(message.gone ?? [])], devices: !!message.devices, server: !!message.server });
  if (!news) return;
  if (Boolean(store.server.trouble) !== silent) store.say(silent ? "The server answers again." : "The server does not answer.");
  else if (!message.reset && transitions.length) store.say(told(transitions));
}

/** A job that changed its status answers a click by itself, and what was read of it may be old. */
function forget(/** @type {Store} */ store, /** @type {any} */ row, /** @type {string | undefined} */ before) {
  if (before !== undefined) store.pending.delete(row.job_id);
  store.results.delete(row.job_id);
}

/** @param {Store} store @param {any} message */
function take_log(store, message) {
  const before = message.first ? "" : (store.logs.get(message.job_id)?.text ?? "");
  const text = tail(overwritten(before + message.text));
  store.logs.set(message.job_id, { text, complete: message.complete, error: message.error });
  store.tell({ detail: message.job_id });
}

/** Let carriage returns overwrite their line, as a terminal does: progress bars would fill the log. */
const overwritten = (/** @type {string} */ text) => text.replace(/\r\n/g, "\n").replace(/[^\n]*\r(?=[^\n])/g, "");

const MOST = 100_000; // characters of a log that are kept
/** @param {string} text */
const tail = (text) => (text.length <= MOST ? text : `… ${text.slice(text.indexOf("\n", text.length - MOST) + 1)}`);

/** @param {Store} store @param {any} message */
function take_heard(store, message) {
  for (const [job_id, pending] of store.pending) {
    if (pending.token === message.token) Object.assign(pending, { heard: true, waits: false }), store.tell({ rows: [job_id] });
  }
}

/** @param {Store} store @param {any} message */
function take_answer(store, message) {
  const done = [...store.pending].filter(([, pending]) => pending.token === message.token).map(([job_id]) => job_id);
  for (const job_id of done) store.pending.delete(job_id);
  if (message.job_id) store.results.set(message.job_id, message);
  store.tell({ rows: done, detail: message.job_id });
  // What was done shows in the jobs, and is said with their status.
  if (!message.ok && message.text) store.say(message.text);
}

/**
 * Send a click. Nothing is swallowed: what Python has not heard yet is shown as waiting.
 * @param {Store} store
 * @param {"cancel" | "retry" | "results" | "free"} kind ``free`` is of devices, the others of jobs
 * @param {string[]} job_ids
 * @param {boolean} busy_clicks whether this kernel hears clicks while a cell runs
 */
export function act(store, kind, job_ids, busy_clicks) {
  const free = job_ids.filter((job_id) => !store.pending.has(job_id));
  if (!free.length) return;
  const token = `${Date.now()}-${Math.random()}`;
  for (const job_id of free) store.pending.set(job_id, { kind, token, heard: false, waits: false });
  store.send({ type: kind, job_ids: free, token });
  store.tell({ rows: free });
  setTimeout(() => {
    const unheard = free.filter((job_id) => store.pending.get(job_id)?.token === token && !store.pending.get(job_id)?.heard);
    if (!unheard.length) return;
    for (const job_id of unheard) Object.assign(store.pending.get(job_id) ?? {}, { waits: true });
    const hint = busy_clicks ? "" : " With ipykernel 7 it would count at once.";
    store.say(`The kernel is busy: the click counts when the running cell ends.${hint}`);
    store.tell({ rows: unheard });
  }, PATIENCE);
}
