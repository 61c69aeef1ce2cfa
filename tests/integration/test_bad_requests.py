"""What clients and strangers may send, and the clear answer that each of it gets."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_proto import replica_pb2, replica_pb2_grpc
from ringchat_proto.chat_pb2_grpc import ChatStub
from tests.integration.cluster import KEY, OPTIONS, LocalCluster, until
from tests.integration.conftest import MakeCluster
from tests.integration.people import (
    PASSWORD,
    Receiver,
    Sender,
    bearer,
    logged_in,
    name_of_request,
    raw,
)

Code = grpc.StatusCode
KEY_HEADER = "ringchat-cluster-key"


async def _started(make_cluster: MakeCluster) -> LocalCluster:
    cluster = make_cluster()
    cluster.start()
    await cluster.ready()
    await cluster.promote(0)
    return cluster


def _unary(channel: grpc.aio.Channel, method: str) -> Any:
    """A call that takes and gives bytes."""
    return channel.unary_unary(method)


def _stream(channel: grpc.aio.Channel, method: str) -> Any:
    """The same for a stream each way."""
    return channel.stream_stream(method)


async def _refused(call: Awaitable[Any], code: grpc.StatusCode, *words: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    details = refused.value.details() or ""
    assert refused.value.code() is code, f"{refused.value.code()}: {details}"
    assert "\n" not in details
    for word in words:
        assert word in details


async def test_unary_calls(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    async with raw(cluster, 0) as stub:
        create, log_in = stub.CreateAccount, stub.LogIn
        await create(pb.CreateAccountRequest(name="ann", password=PASSWORD), timeout=5)
        token = (await log_in(pb.LogInRequest(name="ann", password=PASSWORD), timeout=5)).token
        mine = bearer(token)

        def send(to: str, text: str, metadata: Any = mine) -> Awaitable[Any]:
            request = pb.SendMessageRequest(to=to, text=text)
            return stub.SendMessage(request, metadata=metadata, timeout=5)

        await _refused(send("zoe", "x"), Code.NOT_FOUND, "zoe")
        await _refused(send("ann", ""), Code.INVALID_ARGUMENT, "empty")
        await _refused(send("ann", "x" * 65_537), Code.INVALID_ARGUMENT, "65536")
        await _refused(send("ann", "é" * 32_769), Code.INVALID_ARGUMENT, "65536")
        await send("ann", "é" * 32_768)
        await _refused(send("x" * 10_000, "x"), Code.INVALID_ARGUMENT, "32")
        for token_shown in ("A" * 43, token[:-2] + "AA", "nonsense", "~" * 43):
            await _refused(send("ann", "x", bearer(token_shown)), Code.UNAUTHENTICATED, "log in")
        await _refused(send("ann", "x", None), Code.UNAUTHENTICATED, "log in")
        for name in ("x" * 10_000, "x" * 33, "", "a*", "a?", "a\nb", "a\x00", " a"):
            bad = pb.CreateAccountRequest(name=name, password="x")
            await _refused(create(bad, timeout=5), Code.INVALID_ARGUMENT, "name")
        for password in ("", "x" * 1025):
            bad = pb.CreateAccountRequest(name="bob", password=password)
            await _refused(create(bad, timeout=5), Code.INVALID_ARGUMENT, "password")
        taken = pb.CreateAccountRequest(name="ann", password="x")
        await _refused(create(taken, timeout=5), Code.ALREADY_EXISTS, "ann")
        for name in ("ann", "nobody"):
            wrong = pb.LogInRequest(name=name, password="wrong")
            await _refused(log_in(wrong, timeout=5), Code.UNAUTHENTICATED, "wrong name or password")
        pages = pb.ListAccountsRequest(page_size=1001)
        await _refused(stub.ListAccounts(pages, timeout=5), Code.INVALID_ARGUMENT, "1000")
        view = pb.SendHeartbeatRequest(view=-1)
        await _refused(stub.SendHeartbeat(view, timeout=5), Code.INVALID_ARGUMENT, "view")
        for name_bytes, number, code in (
            (b"short", 1, Code.INVALID_ARGUMENT),
            (os.urandom(16), 0, Code.INVALID_ARGUMENT),
            (os.urandom(16), 2**64 - 1, Code.INVALID_ARGUMENT),
        ):
            named = pb.SendMessageRequest(to="ann", text="x")
            named.request.CopyFrom(name_of_request(number, name_bytes))
            await _refused(stub.SendMessage(named, metadata=mine, timeout=5), code)
        await stub.LogOut(pb.LogOutRequest(), metadata=mine, timeout=5)
        await _refused(send("ann", "x"), Code.UNAUTHENTICATED, "log in")


async def test_refused_calls_leave_no_gaps_behind(make_cluster: MakeCluster) -> None:
    """A call without a name gets a number only if it goes to the log."""
    cluster = await _started(make_cluster)
    async with raw(cluster, 0) as stub:
        await stub.CreateAccount(pb.CreateAccountRequest(name="ann", password="x"), timeout=5)
        token = (await stub.LogIn(pb.LogInRequest(name="ann", password="x"), timeout=5)).token
        for _ in range(50):
            await asyncio.gather(
                *(stub.ListAccounts(pb.ListAccountsRequest(), timeout=20) for _ in range(100)),
                stub.SendMessage(
                    pb.SendMessageRequest(to="ann", text="x"), metadata=bearer(token), timeout=20
                ),
            )


async def test_bytes_that_are_no_request(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    not_utf8 = b"\x0a\x03ann\x12\x02\xff\xfe"  # to="ann", text=two bytes that are not UTF-8
    garbage = b"\xff" * 100
    async with grpc.aio.insecure_channel(cluster.replicas[0].client, options=OPTIONS) as channel:
        service = "/ringchat.chat.v1.Chat/"
        for method in ("SendMessage", "CreateAccount", "LogIn", "SendHeartbeat", "ListAccounts"):
            call = _unary(channel, service + method)
            await _refused(call(garbage, timeout=5), Code.INVALID_ARGUMENT, "not a")
        call = _unary(channel, service + "SendMessage")
        await _refused(call(not_utf8, timeout=5), Code.INVALID_ARGUMENT, "UTF-8")
        await _refused(call(b"\x00" * (5 << 20), timeout=5), Code.RESOURCE_EXHAUSTED)
        await _refused(_unary(channel, service + "No")(b"", timeout=5), Code.UNIMPLEMENTED)
        health = _unary(channel, "/grpc.health.v1.Health/Check")
        with pytest.raises(grpc.aio.AioRpcError):
            await health(garbage, timeout=5)
        for frame, code in (
            (garbage, Code.INVALID_ARGUMENT),
            (b"", Code.INVALID_ARGUMENT),  # a first frame without a client id
            (pb.ClientFrame(client_id=b"short").SerializeToString(), Code.INVALID_ARGUMENT),
            (b"\x00" * (5 << 20), Code.RESOURCE_EXHAUSTED),
        ):
            session = _stream(channel, service + "Session")()
            await session.write(frame)
            await _refused(session.read(), code)
        many = pb.ClientFrame(client_id=os.urandom(16), requests=[pb.Request()] * 1025)
        session = _stream(channel, service + "Session")()
        await session.write(many.SerializeToString())
        await _refused(session.read(), Code.RESOURCE_EXHAUSTED, "1024")
    assert await cluster.master() == 0
    assert cluster.running() == [0, 1, 2]


async def _session(
    cluster: LocalCluster, first: pb.ClientFrame, *more: pb.ClientFrame
) -> AsyncIterator[pb.Response]:
    """The answers to some frames, one after another."""
    async with raw(cluster, 0) as stub:
        call = stub.Session(timeout=20)
        for frame in (first, *more):
            await call.write(frame)
        while isinstance(answer := await call.read(), pb.ServerFrame):
            for response in answer.responses:
                yield response
        raise AssertionError("the session ended")


async def test_requests_in_a_session(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    async with logged_in(cluster, "ann") as ann:

        def frame(*requests: pb.Request, token: str = ann.token) -> pb.ClientFrame:
            return pb.ClientFrame(client_id=os.urandom(16), token=token, requests=requests)

        def send(number: int, to: str = "ann", text: str = "x") -> pb.Request:
            message = pb.SendMessageRequest(to=to, text=text)
            return pb.Request(number=number, send_message=message)

        for requests, code in (
            ([send(1, to="zoe")], 5),
            ([send(1, text="x" * 65_537)], 3),
            ([send(1, to="x" * 10_000)], 3),
            ([pb.Request(number=1)], 3),
            ([send(0)], 3),
            ([send(2**64 - 1)], 3),
        ):
            response = await anext(_session(cluster, frame(*requests)))
            assert (response.number, response.error.code) == (requests[0].number, code)
            assert response.error.message
        forged = await anext(_session(cluster, frame(send(1), token="A" * 43)))
        assert forged.error.code == 16

        # The same number for two requests at once: one effect, and nobody falls over it.
        update = pb.Request(number=7, update_message=pb.UpdateMessageRequest(up_to_message_id=1))
        log_in = pb.Request(number=7, log_in=pb.LogInRequest(name="ann", password=PASSWORD))
        answers = _session(cluster, frame(update, send(7), log_in, send(7)))
        kinds = [(await anext(answers)).WhichOneof("kind") for _ in range(4)]
        assert sorted(map(str, kinds)) == ["error", "error", "error", "update_message"]

    assert cluster.running() == [0, 1, 2]


async def test_requests_in_flight_are_limited(make_cluster: MakeCluster) -> None:
    """While the backups stand still nothing is confirmed: what is over the limit is refused."""
    cluster = make_cluster(suspect_after_seconds=30.0)  # nobody is dropped from the ring meanwhile
    cluster.start()
    await cluster.ready()
    await cluster.promote(0)
    await cluster.alike()
    async with logged_in(cluster, "ann") as ann:
        token = ann.token
    cluster.hang(1)
    cluster.hang(2)
    frames = [pb.ClientFrame(client_id=os.urandom(16), token=token), pb.ClientFrame()]
    for number in range(1, 1501):
        request = frames[number > 1000].requests.add(number=number)
        request.send_message.to, request.send_message.text = "ann", "x"
    answers = _session(cluster, *frames)
    refused = [await anext(answers) for _ in range(476)]
    assert [r.number for r in refused] == list(range(1025, 1501))
    assert {r.error.code for r in refused} == {8}
    assert "1024" in refused[0].error.message
    cluster.go_on(1)
    cluster.go_on(2)
    confirmed = [await anext(answers) for _ in range(1024)]
    assert [r.number for r in confirmed] == list(range(1, 1025))
    assert {r.WhichOneof("kind") for r in confirmed} == {"send_message"}


async def test_a_receiver_that_never_reads_delays_nobody(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        async with raw(cluster, 0) as stub:
            stuck = stub.Session()
            opening = pb.ClientFrame(client_id=os.urandom(16), token=bob.token)
            opening.receive.after_message_id = 0
            await stuck.write(opening)
            waiting = stub.ReceiveMessages(pb.ReceiveMessagesRequest(), metadata=bearer(bob.token))
            async with Receiver(bob, acknowledge_every=0) as inbox:
                for _ in range(10):
                    sends = [ann.send_message("bob", "x" * 60_000) for _ in range(20)]
                    await asyncio.gather(*sends)
                await inbox.has(200)
                async with Sender(ann, "ann") as sender:
                    await sender.more(100)
                assert sender.longest_seconds < 10.0
            stuck.cancel()
            waiting.cancel()
    cluster.terminate(0)
    assert await cluster.exit_code(0, 15.0) == 0


async def _knock(address: str, data: bytes) -> None:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        await writer.drain()
        writer.write_eof()
        while await asyncio.wait_for(reader.read(65_536), 10):
            pass
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()


async def test_garbage_on_both_ports(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    replica = cluster.replicas[0]
    for data in (
        os.urandom(100_000),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + os.urandom(1000),
        b"",
    ):
        await _knock(replica.client, data)
        await _knock(replica.peer, data)
    async with logged_in(cluster, "ann") as ann:
        await ann.send_message("ann", "still here")
    assert cluster.running() == [0, 1, 2]
    assert await cluster.master() == 0


async def test_the_peer_port_is_for_those_who_show_the_key(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    async with grpc.aio.insecure_channel(cluster.replicas[0].peer, options=OPTIONS) as channel:
        link = _stream(channel, "/ringchat.replica.v1.Replica/Link")
        override = _unary(channel, "/ringchat.replica.v1.Replica/Override")
        for metadata in (None, ((KEY_HEADER, "wrong"),), ((KEY_HEADER, KEY[:-1]),)):
            call = link(metadata=metadata)
            await _refused(call.read(), Code.UNAUTHENTICATED, "key")
            await _refused(override(b"", metadata=metadata, timeout=5), Code.UNAUTHENTICATED)
            # Nothing is parsed before that.
            garbage = override(b"\xff" * 50, metadata=metadata, timeout=5)
            await _refused(garbage, Code.UNAUTHENTICATED, "key")
        mine = ((KEY_HEADER, KEY),)
        await _refused(override(b"\xff" * 50, metadata=mine, timeout=5), Code.INVALID_ARGUMENT)
        call = link(metadata=mine)
        await call.write(b"\xff" * 50)
        await _refused(call.read(), Code.INVALID_ARGUMENT)
        ping = replica_pb2.LinkMessage(ping=replica_pb2.Ping()).SerializeToString()
        call = link(metadata=mine)
        await call.write(ping)
        await _refused(call.read(), Code.INVALID_ARGUMENT, "hello")
        # Somebody with the key but of another ring, or another cluster.
        for changed in ({"replicas": 5}, {"prefer": "consistency"}, {"cluster_id": b"x" * 16}):
            hello = replica_pb2.Hello(
                protocol=1, replica_id=1, replicas=3, prefer="availability", view=-1
            )
            hello.MergeFrom(replica_pb2.Hello(**changed))
            call = link(metadata=mine)
            await call.write(replica_pb2.LinkMessage(hello=hello).SerializeToString())
            await _refused(call.read(), Code.FAILED_PRECONDITION)
        stub = replica_pb2_grpc.ReplicaStub(channel)
        answer = await stub.Override(replica_pb2.OverrideRequest(), metadata=mine, timeout=5)
        assert not answer.done or "nothing to do" in answer.explanation
    # And no chat on that port.
    async with grpc.aio.insecure_channel(cluster.replicas[0].peer, options=OPTIONS) as channel:
        listing = ChatStub(channel).ListAccounts(pb.ListAccountsRequest(), timeout=5)
        await _refused(listing, Code.UNIMPLEMENTED)
    assert await cluster.master() == 0
    assert cluster.running() == [0, 1, 2]


async def test_clients_that_vanish_in_the_middle_leave_no_trace(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    async with logged_in(cluster, "ann") as ann:
        for replica_id in (0, 1):  # 1: relayed
            for _ in range(10):
                async with raw(cluster, replica_id) as stub:
                    call = stub.Session()
                    frame = pb.ClientFrame(client_id=os.urandom(16), token=ann.token)
                    frame.receive.after_message_id = 0
                    for number in range(1, 200):
                        request = frame.requests.add(number=number)
                        request.send_message.to, request.send_message.text = "ann", "x" * 1000
                    await call.write(frame)
                    calls = [stub.ListAccounts(pb.ListAccountsRequest()) for _ in range(20)]
                    await call.read()
                    for one in calls:
                        one.cancel()
                # The channel is closed with everything open.
        await ann.send_message("ann", "after them")
    said: Callable[[], bool] = lambda: cluster.running() == [0, 1, 2]  # noqa: E731
    await until(said, "all still run")
