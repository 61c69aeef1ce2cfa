"""A thread as lines: grouped by day and author, unconfirmed messages marked as such.

Pure. The lines of a message are kept for as long as nothing that they show has changed, so
that a long thread costs what has changed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from ringchat_client.plain_text import one_harmless_line
from ringchat_client.tui.lines import Line, Span, fitted, plain, width_of, wrapped
from ringchat_client.tui.mentions import MENTION, PUNCTUATION, mentioned
from ringchat_client.tui.state import Outgoing, Stage, State, Thread
from ringchat_client.values import Message

__all__ = [
    "AUTHOR_ROLES",
    "Reached",
    "Timeline",
    "author_role",
    "day_name",
    "mark_of",
    "reached",
    "text_spans",
]

AUTHOR_ROLES = tuple(f"author-{i}" for i in range(6))
GROUP_MINUTES = 5
"""A silence longer than this begins a new group of the same author."""
INDENT = "  "
MARK_WIDTH = 3
NO_MARK, CONFIRMED = Span(""), Span("✓", "confirmed")
DELIVERED, READ = Span("✓✓", "delivered"), Span("✓✓", "read")
NOTABLE = re.compile(rf"(?P<mention>{MENTION})|(?P<link>https?://\S+)")
WELCOME = (
    "Choose a conversation: F2, the mouse, or Ctrl+P and a few letters of its name.",
    "/open NAME begins one, /create TITLE makes a room, /rooms lists the public ones.",
    "F1 tells the rest.",
)


def author_role(name: str) -> str:
    """The same colour for a name wherever and whenever it stands."""
    return AUTHOR_ROLES[zlib.crc32(name.encode()) % len(AUTHOR_ROLES)]


def day_name(day: date, today: date) -> str:
    """What a person calls a day."""
    if day == today:
        return "Today"
    if day == today - timedelta(days=1):
        return "Yesterday"
    return f"{day:%A}, {day.day} {day:%B}" + (f" {day.year}" if day.year != today.year else "")


def text_spans(text: str, account: str, role: str = "text") -> list[list[Span]]:
    """Each line of a message as spans, mentions and links apart."""
    return [_line_spans(line, account, role) for line in text.split("\n")]


def _line_spans(line: str, account: str, role: str) -> list[Span]:
    spans: list[Span] = []
    end = 0
    for match in NOTABLE.finditer(line):
        word = match[0]
        if match["mention"] is None:
            word, kind = word.rstrip(PUNCTUATION + '"'), "link"
        elif account in mentioned(word):
            kind = "mention-me"
        else:
            kind = "mention"
        if match["name"] not in {None, account}:
            word = word.rstrip(PUNCTUATION)
        spans.append(Span(plain(line[end : match.start()]), role))
        spans.append(Span(plain(word), kind))
        end = match.start() + len(word)
    spans.append(Span(plain(line[end:]), role))
    return [span for span in spans if span.text]


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a thread has come to all of the others; 0 while nobody else is in it."""

    delivered: int
    read: int


def reached(thread: Thread, account: str) -> Reached:
    """The marks of those who are furthest behind."""
    others = [m for m in thread.members.values() if m.account != account and not m.invited]
    return Reached(
        min((member.delivered_up_to for member in others), default=0),
        min((member.read_up_to for member in others), default=0),
    )


def mark_of(message: Message, account: str, to: Reached) -> Span:
    """How far one's own message has come: confirmed, delivered to all others, read by all."""
    if message.sender != account or message.deleted_at is not None:
        return NO_MARK
    if to.read >= message.id:
        return READ
    return DELIVERED if to.delivered >= message.id else CONFIRMED


@dataclass(frozen=True, slots=True)
class _Place:
    """What a message's lines depend on beside the message itself."""

    width: int
    head: bool
    mark: Span
    quoted: str


class Timeline:
    """Makes the lines of threads, and remembers them."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._kept: dict[int, tuple[Message, _Place, tuple[Line, ...]]] = {}
        self._days: dict[datetime, date] = {}
        self._thread: Thread | None = None

    def lines(self, state: State, width: int, now: datetime) -> list[Line]:
        """All lines of the opened thread."""
        thread = state.thread
        if thread is not self._thread:
            self._kept.clear()
            self._days.clear()
            self._thread = thread
        if thread is None:
            welcome = [row for line in WELCOME for row in wrapped([Span(line, "dim")], width)]
            return [Line(row) for row in welcome]
        today = now.astimezone(self._zone).date()
        lines = list(self._beginning(state, thread, width))
        before: Message | None = None
        last_day: date | None = None
        is_new = False
        to = reached(thread, state.account)
        for message in thread.messages:
            day = self._day(message.sent_at)
            if day != last_day:
                last_day = day
                lines += _rule(day_name(day, today), width, "day")
                before = None
            if not is_new and 0 < thread.new_from < message.id and message.sender != state.account:
                is_new = True
                lines += _rule("new", width, "new")
                before = None
            head = before is None or not _together(before, message)
            place = _Place(
                width,
                head,
                mark_of(message, state.account, to),
                _quoted(message.reply_to, thread),
            )
            if head and lines and lines[-1].key is not None:
                lines.append(Line(()))
            lines += self._message(message, place, state)
            before = message
        lines += self._outgoing(thread, before, width, state.account)
        return lines

    def _day(self, at: datetime) -> date:
        if at not in self._days:
            self._days[at] = at.astimezone(self._zone).date()
        return self._days[at]

    def _beginning(self, state: State, thread: Thread, width: int) -> Iterator[Line]:
        """What stands above the oldest message."""
        known = state.conversations.get(thread.name)
        if known is not None and known.invited_by:
            yield Line((Span(f"{plain(known.invited_by)} invites you to this room.", "strong"),))
            yield Line((Span("/join to enter it, /leave to decline", "dim"),))
        elif not thread.loaded:
            yield Line((Span("loading …", "dim"),))
        elif thread.more:
            yield Line((Span("↑ older messages".center(width).rstrip(), "dim"),))
        elif not thread.messages and not thread.waiting:
            yield Line((Span("Nobody has said anything here yet.", "dim"),))

    def _message(self, message: Message, place: _Place, state: State) -> tuple[Line, ...]:
        kept = self._kept.get(message.id)
        if kept is not None and kept[0] is message and kept[1] == place:
            return kept[2]
        lines = tuple(self._made(message, place, state))
        self._kept[message.id] = (message, place, lines)
        return lines

    def _made(self, message: Message, place: _Place, state: State) -> Iterator[Line]:
        account = state.account
        if place.head:
            yield self._head(message.sender, message.sent_at, place.width, message.id)
        if place.quoted:
            quoted = fitted(f"{INDENT}↪ {place.quoted}", place.width)
            yield Line((Span(quoted, "quote"),), message.id)
        if message.deleted_at is not None:
            rows = [[Span("this message was deleted", "deleted")]]
        else:
            rows = text_spans(message.text, account)
            if message.edited_at is not None:
                rows[-1].append(Span(" (edited)", "dim"))
        yield from _body(rows, place.width, place.mark, message.id)

    def _head(self, sender: str, at: datetime, width: int, key: int | str) -> Line:
        clock = at.astimezone(self._zone).strftime("%H:%M")
        name = fitted(plain(sender), width - 7)
        return Line((Span(name, author_role(sender)), Span(f" {clock}", "clock")), key)

    def _outgoing(
        self, thread: Thread, before: Message | None, width: int, account: str
    ) -> Iterator[Line]:
        previous_is_own = before is not None and before.sender == account
        for i, one in enumerate(thread.waiting):
            if i == 0 and not previous_is_own:
                if before is not None:
                    yield Line(())
                yield self._head(account, one.at, width, one.key)
            if quoted := _quoted(one.reply_to, thread):
                yield Line((Span(fitted(f"{INDENT}↪ {quoted}", width), "quote"),), one.key)
            yield from _outgoing_lines(one, width, account)


def _outgoing_lines(one: Outgoing, width: int, account: str) -> Iterator[Line]:
    failed = one.stage is Stage.FAILED
    role = "failed" if failed else "pending"
    rows = [[Span(span.text, role) for span in row] for row in text_spans(one.text, account)]
    mark = Span("✗", "failed") if failed else Span("◌", "pending")
    yield from _body(rows, width, mark, one.key)
    if failed:
        reason = f"{INDENT}not sent: {one_harmless_line(one.reason)}; r: again, d: drop it"
        for row in wrapped([Span(reason, "error")], width):
            yield Line(row, one.key)
    elif one.stage is Stage.AGAIN:
        yield Line((Span(fitted(INDENT + one.stage.value, width), "warning"),), one.key)


def _body(rows: list[list[Span]], width: int, mark: Span, key: int | str) -> Iterator[Line]:
    """The text, set in, with the mark at the right end of its last line."""
    room = width - len(INDENT) - MARK_WIDTH
    made = [row for spans in rows for row in wrapped(spans, room)]
    for i, row in enumerate(made):
        line = (Span(INDENT), *row)
        if mark.text and i == len(made) - 1:
            used = sum(width_of(span.text) for span in line)
            gap = width - used - width_of(mark.text)
            line = (*line, Span(" " * max(gap, 0)), mark)
        yield Line(line, key)


def _together(before: Message, message: Message) -> bool:
    """Whether a message needs no head of its own."""
    return (
        before.sender == message.sender
        and not message.reply_to
        and message.sent_at - before.sent_at < timedelta(minutes=GROUP_MINUTES)
    )


def _quoted(reply_to: int, thread: Thread) -> str:
    if not reply_to:
        return ""
    found = thread.find(reply_to)
    if found is None:
        return "an earlier message"
    if found.deleted_at is not None:
        return f"{plain(found.sender)}: a deleted message"
    return f"{plain(found.sender)}: {one_harmless_line(found.text, 120)}"


def _rule(name: str, width: int, role: str) -> list[Line]:
    side = max(width - width_of(name) - 2, 0)
    left = side // 2
    text = f"{'─' * left} {name} {'─' * (side - left)}"
    return [Line(()), Line((Span(fitted(text, width), role),))]
