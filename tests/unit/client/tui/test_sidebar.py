"""The conversations as lines."""

from __future__ import annotations

from datetime import UTC, timedelta

from ringchat_client.tui.sidebar import sidebar_lines
from ringchat_client.tui.state import Outgoing, State
from ringchat_client.values import Typing
from tests.unit.client.tui.fake_client import NOON, conversation, message


def shown(state: State, width: int = 30, clock: float = 0.0) -> list[str]:
    return [line.text.rstrip() for line in sidebar_lines(state, width, NOON, clock, UTC)]


def test_each_sort_of_conversation() -> None:
    state = State("ann")
    old = NOON - timedelta(days=400)
    state.listed(
        [
            conversation("bob", message(9, text="hi\nthere"), display_name="Bob B", unread=1200),
            conversation(7, message(8, "cleo", "yes", 7), title="ops", unread=2, unread_mentions=1),
            conversation("dan", message(7, "ann", "ok", "dan", sent_at=old)),
            conversation("eve", message(6, "eve", "", "eve", deleted_at=NOON)),
            conversation("fay", gone=True),
            conversation(5, title="quiet", topic="shh"),
            conversation(4, title="club", invited_by="dan"),
        ]
    )
    assert shown(state) == [
        *("+ club                    new", "  dan invites you"),
        *("  Bob B                  999+", "  hi there"),
        *("# ops                      @2", "  cleo: yes"),
        *("  dan                    2025", "  you: ok"),
        *("  eve                   12:06", "  deleted"),
        *("  fay", "  this account was deleted"),
        *("# quiet", "  shh"),
    ]


def test_typing_and_what_is_on_its_way_stand_below() -> None:
    state = State("ann")
    state.listed([conversation("bob", message(1))])
    state.sending(Outgoing("out-1", "bob", "mine", 0, NOON))
    assert shown(state)[1] == "  ◌ mine"
    state.apply(Typing("bob", "bob"), 0)
    assert shown(state)[1] == "  is typing …"


def test_one_that_begins_with_its_first_message() -> None:
    state = State("ann")
    state.open("zoe")
    assert shown(state) == [" zoe", "   no messages yet"]


def test_every_line_fits() -> None:
    state = State("ann")
    state.listed([conversation("b" * 32, message(1, text="x" * 99), unread=5)])
    for width in (10, 20, 60):
        assert max(map(len, shown(state, width))) <= width
