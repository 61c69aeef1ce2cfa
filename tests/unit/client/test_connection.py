"""The walk over real gRPC: replicas that die, hang, move, refuse and relay."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest

from ringchat_client.connection import Connection, open_channel, reason_of, stub_of
from ringchat_client.ring import Ring
from ringchat_client.session import Pending, Send, Session
from ringchat_client.values import Asking, Connected, ConnectionEvent, Lost, Receipt, Refused
from ringchat_proto import chat_pb2 as pb
from tests.unit.client.fake_cluster import FakeCluster, until

CLIENT_ID = b"0123456789abcdef"


class Rig:
    """A connection under test, and what it told."""

    def __init__(self, ring: Ring) -> None:
        self.events: list[ConnectionEvent] = []
        self.session = Session(CLIENT_ID)
        self.connection = Connection(ring, self.session, self.events.append)

    def create(self, name: str) -> Pending:
        request = pb.Request(create_account=pb.CreateAccountRequest(name=name, password="p"))
        pending = self.session.submit(request, write=True)
        self.connection.wake()
        return pending

    def send(self, text: str, to: str = "ann") -> Pending:
        pending = self.session.submit(Send(to, text), write=True)
        self.connection.wake()
        return pending

    async def created(self, name: str) -> None:
        async with asyncio.timeout(10):
            await self.create(name).future

    @property
    def connected(self) -> list[Connected]:
        return [event for event in self.events if isinstance(event, Connected)]

    @property
    def asked(self) -> list[tuple[int | None, int | None]]:
        return [(e.replica_id, e.view) for e in self.events if isinstance(e, Asking)]


@asynccontextmanager
async def connected(ring: Ring) -> AsyncIterator[Rig]:
    rig = Rig(ring)
    task = asyncio.create_task(rig.connection.run())
    try:
        yield rig
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def ring_of(cluster: FakeCluster) -> Ring:
    return Ring(addresses=cluster.addresses, seed=1)


async def test_it_attaches_to_the_master(cluster: FakeCluster) -> None:
    cluster.promote(2)
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        assert rig.asked == [(0, None)]
        assert [(e.replica_id, e.master_id, e.view) for e in rig.connected] == [(2, 2, 2)]
        assert cluster.replicas[2].frames[0].client_id == CLIENT_ID


async def test_one_address_is_enough(cluster: FakeCluster) -> None:
    cluster.promote(2)
    async with connected(Ring(address=cluster.addresses[1])) as rig:
        await rig.created("ann")
        assert rig.connected[0].replica_id == 2
        await rig.connection.ring_known()
        assert rig.connection.ring.addresses == tuple(cluster.addresses)


async def test_a_killed_master_is_followed_by_the_next_without_a_timer() -> None:
    async with FakeCluster(suspect_after_ms=8_000) as cluster, connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        for view in (1, 2):
            rig.events.clear()
            started = time.monotonic()
            await cluster.kill(view - 1)
            await rig.created(f"name {view}")
            assert time.monotonic() - started < 4, "suspect_after is 8 s: it waited for it"
            assert isinstance(rig.events[0], Lost)
            assert rig.asked == [(view, view)]
            assert rig.connected[0].master_id == view


async def test_requests_on_their_way_are_sent_again_with_the_same_numbers_in_order(
    cluster: FakeCluster,
) -> None:
    async with connected(ring_of(cluster)) as rig:
        await rig.created("first")
        cluster.replicas[0].mute = True  # applies them, but its answers are lost
        waiting = [rig.create(f"n{i}") for i in range(100)]
        await until(lambda: len(cluster.state.log) == 101)
        await cluster.kill(0)
        await asyncio.gather(*(pending.future for pending in waiting))
        again = [r.number for frame in cluster.replicas[1].frames for r in frame.requests]
        assert again == list(range(2, 102))
        assert len(cluster.state.log) == 101, "applied once each"


async def test_messages_on_their_way_are_sent_again_with_the_same_numbers_in_order(
    cluster: FakeCluster,
) -> None:
    cluster.state.tokens["t"] = "bob"
    async with connected(ring_of(cluster)) as rig:
        rig.session.token = "t"
        await rig.created("ann")
        cluster.replicas[0].mute = True  # applies them, but its receipts are lost
        waiting = [rig.send(str(i)) for i in range(100)]
        await until(lambda: len(cluster.state.log) == 101)
        rig.session.abandon(waiting.pop(50))
        await cluster.kill(0)
        async with asyncio.timeout(10):
            receipts = await asyncio.gather(*(pending.future for pending in waiting))
        frames = [frame for frame in cluster.replicas[1].frames if frame.HasField("sends")]
        runs = [(frame.sends.number, len(frame.sends.text)) for frame in frames]
        assert runs == [(2, 50), (53, 49)]
        assert not any(frame.requests for frame in frames)
        assert len(cluster.state.log) == 101, "applied once each"
        kept = [m for m in cluster.state.mailboxes["ann"] if m.text != "50"]
        assert [m.text for m in kept] == [str(i) for i in range(100) if i != 50]
        assert [r.message_id for r in receipts if isinstance(r, Receipt)] == [m.id for m in kept]


async def test_messages_act_under_their_tokens_before_and_after_a_failover(
    cluster: FakeCluster,
) -> None:
    names = {"t1": "bob", "t2": "cleo"}
    cluster.state.tokens.update(names)
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        tokens = ["t1", "t1", "t2", "t1", "t2", "t2"]
        waiting = []
        for swallow in (False, True):
            cluster.replicas[0].swallow = swallow
            for token in tokens:
                rig.session.token = token
                waiting.append(rig.send(token))
            await until(lambda: len(rig.session._queue) == 0)
        await cluster.kill(0)
        async with asyncio.timeout(10):
            await asyncio.gather(*(pending.future for pending in waiting))
        sent = [(m.sender, m.text) for m in cluster.state.mailboxes["ann"]]
        assert sent == [(names[token], token) for token in tokens + tokens]


async def test_a_replica_that_moves_in_order_costs_nothing(cluster: FakeCluster) -> None:
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        rig.events.clear()
        cluster.serving = False
        cluster.replicas[0].move(view=0)
        await rig.created("bob")
        assert rig.asked == [(1, 1)]
        assert rig.events[0] == Lost(0, "stopping")


async def test_moved_to_a_view_that_serves_already(cluster: FakeCluster) -> None:
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        rig.events.clear()
        cluster.promote(2)
        cluster.replicas[0].move(view=2)
        await rig.created("bob")
        assert rig.asked == [(2, 2)]
        assert rig.connected[0].master_id == 2


async def test_a_hung_master_is_given_up_after_suspect_after() -> None:
    async with FakeCluster(suspect_after_ms=1_000) as cluster, connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        cluster.replicas[0].awake.clear()
        cluster.serving = False
        started = time.monotonic()
        await rig.created("bob")
        seconds = time.monotonic() - started
        assert 0.95 < seconds < 5
        assert rig.connected[-1].master_id == 1
        lost = [event for event in rig.events if isinstance(event, Lost)]
        assert "silent" in lost[0].reason


async def test_a_slow_request_is_no_silence(cluster: FakeCluster) -> None:
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        rig.events.clear()
        cluster.replicas[0].swallow = True
        pending = rig.create("slow")
        await until(lambda: cluster.replicas[0].received("slow"))
        cluster.replicas[0].swallow = False  # it answers pings; the request hangs
        await asyncio.sleep(0.7)  # more than three times suspect_after
        assert rig.events == []
        assert not pending.future.done()


async def test_an_echo_within_other_answers_is_an_echo(cluster: FakeCluster) -> None:
    cluster.replicas[0].echoes = False
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        rig.events.clear()
        await asyncio.sleep(0.5)  # more than twice suspect_after, with nothing to wait for
        assert rig.events == []


async def test_an_idle_client_sends_nothing(cluster: FakeCluster) -> None:
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        frames = cluster.replicas[0].frames
        await until(lambda: len(frames) == 2)  # the request, and the one ping of a new stream
        await asyncio.sleep(0.5)
        assert len(frames) == 2


async def test_a_master_out_of_reach_is_spoken_to_through_a_backup(cluster: FakeCluster) -> None:
    await cluster.kill(0, others_hear_it=True)
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        assert [(e.replica_id, e.master_id) for e in rig.connected] == [(1, 0)]
        assert cluster.view == 0, "nobody was appointed"


async def test_a_replica_that_refuses_is_passed_over(cluster: FakeCluster) -> None:
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        cluster.replicas[1].refuses = "replica 2 is missing"
        rig.events.clear()
        await cluster.kill(0)
        await rig.created("bob")
        assert rig.asked == [(1, 1), (2, 2)]
        assert Refused(1, "replica 2 is missing") in rig.events


async def test_a_replica_that_hangs_when_it_is_asked_is_passed_over(cluster: FakeCluster) -> None:
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        cluster.replicas[1].awake.clear()
        await cluster.kill(0)
        started = time.monotonic()
        await rig.created("bob")
        assert time.monotonic() - started < 2.0, "the whole grace of a promotion was waited for"
        assert rig.connected[-1].master_id == 2


async def test_it_waits_for_a_cluster_that_is_not_there_yet(cluster: FakeCluster) -> None:
    for replica_id in range(3):
        await cluster.kill(replica_id)
    async with connected(ring_of(cluster)) as rig:
        pending = rig.create("ann")
        await until(lambda: len(rig.asked) >= 7)
        await cluster.start(1)
        async with asyncio.timeout(10):
            await pending.future
        assert rig.connected[0].master_id == 1


async def test_an_unavailable_answer_makes_it_look_for_another_master(
    cluster: FakeCluster,
) -> None:
    async with connected(ring_of(cluster)) as rig:
        await rig.created("ann")
        cluster.replicas[0].swallow = True
        pending = rig.create("bob")
        await until(lambda: cluster.replicas[0].received("bob"))
        cluster.serving = False
        error = pb.Error(code=14, message="no majority")
        cluster.replicas[0].say(pb.ServerFrame(responses=[pb.Response(number=2, error=error)]))
        async with asyncio.timeout(10):
            await pending.future
        assert Lost(0, "no majority") in rig.events
        assert rig.connected[-1].master_id == 1


@pytest.mark.parametrize("address", ["127.0.0.1:1", "no-such-host.invalid:50051"])
async def test_a_dead_address_is_known_at_once(address: str) -> None:
    channel = open_channel(address, 1.0)
    started = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub_of(channel).SendHeartbeat(pb.SendHeartbeatRequest(), timeout=10.0)
    await channel.close()
    assert time.monotonic() - started < 5
    reason = reason_of(caught.value, address)
    assert reason.startswith(address + ": ")
    assert "\n" not in reason


async def test_keepalive_notices_a_frozen_server_on_an_idle_connection(
    cluster: FakeCluster,
) -> None:
    """A peer that takes bytes and never says a word: what SIGSTOP looks like from outside."""
    frozen = asyncio.Event()
    real_port = int(cluster.addresses[0].rpartition(":")[2])

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not frozen.is_set():
                writer.write(data)

    pumps: list[asyncio.Task[None]] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", real_port)
        pumps.append(asyncio.create_task(pump(reader, inner_writer)))
        pumps.append(asyncio.create_task(pump(inner_reader, writer)))

    proxy = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = proxy.sockets[0].getsockname()[1]
    addresses = [f"127.0.0.1:{port}", *cluster.addresses[1:]]
    async with connected(Ring(addresses=addresses, seed=1)) as rig:
        await rig.created("ann")
        stream = rig.connection._stream
        await until(lambda: stream is not None and not stream._ping_outstanding)
        rig.events.clear()
        frozen.set()
        cluster.serving = False
        await until(lambda: bool(rig.connected))
        assert rig.connected[0].master_id == 1
    proxy.close()
    for task in pumps:
        task.cancel()
