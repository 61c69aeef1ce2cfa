"""Who may ask what: every request of the wire, by every relation to the conversation.

A request that is new on the wire has to have rows here, or the first test fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_server.transport.gate import NOBODY, Author
from tests.unit.server.transport.crew import Crew, code_of, direct, in_room

SECRET, TITLE = "quetzalcoatl", "Cabal"

WITHOUT_SESSION = ("not logged in", "forged", "deleted")
OUTSIDE = ("stranger", "left", "removed", "blocked")
RELATIONS = (*WITHOUT_SESSION, *OUTSIDE, "invited", "member", "owner")
PEOPLE = ("deleted", *OUTSIDE, "invited", "member", "owner", "author", "eve")
"""Each relation is an account, but for the first two; `author` wrote the messages."""

Codes = dict[str, int]


class Place(NamedTuple):
    """What there is to ask for."""

    room: int
    open: int
    """A public room."""
    message: int
    """In the first one, of `author`."""
    own: dict[str, int]
    """There as well, of those who are or were in it."""


class Row(NamedTuple):
    kind: str
    request: Callable[[Place, str], Any]
    expected: Codes


def everybody(code: int) -> Codes:
    return dict.fromkeys(RELATIONS, code)


def with_session(code: int, **others: int) -> Codes:
    return {**everybody(code), **dict.fromkeys(WITHOUT_SESSION, 16), **others}


def members(member: int = 0, owner: int = 0, invited: int = 7, **others: int) -> Codes:
    """Nobody else is told that the room is there."""
    return with_session(5, member=member, owner=owner, invited=invited, **others)


ROWS: dict[str, Row] = {
    "create_account": Row(
        "create_account",
        lambda _, __: pb.CreateAccountRequest(name="eve", password="x"),
        everybody(6),
    ),
    "delete_account": Row(
        "delete_account", lambda _, __: pb.DeleteAccountRequest(), with_session(0)
    ),
    "list_accounts": Row("list_accounts", lambda _, __: pb.ListAccountsRequest(), everybody(0)),
    "log_in": Row(
        "log_in", lambda _, __: pb.LogInRequest(name="eve", password="guess"), everybody(16)
    ),
    "log_out": Row("log_out", lambda _, __: pb.LogOutRequest(), with_session(0)),
    "send to the room": Row(
        "send_message",
        lambda place, _: pb.SendMessageRequest(room=place.room, text="x"),
        members(),
    ),
    "reply in the room": Row(
        "send_message",
        lambda place, _: pb.SendMessageRequest(room=place.room, text="x", reply_to=place.message),
        members(),
    ),
    "send to a public room": Row(
        "send_message",
        lambda place, _: pb.SendMessageRequest(room=place.open, text="x"),
        with_session(7, owner=0),
    ),
    "send to the owner": Row(
        "send_message",
        lambda _, __: pb.SendMessageRequest(to="owner", text="x"),
        with_session(0, blocked=7),
    ),
    "reply to the owner with another's message": Row(
        "send_message",
        lambda place, _: pb.SendMessageRequest(to="owner", text="x", reply_to=place.message),
        with_session(5, blocked=7),
    ),
    "update_message": Row(
        "update_message",
        lambda place, _: pb.UpdateMessageRequest(up_to_message_id=place.message),
        with_session(0),
    ),
    "create_room": Row(
        "create_room", lambda _, __: pb.CreateRoomRequest(title="x"), with_session(0)
    ),
    "create a room with the owner": Row(
        "create_room",
        lambda _, __: pb.CreateRoomRequest(title="x", invite=["owner"]),
        with_session(0, blocked=7),
    ),
    "join_room": Row(
        "join_room", lambda place, _: pb.JoinRoomRequest(room=place.room), members(invited=0)
    ),
    "join a public room": Row(
        "join_room", lambda place, _: pb.JoinRoomRequest(room=place.open), with_session(0)
    ),
    "leave_room": Row(
        "leave_room", lambda place, _: pb.LeaveRoomRequest(room=place.room), members(invited=0)
    ),
    "invite_to_room": Row(
        "invite_to_room",
        lambda place, _: pb.InviteToRoomRequest(room=place.room, account="eve"),
        members(),
    ),
    "invite to a public room": Row(
        "invite_to_room",
        lambda place, _: pb.InviteToRoomRequest(room=place.open, account="eve"),
        with_session(7, owner=0),
    ),
    "remove_from_room": Row(
        "remove_from_room",
        lambda place, _: pb.RemoveFromRoomRequest(room=place.room, account="author"),
        members(member=7),
    ),
    "change the topic": Row(
        "change_room", lambda place, _: pb.ChangeRoomRequest(room=place.room, topic="x"), members()
    ),
    "change the title": Row(
        "change_room",
        lambda place, _: pb.ChangeRoomRequest(room=place.room, title="x"),
        members(member=7),
    ),
    "change the owner": Row(
        "change_room",
        lambda place, _: pb.ChangeRoomRequest(room=place.room, owner="author"),
        members(member=7),
    ),
    "list_rooms": Row("list_rooms", lambda _, __: pb.ListRoomsRequest(), with_session(0)),
    "list_conversations": Row(
        "list_conversations", lambda _, __: pb.ListConversationsRequest(), with_session(0)
    ),
    "list_members": Row(
        "list_members",
        lambda place, _: pb.ListMembersRequest(conversation=in_room(place.room)),
        members(),
    ),
    "list members of a public room": Row(
        "list_members",
        lambda place, _: pb.ListMembersRequest(conversation=in_room(place.open)),
        with_session(7, owner=0),
    ),
    "list members of a direct conversation": Row(
        "list_members",
        lambda _, __: pb.ListMembersRequest(conversation=direct("owner")),
        with_session(5, blocked=0),
    ),
    "read_history": Row(
        "read_history",
        lambda place, _: pb.ReadHistoryRequest(conversation=in_room(place.room)),
        members(),
    ),
    "read history of a public room": Row(
        "read_history",
        lambda place, _: pb.ReadHistoryRequest(conversation=in_room(place.open)),
        with_session(7, owner=0),
    ),
    "read history of a direct conversation": Row(
        "read_history",
        lambda _, __: pb.ReadHistoryRequest(conversation=direct("owner")),
        with_session(5, blocked=0),
    ),
    "search the room": Row(
        "search_messages",
        lambda place, _: pb.SearchMessagesRequest(query=SECRET, conversation=in_room(place.room)),
        members(),
    ),
    "search everything": Row(
        "search_messages", lambda _, __: pb.SearchMessagesRequest(query=SECRET), with_session(0)
    ),
    "edit another's message": Row(
        "edit_message",
        lambda place, _: pb.EditMessageRequest(
            conversation=in_room(place.room), message_id=place.message, text="x"
        ),
        members(member=7, owner=7),
    ),
    "edit one's own message": Row(
        "edit_message",
        lambda place, who: pb.EditMessageRequest(
            conversation=in_room(place.room), message_id=place.own.get(who, 1), text="x"
        ),
        members(),
    ),
    "delete another's message": Row(
        "delete_message",
        lambda place, _: pb.DeleteMessageRequest(
            conversation=in_room(place.room), message_id=place.message
        ),
        members(member=7, owner=7),
    ),
    "delete one's own message": Row(
        "delete_message",
        lambda place, who: pb.DeleteMessageRequest(
            conversation=in_room(place.room), message_id=place.own.get(who, 1)
        ),
        members(),
    ),
    "mark_read": Row(
        "mark_read",
        lambda place, _: pb.MarkReadRequest(
            conversation=in_room(place.room), up_to_message_id=place.message
        ),
        members(),
    ),
    "change_password with a wrong one": Row(
        "change_password",
        lambda _, __: pb.ChangePasswordRequest(old_password="guess", new_password="mine"),
        everybody(16),
    ),
    "change_password": Row(
        "change_password",
        lambda _, __: pb.ChangePasswordRequest(old_password="secret", new_password="mine"),
        with_session(0),
    ),
    "change_profile": Row(
        "change_profile", lambda _, __: pb.ChangeProfileRequest(display_name="x"), with_session(0)
    ),
    "get_profile": Row(
        "get_profile", lambda _, __: pb.GetProfileRequest(account="author"), with_session(0)
    ),
    "list_sessions": Row("list_sessions", lambda _, __: pb.ListSessionsRequest(), with_session(0)),
    "end all other sessions": Row(
        "end_session", lambda _, __: pb.EndSessionRequest(), with_session(0)
    ),
    "end another's session": Row(
        "end_session",
        lambda _, __: pb.EndSessionRequest(session_id=Crew().author("author").session),
        with_session(5),
    ),
    "block_account": Row(
        "block_account",
        lambda _, __: pb.BlockAccountRequest(account="eve", blocked=True),
        with_session(0),
    ),
    "set_typing": Row(
        "set_typing",
        lambda place, _: pb.SetTypingRequest(conversation=in_room(place.room)),
        members(),
    ),
    "type to the owner": Row(
        "set_typing",
        lambda _, __: pb.SetTypingRequest(conversation=direct("owner")),
        with_session(5, blocked=7),
    ),
}


def test_every_request_of_the_wire_has_a_row() -> None:
    fields = pb.Request.DESCRIPTOR.oneofs_by_name["kind"].fields
    assert {field.name for field in fields} == {row.kind for row in ROWS.values()}
    assert all(set(row.expected) == set(RELATIONS) for row in ROWS.values())


async def furnished(crew: Crew) -> Place:
    """A room in which everybody is, was, or is not, as the names say."""
    room = await crew.room("owner", "author", "member", "left", "removed", title=TITLE)
    own = {
        name: await crew.sends(name, room, "once")
        for name in ("left", "removed", "member", "owner")
    }
    message = await crew.sends("author", room, f"it is {SECRET}")
    await crew.says("left", "leave_room", pb.LeaveRoomRequest(room=room))
    put_out = pb.RemoveFromRoomRequest(room=room, account="removed")
    await crew.says("owner", "remove_from_room", put_out)
    await crew.says("owner", "invite_to_room", pb.InviteToRoomRequest(room=room, account="invited"))
    await crew.sends("blocked", "owner", "before it was blocked")
    block = pb.BlockAccountRequest(account="blocked", blocked=True)
    await crew.says("owner", "block_account", block)
    public = await crew.room("owner", public=True)
    await crew.says("deleted", "delete_account", pb.DeleteAccountRequest())
    return Place(room, public, message, own)


@pytest.mark.parametrize("what", ROWS)
async def test_each_is_answered_as_its_asker_stands(what: str) -> None:
    row = ROWS[what]
    found: Codes = {}
    for relation in RELATIONS:
        crew = Crew(*PEOPLE)
        try:
            place = await furnished(crew)
            author: Author | None = crew.author(relation)
            if relation == "not logged in":
                author = NOBODY
            elif relation == "forged":
                author = None
            before = crew.chat.export()
            response = await crew.ask(author, row.kind, row.request(place, relation))
            found[relation] = code_of(response)
            if found[relation]:
                assert response.error.message.count("\n") == 0
                assert response.error.message != ""
                assert crew.chat.export()[5] == before[5], "a refused request changes nothing"
                assert crew.chat.export()[7:] == before[7:]
            else:
                assert response.WhichOneof("kind") == row.kind
            if relation not in ("member", "owner"):
                assert SECRET not in str(response)
                assert TITLE not in str(response) or relation == "invited"
        finally:
            crew.search.close()
    assert found == row.expected


@pytest.mark.parametrize("kind", ["read_history", "list_members", "search_messages"])
async def test_who_is_put_out_in_the_meantime_is_told_nothing(kind: str) -> None:
    """The check is made when the answer is, not when the question came."""
    crew = Crew("owner", "bob")
    room = await crew.room("owner", "bob")
    await crew.sends("owner", room, SECRET)
    message: Any = {
        "read_history": pb.ReadHistoryRequest(conversation=in_room(room)),
        "list_members": pb.ListMembersRequest(conversation=in_room(room)),
        "search_messages": pb.SearchMessagesRequest(query=SECRET, conversation=in_room(room)),
    }[kind]
    crew.may_read.clear()
    asked = asyncio.create_task(crew.ask(crew.author("bob"), kind, message))
    await asyncio.sleep(0)
    put_out = pb.RemoveFromRoomRequest(room=room, account="bob")
    await crew.says("owner", "remove_from_room", put_out)
    crew.may_read.set()
    assert code_of(await asked) == 5
    crew.search.close()


async def test_whose_session_ends_in_the_meantime_is_told_nothing() -> None:
    crew = Crew("owner")
    room = await crew.room("owner")
    crew.may_read.clear()
    message = pb.ReadHistoryRequest(conversation=in_room(room))
    asked = asyncio.create_task(crew.ask(crew.author("owner"), "read_history", message))
    await asyncio.sleep(0)
    await crew.says("owner", "log_out", pb.LogOutRequest())
    crew.may_read.set()
    assert code_of(await asked) == 16
