// The line to a gateway: one WebSocket, opened again whenever it breaks, here or to a sibling.
//
// Requests outlive the line. Whatever is not answered when it breaks is sent again on the next
// one: reads because they change nothing, writes under the name they have, this page's client
// id and a number, so that they happen once however often they are sent.

import { PASSING, REFUSED, Refusal, flawOf } from "./refusals.js";

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5_000;
const HELD = 3_000;
const CONNECT_TIMEOUT = 4_000;
const PING_PERIOD = 10_000;
const PING_TIMEOUT = 6_000;
const RETRY_PAUSE = 800;
const FAILURES_MAX = 5; // of the gateway itself, for one write: each pause is twice the last
const AHEAD_MAX = 500; // replicas keep the answers to a client's newest 1,024 numbers
const NOT_LOGGED_IN = 4401;

/** A write's name is remembered for 24 hours; half of that leaves room for a wrong clock. */
export const REPEATABLE = 12 * 60 * 60 * 1000;

/** What names a message for ever: an id alone may be another one's after a split is mended. */
export const named = ({ id, view = -1 }) => ({ id, view });

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Events: "state" {state: "connecting" | "waiting" | "open"}, "push" {message},
 * "logged-out", "other-account".
 */
export class Link extends EventTarget {
  constructor() {
    super();
    this.clientId = randomId();
    this.account = null;
    this.state = "connecting";
    this.places = [location.host];
    this._place = 0;
    this._failures = 0;
    this._welcomedAt = Infinity;
    this._number = 0;
    this._tag = 0;
    this._waiting = new Map(); // tag -> request, in the order they were made
    this._socket = null;
    this._heardAt = 0;
    this._ended = false;
    setInterval(() => this._watch(), 1_000);
    addEventListener("online", () => this._retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this._retryNow();
    });
  }

  /** Other gateways, by their ports on this host: their pages share this one's cookie. */
  useSiblings(ports) {
    const host = location.hostname.includes(":") ? `[${location.hostname}]` : location.hostname;
    const others = ports.map((port) => `${host}:${port}`).filter((p) => p !== location.host);
    this.places = [location.host, ...others];
  }

  start() {
    this._open();
  }

  /** For good, until the page is loaded again. */
  end() {
    this._ended = true;
    this._waiting.clear();
    this._socket?.close();
  }

  // -------------------------------------------------------------- requests

  /** Ask. Resolves with the answer, however long that takes; rejects with a Refusal. */
  ask(method, params = {}) {
    return this._submit({ method, params });
  }

  /** A number for the next write: it is taken, so use it. */
  takeNumber() {
    this._number += 1;
    return this._number;
  }

  /** Ask for something to be done once. `name`: {number, clientId?, at?} of a repeated one. */
  write(method, params = {}, name = {}) {
    const flaw = flawOf(params);
    if (flaw) return Promise.reject(new Refusal("InvalidArgument", flaw));
    const { number = this.takeNumber(), clientId = this.clientId, at = Date.now() } = name;
    const request = { method, params, number };
    if (clientId !== this.clientId) request.client_id = clientId;
    return this._submit(request, at);
  }

  _submit(message, at = null) {
    this._tag += 1;
    const tag = this._tag;
    return new Promise((resolve, reject) => {
      this._waiting.set(tag, { message: { id: tag, ...message }, at, resolve, reject });
      this._transmit(this._waiting.get(tag));
    });
  }

  _transmit(request) {
    if (this.state !== "open" || request.sent) return;
    if (request.at !== null && Date.now() - request.at > REPEATABLE) {
      this._waiting.delete(request.message.id);
      request.reject(new Refusal("TooOld", "it is not known any more whether this was done"));
      return;
    }
    const { number, client_id: earlier } = request.message;
    if (number && !earlier && number > this._oldestNumber() + AHEAD_MAX) return;
    request.sent = true;
    this._socket.send(JSON.stringify(request.message));
  }

  _oldestNumber() {
    for (const { message } of this._waiting.values()) {
      if (message.number && !message.client_id) return message.number;
    }
    return this._number;
  }

  _transmitAll() {
    for (const request of [...this._waiting.values()]) this._transmit(request);
  }

  _answer({ id, result, error }) {
    const request = this._waiting.get(id);
    if (!request) return;
    const pause = error ? this._pauseAfter(request, error.kind) : 0;
    if (pause) {
      const socket = this._socket;
      setTimeout(() => {
        if (this._socket !== socket || !this._waiting.has(id)) return; // sent again already
        request.sent = false;
        this._transmit(request);
      }, pause);
      return;
    }
    this._waiting.delete(id);
    if (error) request.reject(new Refusal(error.kind, error.message));
    else request.resolve(result);
    if (error?.kind === "Unauthenticated" && request.message.method !== "change_password") {
      this._loggedOut();
    }
    if (request.message.number) this._transmitAll();
  }

  /** When to send it again after that error; 0: not at all. */
  _pauseAfter(request, kind) {
    // No master answered in time. Under its old name it may be sent as often as one likes.
    if (PASSING.has(kind)) return RETRY_PAUSE;
    if (REFUSED.has(kind) || !request.message.number) return 0;
    // Nobody knows what became of it: under the same name it may yet be found out.
    request.failures = (request.failures ?? 0) + 1;
    return request.failures > FAILURES_MAX ? 0 : RETRY_PAUSE * 2 ** (request.failures - 1);
  }

  // ------------------------------------------------------------- the line

  _setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }

  _open() {
    if (this._ended || this._socket) return;
    clearTimeout(this._pause);
    this._pause = null;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${this.places[this._place]}/api/socket`);
    this._socket = socket;
    this._openedAt = Date.now();
    socket.onopen = () => {
      this._heardAt = this._pingedAt = Date.now();
      this._setState("waiting"); // for a master, should there be none
      socket.send(JSON.stringify({ client_id: this.clientId }));
    };
    socket.onmessage = ({ data }) => {
      this._heardAt = Date.now();
      const message = JSON.parse(data);
      if (message.event === "Welcome") this._welcome(message);
      else if (message.event) this.dispatchEvent(new CustomEvent("push", { detail: message }));
      else this._answer(message);
    };
    socket.onclose = ({ code }) => {
      if (this._socket === socket) this._lost(code);
    };
  }

  _welcome(profile) {
    if (this.account !== null && profile.account !== this.account) {
      // Another tab has logged in as somebody else. Nothing of this page may go out as theirs.
      this.end();
      this.dispatchEvent(new CustomEvent("other-account"));
      return;
    }
    this.account = profile.account;
    this._welcomedAt = Date.now();
    this._setState("open");
    this.dispatchEvent(new CustomEvent("push", { detail: profile }));
    this._transmitAll();
  }

  _lost(code) {
    this._socket = null;
    for (const request of this._waiting.values()) request.sent = false;
    if (this._ended) return;
    if (code === NOT_LOGGED_IN) {
      this._loggedOut();
      return;
    }
    this._setState("connecting");
    // Only a line that held counts as a success: one that ends at once must not be hurried.
    if (Date.now() - this._welcomedAt > HELD) this._failures = 0;
    this._welcomedAt = Infinity;
    this._failures += 1;
    this._place = (this._place + 1) % this.places.length;
    // The first time round all gateways without a pause, then slower and slower.
    const rounds = Math.floor((this._failures - 1) / this.places.length);
    const longest = Math.min(FIRST_PAUSE * 2 ** rounds, LONGEST_PAUSE);
    const pause = rounds === 0 && this.places.length > 1 ? 0 : longest * (0.5 + Math.random() / 2);
    this._pause = setTimeout(() => this._open(), pause);
  }

  _loggedOut() {
    this.end();
    this.dispatchEvent(new CustomEvent("logged-out"));
  }

  _retryNow() {
    if (this._pause) this._open();
    else this._ping();
  }

  _ping() {
    if (this._socket?.readyState !== WebSocket.OPEN) return;
    this._pingedAt = Date.now();
    this._socket.send(JSON.stringify({ id: 0, method: "ping" }));
  }

  /** A gateway that hangs keeps its line open: silence after a ping ends it. */
  _watch() {
    const socket = this._socket;
    if (!socket) return;
    const now = Date.now();
    if (socket.readyState === WebSocket.CONNECTING) {
      if (now - this._openedAt > CONNECT_TIMEOUT) this._drop(socket);
    } else if (this._heardAt < this._pingedAt && now - this._pingedAt > PING_TIMEOUT) {
      this._drop(socket);
    } else if (now - Math.max(this._heardAt, this._pingedAt) > PING_PERIOD) {
      this._ping();
    }
  }

  _drop(socket) {
    socket.onclose = socket.onmessage = socket.onopen = null;
    socket.close();
    this._lost(0);
  }
}
