// Messages that are not confirmed yet, in the browser's storage, each under a key of its own,
// so that tabs do not overwrite each other's. A page that is loaded repeats what it finds
// there under the name it was first sent with: that is harmless, however many pages do it.

const PREFIX = "ringchat/out/";
let memory = new Map(); // where storage is refused: lives as long as the page

function keyOf({ account, clientId, number }) {
  return `${PREFIX}${account}/${clientId}/${number}`;
}

/** Keep {account, clientId, number, at, to, text, reply_to}; false if only this page has it. */
export function keep(entry) {
  try {
    localStorage.setItem(keyOf(entry), JSON.stringify(entry));
    return true;
  } catch {
    memory.set(keyOf(entry), entry);
    return false;
  }
}

export function drop(entry) {
  memory.delete(keyOf(entry));
  try {
    localStorage.removeItem(keyOf(entry));
  } catch {
    // It was never there: storage is refused to this page.
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null; // something else wrote there: it is nobody's message
  }
}

function stored() {
  let all;
  try {
    all = Object.entries(localStorage);
  } catch {
    return []; // storage is refused to this page
  }
  return all.filter(([key]) => key.startsWith(PREFIX)).map(([, text]) => parsed(text));
}

/** What that account has not had confirmed, oldest first. */
export function kept(account) {
  const mine = [...stored(), ...memory.values()].filter((entry) => entry?.account === account);
  return mine.sort((a, b) => a.at - b.at || a.number - b.number);
}

/** Forget everything of an account that logs out. */
export function clear(account) {
  for (const entry of kept(account)) drop(entry);
  memory = new Map();
}
