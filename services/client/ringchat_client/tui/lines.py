"""Lines of text for a given width: spans, each with the role that it plays.

Whatever enters a span has gone through `plain`: no character of it can move the cursor,
and its width in cells is what the terminal will make of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from ringchat_client.plain_text import harmless

__all__ = ["Line", "Span", "fitted", "plain", "width_of", "wrapped"]

TAB = "    "
INVISIBLE = "\u200b\u2060\ufeff"
"""Harmless, but of no width to some terminals and of one to others."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line."""

    text: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line on the screen, and what it belongs to: a message's key, a conversation's name."""

    spans: tuple[Span, ...]
    key: str | int | None = None

    @property
    def text(self) -> str:
        """The line without its roles."""
        return "".join(span.text for span in self.spans)


def plain(text: str) -> str:
    """One line of somebody else's text, harmless."""
    line = harmless(text.replace("\t", TAB))
    return line if line.isascii() else line.translate(dict.fromkeys(map(ord, INVISIBLE)))


def width_of(text: str) -> int:
    """In cells."""
    return cell_len(text)


def fitted(text: str, width: int) -> str:
    """Cut to a width, with an ellipsis if something is cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)).rstrip() + "…" if width > 0 else ""


def wrapped(spans: Iterable[Span], width: int) -> list[tuple[Span, ...]]:
    """Break spans into lines at blanks; a word that is too long is cut where it must be."""
    width = max(width, 1)
    spans = tuple(spans)
    if sum(cell_len(span.text) for span in spans) <= width:
        return [_joined(spans)]
    rows: list[tuple[Span, ...]] = []
    row: list[Span] = []
    used = 0
    for span in spans:
        for word in _words(span.text):
            rest = word
            if used + cell_len(rest.rstrip()) > width and used:
                rows.append(tuple(row))
                row, used = [], 0
                rest = rest.lstrip() or ""
            while cell_len(rest.rstrip()) > width:
                head, rest = _cut(rest, width)
                rows.append((Span(head, span.role),))
            if rest:
                row.append(Span(rest, span.role))
                used += cell_len(rest)
    rows.append(tuple(row))
    return [_joined(row) for row in rows]


def _cut(text: str, width: int) -> tuple[str, str]:
    """Cut a text that is too wide, at a width; at least one character goes to the left."""
    count = 1
    while count < len(text) and cell_len(text[: count + 1]) <= width:
        count += 1
    return text[:count], text[count:]


def _words(text: str) -> list[str]:
    """The words, each with the blanks behind it."""
    words: list[str] = []
    start = 0
    for i in range(1, len(text)):
        if text[i - 1] == " " and text[i] != " ":
            words.append(text[start:i])
            start = i
    if text:
        words.append(text[start:])
    return words


def _joined(row: tuple[Span, ...]) -> tuple[Span, ...]:
    joined: list[Span] = []
    for span in row:
        if joined and joined[-1].role == span.role:
            joined[-1] = Span(joined[-1].text + span.text, span.role)
        else:
            joined.append(span)
    return tuple(joined)
