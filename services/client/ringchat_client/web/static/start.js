// A page of which a module could not be loaded (a phone between two networks, a gateway that
// was killed just then) is no page: it is loaded again, a few times.
"use strict";

const TRIES_MAX = 5;
const TRIES_KEY = "ringchat/tries";
const AGAIN_AFTER = 1_000;

addEventListener("error", ({ target }) => {
  if (!(target instanceof HTMLScriptElement)) return;
  try {
    const tries = Number(sessionStorage.getItem(TRIES_KEY)) + 1;
    sessionStorage.setItem(TRIES_KEY, String(tries));
    if (tries <= TRIES_MAX) setTimeout(() => location.reload(), AGAIN_AFTER);
  } catch {
    // Storage is refused: without a count there is no knowing when to stop.
  }
}, true);
