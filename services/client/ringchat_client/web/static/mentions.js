// The grammar of mentions, which is the server's: @name, or @"a name" for one with blanks; a
// name may be meant with or without the punctuation behind it.

const BLANK = " \\t\\n\\r\\f\\v";
const MENTION = new RegExp(`@(?:"([^"]+)"|([^${BLANK}@"]+))`, "g");
const BEGUN = new RegExp(`(?<![\\p{L}\\p{N}_])@(?:"([^"]*)|([^${BLANK}@"]*))$`, "u");
const QUOTED = new RegExp(`[${BLANK}@]`);
const PUNCTUATION = /[.,;:!?)\]}']+$/;

/** Who may be meant in a text: {start, end, name}; the longer reading before the shorter. */
export function mentions(text) {
  const found = [];
  for (const match of text.matchAll(MENTION)) {
    const start = match.index;
    const end = start + match[0].length;
    const name = match[1] ?? match[2];
    found.push({ start, end, name });
    const bare = name.replace(PUNCTUATION, "");
    if (bare === name) continue;
    const cut = match[1] === undefined ? name.length - bare.length : 0; // quotes hold it all
    found.push({ start, end: end - cut, name: bare });
  }
  return found;
}

/** How to mention somebody. */
export function mentionOf(name) {
  return QUOTED.test(name) ? `@"${name}"` : `@${name}`;
}

/** The mention that a text ends within: {start, name} of what is there of it; else null. */
export function begunMention(text) {
  const match = BEGUN.exec(text);
  return match && { start: match.index, name: match[1] ?? match[2] };
}
