"""Both servers of a replica, on loopback ports."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ringchat_proto import chat_pb2 as pb
from ringchat_proto.chat_pb2_grpc import ChatStub
from ringchat_server.replica.values import Hello, Message
from ringchat_server.transport import links, service
from ringchat_server.transport.links import Links
from ringchat_server.transport.ports import CHAT, FRAME_BYTES_MAX, PortInUse, Ports
from ringchat_server.transport.secrets import Passwords
from ringchat_server.transport.service import ChatService
from tests.unit.server.transport.fake_host import FakeHost

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
Code = grpc.StatusCode


class Nobody:
    """An owner of links that has none."""

    def hello(self) -> Hello:
        return Hello(0, 1, "availability", b"", -1, -1, False)

    def check_hello(self, hello: Hello) -> str | None:
        return "nobody is expected"

    def hears(self, peer_id: int) -> bool:
        raise AssertionError

    def link_up(self, peer_id: int, hello: Hello) -> None:
        raise AssertionError

    def link_down(self, peer_id: int) -> None:
        raise AssertionError

    def received(self, peer_id: int, message: Message) -> None:
        raise AssertionError

    def override(self) -> tuple[bool, str]:
        return True, "as you say"


def new_ports() -> Ports:
    passwords = Passwords()  # starts no thread before the first password
    return Ports(ChatService(FakeHost(), passwords), Links(Nobody(), 0, {}, b"the cluster key"))


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@asynccontextmanager
async def started() -> AsyncIterator[tuple[Ports, grpc.aio.Channel, grpc.aio.Channel]]:
    """The ports, a channel to the clients' and one to the peers'."""
    ports, client, peer = new_ports(), free_address(), free_address()
    await ports.start(client, peer)
    try:
        async with grpc.aio.insecure_channel(client) as to_client:
            async with grpc.aio.insecure_channel(peer) as to_peer:
                yield ports, to_client, to_peer
    finally:
        await ports.stop(0)


async def code_of(call: Any) -> grpc.StatusCode:
    try:
        await asyncio.wait_for(call, 10)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return Code.OK


async def health_of(channel: grpc.aio.Channel, name: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    return int(answer.status)


@pytest.mark.parametrize("which", [0, 1])
async def test_a_port_in_use_is_told_in_one_line(which: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        addresses = [free_address(), free_address()]
        addresses[which] = address
        ports = new_ports()
        with pytest.raises(PortInUse) as caught:
            await ports.start(*addresses)
        await ports.stop(0)
    assert str(caught.value) == f"cannot listen on {address}: Address already in use"


async def test_no_second_replica_shares_the_ports_of_the_first() -> None:
    first, second, address, peer = new_ports(), new_ports(), free_address(), free_address()
    await first.start(address, peer)
    try:
        with pytest.raises(PortInUse, match=address):
            await second.start(address, free_address())
    finally:
        await second.stop(0)
        await first.stop(0)
    third = new_ports()
    await third.start(address, peer)  # free again
    await third.stop(0)


async def test_a_host_that_does_not_exist() -> None:
    ports = new_ports()
    with pytest.raises(PortInUse) as caught:
        await ports.start("no.such.host.invalid:50051", free_address())
    assert str(caught.value).startswith("cannot listen on no.such.host.invalid:50051: ")
    assert len(str(caught.value).splitlines()) == 1
    await ports.stop(0)


async def test_each_port_has_its_own_service() -> None:
    async with started() as (_, client, peer):
        heartbeat = pb.SendHeartbeatRequest()
        assert await code_of(ChatStub(client).SendHeartbeat(heartbeat)) is Code.OK
        assert await code_of(ChatStub(peer).SendHeartbeat(heartbeat)) is Code.UNIMPLEMENTED
        override: dict[grpc.aio.Channel, Any] = {
            channel: channel.unary_unary(f"/{links.SERVICE}/Override") for channel in (client, peer)
        }
        key = ((links.KEY_HEADER, "the cluster key"),)
        assert await code_of(override[peer](b"", metadata=key)) is Code.OK
        assert await code_of(override[client](b"", metadata=key)) is Code.UNIMPLEMENTED


async def test_a_frame_that_is_too_long_is_refused() -> None:
    async with started() as (_, client, _peer):
        call: Any = client.unary_unary(f"/{service.SERVICE}/SendMessage")
        assert await code_of(call(b"\xff" * (FRAME_BYTES_MAX + 1))) is Code.RESOURCE_EXHAUSTED
        assert await code_of(call(b"\xff" * (FRAME_BYTES_MAX - 100))) is Code.INVALID_ARGUMENT


async def test_health_tells_whether_the_chat_can_be_used() -> None:
    async with started() as (ports, client, _):
        assert await health_of(client, "") == SERVING
        assert await health_of(client, CHAT) == NOT_SERVING, "not before somebody leads"
        await ports.set_chat_health(serving=True)
        assert await health_of(client, CHAT) == SERVING
        await ports.set_chat_health(serving=False)
        assert await health_of(client, CHAT) == NOT_SERVING
        assert await health_of(client, "") == SERVING, "the process lives all the same"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await health_of(client, "ringchat.replica.v1.Replica")
        assert caught.value.code() is Code.NOT_FOUND


async def test_who_watches_hears_of_the_end() -> None:
    async with started() as (ports, client, _):
        await ports.set_chat_health(serving=True)
        stub: Any = health_pb2_grpc.HealthStub(client)
        call = stub.Watch(health_pb2.HealthCheckRequest(service=CHAT))
        assert (await asyncio.wait_for(call.read(), 10)).status == SERVING
        stopping = asyncio.create_task(ports.stop(1.0))
        assert (await asyncio.wait_for(call.read(), 10)).status == NOT_SERVING
        call.cancel()
        await stopping


async def test_reflection_lists_and_describes_the_service() -> None:
    async with started() as (_, client, _peer):
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(client)
        request = reflection_pb2.ServerReflectionRequest
        call = stub.ServerReflectionInfo(
            iter([request(list_services=""), request(file_containing_symbol=CHAT)])
        )
        listed = (await asyncio.wait_for(call.read(), 10)).list_services_response
        names = {one.name for one in listed.service}
        assert names >= {"ringchat.chat.v1.Chat", "grpc.health.v1.Health"}
        files = (await asyncio.wait_for(call.read(), 10)).file_descriptor_response
        described = FileDescriptorProto.FromString(files.file_descriptor_proto[0])
        assert [one.name for one in described.service] == ["Chat"]
