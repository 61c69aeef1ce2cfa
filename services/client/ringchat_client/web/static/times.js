// Times as people say them, in the reader's own language and zone.

const clockForm = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const dayForm = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const longDayForm = new Intl.DateTimeFormat(
  undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" },
);
const fullForm = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** The same for two times of one local day. */
export function dayKey(ms) {
  return new Date(ms).toDateString();
}

export function clock(ms) {
  return clockForm.format(ms);
}

export function full(ms) {
  return fullForm.format(ms);
}

/** The line between two days. */
export function dayLine(ms) {
  if (dayKey(ms) === dayKey(Date.now())) return "Today";
  if (dayKey(ms) === dayKey(Date.now() - DAY)) return "Yesterday";
  return longDayForm.format(ms);
}

/** As short as it goes: the clock for today, else the day. */
export function brief(ms) {
  return dayKey(ms) === dayKey(Date.now()) ? clock(ms) : dayForm.format(ms);
}

/** When somebody was last here. */
export function ago(ms) {
  const passed = Date.now() - ms;
  if (passed < MINUTE) return "just now";
  if (passed < 60 * MINUTE) return `${Math.floor(passed / MINUTE)} min ago`;
  return dayKey(ms) === dayKey(Date.now()) ? `at ${clock(ms)}` : `on ${dayForm.format(ms)}`;
}
