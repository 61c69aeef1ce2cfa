// The messages of the open conversation: by day and author, by page, at the end unless one
// scrolls away from it.

import { announce, el, iconButton, reconcile } from "./dom.js";
import { actionButton, confirmed, dialog, field, toast } from "./dialogs.js";
import { named } from "./link.js";
import { drawMessage, drawPending, signOf } from "./message.js";
import { pathOf } from "./route.js";
import { dayKey, dayLine } from "./times.js";

const GROUP_WITHIN = 5 * 60_000;
const NEAR = 120; // pixels from an end that count as being there
const MARKED_FOR = 2_500;

export function threadView(store, { reply, edit, navigate }) {
  const list = el("ol", { class: "messages" });
  const more = el("button", { type: "button", class: "load-more", hidden: true },
    "Earlier messages");
  const notice = el("div", { class: "thread-notice" });
  const jump = iconButton("down", "To the newest message", toNewest,
    { class: "jump-down", hidden: true });
  // What is put in above, or drawn again, is no news: a screen reader hears of arrivals only.
  const scroller = el(
    "div",
    { class: "thread-scroll", role: "log", "aria-live": "off", "aria-label": "Messages",
      tabindex: "0" },
    more, list, notice,
  );
  const element = el("div", { class: "thread-body" }, scroller, jump);
  let marked = 0;
  let atEnd = true;
  let unreadFrom = null; // the line before the first unread message stays while one looks

  const actions = {
    reply,
    edit,
    jump: (id) => navigate(store.open, id),
    copyLink,
    erase: async (message) => {
      const sure = await confirmed("Delete this message?",
        "Its text is taken away for everybody. That it was there is still seen.", "Delete");
      if (!sure) return;
      await attempt(store.link.write(
        "delete_message", { conversation: message.conversation, message: named(message) },
      ));
    },
  };

  async function copyLink(message) {
    const address = location.origin + pathOf(store.open, message.id);
    try {
      await navigator.clipboard.writeText(address);
      toast("Link copied");
    } catch {
      const line = field("The link", { value: address, readonly: true });
      dialog("Link to a message", line); // no clipboard for pages without https
      line.input.select();
    }
  }

  function rows() {
    const { messages } = store.thread;
    const result = [];
    let before = null;
    for (const message of messages) {
      const newDay = !before || dayKey(before.sent_at) !== dayKey(message.sent_at);
      if (newDay) {
        const line = dayLine(message.sent_at);
        result.push({ key: `day-${dayKey(message.sent_at)}`, sign: line,
          make: () => el("li", { class: "day" }, el("span", {}, line)) });
      }
      const firstUnread = unreadFrom !== null && message.id > unreadFrom
        && (!before || before.id <= unreadFrom);
      if (firstUnread) {
        result.push({ key: "unread", sign: "",
          make: () => el("li", { class: "unread-line" }, el("span", {}, "New")) });
      }
      const grouped = !newDay && !firstUnread && before.sender === message.sender
        && message.sent_at - before.sent_at < GROUP_WITHIN && !message.reply_to;
      const about = {
        grouped, store, actions, marked: message.id === marked,
        receiptState: message.sender === store.me?.account ? store.receiptOf(message) : "",
      };
      result.push({ key: message.id, sign: signOf(message, about),
        make: () => drawMessage(message, about) });
      before = message;
    }
    if (!store.thread.after) {
      for (const one of store.pending) {
        if (one.to !== store.open || (one.seen && one.state === "sending")) continue;
        result.push({ key: one.key, sign: `${one.state} ${one.kept} ${one.reason ?? ""}`,
          make: () => drawPending(one,
            { forget: () => store.forget(one), anew: () => store.sendAnew(one) }) });
      }
    }
    return result;
  }

  function draw({ opened, message, prepended, posted, arrived } = {}) {
    if (opened) {
      const known = store.conversations.get(store.open);
      unreadFrom = known?.unread > 0 ? known.read_up_to : null;
      marked = message ?? 0;
      atEnd = true;
      if (marked) setTimeout(unmark, MARKED_FOR, marked);
    } else {
      atEnd = isAtEnd(); // one may have scrolled since the last scroll event
    }
    if (posted) unreadFrom = null;
    if (arrived && arrived.sender !== store.me.account && !document.hidden) {
      announce(`${arrived.sender}: ${arrived.text}`);
    }
    const height = scroller.scrollHeight;
    reconcile(list, rows());
    more.hidden = !store.thread.before;
    drawNotice();
    if (prepended) scroller.scrollTop += scroller.scrollHeight - height;
    else if (opened && marked) list.querySelector(".marked")?.scrollIntoView({ block: "center" });
    else if ((atEnd && !store.thread.after) || posted) toEnd();
    noteScroll();
  }

  function drawNotice() {
    const known = store.conversations.get(store.open);
    const rows = [];
    if (known?.invited_by) {
      rows.push({ key: store.open, sign: known.invited_by,
        make: () => invitation(known.invited_by, store.open) });
    } else if (store.thread.ready && !store.thread.messages.length && !store.pending.length) {
      rows.push({ key: "empty", sign: "",
        make: () => el("p", { class: "muted" }, "Nothing was said here yet.") });
    }
    reconcile(notice, rows);
  }

  function invitation(inviter, room) {
    return el("div", {},
      el("p", {}, `${inviter} invites you into this room. `
        + "You will see all of its messages once you have joined."),
      el("div", { class: "buttons" },
        actionButton("Decline", () => store.link.write("leave_room", { room })),
        actionButton("Join", () => store.link.write("join_room", { room }),
          { class: "primary" })));
  }

  function unmark(id) {
    if (marked !== id) return;
    marked = 0;
    draw();
  }

  function toEnd() {
    scroller.scrollTop = scroller.scrollHeight;
  }

  function toNewest() {
    if (store.thread.after) navigate(store.open, 0);
    else toEnd();
    scroller.focus();
  }

  function isAtEnd() {
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR;
  }

  function noteScroll() {
    atEnd = isAtEnd();
    jump.hidden = atEnd && !store.thread.after;
    if (scroller.scrollTop < NEAR && store.thread.before) quietly(store.earlier());
    if (atEnd && store.thread.after) quietly(store.later());
    markRead();
  }

  /** What can be seen has been read: only while somebody can be looking. */
  function markRead() {
    const newest = store.thread.messages.at(-1);
    if (!newest || !atEnd || store.thread.after || document.hidden || !document.hasFocus()) return;
    if (element.offsetParent === null) return; // another view covers it, on a phone
    store.read(newest);
  }

  const quietly = (promise) => store.quietly(promise);

  async function attempt(promise) {
    try {
      await promise;
    } catch (error) {
      toast(error.message);
    }
  }

  // Arrow keys walk through the messages: each can be focused, and then its tools by Tab.
  scroller.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    if (event.target.closest("button, a")) return;
    const all = [...list.querySelectorAll(".message[tabindex]")];
    const at = all.indexOf(document.activeElement);
    const to = at < 0 ? all.length - 1 : at + (event.key === "ArrowUp" ? -1 : 1);
    if (all[to]) {
      event.preventDefault();
      all[to].focus();
    }
  });
  // A touch has no hover: a tap on a message shows its tools.
  list.addEventListener("click", (event) => {
    const message = event.target.closest(".message");
    if (message && !event.target.closest("button, a")) message.focus({ preventScroll: true });
  });
  more.addEventListener("click", () => quietly(store.earlier()));
  scroller.addEventListener("scroll", noteScroll, { passive: true });
  addEventListener("focus", markRead);
  document.addEventListener("visibilitychange", markRead);
  const whenSized = new ResizeObserver(() => {
    if (atEnd && !store.thread.after) toEnd();
  });
  for (const one of [scroller, list]) whenSized.observe(one);
  store.addEventListener("thread", ({ detail }) => draw(detail));
  store.addEventListener("list", drawNotice);
  return { element, markRead };
}
