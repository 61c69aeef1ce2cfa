// Finding messages by their words.

import { el } from "./dom.js";
import { actionButton, dialog, field, form } from "./dialogs.js";
import { brief, full } from "./times.js";
import { pathOf } from "./route.js";

const PAGE = 20;
const AROUND = 80; // characters before what was found

export function openSearch(store, navigate) {
  const query = field("Words", { type: "search", required: true, autocomplete: "off",
    hint: "All words must be in a message; “a phrase” in quotes." });
  const here = store.open === null ? null : store.conversations.get(store.open);
  const scope = field("Where", {}, "select");
  scope.input.append(el("option", { value: "all" }, "All conversations"));
  if (here) scope.input.append(el("option", { value: "here" }, here.title));
  const results = el("ol", { class: "results", "aria-label": "Found" });
  const more = actionButton("More", find, { hidden: true });
  let asked = {}; // of the last search
  let oldest = 0;
  let turn = 0; // of the searches: an answer to one before the last is not shown

  async function find() {
    const mine = turn;
    const params = { ...asked, limit: PAGE };
    if (oldest) params.before = oldest;
    const found = await store.link.ask("search", params);
    if (mine !== turn) return;
    for (const message of found.messages) results.append(result(message));
    oldest = found.messages.at(-1)?.id ?? oldest;
    more.hidden = !found.more;
    if (!results.children.length) page.say("Nothing was found.");
  }

  function result(message) {
    const name = message.conversation;
    const title = store.conversations.get(name)?.title ?? String(name);
    return el("li", {}, el(
      "a",
      { href: pathOf(name, message.id), class: "result", onclick: (event) => {
        event.preventDefault();
        box.close();
        navigate(name, message.id);
      } },
      el("span", { class: "result-head" },
        el("bdi", {}, `${message.sender} · ${title}`),
        el("time", { title: full(message.sent_at) }, brief(message.sent_at))),
      el("span", { class: "result-text", dir: "auto" },
        ...highlighted(message.text, asked.query)),
    ));
  }

  const page = form([query, scope], "Search", async () => {
    asked = { query: query.input.value };
    if (scope.input.value === "here") asked.conversation = here.name;
    oldest = 0;
    turn += 1;
    more.hidden = true;
    results.replaceChildren();
    await find();
  }, { role: "search" });
  const box = dialog("Search", page, results, more);
  query.input.focus();
}

/** The words of the query, set apart in a piece of the text around the first of them. */
function highlighted(text, query) {
  const words = [...query.matchAll(/[\p{L}\p{N}_]+/gu)].map((match) => match[0].toLowerCase());
  const lower = text.toLowerCase();
  const first = Math.min(...words.map((word) => lower.indexOf(word)).filter((at) => at >= 0));
  const from = Number.isFinite(first) ? Math.max(0, first - AROUND) : 0;
  const piece = text.slice(from, from + 4 * AROUND);
  const nodes = [from > 0 ? "…" : ""];
  let at = 0;
  for (const match of piece.matchAll(/[\p{L}\p{N}_]+/gu)) {
    if (!words.some((word) => match[0].toLowerCase() === word)) continue;
    nodes.push(piece.slice(at, match.index), el("mark", {}, match[0]));
    at = match.index + match[0].length;
  }
  nodes.push(piece.slice(at), from + 4 * AROUND < text.length ? "…" : "");
  return nodes;
}

