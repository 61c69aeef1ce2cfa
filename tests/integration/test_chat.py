"""The chat as its users see it, over three real processes."""

from __future__ import annotations

import asyncio
import os

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from ringchat_client import AlreadyExists, Client, NotFound, Unauthenticated
from ringchat_proto import chat_pb2 as pb
from tests.integration.cluster import OPTIONS, LocalCluster, free_ports, until
from tests.integration.conftest import MakeCluster
from tests.integration.people import (
    PASSWORD,
    Receiver,
    bearer,
    logged_in,
    name_of_request,
    raw,
)


async def _started(make_cluster: MakeCluster, prefer: str = "availability") -> LocalCluster:
    cluster = make_cluster(prefer=prefer)
    cluster.start()
    await cluster.ready()
    return cluster


async def _undelivered(
    cluster: LocalCluster, replica_id: int, token: str, count: int, after_id: int = 0
) -> list[pb.Message]:
    """The first messages that `ReceiveMessages` gives at one replica."""
    async with raw(cluster, replica_id) as stub:
        request = pb.ReceiveMessagesRequest(after_message_id=after_id)
        call = stub.ReceiveMessages(request, metadata=bearer(token), timeout=10)
        found = []
        for _ in range(count):
            message = await call.read()
            assert isinstance(message, pb.Message)
            found.append(message)
        call.cancel()
        return found


async def test_two_people_chat(make_cluster: MakeCluster, prefer: str) -> None:
    cluster = await _started(make_cluster, prefer)
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        first = await ann.send_message("bob", "hello")
        second = await ann.send_message("bob", "are you there?")
        assert second.message_id > first.message_id
        async with Receiver(bob) as inbox:
            await inbox.has(2)
            third = await ann.send_message("bob", "good — ありがとう")
            await inbox.has(3)
            assert [(m.id, m.sender, m.text, m.sent_at) for m in inbox.had] == [
                (first.message_id, "ann", "hello", first.sent_at),
                (second.message_id, "ann", "are you there?", second.sent_at),
                (third.message_id, "ann", "good — ありがとう", third.sent_at),
            ]
        assert await ann.list_accounts("*") == ["ann", "bob"]
        assert await ann.list_accounts("?o*") == ["bob"]
        with pytest.raises(NotFound):
            await ann.send_message("zoe", "nobody")
        with pytest.raises(AlreadyExists):
            await ann.create_account("bob", "x")
        await cluster.alike()
        status = await ann.status()
        assert len({(r.view, r.commit_index, r.state_hash) for r in status.replicas}) == 1
        assert [r.in_sync for r in status.replicas] == [True] * 3
        await bob.delete_account()
        with pytest.raises(NotFound):
            await ann.send_message("bob", "gone")
        await ann.log_out()
        assert await ann.list_accounts("*") == ["ann"]


async def test_one_address_is_enough(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    async with Client(master=cluster.replicas[1].client) as client:
        await client.create_account("ann", PASSWORD)
        status = await client.status()
        assert [replica.id for replica in status.replicas] == [0, 1, 2]
        master = status.master_id
        cluster.kill(master)
        await client.create_account("bob", PASSWORD)
        assert await client.list_accounts() == ["ann", "bob"]


async def test_a_client_that_reaches_only_a_backup_is_served_through_it(
    make_cluster: MakeCluster, prefer: str
) -> None:
    cluster = await _started(make_cluster, prefer)
    master = await _born(cluster)
    elsewhere = cluster.folder / "elsewhere.yaml"
    lost = f"127.0.0.1:{free_ports(1)[0]}"
    text = cluster.file.read_text().replace(cluster.replicas[master].client, lost)
    elsewhere.write_text(text)
    async with Client(cluster=elsewhere) as ann, logged_in(cluster, "bob") as bob:
        await ann.create_account("ann", PASSWORD)
        await ann.log_in("ann", PASSWORD)
        await ann.send_message("bob", "by a detour")
        await bob.send_message("ann", "I hear you")
        async with Receiver(ann) as inbox:
            await inbox.has(1)
            await bob.send_message("ann", "still")
            await inbox.has(2)
        assert await cluster.master() == master  # nobody was deposed for it
        # The same through the unary calls.
        backup = (master + 1) % 3
        async with raw(cluster, backup) as stub:
            listed = await stub.ListAccounts(pb.ListAccountsRequest(), timeout=5)
            assert list(listed.names) == ["ann", "bob"]
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.LogIn(pb.LogInRequest(name="ann", password="no"), timeout=5)
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        texts = [m.text for m in await _undelivered(cluster, backup, bob.token, 1)]
        assert texts == ["by a detour"]


async def _born(cluster: LocalCluster) -> int:
    await cluster.promote(0)
    await cluster.alike()
    return await cluster.master()


async def test_receiving_resumes_after_a_message_id(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    async with logged_in(cluster, "ann") as ann:
        ids = [(await ann.send_message("ann", f"note {i}")).message_id for i in range(5)]
        master = await cluster.master()
        for replica_id in (master, (master + 1) % 3):
            rest = await _undelivered(cluster, replica_id, ann.token, 3, ids[1])
            assert [message.id for message in rest] == ids[2:]
        # Not acknowledged: a new call gets them again, from the start.
        again = await _undelivered(cluster, master, ann.token, 5)
        assert [message.id for message in again] == ids


async def test_deliveries_are_removed_on_every_replica_alike(
    make_cluster: MakeCluster, prefer: str
) -> None:
    cluster = await _started(make_cluster, prefer)
    async with logged_in(cluster, "ann") as ann:
        ids = [(await ann.send_message("ann", f"note {i}")).message_id for i in range(9)]
        await ann.acknowledge(ids[3])
        for _ in range(3):
            # A healthy master is not deposed: it is killed, and comes back.
            master = await cluster.master()
            heir = (master + 1) % 3
            cluster.kill(master)
            await cluster.promote(heir)
            cluster.start(master)
            await cluster.alike()
            rest = await _undelivered(cluster, heir, ann.token, 5)
            assert [(m.id, m.text) for m in rest] == [(ids[i], f"note {i}") for i in range(4, 9)]


async def test_a_request_repeated_elsewhere_has_one_effect_and_the_same_answer(
    make_cluster: MakeCluster, prefer: str
) -> None:
    cluster = await _started(make_cluster, prefer)
    master = await _born(cluster)
    client_id = os.urandom(16)
    create = pb.CreateAccountRequest(
        name="ann", password=PASSWORD, request=name_of_request(1, client_id)
    )
    log_in = pb.LogInRequest(name="ann", password=PASSWORD, request=name_of_request(2, client_id))
    send = pb.SendMessageRequest(to="ann", text="once", request=name_of_request(3, client_id))
    async with raw(cluster, master) as stub:
        await stub.CreateAccount(create, timeout=5)
        login = await stub.LogIn(log_in, timeout=5)
        receipt = await stub.SendMessage(send, metadata=bearer(login.token), timeout=5)
        assert await stub.LogIn(log_in, timeout=5) == login
    cluster.kill(master)
    heir = (master + 1) % 3
    await cluster.promote(heir)
    for replica_id in (heir, (heir + 1) % 3):  # the new master, and through a backup
        async with raw(cluster, replica_id) as stub:
            await stub.CreateAccount(create, timeout=5)
            assert await stub.LogIn(log_in, timeout=5) == login
            again = await stub.SendMessage(send, metadata=bearer(login.token), timeout=5)
            assert again == receipt
            log_out = pb.LogOutRequest(request=name_of_request(4, client_id))
            await stub.LogOut(log_out, metadata=bearer(login.token), timeout=5)
            # Its session is gone, but not its answer.
    async with raw(cluster, heir) as stub:
        login = await stub.LogIn(pb.LogInRequest(name="ann", password=PASSWORD), timeout=5)
        await stub.SendMessage(
            pb.SendMessageRequest(to="ann", text="the end"),
            metadata=bearer(login.token),
            timeout=5,
        )
    texts = [m.text for m in await _undelivered(cluster, heir, login.token, 2)]
    assert texts == ["once", "the end"]


async def test_a_number_names_one_request(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    await _born(cluster)
    client_id = os.urandom(16)
    async with raw(cluster, 0) as stub:
        name = name_of_request(1, client_id)
        await stub.CreateAccount(
            pb.CreateAccountRequest(name="ann", password="x", request=name), timeout=5
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.LogIn(pb.LogInRequest(name="ann", password="x", request=name), timeout=5)
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "another request" in (refused.value.details() or "")


async def test_sessions_of_a_log_out_and_of_a_deleted_account_end(
    make_cluster: MakeCluster,
) -> None:
    cluster = await _started(make_cluster)
    async with logged_in(cluster, "ann") as ann, Client(cluster=cluster.file) as other:
        token = ann.token
        await other.log_in("ann", PASSWORD)
        async with Receiver(other) as inbox:
            await ann.send_message("ann", "note")
            await inbox.has(1)
            await ann.log_out()
            master = await cluster.master()
            async with raw(cluster, master) as stub:
                with pytest.raises(grpc.aio.AioRpcError) as refused:
                    await stub.SendMessage(
                        pb.SendMessageRequest(to="ann", text="x"),
                        metadata=bearer(token),
                        timeout=5,
                    )
            assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
            await other.send_message("ann", "the other session goes on")
            await inbox.has(2)
            # A receiving stream ends when its account is deleted under it.
            receiving = asyncio.create_task(_receive_to_the_end(other))
            await other.delete_account()
            with pytest.raises(Unauthenticated):
                await asyncio.wait_for(receiving, 10)


async def _receive_to_the_end(client: Client) -> None:
    async for _ in client.receive_messages():
        pass


async def test_reflection_and_health_are_on_the_client_port(make_cluster: MakeCluster) -> None:
    cluster = await _started(make_cluster)
    await _born(cluster)
    address = cluster.replicas[0].client
    async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
        health = health_pb2_grpc.HealthStub(channel)

        async def state(service: str) -> int:
            question = health_pb2.HealthCheckRequest(service=service)
            answer: health_pb2.HealthCheckResponse = await health.Check(question, timeout=5)
            return int(answer.status)

        serving = health_pb2.HealthCheckResponse.SERVING
        assert await state("") == serving
        assert await state("ringchat.chat.v1.Chat") == serving
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await state("no.such.Service")
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND

        reflection = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = reflection.ServerReflectionInfo(timeout=5)
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        names = {service.name for service in answer.list_services_response.service}
        assert {"ringchat.chat.v1.Chat", "grpc.health.v1.Health"} <= names
        assert not any("replica" in name for name in names)
        symbol = "ringchat.chat.v1.Chat"
        await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol))
        answer = await call.read()
        assert answer.file_descriptor_response.file_descriptor_proto
        call.cancel()

    # On a backup, too: the chat can be used through it.
    async with grpc.aio.insecure_channel(cluster.replicas[1].client, options=OPTIONS) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        await until(lambda: _serves(health), "a backup that hears its master serves the chat")


async def _serves(health: health_pb2_grpc.HealthStub) -> bool:
    question = health_pb2.HealthCheckRequest(service="ringchat.chat.v1.Chat")
    try:
        answer = await health.Check(question, timeout=5)
    except grpc.aio.AioRpcError:
        return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
