// Elements. Text becomes text nodes and nothing else: no function here, or anywhere in the
// page, takes markup, and the content security policy (trusted types) would refuse it.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat()) {
    if (child === undefined || child === null || child === false) continue;
    node.append(child);
  }
  return node;
}

/** An HTML element: `el("button", {class: "quiet", onclick: f}, "text", otherElement)`. */
export function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** The same in SVG. */
export function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

const ICONS = {
  back: "M15 5l-7 7 7 7",
  send: "M4 12l16-8-5 16-3.500-6.500z",
  plus: "M12 5v14M5 12h14",
  search: "M10.500 4a6.500 6.500 0 1 0 0 13a6.500 6.500 0 0 0 0-13M20 20l-4.700-4.700",
  reply: "M10 6l-6 6 6 6M4 12h10a6 6 0 0 1 6 6v1",
  edit: "M4 20l1-4.500L16.500 4l3.500 3.500L8.500 19z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  close: "M6 6l12 12M18 6L6 18",
  people: "M9 5a3.500 3.500 0 1 0 0 7a3.500 3.500 0 0 0 0-7M3 20a6 6 0 0 1 12 0"
    + "M16 5.500a3.300 3.300 0 0 1 0 6M18 15a6 6 0 0 1 3 5",
  person: "M12 4a4 4 0 1 0 0 8a4 4 0 0 0 0-8M5 20a7 7 0 0 1 14 0",
  ring: "M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16M12 2v4M4 15l3.500-1.500M20 15l-3.500-1.500",
  down: "M12 5v14M6 13l6 6 6-6",
  clock: "M12 4a8 8 0 1 0 0 16a8 8 0 0 0 0-16M12 8v4l3 2",
  check: "M5 12.500l4.500 4.500L19 7",
  checks: "M2 12.500l4.500 4.500L16 7M11 16.500l.5.5L21 7",
  warning: "M12 4l9 16H3zM12 10v5M12 17v.5",
};

/** A picture that says nothing to a screen reader: its button has a label. */
export function icon(name, kind = "icon") {
  return svg(
    "svg", { class: kind, viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: ICONS[name] }),
  );
}

/** A button that shows an icon and says its label. */
export function iconButton(name, label, onclick, more = {}) {
  const { class: kind = "", ...others } = more;
  return el(
    "button",
    { type: "button", class: `icon-button ${kind}`, "aria-label": label, title: label, onclick,
      ...others },
    icon(name),
  );
}

let pressed = null; // what the pointer went down on, until its click has been given
const late = new Map(); // list -> its newest rows

function release() {
  pressed = null;
  const lists = [...late];
  late.clear();
  for (const [list, rows] of lists) reconcile(list, rows);
}

addEventListener("pointerdown", ({ button, target }) => {
  if (button === 0) pressed = target;
}, true);
for (const what of ["pointerup", "pointercancel", "contextmenu", "blur"]) {
  addEventListener(what, () => setTimeout(release));
}

/**
 * Bring the children of a list to those rows, touching only what differs: what has the focus
 * keeps it, and a screen reader hears only what is new. A row is {key, sign, make}: a node is
 * made again when the sign of its key has changed. A list in which something is being pressed
 * waits until it is let go: a browser gives no click to a node that was moved or replaced.
 */
export function reconcile(list, rows) {
  if (pressed && list.contains(pressed)) {
    late.set(list, rows);
    return;
  }
  const before = list.rowNodes ?? new Map();
  const after = new Map();
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const focusedKey = focused && [...before].find(([, { node }]) => node.contains(focused))?.[0];
  const keys = new Set(rows.map(({ key }) => key));
  for (const [key, { node }] of before) if (!keys.has(key)) node.remove();
  let place = list.firstChild;
  for (const { key, sign, make } of rows) {
    const old = before.get(key);
    let node = old?.node;
    if (old?.sign !== sign) {
      node = make();
      if (place && place === old?.node) place = node;
      old?.node.replaceWith(node);
    }
    after.set(key, { sign, node });
    if (node === place) place = place.nextSibling;
    else list.insertBefore(node, place);
  }
  list.rowNodes = after;
  if (focused && document.activeElement !== focused) {
    const node = focused.isConnected ? focused : counterpart(focused, after.get(focusedKey)?.node);
    node?.focus({ preventScroll: true });
  }
}

/** What does in a new row what that element did in the old one; else the row itself. */
function counterpart(element, row) {
  const label = (one) => one.getAttribute("aria-label") ?? one.textContent;
  const alike = [...(row?.querySelectorAll(element.tagName) ?? [])];
  if (alike.length === 1) return alike[0];
  return alike.find((one) => label(one) === label(element)) ?? row;
}

const ANNOUNCED_FOR = 10_000;

/** Say something to a screen reader that is seen elsewhere, or nowhere. */
export function announce(text) {
  const line = el("p", {}, text); // of its own: it takes nothing away that was not said yet
  document.getElementById("announcer").append(line);
  setTimeout(() => line.remove(), ANNOUNCED_FOR);
}
