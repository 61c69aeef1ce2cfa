// The page: puts the parts together, follows the address, says how the line is.

import { announce, el, iconButton } from "./dom.js";
import { confirmed, toast } from "./dialogs.js";
import { Link } from "./link.js";
import { Store } from "./store.js";
import { brandMark, post, showLogin } from "./login.js";
import { avatar, conversationList } from "./conversations.js";
import { threadView } from "./thread.js";
import { composer } from "./composer.js";
import { ringView } from "./ring.js";
import { openSearch } from "./search.js";
import { openAbout, openBegin, presenceWords } from "./rooms.js";
import { openAccount } from "./account.js";
import { parse, pathOf } from "./route.js";
import { setTheme, theme } from "./theme.js";
import * as outbox from "./outbox.js";

const root = document.getElementById("root");
const NOTICE_AFTER = 500;
const CONFIG_TIMEOUT = 4_000;
const WIDE = matchMedia("(min-width: 1080px)");

setTheme(theme());
try {
  sessionStorage.removeItem("ringchat/tries"); // all modules are there: see start.js
} catch {
  // Storage is refused to this page, so nothing was counted either.
}
begin();

/** A fresh line: who is logged in the cookie says. */
async function begin() {
  const link = new Link();
  link.addEventListener("logged-out", () => showLogin(root, () => location.reload()));
  link.addEventListener("other-account", () => location.reload());
  // A gateway that hangs must not keep the page from trying.
  await fetch("/api/config", { signal: AbortSignal.timeout(CONFIG_TIMEOUT) }).then((answer) => answer.json())
    .then(({ siblings }) => link.useSiblings(siblings))
    .catch(() => console.info("this gateway did not tell of others"));
  showChat(link);
  link.start();
}

function showChat(link) {
  const store = new Store(link);
  const banner = el("p", { class: "banner", role: "status", hidden: true });
  const ring = ringView(store);
  const list = conversationList(store, (name) => navigate(name));
  const write = composer(store);
  const thread = threadView(store, { reply: write.reply, edit: write.edit, navigate });
  const head = threadHead();
  const typing = el("p", { class: "typing", "aria-live": "polite" });
  const meButton = el("button", { type: "button", class: "me", onclick: account });
  const side = el("aside", { class: "side", "aria-label": "The ring" },
    iconButton("close", "Close the ring", () => showSide(false), { class: "side-close" }),
    ring.element);
  const app = el(
    "div", { class: "app", "data-view": "list" },
    el("a", { class: "skip", href: "#composer-text" }, "To the message box"),
    banner,
    el("nav", { class: "sidebar", "aria-label": "Conversations" },
      el("header", { class: "bar" },
        el("span", { class: "brand" }, brandMark(), "Ringchat"),
        iconButton("search", "Search (Ctrl+K)", search),
        iconButton("plus", "New conversation or room", () => openBegin(store, navigate)),
        iconButton("ring", "The ring", toggleSide, { class: "only-narrow" })),
      list.element,
      el("footer", { class: "bar me-bar" }, meButton)),
    el("main", { class: "thread", "aria-label": "Conversation" },
      head.element, thread.element, typing, write.element,
      el("div", { class: "no-thread" }, brandMark(),
        el("p", {}, "Choose a conversation, or begin one with +."))),
    side,
  );

  // -------------------------------------------------------------- navigation

  function navigate(name, message = 0) {
    const path = pathOf(name, message);
    if (path !== location.pathname) history.pushState(null, "", path);
    follow(true);
  }

  async function follow(focus = false) {
    const { conversation, message } = parse(location.pathname);
    app.dataset.view = conversation === null ? "list" : "thread";
    if (!WIDE.matches) showSide(false);
    write.switchTo(conversation);
    if (conversation === store.open && !message && !store.thread.after) {
      thread.markRead();
      return;
    }
    const shown = store.show(conversation, message);
    list.draw();
    drawHead();
    if (focus && conversation !== null && matchMedia("(pointer: fine)").matches) {
      write.input.focus();
    }
    try {
      await shown;
    } catch (error) {
      if (store.open !== conversation) return; // another one was opened meanwhile
      toast(error.message);
      if (error.kind === "NotFound" || error.kind === "PermissionDenied") navigate(null);
    }
  }

  // ------------------------------------------------------------------- head

  function threadHead() {
    const title = el("bdi", { class: "thread-title" });
    const below = el("span", { class: "thread-below" });
    const about = el("button", { type: "button", class: "thread-about", onclick: () => {
      if (store.open !== null) openAbout(store, navigate);
    } });
    const element = el("header", { class: "bar thread-head" },
      iconButton("back", "Back to the conversations", () => navigate(null), { class: "back" }),
      about,
      iconButton("people", "About this conversation", () => openAbout(store, navigate)),
      iconButton("ring", "The ring", toggleSide));
    return { element, title, below, about };
  }

  function drawHead() {
    const name = store.open;
    app.classList.toggle("nothing-open", name === null);
    app.classList.toggle("in-room", typeof name === "number");
    if (name === null) return;
    const known = store.conversations.get(name);
    const room = typeof name === "number";
    const title = known?.title ?? String(name);
    head.title.textContent = title;
    head.below.textContent = below(name, known);
    head.about.replaceChildren(
      avatar(room ? title : name, { room, attached: room ? undefined
        : Boolean(store.presence.get(name)?.attached) }),
      el("h1", { class: "thread-names" }, head.title, head.below),
    );
    write.element.hidden = Boolean(known?.invited_by || known?.gone);
  }

  function below(name, known) {
    if (known?.room) {
      const { members, topic } = known.room;
      return `${members} ${members === 1 ? "member" : "members"}${topic ? ` · ${topic}` : ""}`;
    }
    if (known?.gone) return "this account was deleted";
    if (name === store.me?.account) return "notes to yourself";
    return known ? presenceWords(store, name) : "";
  }

  function drawTyping() {
    const who = store.open === null ? [] : store.typingIn(store.open);
    const words = who.length ? `${who.join(", ")} ${who.length > 1 ? "are" : "is"} writing…` : "";
    if (typing.textContent !== words) typing.textContent = words;
  }

  function drawMe() {
    const { account: name, display_name: shown } = store.me;
    meButton.setAttribute("aria-label", `Your account: ${name}`);
    meButton.replaceChildren(avatar(name),
      el("span", { class: "me-names" }, el("bdi", { class: "strong" }, shown || name),
        el("span", { class: "muted" }, shown ? name : "Account and settings")));
  }

  let walking = false; // the gateway's client looks for the next master
  let late = null;

  function stateWords() {
    if (link.state === "connecting") return "No gateway answers. Trying again…";
    if (link.state === "waiting") return "Waiting for a master…";
    return walking ? "The master is gone. Asking the next one…" : "";
  }

  /** Most changes of gateway or master are over before anybody could read of them. */
  function drawState() {
    clearTimeout(late);
    if (!stateWords()) drawBanner();
    else late = setTimeout(drawBanner, banner.hidden ? NOTICE_AFTER : 0);
  }

  function drawBanner() {
    const words = stateWords();
    const unconfirmed = store.pending.filter(({ state }) => state === "sending").length;
    const more = words && unconfirmed ? ` ${unconfirmed} to be confirmed.` : "";
    if (banner.textContent !== words + more) banner.textContent = words + more;
    banner.hidden = !words;
  }

  // ------------------------------------------------------------------- ring

  let sideShown = null; // as the width has it, until somebody says

  function showSide(on) {
    app.classList.toggle("with-side", on);
    watchRing();
  }

  function toggleSide() {
    sideShown = !app.classList.contains("with-side");
    showSide(sideShown);
    if (sideShown) side.querySelector("button").focus();
  }

  function watchRing() {
    if (link.state !== "open") return;
    const on = app.classList.contains("with-side") && !document.hidden;
    store.quietly(link.ask("watch_ring", { on }));
  }

  // ---------------------------------------------------------------- account

  function search() {
    openSearch(store, navigate);
  }

  function account() {
    if (store.me) openAccount(store, { logOut, leave });
  }

  async function logOut() {
    const waiting = store.pending.length;
    if (waiting && !await confirmed("Log out?",
      `${waiting} of your messages are not confirmed. They would be forgotten here.`, "Log out")) {
      return;
    }
    await post("/api/logout");
    outbox.clear(store.me.account);
    link.end();
    location.assign("/");
  }

  async function leave() {
    try {
      await link.write("delete_account");
      await logOut();
    } catch (error) {
      toast(error.message);
    }
  }

  // ------------------------------------------------------------------ wiring

  // The first says that somebody is logged in: only then is there a chat to show.
  link.addEventListener("state", ({ detail }) => {
    if (detail === "open" && !app.isConnected) {
      root.replaceChildren(app);
      follow();
    }
    if (detail === "open") watchRing();
    drawState();
  });
  store.addEventListener("me", drawMe);
  for (const what of ["list", "presence", "members", "me"]) store.addEventListener(what, drawHead);
  for (const what of ["typing", "list"]) store.addEventListener(what, drawTyping);
  store.addEventListener("thread", ({ detail }) => {
    drawState();
    drawTyping();
    const arrived = detail?.arrived;
    if (arrived && document.hidden) announce(`Message from ${arrived.sender}`);
  });
  store.addEventListener("gone", () => {
    toast("You are not in that room any more.");
    navigate(null);
  });
  store.addEventListener("connection", ({ detail }) => {
    walking = detail.event !== "Connected";
    drawState();
  });
  addEventListener("popstate", () => follow());
  document.addEventListener("visibilitychange", watchRing);
  addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "k" && store.me) {
      event.preventDefault();
      if (app.isConnected && !document.querySelector("dialog[open]")) search();
    }
  });
  WIDE.addEventListener("change", () => showSide(WIDE.matches && sideShown !== false));
  showSide(WIDE.matches);
  root.replaceChildren(el("main", { class: "login" }, el("div", { class: "login-card waiting" },
    brandMark(), el("p", { role: "status" }, "Looking for the ring…"))));
  drawState();
}
