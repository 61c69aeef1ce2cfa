"""Random walks over a ring of real cores: every fault the rules know, in any order.

One seed is one run. At each step the ring must be sound; at the end, healed, it must
be whole: one master, equal logs, every confirmed request in them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from itertools import combinations

import pytest

from ringchat_server.records import Entry
from ringchat_server.replica import Replica
from tests.simulator.ring import Host, Ring

STEPS = 350


class Walk:
    """One run."""

    def __init__(self, replicas: int, prefer: str, seed: int) -> None:
        keep_entries_max = 8 if prefer == "consistency" else 1_000_000
        self.ring = Ring(replicas, prefer, seed, keep_entries_max)
        self.random: random.Random = self.ring.random
        self.counts: Counter[str] = Counter()
        self.number = 0
        self.asker = 0
        self.asked: set[int] = set()
        self.committed: list[Entry] = []
        # Not every run has every fault: most bugs need quiet in between.
        crashes, parts, losses = (self.random.random() < 0.6 for _ in range(3))
        self.moves: list[tuple[Callable[[], None], float]] = [
            (self.deliver, 35),
            (self.sync, 20),
            (self.connect, 9),
            (self.wait, 10),
            (self.write, 14),
            (self.promote, 3),
            (self.read, 3),
            (self.restart, 3),
            (self.pause, 0.5),
            (self.compact, 1.5),
            (self.resign, 0.3),
            (self.heal, 1),
            (self.override, 0.2 if prefer == "availability" else 0),
            (self.crash, 0.8 if crashes else 0),
            (self.part, 1.2 if parts else 0),
            (self.lose_disk, 3 if losses and replicas > 1 else 0),
        ]

    # ------------------------------------------------------------------- moves

    def host(self) -> tuple[int, Host]:
        host_id = self.random.randrange(self.ring.replicas)
        return host_id, self.ring.hosts[host_id]

    def deliver(self) -> None:
        for _ in range(self.random.randrange(1, 6)):
            if full := [link for link, queue in self.ring.links.items() if queue]:
                self.ring.deliver(*self.random.choice(full))

    def sync(self) -> None:
        for host_id in range(self.ring.replicas):
            if self.random.random() < 0.7:
                self.ring.sync(host_id)

    def connect(self) -> None:
        for one, other in combinations(range(self.ring.replicas), 2):
            if self.random.random() < 0.75:
                self.ring.connect(one, other)

    def wait(self) -> None:
        self.ring.seconds += self.random.choice((0.02, 0.05, 0.1, 0.3))
        for host_id in range(self.ring.replicas):
            self.ring.tick(host_id)

    def write(self) -> None:
        self.number += 1
        self.ring.propose(self.host()[0], (b"c", self.number))

    def promote(self) -> None:
        views = [host.core.view for host in self.ring.hosts if host.core]
        view = max(views, default=0) + self.random.randrange(1, self.ring.replicas + 1)
        host_id = view % self.ring.replicas
        host = self.ring.hosts[host_id]
        if host.core is not None and not host.paused:
            self.asker += 1
            self.asked.add(self.asker)
            self.ring.promote(host_id, view, self.asker)

    def read(self) -> None:
        self.counts["read"] += self.ring.read(self.host()[0])

    def crash(self) -> None:
        host_id, host = self.host()
        if host.core:
            self.counts["crash"] += 1
            self.forget_askers()
            self.ring.crash(host_id)

    def restart(self) -> None:
        host_id, host = self.host()
        if host.core is None:
            self.ring.start(host_id)

    def pause(self) -> None:
        _, host = self.host()
        if host.core:
            host.paused = not host.paused
            self.counts["pause"] += host.paused

    def part(self) -> None:
        one, other = self.host()[0], self.host()[0]
        self.ring.break_link(one, other)
        if one != other and self.random.random() < 0.5:
            self.counts["cut"] += 1
            self.ring.cut.add(frozenset((one, other)))

    def heal(self) -> None:
        if self.ring.cut:
            self.ring.cut.discard(self.random.choice(sorted(self.ring.cut, key=sorted)))

    def compact(self) -> None:
        host_id, host = self.host()
        base = len(host.disk.base)
        self.ring.compact(host_id)
        self.counts["compacted"] += len(host.disk.base) > base

    def resign(self) -> None:
        host_id, host = self.host()
        if host.core and not host.paused:
            self.counts["resigned"] += host.core.leading
            self.ring.resign(host_id)

    def override(self) -> None:
        host_id, host = self.host()
        if host.core and not host.paused:
            self.counts["override"] += self.ring.override(host_id).startswith("begins")

    def lose_disk(self) -> None:
        """As many as the promise of section 2 survives, no more."""
        ring = self.ring
        host_id, host = self.host()
        lost = sum(host.lost for host in ring.hosts)
        if ring.prefer == "consistency":
            bearable = (ring.replicas - 1) // 2 > lost
        else:
            bearable = lost == 0 and self.is_healthy()
        # Before a cluster is born there is nothing to rebuild from.
        if ring.masters and bearable and not host.lost:
            self.forget_askers()
            ring.crash(host_id)
            kind = self.random.choice(("damaged", "replaced"))
            self.counts[kind] += 1
            ring.start(host_id, damaged=kind == "damaged", replaced=kind == "replaced")

    def is_healthy(self) -> bool:
        """Every confirmed request is on every disk."""
        cores = [host.core for host in self.ring.hosts if host.core]
        masters = [core for core in cores if core.leading]
        return (
            len(cores) == self.ring.replicas
            and len(masters) == 1
            and masters[0].serving
            and masters[0].view == max(core.view for core in cores)
            and len(masters[0].in_sync_set) == self.ring.replicas
            and not any(core.aside for core in cores)
        )

    def forget_askers(self) -> None:
        """Who asked a process that dies sees its connection break instead of an answer."""
        self.asked &= set(self.ring.answers)

    # ------------------------------------------------------------------ checks

    def check(self, *, logs: bool) -> None:
        leading: dict[int, int] = {}
        for host_id, host in enumerate(self.ring.hosts):
            core = host.core
            if core is None:
                continue
            if core.leading:
                assert leading.setdefault(core.view, host_id) == host_id, "two masters of a view"
            meta = core.durable.meta
            if host.lost and not meta.rebuilding and meta.log_view >= 0 and meta == core.meta:
                host.lost = False
                self.counts["rebuilt"] += 1
            if self.ring.prefer == "consistency":
                known, more = host.applied[: len(self.committed)], host.applied
                assert known == self.committed[: len(known)], "committed differs"
                self.committed.extend(more[len(self.committed) :])
        if logs:
            cores = [host for host in self.ring.hosts if host.core]
            for one, other in combinations(cores, 2):
                match_below(whole_log(one), whole_log(other))

    def run(self) -> None:
        ring = self.ring
        if self.random.random() < 0.9:
            ring.settle(seconds=1)
        moves, weights = zip(*self.moves, strict=True)
        for step in range(STEPS):
            self.random.choices(moves, weights)[0]()
            self.check(logs=step % 8 == 0)
        for host in ring.hosts:
            if host.core is None:
                self.forget_askers()
        ring.settle(seconds=6)
        ring.settle(seconds=3)
        self.check(logs=True)
        self.check_healed()

    def check_healed(self) -> None:
        ring, counts = self.ring, self.counts
        master = ring.master()
        logs = [host.applied for host in ring.hosts]
        assert all(log == logs[0] for log in logs), f"lengths {[len(log) for log in logs]}"
        here = {entry[2:4] for entry in logs[0]}
        assert not [name for name in ring.confirmed if name not in here], "confirmed, and lost"
        times = [entry.time_ms for entry in logs[0]]
        assert times == sorted(times), "the time went back"
        assert len(master.in_sync_set) == ring.replicas, f"in sync: {master.in_sync_set}"
        for host in ring.hosts:
            assert host.core
            assert not host.core.aside
            assert not host.core.meta.rebuilding
        assert self.asked <= set(ring.answers), "a client was never answered"
        counts["confirmed"] = len(ring.confirmed)
        counts["masters"] = len(ring.masters)
        counts["reads answered"] = len(ring.reads_ready)
        for word in ("HandOver(", "StateChunk(", "Probe(", "Refusal(", "Mismatch(", "Fetched("):
            counts[word] = sum(word in line for line in ring.trace)


def whole_log(host: Host) -> list[Entry]:
    core = host.core
    assert isinstance(core, Replica)
    base = core.log.base_index
    return [*host.disk.base[:base], *core.log.entries(base, core.log.length)]


def match_below(one: list[Entry], other: list[Entry]) -> None:
    """Log matching: the same view at one index means the same entries up to it."""
    for index in range(min(len(one), len(other)) - 1, -1, -1):
        if one[index].view == other[index].view:
            assert one[: index + 1] == other[: index + 1], "two entries of one (index, view)"
            return


EVERYWHERE = ("confirmed", "masters", "crash", "pause", "read", "resigned", "compacted")
WITH_PEERS = ("cut", "Probe(", "Refusal(", "Fetched(")


@pytest.mark.slow
@pytest.mark.parametrize("prefer", ["availability", "consistency"])
@pytest.mark.parametrize(("replicas", "seeds"), [(1, 60), (2, 200), (3, 300), (5, 160)])
def test_nothing_confirmed_is_lost_on_a_random_walk(replicas: int, prefer: str, seeds: int) -> None:
    counts: Counter[str] = Counter()
    for seed in range(seeds):
        walk = Walk(replicas, prefer, seed)
        try:
            walk.run()
        except Exception as error:
            raise AssertionError(f"seed {seed}, {replicas} replicas, {prefer}") from error
        counts += walk.counts
    needed = [*EVERYWHERE, *(WITH_PEERS if replicas > 1 else ())]
    if prefer == "availability":
        needed += ["override"]
        needed += ["HandOver("] if replicas > 1 else []
    if replicas > 2 or (replicas == 2 and prefer == "availability"):
        needed += ["damaged", "replaced", "rebuilt", "Mismatch(", "StateChunk("]
    assert counts["confirmed"] >= 2 * seeds, counts
    assert [what for what in needed if not counts[what]] == [], counts
