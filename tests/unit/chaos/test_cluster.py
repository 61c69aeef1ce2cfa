from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from chaos.cluster import DockerCluster, Ends, alike, together
from chaos.containers import Replica
from ringchat_client import ReplicaStatus, Status


class Stream:
    """The engine's events, as they come; it ends when it is closed."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._more = threading.Condition()
        self._is_closed = False
        self._failure: Exception | None = None
        self.filters: dict[str, Any] = {}

    def open(self, *, decode: bool, filters: dict[str, Any]) -> Stream:
        assert decode
        self.filters = filters
        return self

    def happen(self, name: str, code: object) -> None:
        attributes = {"name": name, "exitCode": str(code)}
        with self._more:
            self._events.append({"Actor": {"Attributes": attributes}})
            self._more.notify_all()

    def close(self) -> None:
        with self._more:
            self._is_closed = True
            self._more.notify_all()

    def break_off(self, failure: Exception | None) -> None:
        """It ends before anybody closes it: as if all were well, or with an error."""
        self._failure = failure
        self.close()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            with self._more:
                self._more.wait_for(lambda: self._events or self._is_closed)
                if not self._events and self._failure is not None:
                    raise self._failure
                if not self._events:
                    return
                event = self._events.pop(0)
            yield event


def followed(stream: Stream) -> Ends:
    engine = SimpleNamespace(events=stream.open)
    cluster: Any = SimpleNamespace(
        engine=engine, replicas=[SimpleNamespace(name=f"r{id_}") for id_ in range(3)]
    )
    return Ends(cluster)


def test_every_end_is_seen_from_the_beginning_to_the_close() -> None:
    stream = Stream()
    with followed(stream) as ends:
        for number in range(300):
            stream.happen(f"r{number % 3}", 137)
        stream.happen("r2", 4)
    assert len(ends.found) == 301
    assert ends.found[-1] == ("r2", 4)
    assert ends.unheard == []
    assert stream.filters["container"] == ["r0", "r1", "r2"]
    assert stream.filters["event"] == "die"


@pytest.mark.parametrize("failure", [None, ValueError("that is no JSON")])
def test_that_the_events_ended_before_is_remembered(failure: Exception | None) -> None:
    stream = Stream()
    with followed(stream) as ends:
        stream.happen("r0", 137)
        stream.break_off(failure)
        ends._reader.join()
    assert ends.found == [("r0", 137)]
    (complaint,) = ends.unheard
    assert str(failure or "they ended") in complaint


def test_an_event_that_cannot_be_read_is_remembered() -> None:
    stream = Stream()
    with followed(stream) as ends:
        stream.happen("r0", "no number")
        ends._reader.join()
    (complaint,) = ends.unheard
    assert "ValueError" in complaint


class Whole(Replica):
    """One that runs on a network; notes when its damage is forgotten."""

    def __init__(self, id_: int, done: list[str]) -> None:
        state: dict[str, Any] = {"NetworkSettings": {"Networks": {"project_default": {}}}}
        container = SimpleNamespace(status="running", attrs=state)
        engine = SimpleNamespace(containers=SimpleNamespace(get=lambda name: container))
        super().__init__(engine, "project", id_)
        self._done = done

    def forget_damage(self) -> None:
        self._done.append(f"forget {self.id}")
        self.is_damaged = False


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> DockerCluster:
    monkeypatch.setattr(docker, "from_env", SimpleNamespace)
    return DockerCluster(tmp_path)


def test_every_replica_has_a_client_of_its_own(three: DockerCluster) -> None:
    engines = [three.engine, *(replica._engine for replica in three.replicas)]
    assert len({id(engine) for engine in engines}) == 4


@pytest.mark.parametrize(
    ("damaged", "wanted"), [([], []), ([1], ["rebuilt", "forget 1"])], ids=["whole", "damaged"]
)
def test_heal_forgets_damage_when_all_are_in_sync_again(
    three: DockerCluster, monkeypatch: pytest.MonkeyPatch, damaged: list[int], wanted: list[str]
) -> None:
    done: list[str] = []
    three.replicas = [Whole(id_, done) for id_ in range(3)]
    for id_ in damaged:
        three.replicas[id_].is_damaged = True

    async def rebuilt(self: DockerCluster) -> None:
        done.append("rebuilt")

    monkeypatch.setattr(DockerCluster, "_rebuilt", rebuilt)
    three.heal()
    assert done == wanted
    three.heal()
    assert done == wanted, "once is enough"


REPLICA = ReplicaStatus(0, "backup", True, 7, 7, "ab", 3, "a:1")


@pytest.mark.parametrize(
    ("other", "is_together", "is_alike"),
    [
        (REPLICA, True, True),
        (replace(REPLICA, commit_index=8), True, False),
        (replace(REPLICA, state_hash="cd"), True, False),
        (replace(REPLICA, view=4), False, False),
        (replace(REPLICA, in_sync=False), False, False),
    ],
)
def test_when_replicas_are_together_and_when_alike(
    other: ReplicaStatus, is_together: bool, is_alike: bool
) -> None:
    status = Status(3, 0, "consistency", (REPLICA, other))
    assert together(status) is is_together
    assert alike(status) is is_alike
