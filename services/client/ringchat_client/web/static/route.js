// Deep links: /c/NAME and /r/ROOM are conversations, with /MESSAGE behind it a message there.

/** {conversation, message} of a path; the conversation is null for the list. */
export function parse(path) {
  const [, kind, name, message] = path.split("/");
  const id = /^[0-9]{1,15}$/.test(message ?? "") ? Number(message) : 0;
  try {
    if (kind === "c" && name) return { conversation: decodeURIComponent(name), message: id };
  } catch {
    return { conversation: null, message: 0 }; // a broken escape: nobody's name
  }
  if (kind === "r" && /^[0-9]{1,15}$/.test(name ?? "")) {
    return { conversation: Number(name), message: id };
  }
  return { conversation: null, message: 0 };
}

export function pathOf(conversation, message = 0) {
  if (conversation === null) return "/";
  const place = typeof conversation === "number" ? `/r/${conversation}`
    : `/c/${encodeURIComponent(conversation)}`;
  return message ? `${place}/${message}` : place;
}
