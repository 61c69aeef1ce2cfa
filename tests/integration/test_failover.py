"""Masters that are killed, hang, or are told to stop, while people chat."""

from __future__ import annotations

import asyncio
import time

import grpc
import grpc.aio
import pytest

from ringchat_client import Client, NotDone, NotKnown
from ringchat_proto import chat_pb2 as pb
from tests.integration.cluster import LocalCluster
from tests.integration.conftest import MakeCluster
from tests.integration.people import (
    Receiver,
    Sender,
    assert_nothing_lost,
    logged_in,
    raw,
)


async def test_the_walk_round_the_ring(make_cluster: MakeCluster) -> None:
    """Kill 0: clients go to 1. Kill 1: they go to 2. Start both: in sync again, and alike."""
    cluster = make_cluster(suspect_after_seconds=8.0)
    cluster.start()
    await cluster.ready()
    await cluster.promote(0)
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        async with Receiver(bob, acknowledge_every=7) as inbox:
            async with Sender(ann, "bob") as sender:
                await sender.more(20)
                cluster.kill(0)
                await sender.more(20)
                assert await cluster.master() == 1
                cluster.kill(1)
                await sender.more(20)
                assert await cluster.master() == 2
                cluster.start(0, 1)
                await cluster.ready()
                began = time.monotonic()
                await _all_in_sync(ann)
                assert time.monotonic() - began < 6.0, "somebody waited for suspect_after"
                await sender.more(20)
            await inbox.has(len(sender.confirmed))
            assert_nothing_lost(sender, inbox)
        answers = await cluster.alike()
        assert {answer.master_id for answer in answers} == {2}


async def _all_in_sync(client: Client) -> None:
    while True:
        status = await client.status()
        if all(replica.in_sync for replica in status.replicas):
            return


async def test_masters_are_killed_one_after_another(make_cluster: MakeCluster, prefer: str) -> None:
    cluster = make_cluster(prefer=prefer)
    cluster.start()
    await cluster.linked()
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        async with Receiver(bob, acknowledge_every=11) as inbox:
            async with Sender(ann, "bob", at_once=32) as sender:
                for _ in range(4):
                    await sender.more(50)
                    master = await cluster.master()
                    cluster.kill(master)
                    await sender.more(50)
                    cluster.start(master)
                    await cluster.linked()
                    await _all_in_sync(ann)
            await inbox.has(len(sender.confirmed))
            assert_nothing_lost(sender, inbox)
        await cluster.alike()


async def test_one_sender_keeps_its_order(make_cluster: MakeCluster, prefer: str) -> None:
    cluster = make_cluster(prefer=prefer)
    cluster.start()
    await cluster.linked()
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        # All are under way when the master dies.
        sends = [asyncio.create_task(ann.send_message("bob", f"{i}")) for i in range(3000)]
        await asyncio.wait(sends, return_when=asyncio.FIRST_COMPLETED)
        cluster.kill(await cluster.master())
        receipts = await asyncio.gather(*sends)
        ids = [receipt.message_id for receipt in receipts]
        assert ids == sorted(ids)
        async with Receiver(bob, acknowledge_every=100) as inbox:
            await inbox.has(3000)
            assert [message.text for message in inbox.had] == [f"{i}" for i in range(3000)]


async def test_a_master_told_to_stop_makes_nobody_wait(
    make_cluster: MakeCluster, prefer: str
) -> None:
    """Nothing waits for `suspect_after`: it is so long here that it would be seen."""
    cluster = make_cluster(prefer=prefer, suspect_after_seconds=20.0)
    cluster.start()
    await cluster.ready()
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        async with Receiver(bob, acknowledge_every=13) as inbox:
            async with Sender(ann, "bob", at_once=32) as sender:
                for _ in range(2):
                    await sender.more(100)
                    master = await cluster.master()
                    began = time.monotonic()
                    cluster.terminate(master)
                    await sender.more(100)
                    assert await cluster.exit_code(master) == 0
                    assert time.monotonic() - began < 12.0
                    cluster.start(master)
                    await cluster.linked()
                    await _all_in_sync(ann)
            await inbox.has(len(sender.confirmed))
            assert sender.longest_seconds < 10.0
            assert_nothing_lost(sender, inbox)


async def test_all_are_told_to_stop_under_load(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(suspect_after_seconds=20.0)
    cluster.start()
    await cluster.ready()
    async with logged_in(cluster, "ann") as ann:
        sends = [asyncio.create_task(ann.send_message("ann", "x" * 1000)) for _ in range(2000)]
        await asyncio.wait(sends, return_when=asyncio.FIRST_COMPLETED)
        began = time.monotonic()
        cluster.terminate()
        codes = [await cluster.exit_code(i) for i in range(3)]
        assert codes == [0, 0, 0]
        assert time.monotonic() - began < 12.0
        for send in sends:
            send.cancel()
        await asyncio.gather(*sends, return_exceptions=True)


async def test_a_master_that_hangs_is_replaced(make_cluster: MakeCluster, prefer: str) -> None:
    cluster = make_cluster(prefer=prefer, suspect_after_seconds=0.5)
    cluster.start()
    await cluster.ready()
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        async with Receiver(bob) as inbox:
            async with Sender(ann, "bob") as sender:
                await sender.more(20)
                hung = await cluster.master()
                view = (await ann.status()).view
                cluster.hang(hung)
                await sender.more(20)
                cluster.go_on(hung)
                await sender.more(20)
            answers = await cluster.alike()
            assert {answer.master_id for answer in answers} != {hung}
            assert min(answer.view for answer in answers) > view
            await inbox.has(len(sender.confirmed))
            assert_nothing_lost(sender, inbox)


async def test_a_backup_that_hangs_holds_writes_up_no_longer_than_suspect_after(
    make_cluster: MakeCluster,
) -> None:
    cluster = make_cluster(suspect_after_seconds=2.0)
    cluster.start()
    await cluster.ready()
    async with logged_in(cluster, "ann") as ann:
        async with Sender(ann, "ann") as sender:
            await sender.more(20)
            master = await cluster.master()
            view = (await ann.status()).view
            cluster.hang((master + 1) % 3)
            await sender.more(50)
            cluster.go_on((master + 1) % 3)
        await cluster.alike()
        assert sender.longest_seconds < 8.0
        assert (await ann.status()).view == view


async def test_a_minority_serves_nothing_and_says_why(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(prefer="consistency")
    cluster.start()
    await cluster.ready()
    async with logged_in(cluster, "ann") as ann:
        await ann.send_message("ann", "with a majority")
        master = await cluster.master()
        others = [i for i in range(3) if i != master]
        cluster.kill(others[0])
        await ann.send_message("ann", "with a majority still")
        cluster.kill(others[1])
        with pytest.raises((NotKnown, NotDone)) as unsure:
            await ann.send_message("ann", "alone", timeout=2.0)
        with pytest.raises(NotDone):
            await ann.list_accounts(timeout=1.0)
        async with raw(cluster, master) as stub:
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.ListAccounts(pb.ListAccountsRequest(), timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert f"replica {master} is no master" in (refused.value.details() or "")
        await cluster.said(master, "a majority of 2 is needed")
        cluster.start(others[0])
        await ann.send_message("ann", "with a majority again")
        if isinstance(unsure.value, NotKnown):
            await unsure.value.send_again(timeout=10)
        async with Receiver(ann) as inbox:
            await inbox.has(4 if isinstance(unsure.value, NotKnown) else 3)
            texts = [message.text for message in inbox.had]
            assert len(set(texts)) == len(texts)


async def test_the_last_one_standing_serves(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    cluster.start()
    await cluster.ready()
    async with logged_in(cluster, "ann") as ann:
        for count in range(1, 3):
            await ann.send_message("ann", f"{count}")
            cluster.kill(await cluster.master())
            await ann.send_message("ann", f"{count} still")
        await ann.send_message("ann", "alone")
    # The two that come back know less than the third: alone they must not begin.
    last = await cluster.master()
    others = [i for i in range(3) if i != last]
    cluster.kill(last)
    cluster.start(*others)
    await cluster.ready(others)
    for other in others:
        refused = await _refusal(cluster, other)
        assert "none of the replicas" in refused
        assert f"replica {last}" in refused
    cluster.start(last)
    async with logged_in(cluster, "ann", new=False) as ann, Receiver(ann) as inbox:
        await inbox.has(5)
        assert [m.text for m in inbox.had] == ["1", "1 still", "2", "2 still", "alone"]


async def _refusal(cluster: LocalCluster, replica_id: int) -> str:
    """Asks a replica for its next view; why it does not take it, once it has looked around."""
    while True:
        known = await cluster.heartbeat(replica_id)
        assert known is not None
        view = known.view + 1 + (replica_id - known.view - 1) % len(cluster.replicas)
        answer = await cluster.heartbeat(replica_id, view)
        assert answer is not None
        assert not answer.serving
        if "has just started" not in answer.reason:
            return answer.reason
        await asyncio.sleep(0.05)
