"""The real thing: three containers, people in client containers, and the master dies."""

from __future__ import annotations

import asyncio
import re
import threading
import time
import uuid

import grpc
import pytest

from chaos.cluster import DockerCluster
from ringchat_client import Client
from ringchat_proto import chat_pb2, chat_pb2_grpc

pytestmark = [pytest.mark.timeout(300)]


def a_name(stem: str) -> str:
    return f"{stem}-{uuid.uuid4().hex[:8]}"


async def pair(client: Client) -> tuple[str, str]:
    """Two new accounts; the client is logged in as the first."""
    ann, bob = a_name("ann"), a_name("bob")
    for name in (ann, bob):
        await client.create_account(name, "a password")
    await client.log_in(ann, "a password")
    return ann, bob


async def texts_for(cluster: DockerCluster, name: str, count: int) -> list[str]:
    """The next messages of an account, acknowledged."""
    async with Client(cluster=cluster.cluster_file) as client:
        await client.log_in(name, "a password")
        texts: list[str] = []
        async with asyncio.timeout(30):
            async for message in client.receive_messages():
                texts.append(message.text)
                await client.acknowledge(message.id)
                if len(texts) == count:
                    break
        return texts


def test_up_shows_a_table_and_what_to_try_and_again_is_harmless(cluster: DockerCluster) -> None:
    before = [replica.container.id for replica in cluster.replicas]
    shown = cluster.make("up")
    assert re.search(r"id +address +role +view +in sync +entries", shown)
    assert (
        len(re.findall(r"^[012] +replica-[012]:\d+ +(?:master|backup) ", shown, re.MULTILINE)) == 3
    )
    assert "make chat NAME=ann" in shown
    assert "docker kill" in shown
    assert [replica.container.id for replica in cluster.replicas] == before


async def test_each_volume_holds_exactly_one_pickle_file(cluster: DockerCluster) -> None:
    async with asyncio.timeout(30):  # a compaction has another beside it until it is done
        while [replica.files() for replica in cluster.replicas] != [
            [f"replica-{replica.id}.pickle"] for replica in cluster.replicas
        ]:
            await asyncio.sleep(0.05)


def test_containers_are_confined(cluster: DockerCluster) -> None:
    for replica in cluster.replicas:
        assert replica.run("id", "-u").strip() != "0"
        host = replica.container.attrs["HostConfig"]
        assert host["ReadonlyRootfs"] is True
        with pytest.raises(RuntimeError, match="Read-only file system"):
            replica.run("touch", "/opt/file")
        replica.run("sh", "-c", "touch /data/probe && rm /data/probe")
        ports = replica.container.attrs["NetworkSettings"]["Ports"]
        published = {port for port, where in ports.items() if where}
        assert published == {"50051/tcp"}, "the peer port stays inside"
        key = (cluster.folder / "cluster.key").read_text().strip()
        assert key not in str(replica.container.attrs)
        assert key not in replica.log()
    assert (cluster.folder / "cluster.key").stat().st_mode & 0o777 == 0o600


async def test_kill_0_then_1_and_bring_both_back(cluster: DockerCluster) -> None:
    async with Client(cluster=cluster.cluster_file) as client:
        _, bob = await pair(client)
        status = await cluster.settled(client)
        first = status.master_id
        for death in range(2):
            master = (first + death) % 3
            receipt = await client.send_message(bob, f"before death {death}")
            cluster.replicas[master].kill()
            after = await client.send_message(bob, f"after death {death}")
            assert after.message_id > receipt.message_id
            status = await client.status()
            assert status.master_id == (master + 1) % 3, "the next in the ring"
        for death in range(2):
            cluster.replicas[(first + death) % 3].start()
        status = await cluster.settled(client)
        assert len({replica.state_hash for replica in status.replicas}) == 1
    assert await texts_for(cluster, bob, 4) == [
        "before death 0",
        "after death 0",
        "before death 1",
        "after death 1",
    ]


async def test_nothing_is_lost_or_doubled_while_masters_die(cluster: DockerCluster) -> None:
    async with Client(cluster=cluster.cluster_file) as client:
        _, bob = await pair(client)
        confirmed: list[str] = []
        stop = asyncio.Event()

        async def send() -> None:
            while not stop.is_set():
                text = str(len(confirmed))
                await client.send_message(bob, text)
                confirmed.append(text)

        sending = asyncio.create_task(send())
        for _ in range(3):
            status = await cluster.settled(client)
            confirmed_before = len(confirmed)
            await asyncio.to_thread(cluster.replicas[status.master_id].kill)
            async with asyncio.timeout(30):
                while len(confirmed) < confirmed_before + 20:
                    assert not sending.done(), sending.exception()
                    await asyncio.sleep(0.01)
            await asyncio.to_thread(cluster.heal)
        stop.set()
        await sending
        await cluster.settled(client)
    assert await texts_for(cluster, bob, len(confirmed)) == confirmed


class Chat:
    """`ringchat chat NAME` in a client container, driven through its pipes."""

    def __init__(self, cluster: DockerCluster, name: str) -> None:
        self._process = cluster.client("chat", name)
        self._shown: list[str] = []
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.say("a password")

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._more:
                self._shown.append(line)
                self._more.notify_all()

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def expect(self, text: str) -> None:
        with self._more:
            seen = self._more.wait_for(lambda: any(text in line for line in self._shown), 60)
            assert seen, f"{text!r} is not in {self._shown}"

    def count(self, text: str) -> int:
        return sum(text in line for line in self._shown)

    def leave(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        assert self._process.wait(30) == 0
        self._reader.join(30)


def test_two_people_chat_from_containers_while_the_master_is_killed(
    cluster: DockerCluster,
) -> None:
    async def master() -> int:
        async with Client(cluster=cluster.cluster_file) as client:
            return (await cluster.settled(client)).master_id

    ann, bob = a_name("ann"), a_name("bob")
    anns, bobs = Chat(cluster, ann), Chat(cluster, bob)
    anns.expect("ann")
    bobs.expect("bob")
    anns.say(f"@{bob} word-1")
    bobs.expect("word-1")
    cluster.replicas[asyncio.run(master())].kill()
    anns.say(f"@{bob} word-2")
    bobs.expect("word-2")
    bobs.say(f"@{ann} word-3")
    anns.expect("word-3")
    anns.leave()
    bobs.leave()
    assert [bobs.count("word-1"), bobs.count("word-2"), anns.count("word-3")] == [1, 1, 1]


async def test_a_master_stopped_in_order_keeps_nobody_waiting(cluster: DockerCluster) -> None:
    async with Client(cluster=cluster.cluster_file) as client:
        _, bob = await pair(client)
        status = await cluster.settled(client)
        master = cluster.replicas[status.master_id]
        stopping = asyncio.create_task(asyncio.to_thread(master.stop))
        while not stopping.done():
            await client.send_message(bob, "still here")
        await stopping
        assert master.container.attrs["State"]["ExitCode"] == 0
        assert (await client.status()).master_id != master.id


async def test_down_and_up_keeps_everything(cluster: DockerCluster) -> None:
    async with Client(cluster=cluster.cluster_file) as client:
        _, bob = await pair(client)
        for number in range(10):
            await client.send_message(bob, str(number))
        before = await cluster.settled(client)
    await asyncio.to_thread(cluster.make, "down")
    await asyncio.to_thread(cluster.make, "up")
    async with Client(cluster=cluster.cluster_file) as client:
        after = await cluster.settled(client)
    assert after.view > before.view
    assert await texts_for(cluster, bob, 10) == [str(number) for number in range(10)]


async def test_a_paused_master_is_passed_over(cluster: DockerCluster) -> None:
    async with Client(cluster=cluster.cluster_file) as client:
        _, bob = await pair(client)
        status = await cluster.settled(client)
        cluster.replicas[status.master_id].pause()
        await client.send_message(bob, "past the sleeper")
        after = await client.status()
        assert after.master_id != status.master_id
        cluster.replicas[status.master_id].resume()
        await cluster.settled(client)
    assert await texts_for(cluster, bob, 1) == ["past the sleeper"]


async def test_a_replica_cut_off_the_network_comes_back_in_sync(cluster: DockerCluster) -> None:
    async with Client(cluster=cluster.cluster_file) as client:
        _, bob = await pair(client)
        status = await cluster.settled(client)
        backup = cluster.replicas[(status.master_id + 1) % 3]
        await asyncio.to_thread(backup.disconnect)
        # Long enough for TCP to try the old connections ever more rarely.
        until = time.monotonic() + 6.0
        while time.monotonic() < until:
            await client.send_message(bob, "without it")
        await asyncio.to_thread(backup.reconnect)
        healed = time.monotonic()
        after = await cluster.settled(client)
        print(f"in sync {time.monotonic() - healed:.2f} s after the network healed")
        assert after.replicas[backup.id].in_sync


async def test_any_grpc_client_may_call(cluster: DockerCluster) -> None:
    async with Client(cluster=cluster.cluster_file) as client:
        status = await cluster.settled(client)
    address = status.replicas[status.master_id].address
    async with grpc.aio.insecure_channel(address) as channel:
        stub = chat_pb2_grpc.ChatStub(channel)
        name = a_name("eve")
        await stub.CreateAccount(chat_pb2.CreateAccountRequest(name=name, password="a password"))
        page = await stub.ListAccounts(chat_pb2.ListAccountsRequest(pattern=name))
        assert list(page.names) == [name]
