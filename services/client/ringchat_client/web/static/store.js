// What the page knows, and how each event changes it. It draws nothing: who draws listens to
// "list" (conversations), "thread" (the open one), "members", "presence", "typing", "ring",
// "connection".

import * as outbox from "./outbox.js";
import { REPEATABLE, named } from "./link.js";
import { mentions } from "./mentions.js";
import { REFUSED } from "./refusals.js";

const PAGE = 50;
const LIST_READINGS_MAX = 3;
const REREAD_MAX = 200;
const TYPING_LASTS = 6_000;
const ACKNOWLEDGE_PAUSE = 400;
const FAILED_PAUSE = 30_000;

export class Store extends EventTarget {
  constructor(link) {
    super();
    this.link = link;
    this.me = null; // a profile
    this.conversations = new Map(); // by name: a number for a room, a string for an account
    this.open = null; // the name of the conversation that is shown
    this._linked = 0; // the message that it was opened at
    this.thread = emptyThread();
    this.members = new Map();
    this.presence = new Map();
    this.typing = new Map(); // conversation -> account -> until when
    this.pending = []; // own messages that are not confirmed
    this.loaded = false;
    this._newestByOthers = null;
    this._acknowledged = 0;
    this._receipts = new Set(); // ids of own messages whose receipts came before the events
    this._membersReading = null;
    this._membersAgain = false;
    this._marked = new Map();
    this._readings = 0;
    this._arrivals = []; // messages that events brought since the last reading began
    this._news = 0;
    link.addEventListener("push", ({ detail }) => this._push(detail));
  }

  _tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }

  // ---------------------------------------------------------------- events

  _push(event) {
    const handlers = {
      Welcome: () => this._welcome(event),
      Attached: () => this.quietly(this.readAgain()),
      NewMessage: () => this._newMessage(event.message),
      MessageChanged: () => this._messageChanged(event.message),
      ConversationChanged: () => this._conversationChanged(event.conversation),
      ConversationGone: () => this._conversationGone(event.name),
      Marked: () => this._memberMarked(event),
      PresenceChanged: () => this._presenceChanged(event),
      Typing: () => this._typed(event),
      Ring: () => this._tell("ring", event),
    };
    const handler = handlers[event.event] ?? (() => this._tell("connection", event));
    handler();
  }

  _welcome(profile) {
    const first = this.me === null;
    this.me = profile;
    if (first) this._takeUpOutbox();
    this._tell("me");
  }

  /** After every (re)attachment: what happened in between was not told. */
  async readAgain() {
    await this._readList();
    if (this.open !== null) await Promise.all([this._rereadThread(), this.readMembers()]);
  }

  _sawMessage(message) {
    if (!message || message.sender === this.me?.account) return;
    if (message.id > (this._newestByOthers?.id ?? 0)) this._newestByOthers = message;
    if (this._newestByOthers.id <= this._acknowledged || this._acknowledging) return;
    this._acknowledging = setTimeout(() => {
      this._acknowledging = null;
      const message = this._newestByOthers;
      this._acknowledged = message.id;
      this.quietly(this.link.write("acknowledge", { message: named(message) }));
    }, ACKNOWLEDGE_PAUSE);
  }

  _newMessage(message) {
    const name = message.conversation;
    this._news += 1;
    if (name === this.open) this._arrivals.push(message);
    this._sawMessage(message);
    this._stopTyping(name, message.sender);
    const known = this.conversations.get(name);
    if (!known) {
      this.quietly(this._readList());
    } else if (!known.newest || known.newest.id < message.id) {
      const own = message.sender === this.me.account;
      this.conversations.set(name, {
        ...known,
        newest: message,
        unread: own ? 0 : known.unread + 1,
        unread_mentions: own ? 0 : known.unread_mentions + (this.mentionsMe(message) ? 1 : 0),
      });
    }
    if (message.sender === this.me.account) this._matchPending(message);
    if (name === this.open && !this.thread.after) {
      insert(this.thread.messages, message);
      this._tell("thread", { arrived: message });
    }
    this._tell("list");
  }

  mentionsMe(message) {
    return typeof message.conversation === "number"
      && mentions(message.text).some(({ name }) => name === this.me.account);
  }

  _messageChanged(message) {
    const known = this.conversations.get(message.conversation);
    this._news += 1;
    if (message.conversation === this.open) this._arrivals.push(message);
    if (known?.newest?.id === message.id) {
      this.conversations.set(message.conversation, { ...known, newest: message });
      this._tell("list");
    }
    if (message.conversation !== this.open) return;
    const at = this.thread.messages.findIndex(({ id }) => id === message.id);
    if (at >= 0) this.thread.messages[at] = message;
    this._tell("thread", {});
  }

  _conversationChanged(conversation) {
    const { name } = conversation;
    this._news += 1;
    const before = this.conversations.get(name);
    this.conversations.set(name, conversation);
    this._tell("list");
    if (name !== this.open) return;
    if (before?.invited_by && !conversation.invited_by) this.quietly(this._rereadThread());
    if (!before || whoOf(before) !== whoOf(conversation)) this.quietly(this.readMembers());
    this._tell("thread", {});
  }

  _conversationGone(name) {
    this.conversations.delete(name);
    this._tell("list");
    if (name === this.open) this._tell("gone", name);
  }

  _memberMarked({ account, conversation, delivered_up_to: delivered, read_up_to: read }) {
    const member = this.members.get(account);
    if (!member || (conversation !== null && conversation !== "" && conversation !== this.open)) {
      return;
    }
    this.members.set(account, {
      ...member,
      delivered_up_to: Math.max(member.delivered_up_to, delivered),
      read_up_to: Math.max(member.read_up_to, read),
    });
    this._tell("thread", {});
    this._tell("members");
  }

  _presenceChanged({ account, presence }) {
    this.presence.set(account, presence);
    this._tell("presence");
  }

  _typed({ conversation, account }) {
    const who = this.typing.get(conversation) ?? new Map();
    who.set(account, Date.now() + TYPING_LASTS);
    this.typing.set(conversation, who);
    this._tell("typing");
    setTimeout(() => this._tell("typing"), TYPING_LASTS + 50);
  }

  _stopTyping(conversation, account) {
    if (this.typing.get(conversation)?.delete(account)) this._tell("typing");
  }

  typingIn(conversation) {
    const now = Date.now();
    return [...(this.typing.get(conversation) ?? [])]
      .filter(([account, until]) => until > now && account !== this.me.account)
      .map(([account]) => account);
  }

  // --------------------------------------------------------------- reading

  /** Show a conversation; with a message, from around it. Rejects with a Refusal. */
  async show(name, message = 0) {
    this.open = name;
    this._linked = message;
    this.thread = emptyThread();
    this.members = new Map();
    this._tell("thread", { opened: true });
    if (name === null) return;
    const reading = ++this._readings;
    this._arrivals = [];
    if (this.conversations.get(name)?.invited_by) return;
    // One to whom nothing was written yet is no conversation: an empty page to begin on.
    const thread = this.conversations.has(name) || message || typeof name === "number"
      || !this.loaded ? await this._readAround(name, message) : emptyThread();
    if (reading !== this._readings) return; // another one was opened meanwhile
    this._take(thread);
    this._tell("thread", { opened: true, message });
    await this.readMembers();
  }

  async _readAround(name, message) {
    if (!message) return newestPage(await this._history(name, { limit: PAGE }));
    const [before, after] = await Promise.all([
      this._history(name, { before: message + 1, limit: PAGE / 2 }),
      this._history(name, { after: message, limit: PAGE / 2 }),
    ]);
    return {
      messages: [...before.messages, ...after.messages], before: before.more, after: after.more,
    };
  }

  /** A page of history; none of a direct conversation that has not begun. */
  async _history(name, where) {
    try {
      return await this.link.ask("history", { conversation: name, ...where });
    } catch (error) {
      if (error.kind === "NotFound" && typeof name === "string") {
        return { messages: [], more: false };
      }
      throw error;
    }
  }

  async _rereadThread() {
    const name = this.open;
    const old = this.thread;
    if (name !== null && !old.ready) { // it was about to be read for the first time
      await this.show(name, this._linked);
      return;
    }
    const reading = ++this._readings;
    this._arrivals = [];
    if (this.conversations.get(name)?.invited_by) return;
    let thread;
    if (old.after && old.messages.length) {
      const middle = old.messages[old.messages.length >> 1].id;
      thread = await this._readAround(name, middle);
    } else {
      thread = newestPage(await this._history(name, { limit: PAGE }));
      const oldest = old.messages[0]?.id ?? Infinity;
      while (thread.before && thread.messages.length < REREAD_MAX
        && thread.messages[0].id > oldest) {
        await this._prepend(name, thread);
      }
    }
    if (reading !== this._readings) return;
    this._take(thread);
    this._tell("thread", {});
  }

  /** What was read is the thread now, with what events brought while it was read. */
  _take(thread) {
    const { messages, after } = thread;
    for (const message of this._arrivals) {
      const within = messages.some(({ id }) => id === message.id);
      if (within || (!after && message.id > (messages.at(-1)?.id ?? 0))) insert(messages, message);
    }
    this.thread = { ...thread, ready: true };
  }

  async _prepend(name, thread) {
    const page = await this._history(name, { before: thread.messages[0].id, limit: PAGE });
    thread.messages.unshift(...page.messages);
    thread.before = page.more;
  }

  /** The page before what is shown. */
  async earlier() {
    const { thread, open } = this;
    if (!thread.before || thread.reading) return;
    thread.reading = true;
    try {
      await this._prepend(open, thread);
    } finally {
      thread.reading = false;
    }
    if (thread === this.thread) this._tell("thread", { prepended: true });
  }

  /** The page behind it, after a link into the middle. */
  async later() {
    const { thread, open } = this;
    if (!thread.after || thread.reading) return;
    thread.reading = true;
    try {
      const after = thread.messages.at(-1).id;
      const page = await this._history(open, { after, limit: PAGE });
      thread.messages.push(...page.messages);
      thread.after = page.more;
    } finally {
      thread.reading = false;
    }
    if (thread === this.thread) this._tell("thread", { appended: true });
  }

  async _readList() {
    let list = [];
    for (let i = 0; i < LIST_READINGS_MAX; i += 1) {
      const news = this._news;
      list = await this.link.ask("conversations");
      if (news === this._news) break; // else an event may have overtaken the answer
    }
    this.conversations = new Map(list.map((one) => [one.name, one]));
    this.loaded = true;
    for (const { newest } of list) this._sawMessage(newest);
    this._tell("list");
  }

  /** One reading at a time: who asks meanwhile gets one that began later. */
  readMembers() {
    this._membersAgain = true;
    this._membersReading ??= this._readMembersInTurn().finally(() => {
      this._membersReading = null;
    });
    return this._membersReading;
  }

  async _readMembersInTurn() {
    while (this._membersAgain) {
      this._membersAgain = false;
      try {
        await this._readMembersOnce();
      } catch (error) {
        if (!this._membersAgain) throw error; // else it was about another conversation, maybe
      }
    }
  }

  async _readMembersOnce() {
    const name = this.open;
    if (name === null || !this.conversations.has(name)) return;
    const members = await this.link.ask("members", { conversation: name });
    if (name !== this.open) return;
    this.members = new Map(members.map((one) => [one.account, one]));
    for (const { account, presence } of members) this.presence.set(account, presence);
    this._tell("members");
    this._tell("presence");
    this._tell("thread", {});
  }

  /** How far the others have come with an own message: "sent", "delivered" or "read". */
  receiptOf(message) {
    const others = [...this.members.values()].filter(
      ({ account, invited }) => account !== this.me.account && !invited,
    );
    if (!others.length) return "sent";
    if (others.every(({ read_up_to: read }) => read >= message.id)) return "read";
    return others.every(
      (one) => Math.max(one.delivered_up_to, one.read_up_to) >= message.id,
    ) ? "delivered" : "sent";
  }

  readersOf(message) {
    return [...this.members.values()].filter(
      ({ account, read_up_to: read }) => account !== message.sender && read >= message.id,
    ).map(({ account }) => account);
  }

  /** The open conversation has been seen up to here. */
  read(message) {
    const name = this.open;
    const known = this.conversations.get(name);
    if (message.sender === this.me.account) return; // it moved the mark when it was sent
    if (!known || known.invited_by || message.id <= known.read_up_to
      || message.id <= (this._marked.get(name) ?? 0)) return;
    this._marked.set(name, message.id);
    this.conversations.set(name, { ...known, unread: 0, unread_mentions: 0 });
    this._tell("list");
    this.quietly(this.link.write("mark_read", { conversation: name, message: named(message) }));
  }

  /** For what is asked for by nobody: a refusal (one was put out just now, say) is no news. */
  quietly(promise) {
    promise.catch((error) => console.info(`not done: ${error.message}`));
  }

  // --------------------------------------------------------------- sending

  send(to, text, replyTo = 0) {
    this._post({
      account: this.me.account,
      clientId: this.link.clientId,
      number: this.link.takeNumber(),
      at: Date.now(),
      to,
      text,
      reply_to: replyTo,
    });
  }

  _post(entry) {
    const kept = outbox.keep(entry);
    const pending = {
      ...entry, kept, key: `${entry.clientId}/${entry.number}`, state: "sending", seen: 0,
    };
    this.pending.push(pending);
    if (Date.now() - entry.at > REPEATABLE) pending.state = "old";
    else this.quietly(this._deliver(pending));
    this._tell("thread", { posted: pending });
  }

  async _deliver(pending) {
    const { to, text, reply_to: replyTo } = pending;
    const params = replyTo ? { to, text, reply_to: replyTo } : { to, text };
    try {
      const receipt = await this.link.write("send_message", params, pending);
      this.forget(pending);
      this._confirmed(pending, receipt);
    } catch (error) {
      this._notConfirmed(pending, error);
    }
    this._tell("thread", {});
  }

  _notConfirmed(pending, error) {
    if (error.kind === "AlreadyExists") { // it was done, so long ago that only this is known
      this.forget(pending);
      this.quietly(this.readAgain());
    } else if (error.kind === "TooOld" || REFUSED.has(error.kind)) {
      pending.state = error.kind === "TooOld" ? "old" : "refused";
      pending.reason = error.message;
    } else { // not known: nothing but its old name is safe
      setTimeout(() => {
        if (this.pending.includes(pending)) this.quietly(this._deliver(pending));
      }, FAILED_PAUSE);
    }
  }

  _confirmed({ to, text, reply_to: replyTo, seen }, { message_id: id, sent_at: sentAt }) {
    if (seen !== id) this._receipts.add(id);
    // Had the event been taken for another one's of the same text, that one is still to come.
    for (const one of this.pending) if (one.seen === id) one.seen = 0;
    const message = {
      id, view: -1, sender: this.me.account, text, sent_at: sentAt, conversation: to, reply_to: replyTo,
      edited_at: null, deleted_at: null,
    };
    const { messages, after } = this.thread;
    if (to === this.open && !after && !messages.some((one) => one.id === id)) {
      insert(messages, message);
    }
    const known = this.conversations.get(to);
    if (!known) this.quietly(this._readList().then(() => this.readMembers()));
    else if (!known.newest || known.newest.id < id) {
      this.conversations.set(to, { ...known, newest: message, unread: 0, unread_mentions: 0 });
      this._tell("list");
    }
  }

  /** The event may come before the receipt: one message is not to be seen twice meanwhile. */
  _matchPending(message) {
    if (this._receipts.delete(message.id)) return;
    const match = this.pending.find(
      (one) => one.state === "sending" && !one.seen && one.to === message.conversation
        && one.text === message.text,
    );
    if (match) match.seen = message.id;
  }

  /** Take an unconfirmed message back: it is not repeated any more. */
  forget(pending) {
    outbox.drop(pending);
    this.pending = this.pending.filter((one) => one !== pending);
    this._tell("thread", {});
  }

  /** Send one that was refused, or is too old to be repeated, as a new message. */
  sendAnew(pending) {
    this.forget(pending);
    this.send(pending.to, pending.text, pending.reply_to);
  }

  _takeUpOutbox() {
    for (const entry of outbox.kept(this.me.account)) this._post(entry);
  }
}

function emptyThread() {
  return { messages: [], before: false, after: false, ready: false };
}

function newestPage({ messages, more }) {
  return { messages, before: more, after: false };
}

/** In the order of ids; one that is there already is replaced. */
function insert(messages, message) {
  let at = messages.length;
  while (at > 0 && messages[at - 1].id >= message.id) at -= 1;
  messages.splice(at, messages[at]?.id === message.id ? 1 : 0, message);
}

/** What of a conversation its list of members depends on. */
function whoOf({ room, display_name: shown, invited_by: inviter, gone }) {
  return JSON.stringify([room?.owner, room?.members, shown, inviter, gone]);
}
