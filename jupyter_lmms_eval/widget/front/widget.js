// The widget, as a host of anywidgets loads it: one store for each table, shared by its views.

import { make_store } from "./store.js";
import { show_table } from "./view.js";

export default function () {
  /** @type {ReturnType<typeof make_store> | undefined} */
  let made;
  return {
    /** @param {{model: any}} host */
    initialize({ model }) {
      made = make_store(model);
      return made.stop;
    },
    /** @param {{model: any, el: HTMLElement}} host */
    render({ model, el }) {
      const { store } = (made ??= make_store(model));
      const view = `${Date.now()}-${Math.random()}`;
      const stop = show_table(model, store, el);
      store.send({ type: "shown", view, sequence: store.sequence });
      return () => {
        stop();
        store.send({ type: "hidden", view });
      };
    },
  };
}
