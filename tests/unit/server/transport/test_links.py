"""Real gRPC on loopback ports; the owners are fakes that take down what they are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import grpc.aio
import pytest

from ringchat_server.replica.values import Ack, Hello, Message, Ping
from ringchat_server.transport import links as links_module
from ringchat_server.transport import wire
from ringchat_server.transport.links import Links, PeerLink

KEY = b"the key of this cluster"


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.002)


class FakeOwner:
    def __init__(self, replica_id: int) -> None:
        self.me = replica_id
        self.up: list[int] = []
        self.log: list[str] = []
        self.got: list[Message] = []
        self.refusal: str | None = None
        self.silent = False

    def hello(self) -> Hello:
        return Hello(self.me, 2, "availability", b"", -1, -1, False)

    def check_hello(self, hello: Hello) -> str | None:
        return self.refusal

    def hears(self, peer_id: int) -> bool:
        return not self.silent

    def link_up(self, peer_id: int, hello: Hello) -> None:
        assert peer_id not in self.up
        self.up.append(peer_id)
        self.silent = False  # as in the rules: a link that comes up has been heard
        self.log.append(f"up {peer_id}")

    def link_down(self, peer_id: int) -> None:
        self.up.remove(peer_id)
        self.log.append(f"down {peer_id}")

    def received(self, peer_id: int, message: Message) -> None:
        assert peer_id in self.up
        self.got.append(message)

    def override(self) -> tuple[bool, str]:
        return True, "as you say"


class Node:
    """One side: a server on a port, and the links that belong to it."""

    def __init__(self, replica_id: int, peers: dict[int, str], key: bytes, port: int) -> None:
        self.owner = FakeOwner(replica_id)
        self.links = Links(self.owner, replica_id, peers, key)
        self.server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        self.server.add_generic_rpc_handlers((self.links.handlers(),))
        self.port = self.server.add_insecure_port(f"127.0.0.1:{port}")


@asynccontextmanager
async def running(
    replica_id: int, peers: dict[int, str], *, key: bytes = KEY, port: int = 0
) -> AsyncIterator[Node]:
    node = Node(replica_id, peers, key, port)
    await node.server.start()
    node.links.start()
    try:
        yield node
    finally:
        await node.links.stop()
        await node.server.stop(0)


@asynccontextmanager
async def pair(*, key: bytes = KEY) -> AsyncIterator[tuple[Node, Node]]:
    async with running(1, {0: "127.0.0.1:1"}) as one:
        async with running(0, {1: f"127.0.0.1:{one.port}"}, key=key) as zero:
            yield zero, one


async def test_messages_go_both_ways_in_order() -> None:
    async with pair() as (zero, one):
        await until(lambda: zero.owner.up == [1] and one.owner.up == [0])
        sent = [Ack(1, length, 0) for length in range(500)]
        for message in sent:
            zero.links.send(1, message)
            one.links.send(0, message)
        await asyncio.wait_for(zero.links.drained(), 10)
        await until(lambda: len(zero.owner.got) == len(one.owner.got) == 500)
        assert zero.owner.got == one.owner.got == sent


async def test_a_broken_link_is_told_on_both_sides_and_dialled_again() -> None:
    async with pair() as (zero, one):
        await until(lambda: zero.owner.up == [1] and one.owner.up == [0])
        link = zero.links.current(1)
        assert link is not None
        link.broken.set()
        await until(lambda: one.owner.log == ["up 0", "down 0", "up 0"])
        await until(lambda: zero.owner.log == ["up 1", "down 1", "up 1"])


async def test_a_replica_that_stops_takes_no_new_link(caplog: pytest.LogCaptureFixture) -> None:
    async with pair() as (zero, one):
        await until(lambda: zero.owner.up == [1] and one.owner.up == [0])
        await one.links.stop()
        assert one.owner.log == ["up 0", "down 0"]
        await until(lambda: "this replica is stopping" in caplog.text)
        assert one.owner.log == ["up 0", "down 0"]
        assert zero.owner.log == ["up 1", "down 1"]


async def test_a_knock_at_the_last_moment_does_not_keep_it_from_stopping(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(links_module, "REDIAL_SECONDS", (60.0, 60.0))
    async with running(0, {1: "127.0.0.1:1"}) as zero:
        await until(lambda: "replica 1: cannot be reached" in caplog.text)
        zero.links._knocked[1].set()
        async with asyncio.timeout(10):
            await zero.links.stop()


async def test_a_silent_link_is_replaced_by_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "SILENCE_CHECK_SECONDS", 0.02)
    async with pair() as (zero, one):
        await until(lambda: zero.owner.up == [1] and one.owner.up == [0])
        old = zero.links.current(1)
        zero.owner.silent = True
        await until(lambda: zero.links.current(1) not in (old, None))
        await until(lambda: zero.owner.up == [1] and one.owner.up == [0])
        assert zero.owner.log[:3] == ["up 1", "down 1", "up 1"]
        link = zero.links.current(1)
        zero.links.send(1, Ack(1, 7, 0))
        await until(lambda: Ack(1, 7, 0) in one.owner.got)
        assert zero.links.current(1) is link


async def shake_hands(node: Node, *hellos: Hello) -> None:
    """Calls with these, one after each answer, and hangs up; or is refused."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{node.port}") as channel:
        method: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            f"/{links_module.SERVICE}/Link"
        )
        call = method(metadata=((links_module.KEY_HEADER, KEY.decode()),))
        with suppress(grpc.aio.AioRpcError):
            for hello in hellos:
                await call.write(wire.encode_hello(hello).SerializeToString())
                await call.read()
            await call.done_writing()
        await call.code()


async def test_a_handshake_that_was_given_up_takes_over_nothing() -> None:
    async with pair() as (zero, one):
        await until(lambda: one.owner.up == [0])
        await shake_hands(one, zero.owner.hello())
        assert one.owner.log == ["up 0"]


async def test_who_changes_its_id_in_the_handshake_gets_no_link() -> None:
    async with running(1, {0: "127.0.0.1:1", 2: "127.0.0.1:1"}) as one:
        zero = FakeOwner(0).hello()
        await shake_hands(one, zero, replace(zero, replica_id=2))
        assert one.owner.log == []


async def test_ids_of_no_peer_fill_no_memory() -> None:
    async with running(1, {0: "127.0.0.1:1"}) as one:
        one.owner.refusal = "there is no such replica"
        for stranger in range(40, 60):
            await shake_hands(one, replace(FakeOwner(0).hello(), replica_id=stranger))
        assert len(one.links._complaints) == 1


async def test_without_a_link_a_message_is_lost() -> None:
    async with running(0, {1: "127.0.0.1:1"}) as zero:
        zero.links.send(1, Ping(0, False, b"", -1))
        assert zero.links.current(1) is None
        await asyncio.wait_for(zero.links.drained(), 1)


async def test_a_wrong_key_makes_no_link() -> None:
    async with pair(key=b"another") as (zero, one):
        await until(lambda: "key" in zero.links._complaints.get(1, ""))
        assert zero.owner.log == one.owner.log == []


async def test_a_refused_hello_makes_no_link() -> None:
    async with running(1, {0: "127.0.0.1:1"}) as one:
        one.owner.refusal = "it belongs to another cluster"
        async with running(0, {1: f"127.0.0.1:{one.port}"}) as zero:
            await until(lambda: "another cluster" in zero.links._complaints.get(1, ""))
            await until(lambda: "another cluster" in one.links._complaints.get(0, ""))
            assert zero.owner.log == one.owner.log == []


async def test_who_starts_knocks_and_is_dialled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause between two attempts would be a minute here."""
    monkeypatch.setattr(links_module, "REDIAL_SECONDS", (60.0, 60.0))
    async with running(1, {0: "127.0.0.1:1"}) as first:
        port = first.port
    async with running(0, {1: f"127.0.0.1:{port}"}) as zero:
        await until(lambda: 1 in zero.links._complaints)  # tried, and nobody was there
        async with running(1, {0: f"127.0.0.1:{zero.port}"}, port=port) as one:
            await until(lambda: zero.owner.up == [1] and one.owner.up == [0])


@asynccontextmanager
async def nobody() -> AsyncIterator[tuple[asyncio.Server, list[asyncio.StreamWriter]]]:
    """A port where connections are taken and nothing is ever said; who has connected."""
    callers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: callers.append(writer), "127.0.0.1", 0)
    try:
        yield server, callers
    finally:
        server.close()
        for caller in callers:
            caller.close()


async def test_where_nobody_answers_the_dialling_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """gRPC itself would wait for 20 s."""
    monkeypatch.setattr(links_module, "HANDSHAKE_SECONDS_MAX", 0.1)
    async with nobody() as (server, callers):
        port = server.sockets[0].getsockname()[1]
        async with running(0, {1: f"127.0.0.1:{port}"}) as zero:
            await until(lambda: "does not answer" in zero.links._complaints.get(1, ""))
            await until(lambda: len(callers) > 1, seconds=5.0)


async def test_a_knock_cuts_short_an_attempt_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peer's host died without a word, and comes back while it is being dialled."""
    monkeypatch.setattr(links_module, "HANDSHAKE_SECONDS_MAX", 60.0)
    monkeypatch.setattr(links_module, "REDIAL_SECONDS", (60.0, 60.0))
    async with nobody() as (server, callers):
        port = server.sockets[0].getsockname()[1]
        async with running(0, {1: f"127.0.0.1:{port}"}) as zero:
            await until(lambda: len(callers) == 1)
            server.close()
            async with running(1, {0: f"127.0.0.1:{zero.port}"}, port=port) as one:
                await until(lambda: zero.owner.up == [1] and one.owner.up == [0], seconds=5.0)


async def test_a_peer_that_does_not_read_loses_its_link(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links_module, "QUEUE_MESSAGES_MAX", 10)

    async def never(data: bytes) -> None:
        await asyncio.Event().wait()

    link = PeerLink(1, never)
    writer = asyncio.create_task(link.run_writer())
    for _ in range(10):
        link.send(wire.encode_message(Ping(0, False, b"", -1)))
    await asyncio.sleep(0)
    assert not link.broken.is_set()
    link.send(wire.encode_message(Ping(0, False, b"", -1)))
    link.send(wire.encode_message(Ping(0, False, b"", -1)))
    assert link.broken.is_set()
    assert not await link.drained()
    writer.cancel()
