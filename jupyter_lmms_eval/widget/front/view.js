// The table itself: which rows it shows, in which order, and what opens below them.

import { arrange, make, set_attribute, set_text } from "./dom.js";
import { act } from "./store.js";
import { clock, counted, duration, has_results, is_finished } from "./words.js";
import { make_detail } from "./details.js";
import { make_devices } from "./devices.js";
import { make_row, update_row, update_time } from "./row.js";
import { make_toolbar } from "./toolbar.js";

const STEP = 100; // rows shown at once, and added on request

/** Columns: name, heading, what it sorts by (null sorts last), whether large values come first. */
const COLUMNS = [
  { name: "job", title: "Job", key: (row) => (row.name || row.short_id).toLowerCase() },
  { name: "model", title: "Model", key: (row) => row.model.toLowerCase() },
  { name: "tasks", title: "Tasks", key: (row) => row.all_tasks.toLowerCase() },
  { name: "status", title: "Status", key: (row) => (row.status === "running" ? 0 : row.status === "queued" ? 1 : 2) },
  { name: "progress", title: "Progress", key: (row) => row.fraction, large_first: true },
  { name: "rate", title: "Rate", key: (row) => row.rate_number, large_first: true, number: true, long: "Samples per second" },
  { name: "eta", title: "ETA", key: (row) => row.eta_number, number: true, long: "Expected time left" },
  { name: "score", title: "Score", key: (row) => row.score_number, large_first: true, number: true, long: "Score and standard error" },
  { name: "time", title: "Time", key: (row, now) => (row.started === null ? null : (row.ended ?? now) - row.started), large_first: true, number: true, long: "Time since it started, or that it took" },
  { name: "device", title: "Device", key: (row) => row.devices || null },
];

/**
 * Show a table.
 * @param {any} model
 * @param {import("./store.js").Store} store
 * @param {HTMLElement} root
 * @returns {() => void} what ends it
 */
export function show_table(model, store, root) {
  const filter = { text: "", status: "" };
  const sort = { column: "status", reverse: false };
  /** @type {Map<string, any>} */ const views = new Map();
  /** @type {Map<string, any>} */ const details = new Map();
  /** @type {string[]} */ let listed = [];
  let limit = STEP;

  const busy_clicks = () => Boolean(model.get("_busy_clicks"));
  const selected = () => /** @type {string[]} */ (model.get("selected"));
  const select = (/** @type {string[]} */ job_ids) => (model.set("selected", job_ids), model.save_changes());
  const clicks = {
    act: (/** @type {any} */ kind, /** @type {string} */ job_id) => act(store, kind, [job_id], busy_clicks()),
    open: toggle_detail,
    tick: (/** @type {string} */ job_id, /** @type {boolean} */ ticked) =>
      select(ticked ? [...selected(), job_id] : selected().filter((other) => other !== job_id)),
  };

  const toolbar = make_toolbar(store, filter, () => ((limit = STEP), relist()), (kind, job_ids) => {
    act(store, kind, job_ids, busy_clicks());
    select([]);
  });
  const devices = make_devices(store, reveal, (device) => act(store, "free", [device], busy_clicks()));
  const trouble = make("p", { class: "lmms-trouble" });
  const headings = COLUMNS.map((column) => make_heading(column, () => sort_by(column)));
  const all = make("input", { type: "checkbox", "aria-label": "Select all jobs in the table", onchange: () => select(all.checked ? listed : []) });
  const body = make("tbody", {});
  const caption = make("caption", { class: "lmms-unseen", text: "Evaluation jobs" });
  const columns = make("colgroup", {}, ...["tick", ...COLUMNS.map(({ name }) => name), "actions"].map((name) => make("col", { class: `lmms-${name}` })));
  const head = make("thead", {}, make("tr", {}, make("td", { class: "lmms-tick" }, all), ...headings.map(({ element }) => element), make("th", { scope: "col", class: "lmms-actions" }, make("span", { class: "lmms-unseen", text: "Actions" }))));
  const table = make("table", { class: "lmms-table" }, caption, columns, head, body);
  const scroll = make("div", { class: "lmms-scroll", tabindex: 0, role: "group", "aria-label": "Evaluation jobs, scrolls" }, table);
  const empty = make("p", { class: "lmms-empty" });
  const more = make("button", { type: "button", class: "lmms-button", onclick: () => ((limit += STEP * 2), relist()) });
  const extent = make("span", { class: "lmms-dim" });
  const says = make("span", { class: "lmms-says", role: "status", "aria-live": "polite" });
  const url = make("span", { class: "lmms-dim lmms-url" });
  const foot = make("div", { class: "lmms-foot" }, extent, more, says, url);

  root.classList.add("lmms-jobs");
  root.append(devices.element, toolbar.element, trouble, scroll, empty, foot);
  body.addEventListener("keydown", on_key);

  /** @param {string} job_id */
  function redraw(job_id) {
    const row = store.rows.get(job_id);
    const view = views.get(job_id);
    if (!row || !view) return;
    update_row(view, row, store.pending.get(job_id), selected().includes(job_id), details.get(job_id)?.kind);
    update_time(view, row, store.known_until());
  }

  /** Decide which rows stand where, and make those that are missing. */
  function relist() {
    const rows = [...store.rows.values()].filter((row) => matches(row, filter));
    rows.sort(comparison(sort, store.known_until()));
    listed = rows.map((row) => row.job_id);
    const shown = listed.slice(0, limit);
    const keep = new Set(shown);
    for (const job_id of [...views.keys()]) if (!keep.has(job_id)) drop(job_id);
    for (const job_id of shown) {
      if (!views.has(job_id)) {
        views.set(job_id, make_row(job_id, clicks));
        redraw(job_id);
      }
    }
    arrange(body, shown.flatMap((job_id) => [views.get(job_id).element, ...(details.has(job_id) ? [details.get(job_id).element] : [])]));
    update_frame(shown.length);
  }

  /** @param {string} job_id */
  function drop(job_id) {
    close_detail(job_id);
    views.delete(job_id);
  }

  /** @param {number} shown */
  function update_frame(shown) {
    toolbar.update(selected());
    scroll.hidden = !listed.length;
    empty.hidden = Boolean(listed.length);
    set_text(empty, store.rows.size ? "No job matches the filter." : "No jobs yet. Submit one, and it appears here.");
    set_text(extent, listed.length > shown ? `${shown} of ${counted(listed.length, "job")}` : counted(listed.length, "job"));
    more.hidden = listed.length <= shown;
    set_text(more, `Show ${Math.min(STEP * 2, listed.length - shown)} more`);
    const ticked = new Set(selected());
    all.checked = listed.length > 0 && listed.every((job_id) => ticked.has(job_id));
    all.indeterminate = !all.checked && listed.some((job_id) => ticked.has(job_id));
  }

  function update_server() {
    const { url: address, trouble: sentence, silent_since } = store.server;
    set_text(url, address);
    trouble.hidden = !sentence;
    root.toggleAttribute("data-stale", Boolean(sentence));
    const age = silent_since === null ? "" : `Not heard from the server for ${clock(store.now() - silent_since)}; this is what it said last. `;
    set_text(trouble, sentence && `${age}${sentence}`);
  }

  /** @param {any} column */
  function sort_by(column) {
    sort.reverse = sort.column === column.name ? !sort.reverse : Boolean(column.large_first);
    sort.column = column.name;
    update_headings();
    relist();
  }

  function update_headings() {
    COLUMNS.forEach(({ name }, index) => {
      set_attribute(headings[index].element, "aria-sort", name === sort.column ? (sort.reverse ? "descending" : "ascending") : "none");
      set_text(headings[index].mark, name === sort.column ? (sort.reverse ? "▾" : "▴") : "");
    });
  }

  /** @param {"log" | "results"} kind @param {string} job_id */
  function toggle_detail(kind, job_id) {
    const open = details.get(job_id)?.kind;
    close_detail(job_id);
    const row = store.rows.get(job_id);
    if (open !== kind && row) {
      if (kind === "log") store.send({ type: "open_log", job_id });
      else if (!store.results.has(job_id)) act(store, "results", [job_id], busy_clicks());
      const close = () => (close_detail(job_id), redraw(job_id), views.get(job_id)?.[kind].focus());
      details.set(job_id, make_detail(store, row, kind, COLUMNS.length + 2, close));
      views.get(job_id).element.after(details.get(job_id).element);
    }
    redraw(job_id);
  }

  /** @param {string} job_id */
  function close_detail(job_id) {
    const detail = details.get(job_id);
    if (!detail) return;
    if (detail.kind === "log") store.send({ type: "close_log", job_id });
    detail.element.remove();
    details.delete(job_id);
  }

  /** A job that is tried again writes on: read on, or read its new scores. @param {string} job_id */
  function refresh_detail(job_id) {
    const detail = details.get(job_id);
    const row = store.rows.get(job_id);
    if (!detail || !row) return;
    const log = store.logs.get(job_id);
    if (detail.kind === "log" && log?.complete && !is_finished(row.status)) {
      log.complete = false;
      store.send({ type: "open_log", job_id });
    }
    if (detail.kind === "results" && !has_results(row)) close_detail(job_id), redraw(job_id);
    else detail.update();
  }

  /** @param {string} job_id */
  function reveal(job_id) {
    if (!listed.includes(job_id)) toolbar.clear();
    limit = Math.max(limit, listed.indexOf(job_id) + 1);
    relist();
    const element = views.get(job_id)?.element;
    element?.scrollIntoView({ block: "nearest" });
    element?.focus({ preventScroll: true });
  }

  /** Arrows go from row to row and stay in their column; Escape closes what is open. @param {KeyboardEvent} event */
  function on_key(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const place = target.closest("tr");
    const job_id = [...views.values()].find((view) => view.element === place || details.get(view.job_id)?.element === place)?.job_id;
    if (!job_id) return;
    if (event.key === "Escape" && details.has(job_id)) {
      const { kind } = details.get(job_id);
      close_detail(job_id);
      redraw(job_id);
      views.get(job_id)[kind].focus();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && views.get(job_id).element === place) {
      const next = views.get(listed[listed.indexOf(job_id) + (event.key === "ArrowDown" ? 1 : -1)]);
      const control = target.dataset.control;
      const goal = next && control && !next[control].hidden ? next[control] : next?.element;
      goal?.focus();
    } else return;
    // The notebook would take the arrows for a move to another cell.
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {import("./store.js").Change} change */
  function listen(change) {
    for (const job_id of change.rows ?? []) redraw(job_id), refresh_detail(job_id);
    if (change.rows?.length) relist();
    if (change.devices || change.rows) devices.update();
    if (change.server) update_server();
    if (change.says) set_text(says, store.says);
    if (change.detail) details.get(change.detail)?.update(), redraw(change.detail);
  }

  function tick() {
    if (document.hidden) return;
    for (const [job_id, view] of views) {
      const row = store.rows.get(job_id);
      if (row?.status === "running" && duration(row, 0) !== "") update_time(view, row, store.known_until());
    }
    if (store.server.trouble) update_server();
  }

  const on_selection = () => {
    for (const job_id of views.keys()) redraw(job_id);
    update_frame(views.size);
  };
  store.listeners.add(listen);
  model.on("change:selected", on_selection);
  const timer = setInterval(tick, 1000);
  update_headings();
  relist();
  devices.update();
  update_server();
  return () => {
    clearInterval(timer);
    for (const job_id of [...details.keys()]) close_detail(job_id);
    store.listeners.delete(listen);
    model.off("change:selected", on_selection);
  };
}

/** @param {any} column @param {() => void} onclick */
function make_heading(column, onclick) {
  const mark = make("span", { class: "lmms-mark", "aria-hidden": "true" });
  const button = make("button", { type: "button", title: column.long ?? null, onclick }, column.title, mark);
  const element = make("th", { scope: "col", class: `lmms-${column.name}${column.number ? " lmms-right" : ""}` }, button);
  return { element, mark };
}

/** @param {import("./words.js").Row} row @param {import("./toolbar.js").Filter} filter */
function matches(row, filter) {
  if (filter.status && row.status !== filter.status) return false;
  if (!filter.text) return true;
  const text = [row.job_id, row.name, row.model, row.all_tasks, row.status, row.note, row.devices].join("\n").toLowerCase();
  return filter.text.split(/\s+/).every((word) => text.includes(word));
}

/**
 * How two rows stand to each other. Equal ones: what runs longest, what waits longest, what ended last.
 * @param {{column: string, reverse: boolean}} sort
 * @param {number} now
 */
function comparison(sort, now) {
  const { key } = COLUMNS.find(({ name }) => name === sort.column) ?? COLUMNS[3];
  const turn = sort.reverse ? -1 : 1;
  const moment = (/** @type {any} */ row) => (is_finished(row.status) ? -(row.ended ?? row.created ?? 0) : (row.started ?? row.created ?? 0));
  return (/** @type {any} */ one, /** @type {any} */ other) => {
    const [left, right] = [key(one, now), key(other, now)];
    if (left !== right) {
      if (left === null) return 1;
      if (right === null) return -1;
      return left < right ? -turn : turn;
    }
    return moment(one) - moment(other) || (one.job_id < other.job_id ? -1 : 1);
  };
}
