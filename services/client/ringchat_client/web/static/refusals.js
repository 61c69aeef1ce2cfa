// What can be wrong with a request, and what an error says of it.

/** Errors that say for certain: it was not done, and will not be. */
export const REFUSED = new Set([
  "InvalidArgument", "ClusterFileError", "NotFound", "PermissionDenied", "AlreadyExists",
  "Unauthenticated", "ResourceExhausted", "FailedPrecondition",
]);

/** Errors of a moment: the same may be asked again for as long as one likes. */
export const PASSING = new Set(["NotKnown", "NotDone", "DeadlineExpired", "Unavailable"]);

const TEXT_BYTES_MAX = 64 * 1024;
const WORDS_MAX = 1024;
const NAMES_MAX = 100;

/** What the cluster or the gateway refused: `kind` is the name of the SDK's exception. */
export class Refusal extends Error {
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }
}

function flawOfOne(key, value) {
  if (typeof value === "string") {
    if (value.isWellFormed?.() === false) return "This holds half of a character.";
    if (key === "text") {
      return new TextEncoder().encode(value).length > TEXT_BYTES_MAX
        ? "A message has at most 64 KiB." : null;
    }
    return value.length > WORDS_MAX ? "This is too long." : null;
  }
  if (typeof value === "number") {
    return Number.isSafeInteger(value) && value >= 0 ? null : "This is no number of anything.";
  }
  if (Array.isArray(value) && value.length > NAMES_MAX) return `At most ${NAMES_MAX} at once.`;
  return null;
}

/**
 * Why the gateway would not even look at those parameters; null if it would. A number that
 * went with them would be missing from the page's sequence.
 */
export function flawOf(params) {
  for (const [key, value] of Object.entries(params)) {
    const flaw = flawOfOne(key, value);
    if (flaw) return flaw;
  }
  return null;
}
