"""Each fault, on a real cluster with people at work: it bites, it is undone, nothing is lost."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence

import docker
import pytest

from chaos.checkers import lost_or_doubled, not_linearizable, without_refusals
from chaos.cluster import ROOT, SMALL_VOLUME_OF, DockerCluster, Ends
from chaos.containers import Replica
from chaos.faults import FAULTS, HUNTED_MASTERS
from chaos.people import People
from chaos.plan import KINDS
from chaos.runner import CANNOT_START, DISK_FAILED, KILLED
from ringchat_client import Client

pytestmark = [pytest.mark.timeout(300)]

CONFIRMATIONS = 10
"""Enough to say that people are served."""
WAIT_SECONDS_MAX = 120.0
"""Not a promise: only so that what hangs ends, on a busy machine, too."""

UNSERVED = {"kill-all"}
UNSERVED_IN_CONSISTENCY = {*UNSERVED, "kill-two", "pause-two"}
"""Nobody is served while these last."""


class Scene:
    """A fault on a cluster, as the tests of its effect see it."""

    def __init__(self, cluster: DockerCluster, kind: str, people: People, ends: Ends) -> None:
        self.cluster = cluster
        self.people = people
        self.kind = kind
        self._ends = ends
        master = cluster.master(WAIT_SECONDS_MAX)
        assert master is not None
        self.master = master
        ids = [(master + place) % 3 for place in range(KINDS[kind].targets)]
        if kind == "fill":
            ids = [SMALL_VOLUME_OF]
        self.replicas: Sequence[Replica] = [cluster.replicas[id_] for id_ in ids]
        self.starts_before = self.starts()
        self._said_before = {replica.name: len(replica.log()) for replica in self.replicas}

    def starts(self) -> list[str]:
        """When each replica was started."""
        return [one.container.attrs["State"]["StartedAt"] for one in self.cluster.replicas]

    def said(self, replica: Replica) -> str:
        """What one of the replicas has said since."""
        return replica.log()[self._said_before[replica.name] :]

    def exit_codes(self) -> list[int]:
        """Of the processes that have ended since."""
        return [code for _, code in self._ends.found]

    async def begin(self) -> None:
        await asyncio.to_thread(FAULTS[self.kind].begin, self.cluster, self.replicas)

    async def undo(self) -> None:
        await asyncio.to_thread(FAULTS[self.kind].undo, self.cluster, self.replicas)

    async def served(self) -> None:
        """More sends are confirmed."""
        enough = self.people.record.confirmed + CONFIRMATIONS
        await until(lambda: self.people.record.confirmed >= enough)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not await asyncio.to_thread(true):
            await asyncio.sleep(0.05)


# ------------------------------------------------------------------- what each does


async def ended(scene: Scene) -> None:
    for replica in scene.replicas:
        state = replica.container.attrs["State"]
        assert (state["Status"], state["ExitCode"]) == ("exited", KILLED)


async def ended_in_order(scene: Scene) -> None:
    state = scene.replicas[0].container.attrs["State"]
    assert (state["Status"], state["ExitCode"]) == ("exited", 0)


async def started_again(scene: Scene) -> None:
    assert scene.replicas[0].container.attrs["State"]["StartedAt"] not in scene.starts_before


async def masters_died(scene: Scene) -> None:
    assert len(set(scene.starts()) - set(scene.starts_before)) >= 2
    await until(lambda: scene.exit_codes() == [KILLED] * HUNTED_MASTERS)


async def paused(scene: Scene) -> None:
    assert {replica.container.status for replica in scene.replicas} == {"paused"}


async def off_the_network(scene: Scene) -> None:
    assert scene.replicas[0].address == ""
    assert scene.replicas[0].running


async def left_out(scene: Scene) -> None:
    """One of the two has to do without the other, one way or another."""
    one, other = scene.replicas
    assert other.address in one.network("state")["hidden"]
    assert (one.address in other.network("state")["hidden"]) == (scene.kind == "cut")
    async with Client(cluster=scene.cluster.cluster_file) as client:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while all(replica.in_sync for replica in (await client.status()).replicas):
                await asyncio.sleep(0.05)


async def two_sides(scene: Scene) -> None:
    """In availability mode both serve; in consistency mode the majority."""
    strict = scene.cluster.prefer == "consistency"
    async with Client(cluster=scene.cluster.cluster_file) as client:
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while True:
                replicas = (await client.status()).replicas
                masters = {replica.id for replica in replicas if replica.role == "master"}
                if len(masters) == (1 if strict else 2) and masters != {scene.master}:
                    return
                await asyncio.sleep(0.05)


async def slowed(scene: Scene) -> None:
    assert scene.replicas[0].network("state")["slow"] in (["netem"], ["tbf"])


async def full(scene: Scene) -> None:
    await until(lambda: DISK_FAILED in scene.exit_codes())
    assert set(scene.exit_codes()) <= {DISK_FAILED, CANNOT_START}
    said = re.findall(r"^.* CRITICAL .*$", scene.said(scene.replicas[0]), re.MULTILINE)
    assert len(said) == 1
    assert said[0].endswith("cannot be written to: No space left on device")


EFFECTS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "kill": ended,
    "kill-two": ended,
    "kill-all": ended,
    "hunt": masters_died,
    "stop": ended_in_order,
    "restart": started_again,
    "pause": paused,
    "pause-two": paused,
    "disconnect": off_the_network,
    "cut": left_out,
    "one-way": left_out,
    "split": two_sides,
    "slow": slowed,
    "damage": ended,
    "truncate": ended,
    "fill": full,
}


# ----------------------------------------------------------------- and afterwards


async def straight(scene: Scene) -> None:
    """All of them run, and see each other, as before."""
    for replica in scene.cluster.replicas:
        assert replica.container.status == "running"
        assert replica.network("state") == {"hidden": [], "slow": []}


async def tidied(replica: Replica) -> None:
    """Its journal is the only file. A compaction has another beside it until it is done."""
    await until(lambda: replica.files() == [f"replica-{replica.id}.pickle"])


async def kept_and_rebuilt(scene: Scene) -> None:
    (replica,) = scene.replicas
    assert f"replica-{replica.id}.pickle.damaged-1" in replica.files()
    replica.forget_damage()
    await tidied(replica)


async def came_back_with_less(scene: Scene) -> None:
    """What the cut left of a frame is gone; if it was in the state, the whole journal is."""
    (replica,) = scene.replicas
    assert re.search(
        r"bytes of an unfinished last write were cut off|pickle is damaged", scene.said(replica)
    )
    await straight(scene)


AFTERWARDS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    "damage": kept_and_rebuilt,
    "truncate": came_back_with_less,
}


async def play(cluster: DockerCluster, kind: str) -> None:
    """A fault while people are at work, and the judgement."""
    unserved = UNSERVED if cluster.prefer == "availability" else UNSERVED_IN_CONSISTENCY
    with People(cluster, 2, seed=1) as people, Ends(cluster) as ends:
        await until(lambda: people.record.confirmed >= CONFIRMATIONS)
        scene = Scene(cluster, kind, people, ends)
        try:
            await scene.begin()
            await EFFECTS[kind](scene)
            if kind not in unserved:
                await scene.served()
        finally:
            await scene.undo()
        async with Client(cluster=cluster.cluster_file) as client:
            await cluster.in_sync(client, WAIT_SECONDS_MAX)
        await scene.served()
        assert await asyncio.to_thread(people.finish) == []
        finals = await people.last_reads()
        async with Client(cluster=cluster.cluster_file) as client:
            await cluster.settled(client, WAIT_SECONDS_MAX)
        await AFTERWARDS.get(kind, straight)(scene)
        calls = people.record.calls
    assert ends.unheard == []
    if cluster.prefer == "consistency":
        assert lost_or_doubled(calls, finals) == []
        assert not_linearizable(calls) == []
    else:
        assert lost_or_doubled(without_refusals(calls), finals) == []


ANYWHERE = [kind for kind in FAULTS if kind not in ("fill", "slow")]
"""Not the one that needs a small volume, nor the one that needs the kernel's help."""


def test_every_fault_is_tried() -> None:
    assert EFFECTS.keys() == FAULTS.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", ANYWHERE)
async def test_availability_survives(cluster: DockerCluster, kind: str) -> None:
    await play(cluster, kind)


@pytest.mark.parametrize("kind", ANYWHERE)
async def test_consistency_survives(strict_cluster: DockerCluster, kind: str) -> None:
    await play(strict_cluster, kind)


@pytest.mark.parametrize("name", ["small_cluster", "strict_cluster"])
async def test_a_full_disk_ends_one_replica_and_loses_nothing(
    request: pytest.FixtureRequest, name: str
) -> None:
    cluster: DockerCluster = request.getfixturevalue(name)
    await play(cluster, "fill")


@pytest.mark.parametrize("name", ["cluster", "strict_cluster"])
async def test_a_slow_network_is_survived(request: pytest.FixtureRequest, name: str) -> None:
    cluster: DockerCluster = request.getfixturevalue(name)
    try:
        cluster.replicas[0].slow()
    except docker.errors.ContainerError as error:
        pytest.skip(f"this kernel can slow no network: {error}")
    finally:
        cluster.replicas[0].straighten()
    await play(cluster, "slow")


async def test_heal_undoes_whatever_was_begun(strict_cluster: DockerCluster) -> None:
    cluster = strict_cluster
    before = [replica.container.id for replica in cluster.replicas]
    zero, one, two = cluster.replicas
    FAULTS["cut"].begin(cluster, [zero, one])
    FAULTS["slow"].begin(cluster, [zero])
    FAULTS["fill"].begin(cluster, [two])
    FAULTS["pause"].begin(cluster, [zero])
    FAULTS["disconnect"].begin(cluster, [one])
    FAULTS["kill"].begin(cluster, [two])
    await asyncio.to_thread(cluster.heal)
    async with Client(cluster=cluster.cluster_file) as client:
        await cluster.settled(client, WAIT_SECONDS_MAX)
    assert [replica.container.id for replica in cluster.replicas] == before
    for replica in cluster.replicas:
        assert replica.network("state") == {"hidden": [], "slow": []}
        await tidied(replica)


async def test_heal_forgets_what_was_damaged(cluster: DockerCluster) -> None:
    replica = cluster.replicas[0]
    FAULTS["damage"].begin(cluster, [replica])
    FAULTS["damage"].undo(cluster, [replica])
    kept = f"replica-{replica.id}.pickle.damaged-1"
    await until(lambda: replica.running and kept in replica.files())
    await asyncio.to_thread(cluster.heal)
    async with Client(cluster=cluster.cluster_file) as client:
        await cluster.settled(client, WAIT_SECONDS_MAX)
    await tidied(replica)


def test_an_interrupted_run_leaves_nothing_behind(engine: None) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos", "--minutes", "5", "--seed", "1"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    project = first.split()[-1]
    assert "confirmed" in process.stdout.readline(), "people are at work"
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does it: to everybody
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 130, rest
    engine_now = docker.from_env()
    assert project.startswith("ringchat-test-")
    assert engine_now.containers.list(all=True, filters={"name": project}) == []
    assert engine_now.networks.list(filters={"name": project}) == []
    assert engine_now.volumes.list(filters={"name": project}) == []
