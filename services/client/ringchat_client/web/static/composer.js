// Where one writes: several lines, replies, edits, names after an @.

import { el, icon, iconButton } from "./dom.js";
import { toast } from "./dialogs.js";
import { named } from "./link.js";
import { begunMention, mentionOf } from "./mentions.js";
import { flawOf } from "./refusals.js";

const TYPING_PERIOD = 3_000;
const NAMES_SHOWN = 6;

export function composer(store) {
  const input = el("textarea", {
    id: "composer-text", rows: "1", "aria-label": "Message", placeholder: "Write a message",
    enterkeyhint: "enter", autocomplete: "off", "aria-autocomplete": "list",
    "aria-controls": "mention-names",
  });
  const send = el("button", { type: "submit", class: "send-button", "aria-label": "Send",
    title: "Send" }, icon("send"));
  const names = el("ul", { id: "mention-names", class: "mention-names", role: "listbox",
    "aria-label": "Members", hidden: true });
  const about = el("div", { class: "composer-about", hidden: true });
  const element = el("form", { class: "composer" }, names, about,
    el("div", { class: "composer-line" }, input, send));
  const drafts = new Map();
  let conversation = null;
  let replyTo = null;
  let editing = null;
  let interrupted = null; // the reply that was being written when an edit began
  let typedAt = 0;
  let chosen = 0;
  let closed = true; // the names, by whoever writes

  // ------------------------------------------------------------- what about

  function setAbout(kind, message) {
    replyTo = kind === "reply" ? message : null;
    editing = kind === "edit" ? message : null;
    about.hidden = !kind;
    if (kind) {
      const words = kind === "reply" ? `Reply to ${message.sender}` : "Edit your message";
      about.replaceChildren(
        el("span", { class: "composer-about-text" }, el("strong", {}, words), " ",
          el("bdi", {}, message.text.split("\n", 1)[0].slice(0, 120))),
        iconButton("close", "Cancel", cancel),
      );
    }
    fit();
  }

  /** What was being written before an edit began. */
  function endEdit() {
    if (editing) input.value = drafts.get(conversation) ?? "";
  }

  function cancel() {
    const again = editing && interrupted;
    endEdit();
    setAbout(again ? "reply" : null, again);
    input.focus();
  }

  function reply(message) {
    endEdit();
    setAbout("reply", message);
    input.focus();
  }

  function edit(message) {
    if (!editing) {
      drafts.set(conversation, input.value);
      interrupted = replyTo;
    }
    setAbout("edit", message);
    input.value = message.text;
    fit();
    input.focus();
  }

  function switchTo(name) {
    if (name === conversation) return;
    if (conversation !== null && !editing) drafts.set(conversation, input.value);
    conversation = name;
    setAbout(null);
    input.value = drafts.get(name) ?? "";
    closeNames();
    fit();
  }

  // ---------------------------------------------------------------- sending

  async function submit() {
    const text = input.value;
    if (!text.trim() || conversation === null) return;
    const flaw = flawOf({ to: conversation, text });
    if (flaw) {
      toast(flaw);
      return;
    }
    if (editing) {
      await submitEdit(editing, text);
      return;
    }
    store.send(conversation, text, replyTo?.id ?? 0);
    input.value = "";
    drafts.delete(conversation);
    setAbout(null);
    closeNames();
    input.focus();
  }

  async function submitEdit(message, text) {
    try {
      if (text !== message.text) {
        await store.link.write(
          "edit_message", { conversation: message.conversation, message: named(message), text },
        );
      }
      if (editing === message && input.value === text) cancel();
    } catch (error) {
      toast(error.message);
    }
  }

  // ------------------------------------------------------------------ names

  /** The mention that the cursor is in; null if there is none. */
  function beginning() {
    return typeof conversation === "number"
      ? begunMention(input.value.slice(0, input.selectionStart)) : null;
  }

  function matching() {
    const begun = beginning()?.name;
    if (begun === undefined) return [];
    return [...store.members.values()]
      .filter(({ account, invited }) => !invited && account !== store.me.account
        && account.toLowerCase().startsWith(begun.toLowerCase()) && account !== begun)
      .slice(0, NAMES_SHOWN);
  }

  function drawNames() {
    const found = matching();
    names.hidden = !found.length;
    chosen = Math.min(chosen, Math.max(found.length - 1, 0));
    names.replaceChildren(...found.map(({ account, display_name: shown }, i) => el(
      "li",
      { role: "option", id: `mention-${i}`, "aria-selected": String(i === chosen),
        onmousedown: (event) => {
          event.preventDefault(); // the cursor stays where it is
          take(account);
        } },
      el("strong", {}, account), shown && el("span", { class: "muted" }, ` ${shown}`),
    )));
    if (found.length) input.setAttribute("aria-activedescendant", `mention-${chosen}`);
    else input.removeAttribute("aria-activedescendant");
    return found;
  }

  function closeNames() {
    names.hidden = closed = true;
    chosen = 0;
    input.removeAttribute("aria-activedescendant");
  }

  function take(account) {
    const at = input.selectionStart;
    input.setRangeText(`${mentionOf(account)} `, beginning().start, at, "end");
    closeNames();
  }

  function keyInNames(event) {
    const found = names.hidden ? [] : matching();
    if (!found.length) return false;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
      drawNames();
    } else if (event.key === "Enter" || event.key === "Tab") take(found[chosen].account);
    else if (event.key === "Escape") closeNames();
    else return false;
    event.preventDefault();
    return true;
  }

  // ------------------------------------------------------------------- keys

  function fit() {
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight + 2, 180)}px`;
    send.disabled = !input.value.trim();
  }

  input.addEventListener("keydown", (event) => {
    if (event.isComposing || keyInNames(event)) return;
    // A phone's keyboard has no Shift+Enter: there Enter is a line, and the button sends.
    const touch = matchMedia("(pointer: coarse)").matches;
    if (event.key === "Enter" && !event.shiftKey && !touch) {
      event.preventDefault();
      submit();
    } else if (event.key === "Escape" && (editing || replyTo)) {
      cancel();
    } else if (event.key === "ArrowUp" && !input.value && !editing) {
      const own = store.thread.messages.findLast(
        (one) => one.sender === store.me.account && one.deleted_at === null,
      );
      if (own) {
        event.preventDefault();
        edit(own);
      }
    }
  });
  input.addEventListener("input", () => {
    fit();
    closed = false;
    drawNames();
    if (input.value.trim() && Date.now() - typedAt > TYPING_PERIOD && store.link.state === "open"
      && store.conversations.has(conversation)) {
      typedAt = Date.now();
      store.quietly(store.link.ask("set_typing", { conversation }));
    }
  });
  input.addEventListener("blur", closeNames);
  store.addEventListener("members", () => closed || drawNames());
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  fit();
  return { element, input, reply, edit, switchTo };
}
