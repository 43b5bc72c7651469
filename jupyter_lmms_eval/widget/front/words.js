// Words of the table that depend on the clock or on the reader.

/**
 * A job as Python puts it into words (`rows.Row`), with the numbers it sorts by.
 * @typedef {{job_id: string, short_id: string, name: string, model: string, tasks: string, all_tasks: string,
 *   status: string, fraction: number | null, samples: string, note: string, advice: string,
 *   rate: string, rate_number: number | null, eta: string, eta_number: number | null,
 *   score: string, stderr: string, score_name: string, score_number: number | null,
 *   created: number | null, started: number | null, ended: number | null, devices: string, partial: boolean}} Row
 */

export const STATUSES = ["running", "queued", "completed", "failed", "cancelled"];
export const SYMBOLS = { queued: "○", running: "●", completed: "✓", failed: "✗", cancelled: "⊘" };

/** @param {string} status */
export const is_finished = (status) => status !== "queued" && status !== "running";

/** Whether a job has scores; one that was told to finish early has them too. @param {Row} row */
export const has_results = (row) => row.status === "completed" || row.partial;

/** Write a duration as `m:ss` or `h:mm:ss`. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const two = (/** @type {number} */ number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/**
 * Write how long a job runs or ran; empty if it did not start, or if nobody knows when it ended.
 * @param {Row} row @param {number} now
 */
export function duration(row, now) {
  const end = is_finished(row.status) ? row.ended : now;
  return row.started === null || end === null ? "" : clock(end - row.started);
}

/** Name a job for people who hear the page. @param {Row} row */
export const spoken_name = (row) => `job ${row.short_id}${row.name ? ` ${row.name}` : ""}`;

/** Count things. @param {number} count @param {string} thing */
export const counted = (count, thing) => `${count.toLocaleString("en")} ${thing}${count === 1 ? "" : "s"}`;

/**
 * Say what happened between two states of the table, for people who hear it; empty if no status changed.
 * @param {{row: Row, before: string | undefined}[]} transitions
 */
export function told(transitions) {
  if (transitions.length <= 3) {
    return transitions.map(({ row }) => `${capitalized(spoken_name(row))} is ${row.status}.`).join(" ");
  }
  const parts = STATUSES.map((status) => [status, transitions.filter(({ row }) => row.status === status).length]);
  return `${parts.filter(([, count]) => count).map(([status, count]) => `${count} ${status}`).join(", ")}.`;
}

/** @param {string} text */
const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);
