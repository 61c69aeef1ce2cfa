"""Who may do and see what: every request, every relation to the conversation."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ringchat_server.chat.answers import (
    join_first,
    no_conversation,
)
from tests.unit.server.chat.room import House, send

# --------------------------------------------------------------------- who may what


ASKED: dict[str, Callable[[object, int], tuple[object, ...]]] = {
    "post": lambda room, one: ("post", room, ("x",), 0),
    "reply": lambda room, one: ("post", room, ("x",), one),
    "read": lambda room, one: ("read", room, one),
    "edit": lambda room, one: ("edit", room, one, "y"),
    "erase": lambda room, one: ("erase", room, one),
    "invite": lambda room, one: ("invite", room, "eve"),
    "remove": lambda room, one: ("remove", room, "bob"),
    "retitle": lambda room, one: ("change", room, "mine", None, None),
    "topic": lambda room, one: ("change", room, None, "mine", None),
    "owner": lambda room, one: ("change", room, None, None, "bob"),
}
"""All that can be asked of a room by its members; bob wrote the message."""


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize("what", ASKED)
@pytest.mark.parametrize("who", ["stranger", "invited", "left", "put out"])
def test_nobody_does_anything_in_a_room_that_he_is_not_in(
    house: House, public: bool, what: str, who: str
) -> None:
    room = house.id_of("ann", "room", "hall", "", public, ("bob", "cy", "dan", "eve"))
    house.says("bob", "join", room)
    one = house.id_of("bob", "post", room, ("hello @dan",), 0)
    if who in ("left", "put out"):
        house.says("dan", "join", room)
        one = house.id_of("dan", "post", room, ("by dan, once",), 0)
    if who == "left":
        house.says("dan", "leave", room)
    elif who != "invited":
        house.says("ann", "remove", room, "dan")
    before = house.chat.export()[7:]
    known = public or who == "invited"
    refusal = join_first(room) if known else no_conversation(room)
    assert house.says("dan", *ASKED[what](room, one)) == refusal
    assert house.chat.export()[7:] == before
    views = house.chat.views
    assert views.history("dan", room, 0, 0, 9) == refusal
    assert views.members("dan", room, "", 9) == refusal
    assert views.message("dan", room, one) is None
    assert views.conversation_ids("dan", room) == refusal
    assert views.seen("dan", [(room, one)]) == []
    assert views.conversation_ids("dan", None) == []
    assert (views.conversation("dan", room) is None) == (who != "invited")
    assert [state.conversation for state in views.conversations("dan", 0, 9)[0]] == (
        [room] if who == "invited" else []
    )
    assert house.waiting("dan") == []
    assert room not in [found.id for found in views.rooms("*", 0, 9)[0]] or public


@pytest.mark.parametrize("what", ["post", "read", "edit", "erase"])
def test_nobody_gets_between_two_others(house: House, what: str) -> None:
    one = house.id_of("ann", *send("bob", "between us"))
    before = house.chat.export()[7:]
    # The conversation's id is no room's, and its names lead cy to conversations of his own.
    for name in (one, "ann"):
        request = ASKED[what](name, one)
        if (name, what) != ("ann", "post"):
            assert house.says("cy", *request)[0] == no_conversation(name)[0]
    assert house.chat.export()[7:] == before
    assert house.chat.views.history("cy", "ann", 0, 0, 9) == no_conversation("ann")
    assert house.chat.views.history("cy", one, 0, 0, 9) == no_conversation(one)
    assert house.chat.views.seen("cy", [(one, one)]) == []


def test_what_is_found_is_what_may_be_seen(house: House, hall: int) -> None:
    one = house.id_of("ann", *send("bob", "apple"))
    two = house.id_of("ann", "post", hall, ("apple pie",), 0)
    three = house.id_of("ann", "post", hall, ("apple gone",), 0)
    house.says("ann", "erase", hall, three)
    hits = [(one, one), (hall, two), (hall, three), (hall, one), (7, 8)]
    assert [message.id for message in house.chat.views.seen("bob", hits)] == [one, two]
    assert house.chat.views.seen("cy", hits) == []
    assert house.chat.views.conversation_ids("bob", None) == [hall, one]
    assert house.chat.views.conversation_ids("bob", "ann") == [one]


def test_conversations_by_their_newest_message(house: House) -> None:
    for name in ("bob", "cy", "dan", "bob"):
        house.id_of("ann", *send(name, "x"))
    room = house.id_of("eve", "room", "eve's", "", False, ("ann",))
    house.id_of("ann", *send("cy", "x"))
    first, token = house.chat.views.conversations("ann", 0, 2)
    rest, end = house.chat.views.conversations("ann", token, 9)
    assert [state.conversation for state in first] == ["cy", room]
    assert [state.conversation for state in rest] == ["bob", "dan"]
    assert end == 0
    assert house.chat.views.conversations("nobody", 0, 9) == ([], 0)
