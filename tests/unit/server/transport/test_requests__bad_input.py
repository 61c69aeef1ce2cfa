"""What can never be accepted, of every request of the wire."""

from __future__ import annotations

from typing import Any

import pytest

from ringchat_proto import chat_pb2 as pb
from tests.unit.server.transport.crew import Crew, code_of, direct, in_room

NOTHING_TO_GET_WRONG = {"delete_account", "log_out", "update_message", "list_sessions"}
LONG, HUGE = "x" * 100, 2**64 - 1
NOWHERE = pb.Conversation()
BAD_NAMES = ("", "a*", "a?", " a", "a\n", "a\u200b", LONG)
BAD_TEXTS = ("", "a\0b", "x" * (64 * 1024 + 1))
BAD_PLACES = (NOWHERE, in_room(0), in_room(HUGE), direct(""), direct("a*"))

BAD: dict[str, list[Any]] = {
    "create_account": [
        *(pb.CreateAccountRequest(name=name, password="x") for name in BAD_NAMES),
        pb.CreateAccountRequest(name="new", password=""),
        pb.CreateAccountRequest(name="new", password="x" * 1_025),
    ],
    "list_accounts": [
        pb.ListAccountsRequest(pattern="x" * 129),
        pb.ListAccountsRequest(pattern="a\n"),
        pb.ListAccountsRequest(page_size=1_001),
    ],
    "log_in": [
        *(pb.LogInRequest(name=name, password="x") for name in BAD_NAMES),
        pb.LogInRequest(name="ann", password=""),
        pb.LogInRequest(name="ann", password="x" * 1_025),
    ],
    "send_message": [
        *(pb.SendMessageRequest(to=name, text="x") for name in BAD_NAMES),
        *(pb.SendMessageRequest(to="ann", text=text) for text in BAD_TEXTS),
        *(pb.SendMessageRequest(room=5, text=text) for text in BAD_TEXTS),
        pb.SendMessageRequest(to="ann", room=5, text="x"),
        pb.SendMessageRequest(room=HUGE, text="x"),
        pb.SendMessageRequest(to="ann", text="x", reply_to=HUGE),
        pb.SendMessageRequest(text="x", reply_to=5),
    ],
    "create_room": [
        *(pb.CreateRoomRequest(title=title) for title in ("", "  ", "x" * 65, "a\nb", "a\0")),
        pb.CreateRoomRequest(title="x", topic="x" * 257),
        pb.CreateRoomRequest(title="x", topic="a\0"),
        *(pb.CreateRoomRequest(title="x", invite=["bob", name]) for name in BAD_NAMES),
        pb.CreateRoomRequest(title="x", invite=[f"n{number}" for number in range(101)]),
    ],
    "join_room": [pb.JoinRoomRequest(), pb.JoinRoomRequest(room=HUGE)],
    "leave_room": [pb.LeaveRoomRequest(), pb.LeaveRoomRequest(room=HUGE)],
    "invite_to_room": [
        pb.InviteToRoomRequest(account="bob"),
        *(pb.InviteToRoomRequest(room=5, account=name) for name in BAD_NAMES),
    ],
    "remove_from_room": [
        pb.RemoveFromRoomRequest(account="bob"),
        *(pb.RemoveFromRoomRequest(room=5, account=name) for name in BAD_NAMES),
    ],
    "change_room": [
        pb.ChangeRoomRequest(room=5),
        pb.ChangeRoomRequest(title="x"),
        pb.ChangeRoomRequest(room=5, title=""),
        pb.ChangeRoomRequest(room=5, topic="x" * 257),
        *(pb.ChangeRoomRequest(room=5, owner=name) for name in BAD_NAMES),
    ],
    "list_rooms": [
        pb.ListRoomsRequest(pattern="x" * 129),
        pb.ListRoomsRequest(page_size=1_001),
        *(pb.ListRoomsRequest(page_token=token) for token in ("x", "-1", "1" * 20, "\u0663")),
    ],
    "list_conversations": [
        pb.ListConversationsRequest(page_size=1_001),
        *(pb.ListConversationsRequest(page_token=token) for token in ("x", "-1", "1" * 20)),
    ],
    "list_members": [
        *(pb.ListMembersRequest(conversation=place) for place in BAD_PLACES),
        pb.ListMembersRequest(),
        pb.ListMembersRequest(conversation=direct("bob"), page_size=1_001),
    ],
    "read_history": [
        *(pb.ReadHistoryRequest(conversation=place) for place in BAD_PLACES),
        pb.ReadHistoryRequest(),
        pb.ReadHistoryRequest(conversation=direct("bob"), limit=501),
        pb.ReadHistoryRequest(conversation=direct("bob"), before_message_id=HUGE),
        pb.ReadHistoryRequest(conversation=direct("bob"), after_message_id=HUGE),
    ],
    "search_messages": [
        *(
            pb.SearchMessagesRequest(query=query)
            for query in ("", "  ", '""', "*", "!?", "x" * 257)
        ),
        pb.SearchMessagesRequest(query=" ".join("abcdefghijklmnopq")),
        *(pb.SearchMessagesRequest(query="x", conversation=place) for place in BAD_PLACES),
        pb.SearchMessagesRequest(query="x", before_message_id=HUGE),
        pb.SearchMessagesRequest(query="x", limit=101),
    ],
    "edit_message": [
        *(pb.EditMessageRequest(conversation=p, message_id=5, text="x") for p in BAD_PLACES),
        *(
            pb.EditMessageRequest(conversation=direct("bob"), message_id=5, text=t)
            for t in BAD_TEXTS
        ),
        pb.EditMessageRequest(conversation=direct("bob"), text="x"),
        pb.EditMessageRequest(conversation=direct("bob"), message_id=HUGE, text="x"),
    ],
    "delete_message": [
        *(pb.DeleteMessageRequest(conversation=place, message_id=5) for place in BAD_PLACES),
        pb.DeleteMessageRequest(conversation=direct("bob")),
        pb.DeleteMessageRequest(conversation=direct("bob"), message_id=HUGE),
    ],
    "mark_read": [
        *(pb.MarkReadRequest(conversation=place, up_to_message_id=5) for place in BAD_PLACES),
        pb.MarkReadRequest(conversation=direct("bob")),
        pb.MarkReadRequest(conversation=direct("bob"), up_to_message_id=HUGE),
    ],
    "set_typing": [pb.SetTypingRequest(conversation=place) for place in BAD_PLACES],
    "change_password": [
        pb.ChangePasswordRequest(old_password="", new_password="x"),
        pb.ChangePasswordRequest(old_password="x", new_password=""),
        pb.ChangePasswordRequest(old_password="x", new_password="x" * 1_025),
        pb.ChangePasswordRequest(old_password="x" * 1_025, new_password="x"),
    ],
    "change_profile": [
        pb.ChangeProfileRequest(display_name=name) for name in ("x" * 65, "a\nb", "a\0")
    ],
    "get_profile": [pb.GetProfileRequest(account=name) for name in BAD_NAMES if name],
    "end_session": [pb.EndSessionRequest(session_id=b"x" * size) for size in (1, 31, 33, 1_000)],
    "block_account": [
        *(pb.BlockAccountRequest(account=name, blocked=True) for name in BAD_NAMES),
        pb.BlockAccountRequest(account="ann", blocked=True),
    ],
}


def test_every_request_of_the_wire_can_be_got_wrong() -> None:
    fields = pb.Request.DESCRIPTOR.oneofs_by_name["kind"].fields
    assert {field.name for field in fields} == BAD.keys() | NOTHING_TO_GET_WRONG


@pytest.mark.parametrize("kind", BAD)
async def test_bad_input_is_refused_with_one_line(kind: str) -> None:
    crew = Crew("ann", "bob")
    await crew.sends("ann", "bob", "hello")
    before = crew.chat.export()
    for message in BAD[kind]:
        response = await crew.ask(crew.author("ann"), kind, message)
        assert code_of(response) == 3, message
        assert response.error.message
        assert "\n" not in response.error.message
    assert crew.chat.export()[5] == before[5]
    assert crew.chat.export()[7:] == before[7:]


async def test_an_empty_request_is_refused() -> None:
    crew = Crew("ann")
    assert code_of(await crew.ask(crew.author("ann"), "", None)) == 3
