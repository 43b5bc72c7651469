// What stands above the table: filters, and what to do with the selected jobs.

import { make, set_attribute, set_text } from "./dom.js";
import { STATUSES, SYMBOLS, counted, is_finished } from "./words.js";

/**
 * @typedef {{text: string, status: string}} Filter
 */

/**
 * Make the toolbar.
 * @param {import("./store.js").Store} store
 * @param {Filter} filter changed in place
 * @param {() => void} filtered
 * @param {(kind: "cancel" | "retry", job_ids: string[]) => void} act
 */
export function make_toolbar(store, filter, filtered, act) {
  const search = make("input", {
    type: "search",
    class: "lmms-search",
    placeholder: "Filter jobs",
    "aria-label": "Filter jobs by name, id, model, task or text",
    oninput: () => {
      filter.text = search.value.trim().toLowerCase();
      filtered();
    },
  });
  const choices = ["", ...STATUSES].map((status) => make_choice(status, filter, () => (update([]), filtered())));
  const statuses = make("div", { class: "lmms-choices", role: "group", "aria-label": "Show jobs by status" }, ...choices.map((choice) => choice.button));
  const count = make("span", { class: "lmms-dim" });
  const cancel = make("button", { type: "button", class: "lmms-button" });
  const retry = make("button", { type: "button", class: "lmms-button" });
  const selection = make("div", { class: "lmms-selection", role: "group", "aria-label": "Selected jobs" }, count, cancel, retry);
  const element = make("div", { class: "lmms-toolbar" }, search, statuses, selection);

  /** @param {string[]} selected */
  function update(selected) {
    const all = [...store.rows.values()];
    for (const choice of choices) choice.update(all.filter((row) => !choice.status || row.status === choice.status).length);
    const rows = selected.map((job_id) => store.rows.get(job_id)).filter((row) => row !== undefined);
    selection.hidden = !rows.length;
    set_text(count, `${rows.length.toLocaleString("en")} selected`);
    set_up(cancel, "Cancel", rows.filter((row) => !is_finished(row.status)), (job_ids) => act("cancel", job_ids));
    set_up(retry, "Retry", rows.filter((row) => is_finished(row.status)), (job_ids) => act("retry", job_ids));
  }
  return { element, update, clear: () => ((search.value = filter.text = filter.status = ""), update([]), filtered()) };
}

/** @param {string} status @param {Filter} filter @param {() => void} chosen */
function make_choice(status, filter, chosen) {
  const number = make("span", { class: "lmms-number" });
  const symbol = status ? [make("span", { class: "lmms-symbol", "data-status": status, "aria-hidden": "true", text: SYMBOLS[status] })] : [];
  const button = make(
    "button",
    { type: "button", class: "lmms-choice", onclick: () => ((filter.status = filter.status === status ? "" : status), chosen()) },
    ...symbol,
    make("span", { text: status || "all" }),
    number,
  );
  /** @param {number} count */
  function update(count) {
    set_text(number, count.toLocaleString("en"));
    set_attribute(button, "aria-pressed", String(filter.status === status));
    button.hidden = Boolean(status) && !count && filter.status !== status;
  }
  return { button, status, update };
}

/** @param {any} button @param {string} verb @param {any[]} rows @param {(job_ids: string[]) => void} act */
function set_up(button, verb, rows, act) {
  button.hidden = !rows.length;
  set_text(button, `${verb} ${counted(rows.length, "job")}`);
  button.onclick = () => act(rows.map((row) => row.job_id));
}
