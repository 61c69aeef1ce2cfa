"""The lines around the messages: whose conversation it is, who is there, what is being done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from ringchat_client.plain_text import one_harmless_line
from ringchat_client.tui.commands import CommandInfo
from ringchat_client.tui.deeds import presence_words
from ringchat_client.tui.lines import Line, Span, fitted, plain, width_of
from ringchat_client.tui.state import State
from ringchat_client.tui.timeline import author_role
from ringchat_client.values import Member, Message

__all__ = ["hint_line", "title_line", "topic_line"]

COMMANDS_SHOWN_MAX = 4
CHOOSING = "r reply · e edit · d delete · y copy · g original · Esc back"


def title_line(state: State, width: int, *, narrow: bool = False) -> Line:
    """The name of the opened conversation; in a narrow terminal also the way to the others."""
    if narrow and state.opened is not None:
        unread = state.unread_total()
        way = Span(f"‹F2{f' {unread}' if unread else ''}› ", "count" if unread else "dim")
        rest = title_line(state, width - width_of(way.text))
        return Line((way, *rest.spans))
    if state.opened is None:
        return Line((Span(f"Ringchat · {plain(state.account)}", "strong"),))
    known = state.conversation
    title = plain(state.title_of(state.opened))
    if isinstance(state.opened, int):
        spans = [Span("# ", "dim"), Span(fitted(title, width - 12), "strong")]
        if known is not None and known.room is not None:
            spans.append(Span("  public" if known.room.public else "", "dim"))
        return Line(tuple(spans))
    spans = [Span(fitted(title, width - 6), author_role(state.opened))]
    if title != plain(state.opened):
        spans.append(Span(f"  @{plain(state.opened)}", "dim"))
    if state.opened == state.account:
        spans.append(Span("  notes to yourself", "dim"))
    return Line(tuple(spans))


def topic_line(state: State, width: int, now: datetime) -> Line:
    """Below it: who is there, and the topic of a room."""
    thread = state.thread
    if thread is None:
        return Line((Span("F2: conversations · Ctrl+P: palette · F1: help", "dim"),))
    known = state.conversation
    if known is not None and known.gone:
        return Line((Span("this account was deleted", "warning"),))
    if isinstance(state.opened, int):
        members = [member for member in thread.members.values() if not member.invited]
        here = sum(member.presence.attached for member in members)
        count = "1 member" if len(members) == 1 else f"{len(members)} members"
        words = f"{count}, {here} here" if members else ""
        topic = known.room.topic if known is not None and known.room is not None else ""
        if topic:
            words += f" · {one_harmless_line(topic)}"
        return Line((Span(fitted(words, width), "dim"),))
    member = thread.members.get(str(state.opened))
    if member is None or state.opened == state.account:
        return Line(())
    return Line(_presence(member, now))


def _presence(member: Member, now: datetime) -> tuple[Span, ...]:
    sign = Span("● ", "good") if member.presence.attached else Span("○ ", "dim")
    return (sign, Span(presence_words(member.presence, now.astimezone()), "dim"))


def hint_line(
    state: State,
    width: int,
    clock: float,
    remark: Line | None,
    reply_to: Message | None,
    editing: Message | None,
    found: Sequence[CommandInfo],
    *,
    choosing: bool = False,
) -> Line:
    """Above the composer: what matters most of what there is to say."""
    if found:
        words = " · ".join(command.usage for command in found[:COMMANDS_SHOWN_MAX])
        if len(found) == 1:
            words += f": {found[0].help}"
        return Line((Span(fitted(words, width), "dim"),))
    if remark is not None:
        return Line(tuple(Span(fitted(span.text, width), span.role) for span in remark.spans))
    if editing is not None:
        return Line((Span(fitted("editing; Enter changes it, Esc gives it up", width), "warning"),))
    if reply_to is not None:
        words = f"↪ {plain(reply_to.sender)}: {one_harmless_line(reply_to.text)}"
        return Line((Span(fitted(words, width), "quote"),))
    if choosing:
        return Line((Span(fitted(CHOOSING, width), "dim"),))
    typing = state.typing_in(state.opened, clock) if state.opened is not None else []
    if typing:
        names = " and ".join(plain(name) for name in typing[:2])
        if len(typing) > 2:
            names = "several people"
        verb = "is" if len(typing) == 1 else "are"
        return Line((Span(fitted(f"{names} {verb} typing …", width), "typing"),))
    return Line(())
