"""Conversations: rooms and direct ones, what people do in them and what they see."""

from __future__ import annotations

import pytest

from ringchat_server.chat import talk as talk_module
from ringchat_server.chat import views as views_module
from ringchat_server.chat.answers import (
    DELETED_ALREADY,
    DONE,
    NO_MESSAGE,
    NOT_THE_AUTHOR,
    NOT_THE_OWNER,
    OK,
    ROOM_FULL,
    TOO_MANY_CONVERSATIONS,
    join_first,
    no_account,
    no_conversation,
    not_in_room,
)
from ringchat_server.chat.chat import Chat
from ringchat_server.chat.conversations import (
    AccountChanged,
    Altered,
    Changed,
    Invited,
    Left,
    Marked,
    Message,
    News,
    Posted,
)
from ringchat_server.chat.talk import mentioned
from ringchat_server.chat.views import MemberState, Profile
from tests.unit.server.chat.room import NOW_MS, PEOPLE, House, send

# ------------------------------------------------------------------------ direct


def test_both_have_one_conversation_under_the_others_name(house: House) -> None:
    first = house.id_of("ann", *send("bob", "hi"))
    house.id_of("bob", *send("ann", "hello"))
    assert house.texts("ann", "bob") == house.texts("bob", "ann") == ["hi", "hello"]
    message = house.chat.views.message("bob", "ann", first)
    assert message == Message(first, "ann", "hi", NOW_MS, "ann")
    assert house.chat.views.message("ann", "bob", first) == message._replace(conversation="bob")
    assert house.chat.views.history("cy", "ann", 0, 0, 9) == no_conversation("ann")


def test_notes_to_oneself_are_delivered(house: House) -> None:
    house.id_of("ann", *send("ann", "milk"))
    assert house.waiting("ann") == ["milk"]
    assert house.state("ann", "ann").unread == 0, "who writes has read"
    assert house.chat.views.members("ann", "ann", "", 9) == (
        [MemberState("ann", "", False, 0, house.state("ann", "ann").read_up_to)],
        False,
    )


def test_what_one_wrote_is_not_delivered_to_him(house: House) -> None:
    house.id_of("ann", *send("bob", "hi"))
    assert (house.waiting("ann"), house.waiting("bob")) == ([], ["hi"])


def test_a_device_that_was_away_takes_up_where_it_was(house: House) -> None:
    first, second, third = (house.id_of("ann", *send("bob", text)) for text in "abc")
    assert house.says("bob", "update", third, ()) == DONE  # by another device
    assert house.waiting("bob") == []
    assert [m.id for m in house.chat.undelivered("bob", first, 9, 99)] == [second, third]


def test_pages_of_a_history(house: House) -> None:
    ids = [house.id_of("ann", *send("bob", str(at))) for at in range(10)]
    views = house.chat.views

    def page(before: int, after: int, limit: int) -> tuple[list[int], bool]:
        messages, more = views.history("bob", "ann", before, after, limit)
        assert isinstance(messages, list)
        assert isinstance(more, bool)
        return [ids.index(message.id) for message in messages], more

    assert page(0, 0, 3) == ([7, 8, 9], True)
    assert page(ids[7], 0, 3) == ([4, 5, 6], True)
    assert page(ids[1], 0, 3) == ([0], False)
    assert page(0, ids[7], 2) == ([8, 9], False)
    assert page(0, ids[4], 2) == ([5, 6], True)
    assert page(0, ids[4] + 1, 2) == ([5, 6], True), "an id between two messages"
    assert page(ids[0], 0, 3) == ([], False)


def test_what_is_unread_is_alike_on_all_devices(house: House) -> None:
    ids = [house.id_of("ann", *send("bob", text)) for text in "abc"]
    assert house.state("bob", "ann").unread == 3
    assert house.says("bob", "read", "ann", ids[1]) == DONE
    assert (house.state("bob", "ann").unread, house.state("bob", "ann").read_up_to) == (1, ids[1])
    assert house.says("bob", "read", "ann", ids[0]) == DONE
    assert house.state("bob", "ann").unread == 1, "it never goes back"
    assert house.says("bob", "read", "ann", 2**62) == DONE
    house.id_of("ann", *send("bob", "d"))
    assert house.state("bob", "ann").unread == 1, "what is to come is not read"
    house.id_of("bob", *send("ann", "e"))
    assert house.state("bob", "ann").unread == 0, "who answers has read"
    assert house.state("ann", "bob").unread == 1


# ------------------------------------------------------- what one has written


def test_an_edit_and_a_deletion_leave_a_trace(house: House) -> None:
    first, second = (house.id_of("ann", *send("bob", text)) for text in ("helo", "oops"))
    house.now_ms += 5
    assert house.says("ann", "edit", "bob", first, "hello") == DONE
    assert house.says("ann", "erase", "bob", second) == DONE
    edited = house.chat.views.message("bob", "ann", first)
    erased = house.chat.views.message("bob", "ann", second)
    assert edited is not None
    assert erased is not None
    assert (edited.text, edited.edited_at_ms, edited.sent_at_ms) == ("hello", NOW_MS + 5, NOW_MS)
    assert (erased.text, erased.deleted_at_ms, erased.sender) == ("", NOW_MS + 5, "ann")
    assert house.says("ann", "erase", "bob", second) == DONE
    assert house.says("ann", "edit", "bob", second, "back") == DELETED_ALREADY
    assert house.waiting("bob") == ["hello"], "what is deleted need not arrive"
    assert house.chat.stored_bytes == len("hello") + 2 * 12


def test_only_who_wrote_it_changes_it(house: House, hall: int) -> None:
    one = house.id_of("bob", "post", hall, ("mine",), 0)
    assert house.says("ann", "edit", hall, one, "yours") == NOT_THE_AUTHOR, "not even the owner"
    assert house.says("ann", "erase", hall, one) == NOT_THE_AUTHOR
    assert house.says("bob", "edit", hall, one + 1, "x") == NO_MESSAGE
    assert house.says("bob", "erase", "ann", one) == no_conversation("ann")
    house.says("bob", "leave", hall)
    assert house.says("bob", "edit", hall, one, "x") == no_conversation(hall)
    assert house.texts("ann", hall) == ["mine"]


def test_a_reply_is_to_a_message_of_the_same_conversation(house: House, hall: int) -> None:
    one = house.id_of("ann", *send("bob", "shall we?"))
    reply = house.id_of("bob", "post", "ann", ("yes",), one)
    found = house.chat.views.message("ann", "bob", reply)
    assert found is not None
    assert found.reply_to == one
    assert house.says("bob", "post", hall, ("yes",), one) == NO_MESSAGE
    assert house.says("bob", "post", "cy", ("yes",), one) == NO_MESSAGE, "it would be the first"
    assert house.says("bob", "post", "nobody", ("yes",), one) == no_account("nobody")
    assert house.texts("ann", hall) == []


# ------------------------------------------------------------------------- rooms


def test_who_is_in_a_room(house: House, hall: int) -> None:
    members, more = house.chat.views.members("bob", hall, "", 2)
    assert (members, more) == (
        [MemberState("ann", "", False, 0, 0), MemberState("bob", "", False, 0, 0)],
        True,
    )
    assert house.chat.views.members("bob", hall, "bob", 2) == (
        [MemberState("cy", "", True, 0, 0)],
        False,
    )
    assert house.state("cy", hall).invited_by == "ann"
    assert house.state("cy", hall).newest is None
    room = house.state("bob", hall).room
    assert room is not None
    assert (room.title, room.topic, room.owner, room.members) == (
        "hall",
        "what we talk of",
        "ann",
        2,
    )


def test_who_comes_later_sees_all_and_is_told_what_is_new(house: House, hall: int) -> None:
    house.id_of("ann", "post", hall, ("before",), 0)
    assert house.says("cy", "join", hall) == DONE
    house.id_of("ann", "post", hall, ("behind",), 0)
    assert house.texts("cy", hall) == ["before", "behind"]
    assert (house.waiting("cy"), house.state("cy", hall).unread) == (["behind"], 1)
    assert house.says("cy", "join", hall) == DONE, "again changes nothing"
    assert house.waiting("cy") == ["behind"]


def test_a_feed_merges_conversations_by_the_order_of_all(house: House, hall: int) -> None:
    house.id_of("ann", "post", hall, ("1",), 0)
    house.id_of("cy", *send("bob", "2"))
    house.id_of("ann", "post", hall, ("3",), 0)
    house.id_of("ann", *send("bob", "4"))
    assert house.waiting("bob") == ["1", "2", "3", "4"]
    assert [m.text for m in house.chat.undelivered("bob", 0, 3, 99)] == ["1", "2", "3"]
    assert [m.text for m in house.chat.undelivered("bob", 0, 9, 2)] == ["1", "2"]
    conversation = next(c for c in house.chat.views.every_conversation() if c.id == hall)
    found = house.chat.views.feed("bob", 0, 9, 99, only=[conversation])
    assert [m.text for m in found] == ["1", "3"]
    assert house.chat.views.feed("cy", 0, 9, 99, only=[conversation]) == [], "not in it"


def test_a_public_room_is_found_and_entered(house: House, hall: int) -> None:
    garden = house.id_of("ann", "room", "Garden of all", "", True, ())
    rooms, more = house.chat.views.rooms("garden*", 0, 9)
    assert ([room.id for room in rooms], more) == ([garden], 0)
    assert house.chat.views.rooms("*", garden, 9) == ([], 0)
    assert house.says("dan", "post", garden, ("hi",), 0) == join_first(garden)
    assert house.says("dan", "join", garden) == DONE
    assert house.says("dan", "post", garden, ("hi",), 0)[0] == OK
    other = house.id_of("ann", "room", "garden of few", "", True, ())
    page, more = house.chat.views.rooms("g*", 0, 1)
    assert ([room.id for room in page], more) == ([garden], garden)
    page, more = house.chat.views.rooms("g*", more, 1)
    assert ([room.id for room in page], more) == ([other], 0)


def test_only_so_many_rooms_are_looked_at_for_a_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views_module, "LOOKED_AT_MAX", 2)
    ids = [house.id_of("ann", "room", f"room {at}", "", True, ()) for at in range(5)]
    house.says("ann", "leave", ids[2])
    assert house.chat.views.rooms("room 4", 0, 9) == ([], ids[1])
    page, more = house.chat.views.rooms("room 4", ids[1], 9)
    assert ([room.id for room in page], more) == ([ids[4]], 0)


def test_the_owner_leaves_and_the_next_in_line_owns_it(house: House, hall: int) -> None:
    house.says("cy", "join", hall)
    assert house.says("ann", "leave", hall) == DONE
    room = house.state("bob", hall).room
    assert room is not None
    assert room.owner == "bob"
    assert house.says("bob", "change", hall, "our hall", None, "cy") == DONE
    assert house.says("bob", "change", hall, "my hall", None, None) == NOT_THE_OWNER
    assert house.says("bob", "change", hall, None, "weather", None) == DONE
    assert house.says("cy", "change", hall, None, None, "ann") == not_in_room("ann", hall)
    room = house.state("bob", hall).room
    assert room is not None
    assert (room.title, room.topic, room.owner) == ("our hall", "weather", "cy")


def test_the_last_one_takes_the_room_along(house: House, hall: int) -> None:
    house.id_of("ann", "post", hall, ("gone with it",), 0)
    house.says("ann", "leave", hall)
    assert house.says("bob", "leave", hall) == DONE
    assert house.says("cy", "join", hall) == no_conversation(hall)
    assert house.chat.views.conversations("cy", 0, 9) == ([], 0)
    assert house.chat.stored_bytes == 0
    assert list(house.chat.views.every_conversation()) == []


def test_the_owner_puts_out_and_withdraws(house: House, hall: int) -> None:
    assert house.says("bob", "remove", hall, "ann") == NOT_THE_OWNER
    assert house.says("ann", "remove", hall, "dan") == not_in_room("dan", hall)
    assert house.says("ann", "remove", hall, "cy") == DONE
    assert house.says("cy", "join", hall) == no_conversation(hall)
    house.id_of("ann", "post", hall, ("before",), 0)
    assert house.says("ann", "remove", hall, "bob") == DONE
    house.id_of("ann", "post", hall, ("behind",), 0)
    assert house.waiting("bob") == [], "who is out is told nothing any more"
    assert house.chat.views.history("bob", hall, 0, 0, 9) == no_conversation(hall)


def test_invitations(house: House, hall: int) -> None:
    assert house.says("bob", "invite", hall, "nobody") == no_account("nobody")
    assert house.says("bob", "invite", hall, "dan") == DONE
    assert house.says("bob", "invite", hall, "dan") == DONE
    assert house.says("bob", "invite", hall, "ann") == DONE, "she is in already"
    assert house.says("dan", "invite", hall, "eve") == join_first(hall)
    assert house.says("dan", "leave", hall) == DONE, "declined"
    assert house.says("dan", "join", hall) == no_conversation(hall)
    assert house.says("eve", "invite", hall, "dan") == no_conversation(hall)


def test_a_mention_counts_until_it_is_read(house: House, hall: int) -> None:
    first = house.id_of("ann", "post", hall, ("@bob, come",), 0)
    for text in ("hello @cy", "@ann and @bob!", "mail me at x@bobby"):
        house.id_of("ann", "post", hall, (text,), 0)
    state = house.state("bob", hall)
    assert (state.unread, state.unread_mentions) == (4, 2)
    assert house.state("ann", hall).unread_mentions == 0, "not by oneself"
    house.id_of("ann", "post", hall, ("@cy!",), 0)
    house.says("bob", "read", hall, first)
    assert house.state("bob", hall).unread_mentions == 1
    house.id_of("ann", "post", hall, ("@bob @bob, @bob!",), 0)
    assert house.state("bob", hall).unread_mentions == 2, "a message is one mention"


def test_who_may_be_meant() -> None:
    assert list(mentioned('hi @ann, @"bob the great": @cy@dan (@eve)?')) == [
        *("ann,", "ann", "bob the great", "cy", "dan", "eve)?", "eve")
    ]
    assert list(mentioned("nobody @ all")) == []


def test_limits(house: House, hall: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk_module, "MEMBERS_MAX", 3)
    assert house.says("ann", "invite", hall, "dan") == ROOM_FULL
    assert house.says("cy", "join", hall) == DONE, "the place was kept"
    garden = house.id_of("ann", "room", "garden", "", True, ("bob", "cy"))
    assert house.says("dan", "join", garden) == ROOM_FULL
    monkeypatch.setattr(talk_module, "CONVERSATIONS_MAX", 2)
    assert house.says("ann", "room", "third", "", True, ()) == TOO_MANY_CONVERSATIONS
    assert house.says("dan", *send("ann", "hi")) == TOO_MANY_CONVERSATIONS
    assert house.says("ann", *send("dan", "hi")) == TOO_MANY_CONVERSATIONS
    assert house.says("bob", "join", garden) == DONE
    assert house.says("bob", *send("dan", "hi")) == TOO_MANY_CONVERSATIONS


# -------------------------------------------------------------------------- news


def test_what_happened_is_told_to_those_who_watch(house: House, hall: int) -> None:
    def told(account: str, *request: object) -> list[News]:
        house.says(account, *request)
        return house.chat.take_news()

    [posted] = told("ann", "post", hall, ("a",), 0)
    assert isinstance(posted, Posted)
    room, one = posted.conversation, posted.first_id
    assert posted == Posted(room, one, 1)
    assert told("bob", "read", hall, one) == [Marked(room, "bob")]
    assert told("bob", "read", hall, one) == []
    assert told("bob", "update", one, ()) == [Marked(None, "bob")]
    assert told("ann", "edit", hall, one, "b") == [Changed(room, one)]
    assert told("ann", "erase", hall, one) == [Changed(room, one)]
    assert told("ann", "invite", hall, "dan") == [Invited(room, "dan")]
    assert told("dan", "join", hall) == [Altered(room)]
    assert told("ann", "change", hall, "x", None, None) == [Altered(room)]
    assert told("ann", "remove", hall, "dan") == [Left(room, "dan"), Altered(room)]
    assert told("cy", "leave", hall) == [Left(room, "cy")]
    assert told("bob", "profile", "Bob") == [AccountChanged("bob")]
    assert told("bob", "post", hall, ("refused",), one + 99) == []
    direct = told("ann", *send("cy", "x"))
    assert [type(news) for news in direct] == [Altered, Posted]
    assert AccountChanged("bob") in told("bob", "logout")
    house.says("ann", "profile", "A")
    house.says("eve", "post", hall, ("stranger",), 0)
    assert house.chat.take_news() == [], "of the last entry alone"


def test_all_of_it_is_loaded_as_it_was(house: House, hall: int) -> None:
    one = house.id_of("ann", "post", hall, ("hello @bob",), 0)
    house.id_of("bob", "post", hall, ("yes?",), one)
    house.says("ann", "edit", hall, one, "hello, @bob")
    house.id_of("ann", *send("bob", "x"))
    house.says("bob", "block", "dan", True)
    house.says("bob", "profile", "Bob")
    house.says("eve", "delete")
    loaded = Chat.load(house.chat.export())
    assert loaded.export() == house.chat.export()
    assert loaded.stored_bytes == house.chat.stored_bytes
    for name in PEOPLE:
        mine = house.chat.views.conversations(name, 0, 9)
        assert loaded.views.conversations(name, 0, 9) == mine
    assert loaded.password_hash("eve") is None
    assert loaded.profile("eve") == Profile("eve", "", True)
    entry = house.entry("post", hall, ("@bob again",), one, account="ann")
    index = loaded.applied_index + 1
    assert loaded.apply(index, entry) == house.chat.apply(index, entry)
    assert (loaded.digest, loaded.export()) == (house.chat.digest, house.chat.export())
