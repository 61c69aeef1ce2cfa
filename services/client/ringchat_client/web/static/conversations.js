// The list of conversations, the newest first, with what is unread.

import { el, reconcile } from "./dom.js";
import { brief } from "./times.js";
import { pathOf } from "./route.js";

/** A round picture with the first letters of a name, always in the same colour. */
export function avatar(name, { room = false, attached } = {}) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + character.codePointAt(0)) % 360;
  const letters = room ? "#" : [...name].slice(0, 2).join("");
  const kind = room ? "avatar room" : "avatar";
  const face = el("span", { class: kind, "aria-hidden": "true" }, letters);
  face.style.setProperty("--hue", String(hash));
  if (attached !== undefined) face.append(el("span", { class: `dot${attached ? " on" : ""}` }));
  return face;
}

/** One line of what was said last. */
function lastLine(conversation, store) {
  const { newest, invited_by: inviter, room } = conversation;
  if (inviter) return `${inviter} invites you`;
  const typing = store.typingIn(conversation.name);
  if (typing.length) return `${typing.join(", ")} ${typing.length > 1 ? "are" : "is"} writing…`;
  if (!newest) return room?.topic || "Nothing yet";
  const text = newest.deleted_at ? "Message deleted" : newest.text.split("\n", 1)[0].slice(0, 200);
  if (newest.sender === store.me?.account) return `You: ${text}`;
  return room ? `${newest.sender}: ${text}` : text;
}

export function conversationList(store, onopen) {
  const list = el("ul", { class: "conversations" });
  const empty = el("p", { class: "muted empty-list", hidden: true },
    "Nobody yet. Begin with the + above.");

  function row(conversation, current) {
    const { name, title, newest, unread, unread_mentions: mentions } = conversation;
    const room = typeof name === "number";
    const attached = room ? undefined : Boolean(store.presence.get(name)?.attached);
    const words = unread ? `, ${unread} unread${mentions ? `, ${mentions} to you` : ""}` : "";
    const badge = mentions ? `@${mentions}` : String(unread > 99 ? "99+" : unread);
    const link = el(
      "a",
      { href: pathOf(name), class: "conversation", "aria-current": current ? "page" : null },
      avatar(room ? title : name, { room, attached }),
      el("span", { class: "conversation-text" },
        el("span", { class: "conversation-top" },
          el("bdi", { class: "conversation-title" }, title),
          newest && el("time", {}, brief(newest.sent_at))),
        el("span", { class: "conversation-bottom" },
          el("bdi", { class: "conversation-last" }, lastLine(conversation, store)),
          conversation.invited_by && el("span", { class: "badge invited" }, "invited"),
          unread > 0 && el("span", { class: `badge${mentions ? " mention" : ""}`,
            "aria-hidden": "true" }, badge),
          words && el("span", { class: "hidden-text" }, words))),
    );
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a tab of its own
      event.preventDefault();
      onopen(name);
    });
    return el("li", {}, link);
  }

  function draw() {
    const all = [...store.conversations.values()].sort(
      (a, b) => newestTime(b) - newestTime(a) || String(a.title).localeCompare(b.title),
    );
    empty.hidden = !store.loaded || all.length > 0;
    reconcile(list, all.map((one) => {
      const current = one.name === store.open;
      const line = lastLine(one, store);
      const attached = store.presence.get(one.name)?.attached;
      const sign = JSON.stringify([one, current, line, attached, store.me?.account]);
      return { key: `${typeof one.name}:${one.name}`, sign, make: () => row(one, current) };
    }));
    const unread = all.reduce((sum, one) => sum + one.unread, 0);
    const title = store.conversations.get(store.open)?.title ?? store.open;
    document.title = `${unread ? `(${unread}) ` : ""}${title ? `${title} – ` : ""}Ringchat`;
  }

  for (const what of ["list", "presence", "typing", "me"]) store.addEventListener(what, draw);
  return { element: el("div", { class: "conversation-list" }, list, empty), draw };
}

function newestTime({ newest, invited_by: inviter, room }) {
  if (newest) return newest.sent_at;
  return inviter ? Infinity : (room?.created_at ?? 0);
}

