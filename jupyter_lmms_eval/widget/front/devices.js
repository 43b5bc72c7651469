// The strip of devices above the table.

import { make, set_attribute, set_text } from "./dom.js";

/**
 * @typedef {{id: string, name: string, memory: string, memory_share: number | null, busy_share: number | null,
 *   job_id: string | null, held_by: string, model: string}} Device
 */

/**
 * Make the strip.
 * @param {import("./store.js").Store} store
 * @param {(job_id: string) => void} reveal shows the row of a job
 * @param {(device: string) => void} release takes a model out of a device's memory
 */
export function make_devices(store, reveal, release) {
  const element = make("ul", { class: "lmms-devices", "aria-label": "Devices" });
  /** @type {Map<string, any>} */
  const known = new Map();
  function update() {
    for (const device of store.devices) {
      if (!known.has(device.id)) known.set(device.id, make_device(reveal, release));
      update_device(known.get(device.id), device, store.pending.has(device.id));
    }
    element.replaceChildren(...store.devices.map((device) => known.get(device.id).element));
    element.hidden = !store.devices.length;
  }
  return { element, update };
}

/** @param {(job_id: string) => void} reveal @param {(device: string) => void} release */
function make_device(reveal, release) {
  const id = make("span", { class: "lmms-device-id" });
  const memory = make_meter("memory");
  const busy = make_meter("busy");
  const holder = make("button", { type: "button", class: "lmms-link", onclick: () => reveal(holder.dataset.job) });
  const free = make("span", { class: "lmms-dim lmms-elsewhere" });
  const give_back = make("button", { type: "button", class: "lmms-link", text: "Free", onclick: () => release(give_back.dataset.device) });
  const element = make("li", { class: "lmms-place" }, id, memory.element, busy.element, holder, free, give_back);
  return { element, id, memory, busy, holder, free, give_back };
}

/** @param {ReturnType<typeof make_device>} view @param {Device} device @param {boolean} leaving */
function update_device(view, device, leaving) {
  set_text(view.id, device.id);
  set_attribute(view.element, "title", device.name);
  update_meter(view.memory, device.memory_share, device.memory, `${device.id} memory`);
  const busy = device.busy_share === null ? "" : `${Math.round(device.busy_share * 100)} %`;
  update_meter(view.busy, device.busy_share, busy, `${device.id} utilisation`);
  view.holder.hidden = device.job_id === null;
  view.free.hidden = device.job_id !== null;
  set_text(view.free, device.held_by || (device.model ? `free, ${device.model} in memory` : "free"));
  view.give_back.hidden = !device.model;
  view.give_back.disabled = leaving;
  view.give_back.dataset.device = device.id;
  set_attribute(view.give_back, "aria-label", `Take ${device.model} out of the memory of ${device.id}`);
  set_attribute(view.free, "data-held", device.held_by ? "" : null);
  view.holder.dataset.job = device.job_id ?? "";
  set_text(view.holder, (device.job_id ?? "").slice(0, 8));
  set_attribute(view.holder, "aria-label", `${device.id} runs job ${(device.job_id ?? "").slice(0, 8)}: show it`);
}

/** @param {string} kind */
function make_meter(kind) {
  const fill = make("span", { class: "lmms-fill" });
  const bar = make("span", { class: "lmms-meter", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100 }, fill);
  const text = make("span", { class: "lmms-number" });
  const element = make("span", { class: `lmms-gauge lmms-gauge-${kind}` }, bar, text);
  return { element, bar, fill, text };
}

/** @param {ReturnType<typeof make_meter>} meter @param {number | null} share @param {string} text @param {string} name */
function update_meter(meter, share, text, name) {
  meter.element.hidden = share === null;
  set_text(meter.text, text);
  const percent = Math.round((share ?? 0) * 100);
  meter.fill.style.inlineSize = `${percent}%`;
  set_attribute(meter.bar, "aria-valuenow", String(percent));
  set_attribute(meter.bar, "aria-valuetext", text);
  set_attribute(meter.bar, "aria-label", name);
}
