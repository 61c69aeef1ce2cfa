"""The conversations as lines: titles with unread counts, and how the newest message begins."""

from __future__ import annotations

from datetime import datetime, tzinfo

from ringchat_client.plain_text import one_harmless_line
from ringchat_client.tui.lines import Line, Span, fitted, plain, width_of
from ringchat_client.tui.state import State
from ringchat_client.tui.timeline import author_role
from ringchat_client.values import Conversation

__all__ = ["sidebar_lines"]

UNREAD_MAX = 999


def sidebar_lines(
    state: State, width: int, now: datetime, clock: float, zone: tzinfo | None = None
) -> list[Line]:
    """Two lines for each conversation; `clock` is the time that typing is measured by."""
    lines: list[Line] = []
    for conversation in state.ordered():
        lines += _lines(conversation, state, width, now, clock, zone)
    if state.opened is not None and state.opened not in state.conversations:
        # One that begins with its first message.
        title = fitted(f" {plain(str(state.opened))}", width)
        lines[:0] = [
            Line((Span(title, author_role(str(state.opened))),), state.opened),
            Line((Span("   no messages yet", "dim"),), state.opened),
        ]
    return lines


def _lines(
    one: Conversation,
    state: State,
    width: int,
    now: datetime,
    clock: float,
    zone: tzinfo | None,
) -> list[Line]:
    sign = "#" if one.room is not None or isinstance(one.name, int) else " "
    if one.invited_by:
        sign = "+"
    right = _count(one)
    if not right.text:
        right = Span(_when(one, now, zone), "dim")
    if right.text:
        right = Span(right.text + " ", right.role)
    room = width - 2 - width_of(right.text) - 1
    title = fitted(plain(one.title), room)
    role = "unread" if one.unread or one.invited_by else "title"
    gap = " " * max(width - 2 - width_of(title) - width_of(right.text), 1)
    head = Line((Span(f"{sign} ", "dim"), Span(title, role), Span(gap), right), one.name)
    below = fitted("  " + _preview(one, state, clock), width - 1)
    typing = bool(state.typing_in(one.name, clock))
    return [head, Line((Span(below, "typing" if typing else "dim"),), one.name)]


def _count(one: Conversation) -> Span:
    if one.invited_by:
        return Span("new", "count")
    if not one.unread:
        return Span("")
    count = f"{one.unread}" if one.unread <= UNREAD_MAX else f"{UNREAD_MAX}+"
    if one.unread_mentions:
        return Span(f"@{count}", "count-mention")
    return Span(count, "count")


def _when(one: Conversation, now: datetime, zone: tzinfo | None) -> str:
    if one.newest is None:
        return ""
    at = one.newest.sent_at.astimezone(zone)
    today = now.astimezone(zone)
    if at.date() == today.date():
        return f"{at:%H:%M}"
    return f"{at.day} {at:%b}" if at.year == today.year else f"{at:%Y}"


def _preview(one: Conversation, state: State, clock: float) -> str:
    typing = state.typing_in(one.name, clock)
    if typing:
        who = f"{plain(typing[0])} is" if isinstance(one.name, int) else "is"
        return f"{who} typing …"
    if one.invited_by:
        return f"{plain(one.invited_by)} invites you"
    if one.gone:
        return "this account was deleted"
    waiting = state.thread_of(one.name).waiting
    if waiting:
        return f"◌ {one_harmless_line(waiting[-1].text, 120)}"
    if one.newest is None:
        return one_harmless_line(one.room.topic, 120) if one.room and one.room.topic else "empty"
    text = one_harmless_line(one.newest.text, 120)
    if one.newest.deleted_at is not None:
        text = "deleted"
    if one.newest.sender == state.account:
        return f"you: {text}"
    return f"{plain(one.newest.sender)}: {text}" if isinstance(one.name, int) else text
