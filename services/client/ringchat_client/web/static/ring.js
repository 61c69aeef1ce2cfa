// The ring as a picture: the replicas in their circle, the hand on the master of the view.
// View v belongs to replica v mod n, so the hand only ever turns forwards, as views do.

import { el, reconcile, svg } from "./dom.js";
import { clock } from "./times.js";

const CENTRE = 150;
const RADIUS = 104;
const SEAT = 29;
const LINES_MAX = 40;
const STATES = {
  master: "master", "in-sync": "in sync", lagging: "lagging", candidate: "asking for the view",
  down: "down", new: "new",
};

/** What is shown of a replica: one word. */
function stateOf(replica, status) {
  if (replica.role === "unreachable") return "down";
  if (replica.id === status.master_id) return "master";
  if (replica.role === "candidate" || replica.role === "new") return replica.role;
  return replica.in_sync ? "in-sync" : "lagging";
}

export function ringView(store) {
  const picture = svg("svg", { class: "ring-picture", viewBox: "0 0 300 300", role: "img" });
  const facts = el("p", { class: "ring-facts" });
  const table = el("tbody");
  const walk = el("ol", { class: "walk" });
  const element = el(
    "section", { class: "ring", "aria-labelledby": "ring-title" },
    el("h2", { id: "ring-title" }, "The ring"),
    picture, facts,
    el("table", { class: "ring-table" },
      el("thead", {}, el("tr", {}, ...["Replica", "State", "View", "Entries"].map(
        (word) => el("th", { scope: "col" }, word)))),
      table),
    el("h3", {}, "The walk"),
    el("div", { role: "log", "aria-label": "What the clients of this page did" }, walk),
  );
  let status = { replicas: [], view: -1, master_id: -1 };
  let asked = null; // the replica that this page's client is asking
  let count = 0;
  let committed = 0;

  function angleOf(id) {
    return (360 / Math.max(count, 1)) * id;
  }

  function placeOf(id, radius = RADIUS) {
    const radians = ((angleOf(id) - 90) * Math.PI) / 180;
    return [CENTRE + radius * Math.cos(radians), CENTRE + radius * Math.sin(radians)];
  }

  // The fixed parts are made once for a number of replicas, so that changes can be animated.
  const hand = svg("g", { class: "ring-hand" },
    svg("path", { d: `M${CENTRE - 7} ${CENTRE - 44}l7 -16l7 16z` }),
    svg("circle", { cx: CENTRE, cy: CENTRE, r: 42 }));
  const view = svg("text", { x: CENTRE, y: CENTRE + 5, class: "ring-view" });
  const viewWord = svg("text", { x: CENTRE, y: CENTRE - 17, class: "ring-word" }, "view");
  const pulses = svg("g", { class: "ring-pulses" });
  const seats = [];

  function build(n) {
    count = n;
    seats.length = 0;
    const arcs = [];
    for (let id = 0; id < n; id += 1) {
      const [x, y] = placeOf(id);
      const label = svg("text", { x, y: y + 1, class: "seat-number" }, String(id));
      const entries = svg("text", { x, y: y + 15, class: "seat-entries" });
      const crown = svg("path", { class: "seat-crown",
        d: `M${x - 11} ${y - 34}l-2 -12l7 5l6 -9l6 9l7 -5l-2 12z` });
      const halo = svg("circle", { cx: x, cy: y, r: SEAT + 6, class: "seat-halo" });
      const group = svg("g", { class: "seat" }, halo,
        svg("circle", { cx: x, cy: y, r: SEAT, class: "seat-disc" }), label, entries, crown);
      seats.push({ group, entries });
      arcs.push(arrow((id + 0.5) * (360 / n)));
    }
    // As high as the lowest seat or the track needs.
    const lowest = Math.max(CENTRE + RADIUS, ...seats.map((_, id) => placeOf(id)[1] + SEAT));
    picture.setAttribute("viewBox", `0 -10 300 ${lowest + 20}`);
    picture.replaceChildren(
      svg("circle", { cx: CENTRE, cy: CENTRE, r: RADIUS, class: "ring-track" }), ...arcs,
      hand, viewWord, view, pulses, ...seats.map(({ group }) => group),
    );
  }

  /** Which way round the clients ask. */
  function arrow(degrees) {
    const radians = ((degrees - 90) * Math.PI) / 180;
    const x = CENTRE + RADIUS * Math.cos(radians);
    const y = CENTRE + RADIUS * Math.sin(radians);
    return svg("path", { class: "ring-arrow", d: "M-4 -5l6 5l-6 5",
      transform: `translate(${x} ${y}) rotate(${degrees})` });
  }

  function draw() {
    const { replicas } = status;
    if (replicas.length !== count) build(replicas.length);
    replicas.forEach((replica, i) => {
      const state = stateOf(replica, status);
      seats[i].group.setAttribute("class", `seat ${state}${asked === i ? " asked" : ""}`);
      seats[i].entries.textContent = state === "down" ? "down" : String(replica.entries);
    });
    const known = status.view >= 0;
    view.textContent = known ? String(status.view) : "–";
    hand.style.transform = `rotate(${known ? angleOf(status.view) : 0}deg)`;
    hand.classList.toggle("idle", status.master_id < 0);
    drawWords();
  }

  function drawWords() {
    const { replicas, master_id: master } = status;
    const alive = replicas.filter(({ role }) => role !== "unreachable").length;
    const inSync = replicas.filter((one) => ["master", "in-sync"].includes(stateOf(one, status)));
    const unknown = store.link.state === "connecting";
    element.classList.toggle("unknown", unknown);
    facts.textContent = unknown ? "Not known: no gateway answers" : replicas.length
      ? `${alive} of ${replicas.length} up, ${inSync.length} in sync; `
        + (master < 0 ? "no master" : `replica ${master} is the master`)
      : status.reason || "Asking the replicas…";
    picture.setAttribute("aria-label", `The ring in view ${status.view}: ${facts.textContent}`);
    reconcile(table, replicas.map((one) => {
      const state = stateOf(one, status);
      const cells = [one.view < 0 ? "–" : one.view, state === "down" ? "–" : one.entries];
      return { key: one.id, sign: JSON.stringify([state, cells, one.reason]), make: () => el(
        "tr", { class: state, title: one.reason || one.address },
        el("th", { scope: "row" }, String(one.id)),
        el("td", {}, el("span", { class: "state-mark", "aria-hidden": "true" }), STATES[state]),
        ...cells.map((cell) => el("td", {}, String(cell))),
      ) };
    }));
  }

  /** A confirmed write goes from the master to everybody in sync: so many dots at a time. */
  function pulse() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const [x, y] = placeOf(status.master_id);
    for (const replica of status.replicas) {
      if (stateOf(replica, status) !== "in-sync") continue;
      const [toX, toY] = placeOf(replica.id);
      const dot = svg("circle", { cx: x, cy: y, r: 4, class: "ring-pulse" });
      pulses.append(dot);
      dot.animate(
        [{ transform: "none" }, { transform: `translate(${toX - x}px, ${toY - y}px)` }],
        { duration: 700, easing: "ease-in-out" },
      ).finished.then(() => dot.remove(), () => dot.remove());
    }
  }

  function take(news) {
    status = news.replicas.length ? news : { ...news, view: -1, master_id: -1 };
    const newest = Math.max(0, ...status.replicas.map((one) => one.commit_index));
    if (committed && newest > committed && status.master_id >= 0) pulse();
    committed = newest;
    draw();
  }

  // ------------------------------------------------------------- the walk

  function say(text) {
    const now = Date.now();
    walk.prepend(el("li", {}, el("time", {}, clock(now)), " ", text));
    while (walk.children.length > LINES_MAX) walk.lastChild.remove();
  }

  function heard(event) {
    asked = null;
    if (event.event === "Lost") say(`replica ${event.replica_id} is gone: ${event.reason}`);
    else if (event.event === "Refused") say(`replica ${event.replica_id ?? "?"}: ${event.reason}`);
    else if (event.event === "Connected") {
      const through = event.replica_id === event.master_id ? "" : ` (through ${event.replica_id})`;
      say(`replica ${event.master_id} is the master of view ${event.view}${through}; `
        + `it took ${event.seconds.toFixed(2)} s`);
    } else if (event.event === "Asking") {
      asked = event.replica_id;
      const whom = asked ?? event.address;
      if (event.view !== null) say(`asking replica ${whom} to take view ${event.view}`);
    }
    draw();
  }

  store.addEventListener("ring", ({ detail }) => take(detail));
  store.link.addEventListener("state", draw);
  store.addEventListener("connection", ({ detail }) => heard(detail));
  draw();
  return { element, say };
}
