from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.containers import Replica
from chaos.faults import FAULTS
from chaos.plan import KINDS

SECONDS_MAX = 10.0
CLUSTER: Any = SimpleNamespace()


def a_replica(id_: int, act: Callable[[], object]) -> Replica:
    """One whose container does that when it is killed or paused."""
    container = SimpleNamespace(kill=act, pause=act)
    engine = SimpleNamespace(containers=SimpleNamespace(get=lambda name: container))
    return Replica(engine, "project", id_)


@pytest.mark.parametrize("kind", ["kill-two", "kill-all", "pause-two"])
def test_what_is_done_to_several_is_done_at_the_same_time(kind: str) -> None:
    everybody = threading.Barrier(KINDS[kind].targets)
    replicas = [
        a_replica(id_, lambda: everybody.wait(SECONDS_MAX)) for id_ in range(everybody.parties)
    ]
    FAULTS[kind].begin(CLUSTER, replicas)
    assert not everybody.broken


def test_one_that_cannot_be_killed_saves_no_other_and_is_told_of() -> None:
    killed: list[int] = []

    def refuse() -> None:
        raise RuntimeError("it lives")

    replicas = [
        a_replica(0, refuse),
        a_replica(1, lambda: killed.append(1)),
        a_replica(2, lambda: killed.append(2)),
    ]
    with pytest.raises(RuntimeError, match="it lives"):
        FAULTS["kill-all"].begin(CLUSTER, replicas)
    assert sorted(killed) == [1, 2]
