// One row of the table: made once, afterwards only its changed cells are touched.

import { icon, make, set_attribute, set_text } from "./dom.js";
import { SYMBOLS, duration, has_results, is_finished, spoken_name } from "./words.js";

const DOING = { cancel: "cancelling…", retry: "queueing…", results: "" };

/**
 * @typedef {{act: (kind: "cancel" | "retry", job_id: string) => void, open: (kind: "log" | "results", job_id: string) => void,
 *   tick: (job_id: string, ticked: boolean) => void}} Clicks
 */

/**
 * Make the row of a job.
 * @param {string} job_id
 * @param {Clicks} clicks
 */
export function make_row(job_id, clicks) {
  const cell = (/** @type {string} */ name, /** @type {any[]} */ ...children) => make("td", { class: `lmms-${name}` }, ...children);
  const button = (/** @type {any} */ kind, /** @type {() => void} */ onclick) =>
    make("button", { type: "button", class: "lmms-icon", "data-control": kind, onclick }, icon(kind));
  const view = {
    job_id,
    tick: make("input", { type: "checkbox", "data-control": "tick", onchange: () => clicks.tick(job_id, view.tick.checked) }),
    name: make("span", { class: "lmms-name" }),
    id: make("code", { class: "lmms-id" }),
    symbol: make("span", { class: "lmms-symbol", "aria-hidden": "true" }),
    word: make("span", {}),
    fill: make("span", { class: "lmms-fill" }),
    samples: make("span", { class: "lmms-number" }),
    note: make("span", {}),
    pace: make("span", { class: "lmms-pace" }),
    score: make("span", {}),
    stderr: make("span", { class: "lmms-dim" }),
    results: button("results", () => clicks.open("results", job_id)),
    log: button("log", () => clicks.open("log", job_id)),
    cancel: button("cancel", () => clicks.act("cancel", job_id)),
    retry: button("retry", () => clicks.act("retry", job_id)),
    /** @type {any} */ bar: null,
    /** @type {Record<string, any>} */ cells: {},
    /** @type {any} */ element: null,
  };
  view.bar = make("span", { class: "lmms-bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, view.fill);
  view.cells = {
    model: cell("model"),
    tasks: cell("tasks"),
    status: cell("status", view.symbol, view.word),
    progress: cell("progress", view.bar, view.samples, make("span", { class: "lmms-note" }, view.note, view.pace)),
    rate: cell("rate lmms-right"),
    eta: cell("eta lmms-right"),
    score: cell("score lmms-right", view.score, view.stderr),
    time: cell("time lmms-right"),
    device: cell("device"),
  };
  view.element = make(
    "tr",
    { tabindex: -1 },
    cell("tick", view.tick),
    make("th", { scope: "row", class: "lmms-job" }, view.name, view.id),
    ...Object.values(view.cells),
    cell("actions", view.results, view.log, view.cancel, view.retry),
  );
  return view;
}

/** @typedef {ReturnType<typeof make_row>} RowView */

/**
 * Bring a row up to date.
 * @param {RowView} view
 * @param {import("./words.js").Row} row
 * @param {import("./store.js").Pending | undefined} pending
 * @param {boolean} ticked
 * @param {string | undefined} open what is open below it
 */
export function update_row(view, row, pending, ticked, open) {
  const { cells } = view;
  const name = spoken_name(row);
  set_text(view.name, row.name || row.short_id);
  set_text(view.id, row.name ? row.short_id : "");
  set_attribute(view.name, "title", row.name ? `${row.name} (${row.job_id})` : row.job_id);
  set_cell(cells.model, row.model);
  set_cell(cells.tasks, row.tasks, row.all_tasks);
  update_status(view, row, pending);
  update_progress(view, row);
  set_text(cells.rate, row.rate);
  set_text(cells.eta, row.eta);
  set_text(view.score, row.score);
  set_text(view.stderr, row.stderr && ` ± ${row.stderr}`);
  set_attribute(cells.score, "title", row.score_name || null);
  set_cell(cells.device, row.devices);
  view.tick.checked = ticked;
  set_attribute(view.tick, "aria-label", `Select ${name}`);
  set_attribute(view.element, "data-status", row.status);
  set_attribute(view.element, "data-ticked", ticked ? "" : null);
  update_button(view.results, has_results(row), `Results of ${name}`, "Results", open === "results");
  update_button(view.log, true, `Log of ${name}`, "Log", open === "log");
  update_button(view.cancel, !is_finished(row.status), `Cancel ${name}`, "Cancel");
  update_button(view.retry, is_finished(row.status), `Retry ${name}`, "Retry: run it again under its id");
  const busy = pending !== undefined && pending.kind !== "results";
  view.cancel.disabled = view.retry.disabled = busy;
}

/** Let the time of a running job go on. @param {RowView} view @param {import("./words.js").Row} row @param {number} now */
export function update_time(view, row, now) {
  set_text(view.cells.time, duration(row, now));
}

/** @param {Element} cell @param {string} text @param {string} [title] */
function set_cell(cell, text, title = text) {
  set_text(cell, text);
  set_attribute(cell, "title", title || null);
}

/** @param {RowView} view @param {import("./words.js").Row} row @param {import("./store.js").Pending | undefined} pending */
function update_status(view, row, pending) {
  const doing = pending ? (pending.waits ? "waits for the cell" : DOING[pending.kind]) : "";
  set_text(view.symbol, doing ? "◌" : SYMBOLS[row.status]);
  set_text(view.word, doing || row.status);
  set_attribute(view.cells.status, "title", pending?.waits ? "The click counts when the running cell ends" : null);
}

/** @param {RowView} view @param {import("./words.js").Row} row */
function update_progress(view, row) {
  const running = row.status === "running";
  const percent = row.fraction === null ? null : Math.floor(row.fraction * 100);
  view.bar.hidden = !running;
  // Without aria-valuenow it is a bar of unknown length, as it should be while a model loads.
  set_attribute(view.bar, "aria-valuenow", percent === null ? null : String(percent));
  set_attribute(view.bar, "aria-label", `Progress of ${spoken_name(row)}`);
  set_attribute(view.bar, "aria-valuetext", [row.samples, row.note].filter(Boolean).join(", ") || null);
  const width = `${(row.fraction ?? 0) * 100}%`;
  if (view.fill.style.inlineSize !== width) view.fill.style.inlineSize = width;
  set_text(view.samples, row.samples);
  set_text(view.note, row.note);
  // Shown where the table is too narrow for columns of their own.
  const pace = [row.rate, row.eta && `${row.eta} left`].filter(Boolean);
  set_text(view.pace, [...(row.note && pace.length ? [""] : []), ...pace].join(" · "));
  set_attribute(view.cells.progress, "title", [row.note, row.advice].filter(Boolean).join(" ") || null);
}

/** @param {any} button @param {boolean} shown @param {string} name @param {string} title @param {boolean} [expanded] */
function update_button(button, shown, name, title, expanded) {
  button.hidden = !shown;
  set_attribute(button, "aria-label", name);
  set_attribute(button, "title", title);
  if (expanded !== undefined) set_attribute(button, "aria-expanded", String(expanded));
}
