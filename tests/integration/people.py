"""Those who chat in the tests: one who sends all the while, one who receives."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import grpc.aio

from ringchat_client import Client, Message
from ringchat_proto import chat_pb2 as pb
from ringchat_proto.chat_pb2_grpc import ChatStub
from tests.integration.cluster import OPTIONS, LocalCluster, until

if TYPE_CHECKING:
    from ringchat_proto.chat_pb2_grpc import ChatAsyncStub

PASSWORD = "correct horse battery staple"


@asynccontextmanager
async def logged_in(cluster: LocalCluster, name: str, *, new: bool = True) -> AsyncIterator[Client]:
    """A client of the SDK with an account."""
    async with Client(cluster=cluster.file) as client:
        if new:
            await client.create_account(name, PASSWORD)
        await client.log_in(name, PASSWORD)
        yield client


def raw(cluster: LocalCluster, replica_id: int) -> AbstractAsyncContextManager[ChatAsyncStub]:
    """The generated stub at one replica, without the SDK."""
    return stub_at(cluster.replicas[replica_id].client)


@asynccontextmanager
async def stub_at(address: str) -> AsyncIterator[ChatAsyncStub]:
    """The generated stub at an address."""
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        stub: ChatAsyncStub = ChatStub(channel)
        yield stub


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata of a unary call."""
    return (("authorization", f"Bearer {token}"),)


def name_of_request(number: int, client_id: bytes | None = None) -> pb.RequestName:
    """The name of a write."""
    return pb.RequestName(client_id=client_id or os.urandom(16), number=number)


class Sender:
    """Sends numbered texts, some at a time, until told to stop."""

    def __init__(self, client: Client, to: str, *, at_once: int = 8) -> None:
        self._client = client
        self._to = to
        self._at_once = at_once
        self._stop = False
        self._number = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.confirmed: dict[int, int] = {}
        """Number of each confirmed text -> its message id."""
        self.longest_seconds = 0.0
        """The slowest single send."""

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._send()) for _ in range(self._at_once)]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop = True
        if error is not None:
            for task in self._tasks:
                task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        if error is None:
            for result in results:
                assert result is None, result

    async def more(self, count: int = 1) -> None:
        """Waits until that many more were confirmed than now."""
        aim = len(self.confirmed) + count

        def enough() -> bool:
            for task in self._tasks:
                if task.done() and not self._stop:
                    task.result()
            return len(self.confirmed) >= aim

        await until(enough, f"{count} more sends are confirmed", 90.0)

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stop:
            self._number += 1
            number = self._number
            began = loop.time()
            receipt = await self._client.send_message(self._to, f"text {number}")
            self.longest_seconds = max(self.longest_seconds, loop.time() - began)
            self.confirmed[number] = receipt.message_id


class Receiver:
    """Receives in the background, and acknowledges every so many messages."""

    def __init__(self, client: Client, *, acknowledge_every: int = 1) -> None:
        self._client = client
        self._acknowledge_every = acknowledge_every
        self._task: asyncio.Task[None] | None = None
        self.had: list[Message] = []

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._receive())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _receive(self) -> None:
        async for message in self._client.receive_messages():
            self.had.append(message)
            if self._acknowledge_every and len(self.had) % self._acknowledge_every == 0:
                await self._client.acknowledge(message.id)

    async def has(self, count: int) -> None:
        """Waits until it has had that many messages."""

        def enough() -> bool:
            assert self._task is not None
            if self._task.done():
                self._task.result()
            return len(self.had) >= count

        await until(enough, f"{count} messages", 30.0, lambda: f"{len(self.had)} have come")


def assert_nothing_lost(sender: Sender, receiver: Receiver) -> None:
    """What was confirmed came once, and in the order of the message ids."""
    ids = [message.id for message in receiver.had]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)
    texts = [message.text for message in receiver.had]
    assert len(set(texts)) == len(texts), "doubled"
    found = {message.text: message.id for message in receiver.had}
    for number, message_id in sender.confirmed.items():
        assert found.get(f"text {number}") == message_id, f"lost, or moved: text {number}"
