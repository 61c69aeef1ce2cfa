// One's own account: profile, password, sessions, blocked accounts, export, the end of it.

import { el, reconcile } from "./dom.js";
import { actionButton, confirmed, dialog, field, form } from "./dialogs.js";
import { THEMES, setTheme, theme } from "./theme.js";
import { full } from "./times.js";

const THEME_WORDS = { auto: "As the system", light: "Light", dark: "Dark" };

export function openAccount(store, { logOut, leave }) {
  const { me, link } = store;
  const body = el("div", { class: "account" });
  const box = dialog(me.account, body);
  body.append(
    look(), profile(), password(), sessions(), blocked(), mine(logOut, leave, box),
  );

  function part(title, ...content) {
    return el("details", { class: "part" }, el("summary", {}, title), ...content);
  }

  function look() {
    const choice = field("Colours", {}, "select");
    choice.input.append(...THEMES.map((name) => el("option", { value: name }, THEME_WORDS[name])));
    choice.input.value = theme();
    choice.input.addEventListener("change", () => setTheme(choice.input.value));
    return choice;
  }

  function profile() {
    const shown = field("Shown name", { value: me.display_name, maxlength: 64,
      hint: `Shown beside “${me.account}”; may be empty.` });
    return form([shown], "Save", async (page) => {
      await link.write("change_profile", { display_name: shown.input.value });
      store.me = { ...store.me, display_name: shown.input.value };
      page.say("Saved");
    });
  }

  function password() {
    const before = field("Password now",
      { type: "password", autocomplete: "current-password", required: true, maxlength: 1024 });
    const after = field("New password",
      { type: "password", autocomplete: "new-password", required: true, maxlength: 1024 });
    // So that a password manager knows whose it is.
    const whose = el("input", { type: "text", name: "username", autocomplete: "username",
      "aria-label": "Account", value: me.account, hidden: true });
    return part("Password", form([whose, before, after], "Change", async (page) => {
      await link.write(
        "change_password", { old: before.input.value, new: after.input.value },
      );
      before.input.value = after.input.value = "";
      page.say("Changed; all other sessions have ended.");
    }));
  }

  function sessions() {
    const list = el("ul", { class: "people" });
    const read = async () => {
      const all = await link.ask("sessions");
      reconcile(list, all.map((one) => ({ key: one.id, sign: "", make: () => line(one) })));
    };
    const line = (one) => el("li", { class: "room-line" },
      el("span", { class: "room-about" },
        el("span", { class: "strong" },
          one.current ? "This one" : `Session ${one.id.slice(0, 8)}`),
        el("span", { class: "muted" }, `until ${full(one.expires_at)}`)),
      !one.current && actionButton("End", async () => {
        await link.write("end_session", { session_id: one.id });
        await read();
      }));
    const whole = part("Sessions", list, el("div", { class: "buttons" },
      actionButton("End all others", async () => {
        await link.write("end_other_sessions");
        await read();
      })));
    whole.addEventListener("toggle", () => whole.open && store.quietly(read()));
    return whole;
  }

  function blocked() {
    const list = el("ul", { class: "people" });
    const draw = () => {
      const lines = store.me.blocked.map((account) => el("li", { class: "room-line" },
        el("bdi", { class: "room-about strong" }, account),
        actionButton("Unblock", async () => {
          await link.write("unblock", { account });
          store.me = await link.ask("profile");
          draw();
        })));
      list.replaceChildren(...lines);
      if (!lines.length) list.append(el("li", { class: "muted" }, "Nobody."));
    };
    const account = field("Block", { required: true, autocapitalize: "none", autocomplete: "off",
      hint: "Cannot write to you directly or invite you then." });
    draw();
    return part("Blocked accounts", list, form([account], "Block", async () => {
      await link.write("block", { account: account.input.value.trim() });
      account.input.value = "";
      store.me = await link.ask("profile");
      draw();
    }));
  }
}

function mine(logOut, leave, box) {
  return el("div", { class: "buttons wrap" },
    actionButton("Export everything (JSON)", exportAll),
    actionButton("Log out", async () => {
      box.close();
      await logOut();
    }),
    actionButton("Delete the account", async () => {
      const sure = await confirmed("Delete your account?",
        "You leave all rooms. What you wrote stays under your name, which stays taken for ever.",
        "Delete for ever");
      if (!sure) return;
      box.close();
      await leave();
    }, { class: "danger" }));
}

/** Read first, then saved: a browser would save the error, or half of it, as the file. */
async function exportAll() {
  const answer = await fetch("/api/export").catch(() => null);
  if (!answer) throw new Error("This gateway does not answer. Try again.");
  if (!answer.ok) {
    const told = await answer.json().catch(() => ({}));
    throw new Error(told.error?.message ?? `status ${answer.status}`);
  }
  const all = await answer.blob().catch(() => null);
  if (!all) throw new Error("The export was cut off. Try again.");
  const address = URL.createObjectURL(all);
  el("a", { href: address, download: "ringchat.json" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
