// The page before one is logged in.

import { el, svg } from "./dom.js";
import { field } from "./dialogs.js";

/** POST to the gateway. Resolves with its answer; throws an Error with one line. */
export async function post(path, body = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Error("This gateway does not answer. Try again, or open another one.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error?.message ?? `status ${response.status}`);
  return answer;
}

/** Show it; `done(account)` is called once somebody is logged in. */
export function showLogin(root, done, note = "") {
  for (const box of document.querySelectorAll("dialog[open]")) box.close(); // of one who is gone
  const name = field("Name", {
    name: "username", autocomplete: "username", required: true, maxlength: 32,
    autocapitalize: "none", spellcheck: "false",
  });
  const password = field("Password", {
    name: "password", type: "password", autocomplete: "current-password", required: true,
    maxlength: 1024,
  });
  const status = el("p", { class: "form-status", role: "alert" }, note);
  const enter = el("button", { type: "submit", class: "primary" }, "Log in");
  const make = el("button", { type: "button" }, "Make an account");
  const form = el(
    "form", { class: "login-card", "aria-labelledby": "login-title" },
    el("div", { class: "login-brand" }, brandMark(),
      el("h1", { id: "login-title" }, "Ringchat")),
    el("p", { class: "muted" }, "Chat that survives its servers."),
    name, password, status, el("div", { class: "buttons stacked" }, enter, make),
  );

  async function go(path) {
    if (!form.reportValidity()) return;
    enter.disabled = make.disabled = true;
    status.classList.remove("bad");
    const slow = setTimeout(() => { status.textContent = "Working…"; }, 600);
    try {
      const { account } = await post(
        path, { name: name.input.value, password: password.input.value },
      );
      done(account);
    } catch (error) {
      status.textContent = error.message;
      status.classList.add("bad");
    } finally {
      clearTimeout(slow);
      enter.disabled = make.disabled = false;
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    go("/api/login");
  });
  make.addEventListener("click", () => go("/api/signup"));
  root.replaceChildren(el("main", { class: "login" }, form));
  name.input.focus();
}

export function brandMark() {
  const seats = [[16, 7.500, 4], [8.600, 20.300, 3], [23.400, 20.300, 3]];
  return svg(
    "svg", { class: "brand-mark", viewBox: "0 0 32 32", "aria-hidden": "true" },
    svg("circle", { cx: 16, cy: 16, r: 8.500, class: "brand-ring" }),
    ...seats.map(([cx, cy, r], i) => svg("circle", { cx, cy, r, class: `brand-seat-${i}` })),
  );
}
