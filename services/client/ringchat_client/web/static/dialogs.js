// Dialogs: the browser's own, which keeps the focus inside and closes with Escape.

import { el, iconButton } from "./dom.js";

let counter = 0;

/** A dialog with a title; it is taken away when it is closed. Returns the element. */
export function dialog(title, ...content) {
  counter += 1;
  const id = `dialog-title-${counter}`;
  const opener = document.activeElement;
  const box = el(
    "dialog", { "aria-labelledby": id },
    el("header", { class: "dialog-head" },
      el("h2", { id }, title), iconButton("close", "Close", () => box.close())),
    el("div", { class: "dialog-body" }, ...content),
  );
  box.addEventListener("close", () => {
    box.remove();
    if (opener?.isConnected) opener.focus();
  });
  box.addEventListener("click", (event) => {
    if (event.target === box) box.close(); // beside it
  });
  document.body.append(box);
  box.showModal();
  return box;
}

/** Ask before something that cannot be taken back. Resolves with yes or no. */
export function confirmed(title, text, action) {
  return new Promise((resolve) => {
    const yes = el("button", { type: "button", class: "danger" }, action);
    const no = el("button", { type: "button" }, "Cancel");
    const box = dialog(title, el("p", {}, text), el("div", { class: "buttons" }, no, yes));
    let answer = false;
    yes.addEventListener("click", () => {
      answer = true;
      box.close();
    });
    no.addEventListener("click", () => box.close());
    box.addEventListener("close", () => resolve(answer));
    no.focus();
  });
}

/** A line with a label: `field("Name", {maxlength: 32})`. `.input` is the input. */
export function field(label, attributes = {}, tag = "input") {
  counter += 1;
  const id = `field-${counter}`;
  const { hint, ...others } = attributes;
  const input = el(tag, { id, ...others, ...(hint && { "aria-describedby": `${id}-hint` }) });
  const line = el("div", { class: "field" }, el("label", { for: id }, label), input,
    hint && el("small", { id: `${id}-hint` }, hint));
  line.input = input;
  return line;
}

/**
 * A form that does one thing. `run` is awaited with the buttons off; what it throws is shown.
 * Returns the element; `.say(text)` shows a line in it.
 */
export function form(fields, action, run, attributes = {}) {
  const status = el("p", { class: "form-status", role: "status" });
  const button = el("button", { type: "submit", class: "primary" }, action);
  const whole = el("form", attributes, ...fields,
    el("div", { class: "buttons" }, status, button));
  whole.say = (text, bad = false) => {
    status.textContent = text;
    status.classList.toggle("bad", bad);
  };
  whole.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    whole.say("");
    // A call is slow only while the cluster looks for a master: say that it is being done.
    const slow = setTimeout(() => whole.say("Working… the cluster has no master yet."), 1_500);
    try {
      await run(whole);
      clearTimeout(slow);
      if (status.textContent.startsWith("Working")) whole.say("");
    } catch (error) {
      clearTimeout(slow);
      if (whole.isConnected) whole.say(error.message, true);
      else toast(error.message); // it was closed meanwhile
    } finally {
      button.disabled = false;
    }
  });
  return whole;
}

/** A button that does something and shows, beside itself, why it could not. */
export function actionButton(label, run, attributes = {}) {
  const button = el("button", { type: "button", ...attributes }, label);
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await run();
    } catch (error) {
      toast(error.message);
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

/** A line that is seen for some seconds, and said. */
export function toast(text) {
  const line = el("div", { class: "toast", role: "alert" }, text);
  // Over an open dialog only what is inside of it is seen.
  (document.querySelector("dialog[open]") ?? document.body).append(line);
  setTimeout(() => line.remove(), 6_000);
}
