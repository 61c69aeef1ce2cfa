"""The lines around the messages."""

from __future__ import annotations

from dataclasses import replace

from ringchat_client.tui.commands import completions
from ringchat_client.tui.heading import hint_line, title_line, topic_line
from ringchat_client.tui.lines import Line, Span
from ringchat_client.tui.state import State
from ringchat_client.values import Presence, Typing
from tests.unit.client.tui.fake_client import NOON, conversation, member, message


def opened(name: str | int) -> State:
    state = State("ann")
    state.listed(
        [
            conversation("bob", message(1), display_name="Bob B", unread=2),
            conversation("fay", gone=True),
            conversation("ann"),
            conversation(7, title="ops", topic="on call"),
        ]
    )
    state.open(name)
    return state


def hint(state: State, **more: object) -> str:
    values = {"remark": None, "reply_to": None, "editing": None, "found": ()} | more
    return hint_line(state, 60, 0.0, **values).text  # type: ignore[arg-type]


def test_whose_conversation_it_is() -> None:
    assert title_line(State("ann"), 40).text == "Ringchat · ann"
    assert title_line(opened("bob"), 40).text == "Bob B  @bob"
    assert title_line(opened("bob"), 40, narrow=True).text == "‹F2 2› Bob B  @bob"
    assert title_line(opened("ann"), 40).text == "ann  notes to yourself"
    assert title_line(opened(7), 40).text == "# ops  public"


def test_who_is_there() -> None:
    state = opened("bob")
    state.members_read("bob", [member("ann"), member("bob")])
    assert topic_line(state, 40, NOON).text == "● here"
    away = replace(member("bob"), presence=Presence(False, NOON))
    state.members_read("bob", [member("ann"), away])
    assert topic_line(state, 40, NOON).text.startswith("○ last seen ")
    assert topic_line(opened("fay"), 40, NOON).text == "this account was deleted"
    room = opened(7)
    invited = replace(member("dan"), invited=True)
    room.members_read(7, [member("ann"), member("bob", attached=False), invited])
    assert topic_line(room, 40, NOON).text == "2 members, 1 here · on call"


def test_the_hint_is_what_matters_most() -> None:
    state = opened(7)
    for name in ("bob", "cleo", "dan"):
        state.apply(Typing(7, name), 0.0)
    assert hint(state) == "several people are typing …"
    state.thread_of(7).typing.pop("dan")
    assert hint(state) == "bob and cleo are typing …"
    assert hint(state, choosing=True).startswith("r reply")
    assert hint(state, reply_to=message(1)) == "↪ bob: hello"
    assert hint(state, editing=message(1)).startswith("editing")
    remark = Line((Span("done", "good"),))
    assert hint(state, reply_to=message(1), remark=remark) == "done"
    assert hint(state, remark=remark, found=completions("/quit")) == "/quit: leave; Ctrl+Q"
    assert hint(opened("bob")) == ""
