"""What becomes of writes on their way to the log, and of their answers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Answer
from ringchat_server.transport.gate import NOBODY, Author
from ringchat_server.transport.requests import response_of
from ringchat_server.transport.writes import NAMES_A_MESSAGE
from tests.unit.server.transport.crew import Crew, OneAnswer, code_of, direct, in_room
from tests.unit.server.transport.fake_host import KEY, VIEW


async def proposed(crew: Crew, kind: str, message: Any) -> tuple[object, ...]:
    """What bob's request is in the log."""
    await crew.ask(crew.author("bob"), kind, message)
    return crew.proposals[-1].request


@pytest.mark.parametrize(
    ("kind", "message", "request_"),
    [
        (
            "create_room",
            pb.CreateRoomRequest(title=" Ｔea ", topic="ﬁne", public=True, invite=["ａnn", "ann"]),
            ("room", "Tea", "fine", True, ("ann",)),
        ),
        ("join_room", pb.JoinRoomRequest(room=7), ("join", 7)),
        ("leave_room", pb.LeaveRoomRequest(room=7), ("leave", 7)),
        ("invite_to_room", pb.InviteToRoomRequest(room=7, account="ａnn"), ("invite", 7, "ann")),
        (
            "remove_from_room",
            pb.RemoveFromRoomRequest(room=7, account="ａnn"),
            ("remove", 7, "ann"),
        ),
        (
            "change_room",
            pb.ChangeRoomRequest(room=7, topic=""),
            ("change", 7, None, "", None),
        ),
        (
            "change_room",
            pb.ChangeRoomRequest(room=7, title="Ｔea", owner="ａnn"),
            ("change", 7, "Tea", None, "ann"),
        ),
        (
            "edit_message",
            pb.EditMessageRequest(conversation=direct("ａnn"), message_id=9, text="ｘ"),
            ("edit", "ann", 9, "ｘ"),
        ),
        (
            "delete_message",
            pb.DeleteMessageRequest(conversation=in_room(7), message_id=9),
            ("erase", 7, 9),
        ),
        (
            "mark_read",
            pb.MarkReadRequest(conversation=in_room(7), up_to_message_id=9),
            ("read", 7, 9),
        ),
        ("change_profile", pb.ChangeProfileRequest(display_name="Ｂob"), ("profile", "Bob")),
        ("change_profile", pb.ChangeProfileRequest(), ("profile", "")),
        ("end_session", pb.EndSessionRequest(), ("end", b"")),
        ("end_session", pb.EndSessionRequest(session_id=b"s" * 32), ("end", b"s" * 32)),
        (
            "block_account",
            pb.BlockAccountRequest(account="ａnn", blocked=True),
            ("block", "ann", True),
        ),
        ("send_message", pb.SendMessageRequest(room=7, text="x"), ("post", 7, ("x",), 0)),
        (
            "send_message",
            pb.SendMessageRequest(to="ａnn", text="x", reply_to=9),
            ("post", "ann", ("x",), 9),
        ),
        ("send_message", pb.SendMessageRequest(to="ａnn", text="x"), ("send", ("ann",), ("x",))),
    ],
)
async def test_a_write_as_it_stands_in_the_log(
    kind: str, message: Any, request_: tuple[object, ...]
) -> None:
    assert await proposed(Crew("ann", "bob"), kind, message) == request_


async def test_a_password_is_verified_and_the_new_one_hashed() -> None:
    crew = Crew("bob")
    message = pb.ChangePasswordRequest(old_password="secret", new_password="mine")
    await crew.says("bob", "change_password", message)
    [proposal] = crew.proposals
    kind, verified, stored = proposal.request
    assert (kind, stored) == ("password", "hash of mine")
    assert isinstance(verified, bytes)
    assert crew.chat.password_hash("bob") == "hash of mine"
    assert "secret" not in repr(crew.proposals)


async def test_a_change_of_password_asked_for_again_has_its_answer() -> None:
    """The first answer was lost: by now the old password is another."""
    crew = Crew("bob")
    message = pb.ChangePasswordRequest(old_password="secret", new_password="mine")
    for author in (crew.author("bob"), crew.author("bob"), NOBODY, None):
        sink = OneAnswer()
        crew.desk.take(b"k" * 16, 5, "change_password", message, author, sink)
        response = await asyncio.wait_for(sink.response, 10)
        assert response.WhichOneof("kind") == "change_password"
    assert len(crew.proposals) == 1


@pytest.mark.parametrize("kind", NAMES_A_MESSAGE)
async def test_a_message_that_has_lost_its_place_is_not_meant_by_its_id(kind: str) -> None:
    crew = Crew("ann", "bob")
    one = await crew.sends("bob", "ann", "hello")
    made: dict[str, Any] = {
        "edit_message": pb.EditMessageRequest(message_id=one, text="hello you"),
        "delete_message": pb.DeleteMessageRequest(message_id=one),
        "mark_read": pb.MarkReadRequest(up_to_message_id=one),
        "update_message": pb.UpdateMessageRequest(up_to_message_id=one),
    }
    message = made[kind]
    if kind != "update_message":
        message.conversation.CopyFrom(direct("ann"))
    message.view = VIEW + 1
    proposals = len(crew.proposals)
    assert code_of(await crew.ask(crew.author("bob"), kind, message)) == 9
    assert len(crew.proposals) == proposals
    message.view = VIEW
    await crew.says("bob", kind, message)
    # What was done is answered as it was, whatever has become of the order since.
    message.view = VIEW + 1
    sink = OneAnswer()
    crew.desk.take(b"k" * 16, next(crew.numbers) - 1, kind, message, crew.author("bob"), sink)
    assert code_of(await sink.response) == 0


async def test_a_session_that_ends_while_the_password_is_verified_changes_nothing() -> None:
    crew = Crew("bob")
    message = pb.ChangePasswordRequest(old_password="secret", new_password="mine")
    asked = asyncio.create_task(crew.ask(crew.author("bob"), "change_password", message))
    await crew.says("bob", "log_out", pb.LogOutRequest())
    assert code_of(await asked) == 16
    assert crew.chat.password_hash("bob") == "hash of secret"


@pytest.mark.parametrize("author", [NOBODY, None])
async def test_a_password_is_not_even_hashed_for_nobody(author: Author | None) -> None:
    crew = Crew("bob")
    message = pb.ChangePasswordRequest(old_password="secret", new_password="mine")
    assert code_of(await crew.ask(author, "change_password", message)) == 16
    assert crew.proposals == []


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("create_room", (0,)),
        ("create_room", (0, b"n" * 32, "ann", 5)),
        ("join_room", (0, 17, 99)),
        ("change_password", (0, 17, 99)),
    ],
)
def test_an_answer_of_another_request_is_told(kind: str, answer: Answer) -> None:
    assert "another request" in response_of(1, kind, answer, KEY).error.message


def test_every_write_has_its_answer() -> None:
    for field in pb.Response.DESCRIPTOR.oneofs_by_name["kind"].fields:
        says_nothing = field.message_type is not None and not field.message_type.fields
        if says_nothing and field.name != "set_typing":  # which is no write
            assert response_of(1, field.name, (0,), KEY).WhichOneof("kind") == field.name
    room = response_of(1, "create_room", (0, 17, 99), KEY)
    assert room.create_room.room == 17
