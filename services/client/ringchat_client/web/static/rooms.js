// Beginning conversations, and everything about a room or the other one of a conversation.

import { el, reconcile } from "./dom.js";
import { actionButton, confirmed, dialog, field, form, toast } from "./dialogs.js";
import { avatar } from "./conversations.js";
import { ago } from "./times.js";

const FOUND_MAX = 50;
const TYPED_PAUSE = 200;

/** Calls `find` as one types, not for each letter. */
function whileTyping(input, find) {
  let timer = null;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(find, TYPED_PAUSE);
  });
}

/** A pattern that finds what holds the text; what has wildcards of its own is one. */
function patternOf(text) {
  return /[*?]/.test(text) ? text : `*${text}*`;
}

// -------------------------------------------------------------------- begin

export function openBegin(store, navigate) {
  const tabs = el("div", { class: "tabs", role: "tablist" });
  const place = el("div", { role: "tabpanel", id: "begin-panel" });
  const pages = [
    ["Somebody", (box) => personPage(store, navigate, box)],
    ["Public rooms", (box) => browsePage(store, navigate, box)],
    ["New room", (box) => newRoomPage(store, navigate, box)],
  ];
  const box = dialog("Begin", tabs, place);
  const buttons = pages.map(([label, make], i) => {
    const button = el("button", { type: "button", role: "tab", id: `begin-tab-${i}`,
      "aria-controls": place.id }, label);
    button.addEventListener("click", () => {
      buttons.forEach((one) => {
        one.setAttribute("aria-selected", String(one === button));
        one.tabIndex = one === button ? 0 : -1;
      });
      place.setAttribute("aria-labelledby", button.id);
      place.replaceChildren(make(box));
      place.querySelector("input")?.focus();
    });
    button.addEventListener("keydown", ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: pages.length - 1 }[key];
      if (!step) return;
      const next = buttons[(i + step) % pages.length];
      next.click();
      next.focus();
    });
    return button;
  });
  tabs.append(...buttons);
  buttons[0].click();
}

function personPage(store, navigate, box) {
  const name = field("Name", { autocomplete: "off", autocapitalize: "none", spellcheck: "false",
    maxlength: 64, hint: "A part of it; * and ? stand for any characters." });
  const list = el("ul", { class: "people" });

  function go(account) {
    box.close();
    navigate(account);
  }

  async function find() {
    const text = name.input.value.trim();
    try {
      const found = await store.link.ask(
        "list_accounts", { pattern: patternOf(text), limit: FOUND_MAX },
      );
      if (name.input.value.trim() !== text) return; // typed on meanwhile
      reconcile(list, found.map((account) => ({
        key: account, sign: "", make: () => el("li", {}, el(
          "button", { type: "button", class: "person", onclick: () => go(account) },
          avatar(account),
          el("bdi", {}, account === store.me.account ? `${account} (you)` : account),
        )),
      })));
    } catch (error) {
      toast(error.message);
    }
  }

  whileTyping(name.input, find);
  name.input.addEventListener("keydown", (event) => {
    const exact = name.input.value.trim();
    if (event.key === "Enter" && exact && !/[*?]/.test(exact)) {
      event.preventDefault();
      go(exact);
    }
  });
  find();
  return el("div", {}, name, list);
}

function browsePage(store, navigate, box) {
  const title = field("Title", { autocomplete: "off", maxlength: 64 });
  const list = el("ul", { class: "people" });
  const none = el("p", { class: "muted", hidden: true }, "No public room of that title.");

  async function find() {
    const text = title.input.value.trim();
    try {
      const found = await store.link.ask("rooms", { pattern: patternOf(text), limit: FOUND_MAX });
      if (title.input.value.trim() !== text) return;
      none.hidden = found.length > 0;
      reconcile(list, found.map((room) => ({
        key: room.id, sign: JSON.stringify(room), make: () => roomLine(room),
      })));
    } catch (error) {
      toast(error.message);
    }
  }

  function roomLine(room) {
    const known = store.conversations.get(room.id);
    const inside = known && !known.invited_by;
    const go = () => {
      box.close();
      navigate(room.id);
    };
    return el("li", { class: "room-line" }, avatar(room.title, { room: true }),
      el("span", { class: "room-about" }, el("bdi", { class: "strong" }, room.title),
        el("span", { class: "muted" },
          `${room.members} ${room.members === 1 ? "member" : "members"}`
          + (room.topic ? ` · ${room.topic}` : ""))),
      inside ? el("button", { type: "button", onclick: go }, "Open")
        : actionButton("Join", async () => {
          await store.link.write("join_room", { room: room.id });
          await store.readAgain();
          if (box.open) go();
        }, { class: "primary" }));
  }

  whileTyping(title.input, find);
  find();
  return el("div", {}, title, none, list);
}

function newRoomPage(store, navigate, box) {
  const title = field("Title", { required: true, maxlength: 64, autocomplete: "off" });
  const topic = field("Topic", { maxlength: 256, autocomplete: "off" });
  const invite = field("Invite", { autocomplete: "off", autocapitalize: "none",
    hint: "Names, with commas between them." });
  const isPublic = el("input", { type: "checkbox", id: "room-public" });
  return form(
    [title, topic, invite, el("div", { class: "check" }, isPublic,
      el("label", { for: "room-public" }, "Public: anybody may find and join it"))],
    "Make the room",
    async () => {
      const names = invite.input.value.split(",").map((name) => name.trim()).filter(Boolean);
      const room = await store.link.write("create_room", {
        title: title.input.value, topic: topic.input.value, public: isPublic.checked,
        invite: names,
      });
      await store.readAgain();
      if (!box.open) return;
      box.close();
      navigate(room);
    },
  );
}

// -------------------------------------------------------------------- about

/** Who is in the open conversation, and what can be done about it. */
export function openAbout(store, navigate) {
  if (typeof store.open === "number") aboutRoom(store, navigate);
  else aboutAccount(store, store.open);
}

function aboutRoom(store, navigate) {
  const room = store.open;
  // Made once: what is typed into a form, and what it says, outlives the news of others.
  const invitation = el("p");
  const access = el("p", { class: "muted" });
  const title = field("Title", { maxlength: 64, required: true });
  const topic = field("Topic", { maxlength: 256 });
  const account = field("Invite", { autocomplete: "off", autocapitalize: "none", required: true,
    hint: "The name of an account" });
  const heading = el("h3");
  const list = el("ul", { class: "people" });
  const inside = el(
    "div", {}, access,
    form([title, topic], "Save", async (page) => {
      const changes = { ...changeOf("title", title.input), ...changeOf("topic", topic.input) };
      if (Object.keys(changes).length) await attempt("change_room", changes);
      // The server may have put it otherwise: that is shown with the next news.
      for (const [name, { input }] of Object.entries({ title, topic })) {
        if (input.value === changes[name]) input.defaultValue = input.value;
      }
      page.say("Saved");
    }),
    form([account], "Invite", async (page) => {
      const name = account.input.value;
      await attempt("invite", { account: name.trim() });
      if (account.input.value === name) account.input.value = "";
      page.say("Invited");
    }),
    heading, list,
    el("div", { class: "buttons" }, actionButton("Leave the room", leave, { class: "danger" })),
  );
  const box = dialog("About this room", invitation, inside);

  async function attempt(method, params) {
    await store.link.write(method, { room, ...params });
    await store.readMembers(); // who is invited is told to nobody
  }

  async function leave() {
    const { members, owner } = store.conversations.get(room).room;
    const text = members === 1 ? "You are the last one: the room and its messages are deleted."
      : owner === store.me.account ? "It will belong to the member who has been there longest."
        : "You can come back if you are invited.";
    if (!await confirmed("Leave the room?", text, "Leave")) return;
    await store.link.write("leave_room", { room });
    box.close();
    if (store.open === room) navigate(null);
  }

  function draw() {
    const known = store.conversations.get(room);
    if (!known?.room || store.open !== room) {
      box.close();
      return;
    }
    const { owner } = known.room;
    const mine = owner === store.me.account;
    invitation.hidden = !known.invited_by;
    inside.hidden = !invitation.hidden;
    invitation.textContent = `${known.invited_by} invites you into “${known.title}”.`;
    access.textContent = known.room.public ? "Public: anybody may find and join it."
      : "Private: by invitation only.";
    title.hidden = !mine;
    title.input.disabled = !mine;
    bring(title.input, known.room.title);
    bring(topic.input, known.room.topic);
    heading.textContent = `Members (${known.room.members})`;
    reconcile(list, [...store.members.values()].map((member) => ({
      key: member.account,
      sign: JSON.stringify([member.display_name, member.invited, owner, mine,
        presenceWords(store, member.account)]),
      make: () => memberLine(member, owner, mine),
    })));
  }

  function memberLine(member, owner, mine) {
    const { account, display_name: shown, invited: pending } = member;
    const words = pending ? "invited" : account === owner ? "owner" : presenceWords(store, account);
    const other = account !== store.me.account;
    return el("li", { class: "room-line" },
      avatar(account, { attached: Boolean(store.presence.get(account)?.attached) }),
      el("span", { class: "room-about" },
        el("bdi", { class: "strong" }, shown ? `${shown} (${account})` : account),
        el("span", { class: "muted" }, words)),
      mine && other && !pending && actionButton("Make owner", async () => {
        if (await confirmed("Hand the room over?", `It will belong to ${account}.`, "Hand over")) {
          await attempt("change_room", { owner: account });
        }
      }),
      mine && other && actionButton(pending ? "Withdraw" : "Remove", async () => {
        const sure = pending || await confirmed(`Remove ${account}?`,
          "They can come back if they are invited.", "Remove");
        if (sure) await attempt("remove", { account });
      }));
  }

  const news = ["members", "list", "presence"];
  for (const what of news) store.addEventListener(what, draw);
  box.addEventListener("close", () => {
    for (const what of news) store.removeEventListener(what, draw);
  });
  draw();
  store.quietly(store.readMembers());
}

/** Show what is so now, unless something else was typed there since it was shown. */
function bring(input, text) {
  if (input.value === input.defaultValue) input.value = text;
  input.defaultValue = text;
}

function changeOf(name, input) {
  return !input.disabled && input.value !== input.defaultValue ? { [name]: input.value } : {};
}

export function presenceWords(store, account) {
  const presence = store.presence.get(account);
  if (presence?.attached) return "here now";
  return presence?.last_seen ? `last seen ${ago(presence.last_seen)}` : "not here";
}

async function aboutAccount(store, account) {
  const body = el("div", {}, el("p", { class: "muted" }, "Asking…"));
  const box = dialog(account, body);
  try {
    const profile = await store.link.ask("profile", { account });
    const blocked = store.me.blocked.includes(account);
    body.replaceChildren(...[
      profile.display_name && el("p", {}, el("bdi", { class: "strong" }, profile.display_name)),
      el("p", { class: "muted" }, profile.gone ? "This account was deleted."
        : presenceWords(store, account)),
      account === store.me.account ? el("p", {}, "This is you: notes to yourself.")
        : el("div", { class: "buttons" }, actionButton(blocked ? "Unblock" : "Block", async () => {
          await store.link.write(blocked ? "unblock" : "block", { account });
          store.me = await store.link.ask("profile");
          box.close();
        }, { class: blocked ? "" : "danger" })),
      !blocked && account !== store.me.account && el("p", { class: "muted" },
        "Who is blocked cannot write to you directly or invite you."),
    ].filter(Boolean));
  } catch (error) {
    body.replaceChildren(el("p", {}, error.message));
  }
}
