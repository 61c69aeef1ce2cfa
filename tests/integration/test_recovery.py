"""Replicas that stop, all at once or one with its disk, and what they know afterwards."""

from __future__ import annotations

import asyncio
import pickle
import random
import re
import shutil
from pathlib import Path

import pytest

from ringchat_client import Client
from tests.integration.cluster import LocalCluster, Process, until
from tests.integration.conftest import MakeCluster
from tests.integration.people import Receiver, Sender, assert_nothing_lost, logged_in

COMPACT_EARLY = """
import ringchat_server.keeper as keeper
keeper.COMPACT_AFTER_BYTES = 200_000
"""
EDITS, EDIT_CHARS = 20, 5_000
JOURNAL_BYTES_MAX = 600
"""Of a journal that is compacted, for each message: one has 100 to 150, and it may double."""


async def _some_history(cluster: LocalCluster) -> list[str]:
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        for number in range(30):
            await ann.send_message("bob", f"text {number}")
        async with Receiver(bob, acknowledge_every=0) as inbox:
            await inbox.has(10)
            await bob.acknowledge(inbox.had[9].id)
    return [f"text {number}" for number in range(10, 30)]


async def _inbox(cluster: LocalCluster, count: int) -> list[str]:
    async with logged_in(cluster, "bob", new=False) as bob, Receiver(bob, acknowledge_every=0) as i:
        await i.has(count)
        return [message.text for message in i.had]


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_all_stop_and_start_again(make_cluster: MakeCluster, prefer: str, how: str) -> None:
    cluster = make_cluster(prefer=prefer)
    cluster.start()
    texts = await _some_history(cluster)
    await cluster.alike()
    if how == "stopped":
        cluster.terminate()
        assert [await cluster.exit_code(i) for i in range(3)] == [0, 0, 0]
    else:
        cluster.kill()
    for replica in cluster.replicas:
        assert [path.name for path in replica.data_folder.iterdir()] == [replica.journal.name]
    cluster.start()
    assert await _inbox(cluster, len(texts)) == texts
    await cluster.alike()


async def test_all_are_killed_at_once_under_load(make_cluster: MakeCluster, prefer: str) -> None:
    cluster = make_cluster(prefer=prefer)
    cluster.start()
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        async with Receiver(bob, acknowledge_every=0) as inbox:
            async with Sender(ann, "bob", at_once=64) as sender:
                await sender.more(200)
                cluster.kill()
                cluster.start()
                await sender.more(200)
            await inbox.has(len(sender.confirmed))
            assert_nothing_lost(sender, inbox)
        await cluster.alike()


def _flip_a_byte(journal: Path) -> None:
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 0x40
    journal.write_bytes(data)


def _hostile(journal: Path) -> None:
    """A pickle that would call a function."""

    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (journal.with_name("pwned"),))

    journal.write_bytes(pickle.dumps(Hostile()))


def _empty(journal: Path) -> None:
    shutil.rmtree(journal.parent)


@pytest.mark.parametrize("damage", [_flip_a_byte, _hostile, _empty])
async def test_a_lost_journal_is_rebuilt_from_the_others(
    make_cluster: MakeCluster, prefer: str, damage: object
) -> None:
    assert callable(damage)
    cluster = make_cluster(prefer=prefer)
    cluster.start()
    texts = await _some_history(cluster)
    await cluster.alike()
    victim = cluster.replicas[(await cluster.master() + 1) % 3]
    cluster.kill(victim.id)
    damage(victim.journal)
    cluster.start(victim.id)
    await cluster.alike()
    names = sorted(path.name for path in victim.data_folder.iterdir())
    kept = [] if damage is _empty else [f"{victim.journal.name}.damaged-1"]
    assert names == [victim.journal.name, *kept]
    assert not (victim.data_folder / "pwned").exists()
    if kept:
        assert kept[0] in victim.log  # it says so
    # It holds everything again: it can serve alone in the place of the others' master.
    master = await cluster.master()
    cluster.kill(master)
    await cluster.promote(victim.id)
    cluster.start(master)
    assert await _inbox(cluster, len(texts)) == texts


async def test_a_torn_last_frame_is_cut_off(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    cluster.start()
    texts = await _some_history(cluster)
    await cluster.alike()
    victim = cluster.replicas[(await cluster.master() + 1) % 3]
    cluster.kill(victim.id)
    data = victim.journal.read_bytes()
    victim.journal.write_bytes(data[:-5])
    cluster.start(victim.id)
    await cluster.alike()
    assert sorted(p.name for p in victim.data_folder.iterdir()) == [victim.journal.name]
    assert await _inbox(cluster, len(texts)) == texts


async def test_compaction_under_load_and_a_replica_far_behind(
    make_cluster: MakeCluster, prefer: str
) -> None:
    """Writes go on meanwhile; what was away for long gets the state record; restarts find all."""
    early = COMPACT_EARLY + (
        "import ringchat_server.replica.config as config\n"
        "import dataclasses, ringchat_server.node as node\n"
        "few = lambda *a, **k: config.Config(*a, **{**k, 'keep_entries_max': 100})\n"
        "node.Config = few\n"
    )
    cluster = make_cluster(prefer=prefer, prelude=early)
    cluster.start()
    await cluster.ready()
    async with logged_in(cluster, "ann") as ann, logged_in(cluster, "bob") as bob:
        note = (await bob.send_message("bob", "a note")).message_id
        view = (await bob.status()).view
        async with Receiver(bob, acknowledge_every=50) as inbox:
            async with Sender(ann, "bob", at_once=64) as sender:
                await sender.more(10)
                master = await cluster.master()
                away = (master + 1) % 3
                cluster.kill(away)
                await sender.more(15_000)  # so many entries that it will lack some
                for replica_id in range(3):
                    while replica_id != away and not _has_shrunk(_log(cluster, replica_id)):
                        await sender.more(500)
                        # Messages stay. Only what has been written over makes a shorter journal.
                        await _edit(bob, note)
                        assert len(sender.confirmed) < 100_000
                cluster.start(away)
                await cluster.said(away, "is installed")
                await sender.more(500)
            await inbox.has(len(sender.confirmed) + 1)
            inbox.had = [message for message in inbox.had if message.sender == "ann"]
            assert_nothing_lost(sender, inbox)
            before = (await cluster.alike())[0].status
            assert (await ann.status()).view == view, "a write waited for another master"
            assert sender.longest_seconds < 15.0
        bound = JOURNAL_BYTES_MAX * len(sender.confirmed)
        for _ in range(bound // (EDITS * EDIT_CHARS) + 1):
            await _edit(bob, note)
        await until(lambda: max(map(_size, cluster.replicas)) < bound, "all journals are short")
    cluster.kill()
    cluster.start()
    await cluster.ready()
    await cluster.promote(0)
    after = (await cluster.alike())[0].status
    assert after.entries > before.entries
    async with logged_in(cluster, "bob", new=False) as bob:
        assert await bob.list_accounts() == ["ann", "bob"]


async def _edit(client: Client, note: int) -> None:
    edit = client.edit_message
    await asyncio.gather(*(edit("bob", note, "x" * EDIT_CHARS) for _ in range(EDITS)))


def _size(replica: Process) -> int:
    return replica.journal.stat().st_size


def _log(cluster: LocalCluster, replica_id: int) -> str:
    return cluster.replicas[replica_id].log


def _has_shrunk(log: str) -> bool:
    """Whether a compaction made the journal shorter."""
    done = re.findall(r"compaction done: (\d+) bytes instead of (\d+)", log)
    return any(int(after) < int(before) for after, before in done)


async def test_a_full_disk_ends_the_replica_and_nobody_else(make_cluster: MakeCluster) -> None:
    """A limit on the size of its files stands for a disk that is full."""
    cluster = make_cluster()
    limited = (
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, resource.RLIM_INFINITY))\n"
    )
    cluster.start(1, 2)
    cluster.prelude = limited
    cluster.start(0)
    await cluster.ready()
    await cluster.promote(0)
    async with logged_in(cluster, "ann") as ann:
        for _ in range(60):
            await ann.send_message("ann", random.choice("abc") * 60_000)
        assert await cluster.exit_code(0) == 4
        assert "the disk failed" in cluster.replicas[0].log
        async with Receiver(ann, acknowledge_every=0) as inbox:
            await inbox.has(60)
    cluster.prelude = ""
    cluster.start(0)
    await cluster.alike()
    await until(lambda: cluster.replicas[0].journal.stat().st_size > 3_000_000, "it caught up")
