"""From the wire to the values of the SDK."""

from __future__ import annotations

import pytest

from ringchat_client import converting
from ringchat_client.values import (
    AccountSession,
    Attached,
    Conversation,
    ConversationChanged,
    ConversationGone,
    Event,
    Marked,
    Member,
    Message,
    MessageChanged,
    NewMessage,
    Page,
    Presence,
    PresenceChanged,
    Profile,
    Room,
    Typing,
    time_of,
)
from ringchat_proto import chat_pb2 as pb

AT = 1_700_000_000_123
BOB, ROOM = pb.Conversation(account="bob"), pb.Conversation(room=12)
MESSAGE = pb.Message(id=5, sender="bob", text="hi", sent_at_ms=AT, conversation=BOB)
A_MESSAGE = Message(5, "bob", "hi", time_of(AT), "bob")


def test_a_conversation_is_named_by_an_account_or_a_room() -> None:
    assert converting.name_of(BOB) == "bob"
    assert converting.name_of(ROOM) == 12
    assert converting.name_of(pb.Conversation()) == ""


def test_a_message_says_what_it_answers_and_what_became_of_it() -> None:
    assert converting.message_of(MESSAGE) == A_MESSAGE
    assert A_MESSAGE.edited_at is A_MESSAGE.deleted_at is None
    message = pb.Message(id=6, sender="bob", sent_at_ms=AT, conversation=ROOM, reply_to=5)
    message.edited_at_ms, message.deleted_at_ms = AT + 1, AT + 2
    assert converting.message_of(message) == Message(
        6, "bob", "", time_of(AT), 12, 5, time_of(AT + 1), time_of(AT + 2)
    )
    assert converting.page_of([MESSAGE], True) == Page((A_MESSAGE,), True)


def test_a_room_is_called_by_its_title() -> None:
    room = pb.Room(
        id=12, title="dogs", topic="t", public=True, owner="ann", members=3, created_at_ms=AT
    )
    state = pb.ConversationState(conversation=ROOM, room=room, unread=2, unread_mentions=1)
    state.read_up_to, state.invited_by = 7, "ann"
    conversation = converting.conversation_of(state)
    a_room = Room(12, "dogs", "t", True, "ann", 3, time_of(AT))
    assert conversation == Conversation(12, a_room, "", None, 2, 1, 7, "ann", False)
    assert conversation.title == "dogs"


def test_a_direct_conversation_is_called_by_what_the_other_one_is_called() -> None:
    state = pb.ConversationState(conversation=BOB, newest=MESSAGE, gone=True)
    conversation = converting.conversation_of(state)
    assert conversation == Conversation("bob", None, "", A_MESSAGE, 0, 0, 0, "", True)
    assert conversation.title == "bob"
    state.display_name = "Bob B."
    assert converting.conversation_of(state).title == "Bob B."


def test_people() -> None:
    presence = pb.Presence(attached=True)
    member = pb.Member(account="bob", invited=True, delivered_up_to=3, read_up_to=2)
    assert converting.member_of(member) == Member("bob", "", True, 3, 2, Presence(False, None))
    profile = pb.GetProfileResponse(account="bob", display_name="B", presence=presence)
    profile.blocked.append("eve")
    there = Presence(True, None)
    assert converting.profile_of(profile) == Profile("bob", "B", False, there, ("eve",))
    session = pb.AccountSession(id=b"\x00\xff", expires_at_ms=AT, current=True)
    assert converting.account_session_of(session) == AccountSession("00ff", time_of(AT), True)


@pytest.mark.parametrize(
    ("told", "event"),
    [
        (pb.Event(message=MESSAGE), NewMessage(A_MESSAGE)),
        (pb.Event(changed=MESSAGE), MessageChanged(A_MESSAGE)),
        (
            pb.Event(conversation=pb.ConversationState(conversation=BOB)),
            ConversationChanged(Conversation("bob", None, "", None, 0, 0, 0, "", False)),
        ),
        (pb.Event(gone=ROOM), ConversationGone(12)),
        (
            pb.Event(mark=pb.MemberMark(account="bob", delivered_up_to=3)),
            Marked("bob", None, 3, 0),
        ),
        (
            pb.Event(mark=pb.MemberMark(account="bob", conversation=ROOM, read_up_to=3)),
            Marked("bob", 12, 0, 3),
        ),
        (
            pb.Event(presence=pb.AccountPresence(account="bob", presence=pb.Presence())),
            PresenceChanged("bob", Presence(False, None)),
        ),
        (pb.Event(typing=pb.Typing(conversation=ROOM, account="bob")), Typing(12, "bob")),
        (pb.Event(missed=True), Attached()),
        (pb.Event(), None),
    ],
)
def test_every_event_has_its_value(told: pb.Event, event: Event | None) -> None:
    assert converting.event_of(told) == event
