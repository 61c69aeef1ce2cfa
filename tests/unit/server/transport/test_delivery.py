"""Messages and events as somebody hears them, with the requests of others in between."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Conversation, Message
from ringchat_server.records import message_id
from ringchat_server.transport import delivery
from ringchat_server.transport.delivery import Mailbag, Watching
from tests.unit.server.transport.crew import Crew, direct, in_room


class Ear:
    """Somebody's mailbag and events, and how often it was woken."""

    def __init__(self, crew: Crew, name: str) -> None:
        self.woken = 0
        self.watching = Watching(crew, crew.author(name), self.wake)
        self.heard()

    def wake(self) -> None:
        self.woken += 1

    def heard(self) -> list[pb.Event]:
        """All events until there are none."""
        events: list[pb.Event] = []
        while page := self.watching.next():
            events += page
        return events

    def kinds(self) -> list[str]:
        return [event.WhichOneof("kind") or "" for event in self.heard()]


def crew_of(*names: str) -> Crew:
    return Crew(*(names or ("ann", "bob", "cy", "eve")))


# --------------------------------------------------------------------- messages


def mailbag(crew: Crew, name: str, after_id: int = 0) -> Mailbag:
    return Mailbag(crew, crew.author(name), after_id, lambda: None)


def texts(messages: Iterable[pb.Message]) -> list[str]:
    return [message.text for message in messages]


async def test_a_receiver_gets_what_waits_and_then_what_comes_from_anywhere() -> None:
    crew = crew_of()
    room = await crew.room("ann", "bob")
    await crew.sends("ann", "bob", "one")
    await crew.sends("ann", room, "two")
    bag = mailbag(crew, "bob")
    messages = bag.next()
    assert texts(messages) == ["one", "two"]
    assert [one.conversation for one in messages] == [direct("ann"), in_room(room)]
    assert bag.next() == []
    await crew.sends("cy", "bob", "three")
    await crew.sends("ann", room, "four")
    await crew.sends("ann", "bob", "five")
    await crew.sends("bob", room, "his own")
    assert texts(bag.next()) == ["three", "four", "five"]
    assert bag.next() == []


async def test_what_arrived_before_is_not_taken_for_new() -> None:
    """Nothing waits, and yet the conversations hold messages: only newer ones are news."""
    crew = crew_of()
    one = await crew.sends("ann", "bob", "long ago")
    await crew.says("bob", "update_message", pb.UpdateMessageRequest(up_to_message_id=one))
    bag = mailbag(crew, "bob")
    assert bag.next() == []
    await crew.sends("ann", "bob", "now")
    assert texts(bag.next()) == ["now"]


async def test_the_history_of_a_room_that_is_joined_is_not_delivered() -> None:
    crew = crew_of()
    room = await crew.room("ann", public=True)
    await crew.sends("ann", room, "before")
    bag = mailbag(crew, "bob")
    assert bag.next() == []
    await crew.says("bob", "join_room", pb.JoinRoomRequest(room=room))
    assert bag.next() == []
    await crew.sends("ann", room, "after")
    assert texts(bag.next()) == ["after"]
    await crew.says("bob", "leave_room", pb.LeaveRoomRequest(room=room))
    await crew.sends("ann", room, "without him")
    assert bag.next() == []


async def test_a_message_costs_nothing_for_the_other_conversations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    crew = crew_of()
    for number in range(200):
        await crew.room("bob", title=f"room {number}")
    await crew.sends("ann", "bob", "first")
    bag = mailbag(crew, "bob")
    while bag.next():
        pass
    looked: list[int] = []
    feed = Conversation.feed

    def counted(self: Conversation, account: str, after_id: int) -> Any:
        looked.append(self.id)
        return feed(self, account, after_id)

    monkeypatch.setattr(Conversation, "feed", counted)
    asked: list[Any] = []
    views = type(crew.chat.views)
    original = views.feed

    def noted(
        self: Any, account: str, after_id: int, limit: int, bytes_max: int, only: Any = None
    ) -> list[Message]:
        asked.append(None if only is None else len(only))
        return original(self, account, after_id, limit, bytes_max, only)

    monkeypatch.setattr(views, "feed", noted)
    await crew.sends("ann", "bob", "second")
    assert texts(bag.next()) == ["second"]
    assert bag.next() == []
    assert len(looked) == 1
    assert asked == [1, 1]
    assert bag.next() == []
    assert asked == [1, 1], "with nothing new nothing is looked at"


async def test_very_many_conversations_at_once_are_looked_at_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery, "STIRRED_MAX", 3)
    monkeypatch.setattr(delivery, "DELIVERY_MESSAGES_MAX", 2)
    crew = crew_of()
    rooms = [await crew.room("ann", "bob", title=f"room {number}") for number in range(8)]
    bag = mailbag(crew, "bob")
    assert bag.next() == []
    for turn in range(2):
        for room in rooms:
            await crew.sends("ann", room, f"{turn} in {room}")
    heard: list[str] = []
    while page := bag.next():
        assert len(page) <= 2
        heard += texts(page)
    assert heard == [f"{turn} in {room}" for turn in range(2) for room in rooms]
    await crew.sends("ann", rooms[3], "last")
    assert texts(bag.next()) == ["last"]


async def test_from_a_message_on_delivered_or_not() -> None:
    crew = crew_of()
    ids = [await crew.sends("ann", "bob", text) for text in "abc"]
    await crew.says("bob", "update_message", pb.UpdateMessageRequest(up_to_message_id=ids[2]))
    assert texts(mailbag(crew, "bob", ids[0]).next()) == ["b", "c"]
    assert mailbag(crew, "bob").next() == []


# --------------------------------------------------------------------- events


async def test_new_messages_ones_own_included() -> None:
    crew = crew_of()
    await crew.sends("ann", "bob", "before")
    bob, ann, cy = Ear(crew, "bob"), Ear(crew, "ann"), Ear(crew, "cy")
    bob.heard(), ann.heard()
    one = await crew.sends("ann", "bob", "hi")
    [event] = bob.heard()
    assert (event.message.id, event.message.text, event.message.sender) == (one, "hi", "ann")
    assert event.message.conversation == direct("ann")
    [event] = ann.heard()
    assert event.message.conversation == direct("bob")
    assert cy.heard() == []


async def test_a_conversation_begins() -> None:
    crew = crew_of()
    bob = Ear(crew, "bob")
    await crew.sends("ann", "bob", "hi")
    events = bob.heard()
    assert [event.WhichOneof("kind") for event in events] == ["conversation", "message"]
    assert events[0].conversation.conversation == direct("ann")
    assert events[0].conversation.unread == 1


async def test_a_room_from_the_invitation_to_the_end() -> None:
    crew = crew_of()
    room = await crew.room("ann")
    await crew.sends("ann", room, "not for bob yet")
    bob = Ear(crew, "bob")
    await crew.says("ann", "invite_to_room", pb.InviteToRoomRequest(room=room, account="bob"))
    [event] = bob.heard()
    assert event.conversation.invited_by == "ann"
    assert not event.conversation.HasField("newest")
    await crew.sends("ann", room, "nor yet")
    assert bob.heard() == []
    await crew.says("bob", "join_room", pb.JoinRoomRequest(room=room))
    [event] = bob.heard()
    assert event.conversation.room.members == 2
    assert event.conversation.newest.text == "nor yet"
    await crew.says("ann", "change_room", pb.ChangeRoomRequest(room=room, topic="tea"))
    [event] = bob.heard()
    assert event.conversation.room.topic == "tea"
    put_out = pb.RemoveFromRoomRequest(room=room, account="bob")
    await crew.says("ann", "remove_from_room", put_out)
    [event] = bob.heard()
    assert event.gone == in_room(room)
    await crew.sends("ann", room, "without bob")
    assert bob.heard() == []


async def test_what_was_told_before_one_was_put_out_is_not_shown_after() -> None:
    crew = crew_of()
    room = await crew.room("ann", "bob")
    bob = Ear(crew, "bob")
    one = await crew.sends("ann", room, "secret")
    edit = pb.EditMessageRequest(conversation=in_room(room), message_id=one, text="secret still")
    await crew.says("ann", "edit_message", edit)
    mark = pb.MarkReadRequest(conversation=in_room(room), up_to_message_id=one)
    await crew.says("ann", "mark_read", mark)
    put_out = pb.RemoveFromRoomRequest(room=room, account="bob")
    await crew.says("ann", "remove_from_room", put_out)
    assert [event.WhichOneof("kind") for event in bob.heard()] == ["gone"]


async def test_an_edit_and_a_deletion() -> None:
    crew = crew_of()
    one = await crew.sends("ann", "bob", "hi")
    bob = Ear(crew, "bob")
    edit = pb.EditMessageRequest(conversation=direct("bob"), message_id=one, text="ho")
    await crew.says("ann", "edit_message", edit)
    [event] = bob.heard()
    assert event.changed.text == "ho"
    assert event.changed.edited_at_ms > 0
    delete = pb.DeleteMessageRequest(conversation=direct("bob"), message_id=one)
    await crew.says("ann", "delete_message", delete)
    [event] = bob.heard()
    assert (event.changed.id, event.changed.text) == (one, "")
    assert event.changed.deleted_at_ms > 0


async def test_marks_of_those_who_read_and_receive() -> None:
    crew = crew_of()
    one = await crew.sends("ann", "bob", "hi")
    ann, bob, cy = Ear(crew, "ann"), Ear(crew, "bob"), Ear(crew, "cy")
    ann.heard()
    await crew.says("bob", "update_message", pb.UpdateMessageRequest(up_to_message_id=one))
    [event] = ann.heard()
    assert event.mark == pb.MemberMark(account="bob", delivered_up_to=one)
    bob.heard()
    mark = pb.MarkReadRequest(conversation=direct("ann"), up_to_message_id=one)
    await crew.says("bob", "mark_read", mark)
    [event] = ann.heard()
    assert event.mark == pb.MemberMark(conversation=direct("bob"), account="bob", read_up_to=one)
    mine = bob.heard()
    assert [event.WhichOneof("kind") for event in mine] == ["mark", "conversation"]
    assert mine[1].conversation.unread == 0, "the other devices of who has read"
    assert cy.heard() == []


async def test_marks_are_told_only_in_small_rooms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ringchat_server.newsroom.MARKS_MEMBERS_MAX", 2)
    crew = crew_of()
    small, large = await crew.room("ann", "bob"), await crew.room("ann", "bob", "cy")
    ann, bob = Ear(crew, "ann"), Ear(crew, "bob")
    for room, told in ((small, ["mark"]), (large, [])):
        one = await crew.sends("ann", room, "x")
        ann.heard(), bob.heard()
        mark = pb.MarkReadRequest(conversation=in_room(room), up_to_message_id=one)
        await crew.says("bob", "mark_read", mark)
        assert ann.kinds() == told
        assert bob.kinds() == ["mark", "conversation"]


async def test_who_comes_and_goes_is_told_to_those_who_know_him() -> None:
    crew = crew_of()
    await crew.sends("ann", "bob", "hi")
    ann, cy = Ear(crew, "ann"), Ear(crew, "cy")
    ann.heard()
    bob = Ear(crew, "bob")
    [event] = ann.heard()
    assert event.presence.account == "bob"
    assert event.presence.presence == pb.Presence(attached=True)
    phone = mailbag(crew, "bob")
    bob.watching.close()
    assert ann.heard() == [], "he is there as long as one device is"
    phone.close()
    [event] = ann.heard()
    assert not event.presence.presence.attached
    assert event.presence.presence.last_seen_ms > 0
    assert cy.heard() == []


async def test_a_name_that_is_shown_changes_and_an_account_is_deleted() -> None:
    crew = crew_of()
    await crew.sends("ann", "bob", "hi")
    room = await crew.room("ann", "bob")
    ann = Ear(crew, "ann")
    await crew.says("bob", "change_profile", pb.ChangeProfileRequest(display_name="Bobby"))
    [event] = ann.heard()
    assert event.conversation.display_name == "Bobby"
    await crew.says("bob", "delete_account", pb.DeleteAccountRequest())
    events = {str(event.conversation.conversation): event.conversation for event in ann.heard()}
    assert events[str(direct("bob"))].gone
    assert events[str(in_room(room))].room.members == 1


async def test_typing_is_told_to_the_others_once_a_second() -> None:
    crew = crew_of()
    now = [10**12]
    crew.newsroom._now_ms = lambda: now[0]
    room = await crew.room("ann", "bob")
    await crew.sends("ann", "bob", "hi")
    ann, bob, cy = Ear(crew, "ann"), Ear(crew, "bob"), Ear(crew, "cy")
    ann.heard()
    typing = pb.SetTypingRequest(conversation=in_room(room))
    for _ in range(5):
        await crew.says("bob", "set_typing", typing)
        await crew.says("bob", "set_typing", pb.SetTypingRequest(conversation=direct("ann")))
    typed = [event.typing for event in ann.heard()]
    assert typed == [
        pb.Typing(conversation=in_room(room), account="bob"),
        pb.Typing(conversation=direct("bob"), account="bob"),
    ]
    now[0] += 999
    await crew.says("bob", "set_typing", typing)
    assert ann.heard() == []
    now[0] += 1
    await crew.says("bob", "set_typing", typing)
    assert ann.kinds() == ["typing"]
    assert bob.heard() == []
    assert cy.heard() == []


async def test_nobody_is_told_that_somebody_types_in_a_large_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ringchat_server.transport.queries.MARKS_MEMBERS_MAX", 2)
    crew = crew_of()
    room = await crew.room("ann", "bob", "cy")
    ann = Ear(crew, "ann")
    await crew.says("bob", "set_typing", pb.SetTypingRequest(conversation=in_room(room)))
    assert ann.heard() == []


async def test_who_does_not_look_is_told_each_thing_once_and_keeps_little() -> None:
    crew = crew_of()
    one = await crew.sends("ann", "bob", "0")
    bob = Ear(crew, "bob")
    for number in range(1, 501):
        await crew.sends("ann", "bob", str(number))
        text = pb.EditMessageRequest(conversation=direct("bob"), message_id=one, text=str(number))
        await crew.says("ann", "edit_message", text)
    assert len(bob.watching._looks) == 2
    events = bob.heard()
    changed = [event.changed.text for event in events if event.HasField("changed")]
    assert changed == ["500"]
    messages = [event.message.text for event in events if event.HasField("message")]
    assert messages == [str(number) for number in range(1, 501)]


async def test_too_much_is_missed_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "PLACES_MAX", 5)
    crew = crew_of()
    ids = [await crew.sends("ann", "bob", "x") for _ in range(8)]
    bob = Ear(crew, "bob")
    for one in ids:
        delete = pb.DeleteMessageRequest(conversation=direct("bob"), message_id=one)
        await crew.says("ann", "delete_message", delete)
    events = bob.heard()
    assert events[0].missed
    assert [event.changed.id for event in events[1:]] == ids[6:]
    assert bob.heard() == []


async def test_a_frame_holds_only_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "EVENTS_BYTES_MAX", 1_000)
    crew = crew_of()
    await crew.sends("ann", "bob", "x")
    bob = Ear(crew, "bob")
    for _ in range(20):
        await crew.sends("ann", "bob", "y" * 400)
    pages: list[int] = []
    while page := bob.watching.next():
        pages.append(len(page))
    assert sum(pages) == 20
    assert max(pages) <= 4


async def test_an_ended_session_is_woken_and_has_ended() -> None:
    crew = crew_of()
    bob = Ear(crew, "bob")
    assert not bob.watching.ended()
    before = bob.woken
    await crew.says("bob", "log_out", pb.LogOutRequest())
    assert bob.woken > before
    assert bob.watching.ended()


async def test_ids_of_the_next_entry_are_behind_all_that_was_seen() -> None:
    crew = crew_of()
    bag = mailbag(crew, "bob")
    bag.next()
    assert bag._after_id == message_id(crew.chat.applied_index + 1, 0) - 1
    assert await crew.sends("ann", "bob", "x") > bag._after_id
