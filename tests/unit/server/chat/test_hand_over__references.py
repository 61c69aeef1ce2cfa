"""Rule 6: messages and rooms are named so that the new order knows them."""

from __future__ import annotations

from ringchat_server.chat.chat import Chat
from ringchat_server.chat.hand_over import hand_over
from ringchat_server.chat.kept import WINDOW
from ringchat_server.records import Entry, message_id
from tests.unit.server.chat.orders import (
    ANN,
    BOB,
    CY,
    DAN,
    after_healing,
    everybody,
    nine_entries,
    send,
)


def test_what_was_said_of_a_message_follows_it_into_the_other_order() -> None:
    before = everybody()
    before.ask(DAN, 3, *send("bob", "from before"))
    old = message_id(len(before.entries), 0)
    lost, kept = before.fork(view=1), before.fork(view=2)
    hi = lost.ask(ANN, 3, *send("bob", "hi", "there"))
    lost.ask(ANN, 5, "edit", "bob", hi + 1, "everybody")
    lost.ask(BOB, 3, "read", "ann", hi)
    lost.ask(BOB, 4, "post", "ann", ("hello yourself",), hi)
    lost.ask(ANN, 6, "erase", "bob", hi)
    lost.ask(DAN, 4, "edit", "bob", old, "from long ago")
    kept.ask(ANN, 100, *send("bob", "of this side", "and more"))
    after_healing(lost, kept, len(before.entries))
    assert kept.history("bob", "ann") == [
        "of this side",
        "and more",
        "",
        "everybody",
        "hello yourself",
    ]
    messages, _ = kept.chat.views.history("ann", "bob", 0, 0, 9)
    assert isinstance(messages, list)
    assert messages[4].reply_to == messages[2].id
    assert kept.history("bob", "dan") == ["from long ago"]


def test_a_room_made_on_the_lost_side_is_no_room_of_the_other() -> None:
    before = everybody()
    lost, kept = before.fork(view=1), before.fork(view=2)
    secret = lost.ask(ANN, 3, "room", "secret", "", False, ("bob",))
    lost.ask(BOB, 3, "join", secret)
    lost.ask(ANN, 4, "post", secret, ("for bob alone",), 0)
    lost.ask(ANN, 5, "change", secret, "top secret", None, "bob")
    other = kept.ask(CY, 3, "room", "hall", "", True, ())
    assert other == secret, "the story needs two rooms of one id"
    kept.ask(DAN, 3, "join", other)
    after_healing(lost, kept, len(before.entries))
    assert kept.history("dan", other) == []
    states, _ = kept.chat.views.conversations("bob", 0, 9)
    [state] = states
    assert state.room is not None
    assert (state.room.title, state.room.owner) == ("top secret", "bob")
    assert kept.history("bob", state.conversation) == ["for bob alone"]


def test_a_message_to_a_room_is_not_lost_with_its_authors_place_in_it() -> None:
    before = everybody()
    room = before.ask(ANN, 3, "room", "hall", "", True, ())
    before.ask(BOB, 3, "join", room)
    lost, kept = before.fork(view=1), before.fork(view=2)
    lost.ask(BOB, 4, "post", room, ("confirmed",), 0)
    kept.ask(ANN, 4, "remove", room, "bob")
    after_healing(lost, kept, len(before.entries))
    assert kept.history("ann", room) == ["confirmed"]


def test_an_acknowledgement_names_messages_of_rooms_too() -> None:
    before = everybody()
    room = before.ask(ANN, 3, "room", "hall", "", True, ())
    before.ask(BOB, 3, "join", room)
    lost, kept = before.fork(view=1), before.fork(view=2)
    one = lost.ask(ANN, 4, "post", room, ("one", "two", "three"), 0)
    lost.ask(BOB, 4, "update", one + 1, ())
    kept.ask(CY, 3, *send("bob", "hello", "you"))
    after_healing(lost, kept, len(before.entries))
    assert kept.texts("bob") == ["hello", "you", "three"]


def test_what_names_an_entry_that_was_compacted_names_nothing() -> None:
    edit = Entry(1, 0, BOB, 1, "bob", b"s" * 32, ("edit", "ann", message_id(9, 0), "x"))
    (proposal,) = hand_over([edit], 10, 5, nine_entries)
    assert proposal.request == ("edit", "ann", (b"", 0), "x")


def test_a_room_is_found_however_much_its_maker_has_said_since() -> None:
    lost = everybody()
    kept = lost.fork(1)
    common = len(lost.entries)
    room = lost.ask(ANN, 10, "room", "Tea", "", True, ())
    for number in range(11, 11 + WINDOW + 3):
        lost.ask(ANN, number, "post", room, (f"text {number}",), 0)
    said = lost.history("ann", room)
    assert len(said) == WINDOW + 3
    kept.propose(hand_over(lost.entries[common:], common + 1, common, lost.chat_after(common)))
    (state,) = kept.chat.views.conversations("ann", 0, 9)[0]
    assert kept.history("ann", state.conversation) == said
    assert Chat.load(kept.chat.export()).export() == kept.chat.export()
