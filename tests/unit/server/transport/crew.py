"""A node with people who are logged in, asked through its desk, for the tests of requests."""

from __future__ import annotations

import asyncio
from typing import Any

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import OK, Answers, verification
from ringchat_server.transport.gate import Author
from ringchat_server.transport.requests import Desk, response_of
from ringchat_server.transport.secrets import token_hash, token_of
from tests.unit.server.transport.fake_host import KEY, TOKEN, FakeHost


class QuickPasswords:
    """In place of argon2id, which takes its time."""

    async def hash(self, password: str) -> str:
        return f"hash of {password}"

    async def matches(self, stored: str | None, password: str) -> bool:
        return stored == f"hash of {password}"


class OneAnswer:
    """Waits for the answer to one request."""

    def __init__(self) -> None:
        self.response: asyncio.Future[pb.Response] = asyncio.get_running_loop().create_future()

    def answered(self, kind: str, answers: Answers) -> None:
        [(number, _, answer)] = answers
        self.responded(response_of(number, kind, answer, KEY))

    def responded(self, response: pb.Response) -> None:
        self.response.set_result(response)


def token_for(name: str) -> str:
    return TOKEN if name == "ann" else token_of(name.encode().ljust(32, b"_"), KEY)


class Crew(FakeHost):
    """Everybody's password is `secret`; but for ann, who is there already, and has none."""

    def __init__(self, *people: str) -> None:
        super().__init__()
        self.desk = Desk(self, QuickPasswords())  # type: ignore[arg-type]
        self.numbers = iter(range(100, 10**6))
        self.may_read = asyncio.Event()
        self.may_read.set()
        for name in people:
            if name == "ann":
                continue
            nonce, hashed = name.encode().ljust(32, b"_"), token_hash(token_for(name)) or b""
            self.enter(("create", name, "hash of secret"), next(self.numbers))
            request = ("login", name, verification("hash of secret"), hashed, nonce)
            self.enter(request, next(self.numbers))

    async def confirm_read(self) -> None:
        await self.may_read.wait()
        await super().confirm_read()

    def author(self, name: str) -> Author:
        return Author(name, token_hash(token_for(name)) or b"")

    async def ask(self, author: Author | None, kind: str, message: Any) -> pb.Response:
        """The answer to one request."""
        sink = OneAnswer()
        self.desk.take(b"k" * 16, next(self.numbers), kind, message, author, sink)
        return await asyncio.wait_for(sink.response, 10)

    async def says(self, name: str, kind: str, message: Any) -> Any:
        """What somebody is answered, whose request is done."""
        response = await self.ask(self.author(name), kind, message)
        assert response.WhichOneof("kind") == kind, response
        return getattr(response, kind)

    async def sends(self, name: str, to: str | int, text: str) -> int:
        """The id of a message."""
        message = pb.SendMessageRequest(text=text)
        if isinstance(to, int):
            message.room = to
        else:
            message.to = to
        answer = await self.says(name, "send_message", message)
        return int(answer.message_id)

    async def room(
        self, owner: str, *members: str, title: str = "Hall", public: bool = False
    ) -> int:
        """A room of these, its id."""
        request = pb.CreateRoomRequest(title=title, public=public, invite=members)
        room = int((await self.says(owner, "create_room", request)).room)
        for name in members:
            await self.says(name, "join_room", pb.JoinRoomRequest(room=room))
        return room


def code_of(response: pb.Response) -> int:
    return response.error.code if response.HasField("error") else OK


def direct(name: str) -> pb.Conversation:
    return pb.Conversation(account=name)


def in_room(room: int) -> pb.Conversation:
    return pb.Conversation(room=room)
