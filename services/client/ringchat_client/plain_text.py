"""Text from other people, made harmless for a terminal.

A message may hold anything: escape sequences that rewrite the screen, a carriage
return that overwrites the sender's name, marks that turn the direction of writing.
Each such character is replaced by one that can be seen.
"""

from __future__ import annotations

import unicodedata

__all__ = ["harmless", "one_harmless_line", "shown"]

_DIRECTION_MARKS = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_CONTROL_PICTURES = 0x2400
_DELETE = "\x7f"


def _picture(character: str) -> str:
    if character < " ":
        return chr(_CONTROL_PICTURES + ord(character))
    if character == _DELETE:
        return "\u2421"
    dangerous = unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
    return "\ufffd" if dangerous or character in _DIRECTION_MARKS else character


def harmless(text: str) -> str:
    """One line: every control character becomes its picture, line ends included."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_picture, text))


def one_harmless_line(text: str, characters_max: int = 300) -> str:
    """For errors: blanks of all sorts folded, and what is too long cut."""
    line = harmless(" ".join(text.split()))
    return line if len(line) <= characters_max else line[: characters_max - 3] + "..."


def shown(head: str, text: str) -> str:
    """A message under a head such as "ann: ".

    Further lines are set in, with a mark, so none can pass for the head of another message.
    """
    first, *rest = text.replace("\t", "    ").split("\n")
    return "\n".join([head + harmless(first), *("  | " + harmless(line) for line in rest)])
