// What opens below a row: the end of its log, or its scores.

import { icon, make, set_text } from "./dom.js";
import { spoken_name } from "./words.js";

/**
 * Make what stands below a row.
 * @param {import("./store.js").Store} store
 * @param {import("./words.js").Row} row
 * @param {"log" | "results"} kind
 * @param {number} columns
 * @param {() => void} close
 */
export function make_detail(store, row, kind, columns, close) {
  const name = `${kind === "log" ? "Log" : "Results"} of ${spoken_name(row)}`;
  const note = make("p", { class: "lmms-detail-note" });
  const body = kind === "log" ? make_log(name) : make("div", {});
  const button = make("button", { type: "button", class: "lmms-icon", "aria-label": `Close the ${name.toLowerCase()}`, title: "Close", onclick: close }, icon("close"));
  const header = make("div", { class: "lmms-detail-head" }, make("strong", { text: name }), button);
  const region = make("div", { class: "lmms-detail", role: "region", "aria-label": name }, header, note, body);
  const element = make("tr", { class: "lmms-detail-row" }, make("td", { colspan: columns }, region));
  const draw = kind === "log" ? draw_log : draw_results;
  const update = () => draw(store, row.job_id, note, body);
  update();
  return { element, kind, update };
}

/** @param {string} name */
const make_log = (name) => make("pre", { class: "lmms-log", tabindex: 0, "aria-label": name });

/** @param {import("./store.js").Store} store @param {string} job_id @param {HTMLElement} note @param {HTMLElement} body */
function draw_log(store, job_id, note, body) {
  const log = store.logs.get(job_id);
  const row = store.rows.get(job_id);
  const advice = row?.status === "failed" ? [row.note, row.advice].filter(Boolean).join(" ") : "";
  set_text(note, log?.error || advice || (log ? (log.text ? "" : "Nothing is written yet.") : "Reading …"));
  note.hidden = !note.textContent;
  const text = log?.text ?? "";
  if (body.textContent === text) return;
  // Follow the end unless the reader has scrolled away from it.
  const follows = body.scrollTop + body.clientHeight >= body.scrollHeight - 24;
  const last = body.lastChild;
  if (last instanceof Text && text.startsWith(last.data)) last.appendData(text.slice(last.data.length));
  else body.replaceChildren(text);
  body.hidden = !text;
  if (follows) body.scrollTop = body.scrollHeight;
}

/** @param {import("./store.js").Store} store @param {string} job_id @param {HTMLElement} note @param {HTMLElement} body */
function draw_results(store, job_id, note, body) {
  const answer = store.results.get(job_id);
  set_text(note, answer ? (answer.ok ? answer.text || (answer.scores.length ? "" : "There are no scores.") : answer.text) : "Reading …");
  note.hidden = !note.textContent;
  body.replaceChildren(...(answer?.ok && answer.scores.length ? scores(answer) : []));
}

/** @param {any} answer */
function scores(answer) {
  const filtered = answer.scores.some((/** @type {any} */ score) => score.filter);
  const titles = ["Task", "Metric", ...(filtered ? ["Filter"] : []), "", "Score", "Std. error", "Samples"];
  const numbers = new Set(["Score", "Std. error", "Samples"]);
  const head = titles.map((title) => make("th", { scope: "col", class: numbers.has(title) ? "lmms-right" : null, text: title }));
  if (!head[titles.indexOf("")].textContent) head[titles.indexOf("")].setAttribute("aria-label", "Better is");
  const rows = answer.scores.map((/** @type {any} */ score) =>
    make(
      "tr",
      { class: score.group ? "lmms-group" : null },
      make("th", { scope: "row", text: score.task }),
      make("td", { text: score.metric }),
      ...(filtered ? [make("td", { text: score.filter })] : []),
      make("td", { text: score.direction, title: { "↑": "Higher is better", "↓": "Lower is better" }[score.direction] ?? null }),
      make("td", { class: "lmms-right", text: score.score }),
      make("td", { class: "lmms-right", text: score.stderr }),
      make("td", { class: "lmms-right", text: score.samples }),
    ),
  );
  const table = make("table", { class: "lmms-scores" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  return [table, make("p", { class: "lmms-path", text: answer.path })];
}
