// One message, drawn: text with links and mentions, receipts, what can be done with it.

import { el, icon, iconButton } from "./dom.js";
import { avatar } from "./conversations.js";
import { mentions } from "./mentions.js";
import { pathOf } from "./route.js";
import { clock, full } from "./times.js";

const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]]/g;

/** The text as nodes: addresses become links, names of members are set apart. */
export function textNodes(text, members, me) {
  const marks = [...text.matchAll(LINK)].map((match) => ({
    start: match.index, end: match.index + match[0].length, href: match[0],
  }));
  for (const mention of mentions(text)) {
    const taken = marks.some(({ start, end }) => mention.start < end && mention.end > start);
    if (!taken && members.has(mention.name)) marks.push(mention);
  }
  marks.sort((a, b) => a.start - b.start);
  const nodes = [];
  let at = 0;
  for (const { start, end, href, name } of marks) {
    nodes.push(text.slice(at, start));
    const piece = text.slice(start, end);
    if (href) nodes.push(el("a", { href, rel: "noopener noreferrer", target: "_blank" }, piece));
    else nodes.push(el("span", { class: name === me ? "mention to-me" : "mention" }, piece));
    at = end;
  }
  nodes.push(text.slice(at));
  return nodes;
}

const RECEIPTS = {
  sending: ["clock", "Not confirmed yet"],
  refused: ["warning", "Not sent"],
  old: ["warning", "Not known whether it was sent"],
  sent: ["check", "Confirmed: on the disk of every replica in sync"],
  delivered: ["checks", "Delivered"],
  read: ["checks", "Read"],
};

function receipt(state) {
  const [picture, words] = RECEIPTS[state];
  return el("span", { class: `receipt ${state}`, title: words },
    icon(picture, "receipt-icon"), el("span", { class: "hidden-text" }, words));
}

function quote(message, store, onjump) {
  const original = store.thread.messages.find(({ id }) => id === message.reply_to);
  const text = original ? original.text.split("\n", 1)[0].slice(0, 140) : "an earlier message";
  return el(
    "button",
    { type: "button", class: "quote", onclick: () => onjump(message.reply_to) },
    el("span", { class: "hidden-text" }, "In reply to "),
    original && el("bdi", { class: "quote-author" }, original.sender),
    el("bdi", { class: "quote-text" }, original?.deleted_at ? "Message deleted" : text),
  );
}

/** What its drawing depends on, as a string. */
export function signOf(message, { grouped, receiptState, store, marked }) {
  const original = message.reply_to
    ? store.thread.messages.find(({ id }) => id === message.reply_to) : null;
  return JSON.stringify([
    message, grouped, receiptState, marked, original?.text, original?.deleted_at,
    receiptState === "read" ? 0 : store.readersOf(message).length,
    mentions(message.text).map(({ name }) => store.members.has(name)),
  ]);
}

/** A confirmed message. `actions`: {reply, edit, erase, copyLink, jump}. */
export function drawMessage(message, { grouped, receiptState, store, marked, actions }) {
  const own = message.sender === store.me.account;
  const deleted = message.deleted_at !== null;
  const room = typeof store.open === "number";
  const readers = own && room ? store.readersOf(message) : [];
  const body = deleted
    ? el("p", { class: "message-text deleted" }, "Message deleted")
    : el("p", { class: "message-text", dir: "auto" },
      ...textNodes(message.text, store.members, store.me.account));
  const foot = el(
    "span", { class: "message-foot" },
    message.edited_at && !deleted && el("span", { title: full(message.edited_at) }, "edited"),
    readers.length > 0 && receiptState !== "read"
      && el("span", { title: readers.join(", ") }, `read by ${readers.length}`),
    el("a", {
      class: "message-time", href: pathOf(store.open, message.id), title: full(message.sent_at),
      onclick: (event) => {
        event.preventDefault();
        actions.jump(message.id);
      },
    }, el("time", { datetime: new Date(message.sent_at).toISOString() }, clock(message.sent_at))),
    own && receipt(receiptState),
  );
  const tools = el(
    "div", { class: "message-tools", role: "group", "aria-label": "Message" },
    !deleted && iconButton("reply", "Reply", () => actions.reply(message)),
    own && !deleted && iconButton("edit", "Edit", () => actions.edit(message)),
    own && !deleted && iconButton("trash", "Delete", () => actions.erase(message)),
    iconButton("link", "Copy link", () => actions.copyLink(message)),
  );
  return el(
    "li",
    {
      class: `message${own ? " own" : ""}${grouped ? " grouped" : ""}${marked ? " marked" : ""}`,
      id: `message-${message.id}`, tabindex: "-1",
    },
    room && !own && !grouped ? avatar(message.sender) : null,
    el("div", { class: "bubble" },
      own || grouped || !room
        ? el("span", { class: "hidden-text" }, `${own ? "You" : message.sender}: `)
        : el("bdi", { class: "message-author" }, nameOf(message.sender, store)),
      message.reply_to > 0 && !deleted && quote(message, store, actions.jump),
      body, foot),
    tools,
  );
}

function nameOf(account, store) {
  const shown = store.members.get(account)?.display_name;
  return shown ? `${shown} (${account})` : account;
}

/** A message that is not confirmed. `actions`: {anew, forget}. */
export function drawPending(pending, actions) {
  const bad = pending.state !== "sending";
  return el(
    "li", { class: `message own pending ${pending.state}` },
    el("div", { class: "bubble" },
      el("span", { class: "hidden-text" }, "You, unconfirmed: "),
      el("p", { class: "message-text", dir: "auto" }, pending.text),
      !pending.kept && el("p", { class: "pending-reason" },
        "Kept only in this tab: the browser stores nothing for this page."),
      bad && el("p", { class: "pending-reason" },
        pending.state === "old" ? "Too long ago to be repeated by itself." : pending.reason),
      el("span", { class: "message-foot" },
        el("span", {}, bad ? RECEIPTS[pending.state][1] : "sending…"),
        receipt(pending.state)),
      bad && el("span", { class: "buttons" },
        el("button", { type: "button", onclick: actions.forget }, "Discard"),
        el("button", { type: "button", onclick: actions.anew }, "Send again"))),
  );
}
