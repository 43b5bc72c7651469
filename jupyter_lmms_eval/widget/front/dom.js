// Small ways to make and change elements. Text is only ever set as text: names of jobs come from anywhere.

/**
 * Make an element.
 * @param {string} tag
 * @param {Record<string, any>} [attributes] `class`, `text`, `on…` handlers, and attributes; false and null are left out
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

/** Set a text if it is another one: unchanged cells cost nothing. @param {Element} element @param {string} text */
export function set_text(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Set an attribute if it is another one. @param {Element} element @param {string} name @param {string | null} value */
export function set_attribute(element, name, value) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

const ICONS = {
  cancel: "M4 4h8v8H4z",
  retry: "M8 3V1L4.5 4 8 7V5a3.5 3.5 0 1 1-3.5 3.5H3A5 5 0 1 0 8 3z",
  log: "M2.5 3h11v1.4h-11zM2.5 6h8v1.4h-8zM2.5 9h11v1.4h-11zM2.5 12h6v1.4h-6z",
  results: "M2.5 8h2.6v5.5H2.5zM6.7 2.5h2.6v11H6.7zM10.9 5.5h2.6v8h-2.6z",
  close: "M4.1 3 8 6.9 11.9 3 13 4.1 9.1 8l3.9 3.9-1.1 1.1L8 9.1 4.1 13 3 11.9 6.9 8 3 4.1z",
};

/** Draw an icon in the colour of the text around it. @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * Put children into an order with as few moves as possible, keeping the focus.
 * @param {Element} parent
 * @param {Element[]} wanted
 */
export function arrange(parent, wanted) {
  const focused = /** @type {HTMLElement | null} */ (parent.getRootNode().activeElement ?? null);
  const keep = new Set(wanted);
  for (const child of [...parent.children]) if (!keep.has(child)) child.remove();
  let place = parent.firstElementChild;
  for (const child of wanted) {
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
  }
  // A moved element loses the focus.
  if (focused && focused.isConnected && parent.contains(focused) && parent.getRootNode().activeElement !== focused) {
    focused.focus({ preventScroll: true });
  }
}
