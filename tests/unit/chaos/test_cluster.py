from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chaos.cluster import Ends, alike, together
from ringchat_client import ReplicaStatus, Status


class Stream:
    """The engine's events, as they come; it ends when it is closed."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._more = threading.Condition()
        self._is_closed = False
        self.filters: dict[str, Any] = {}

    def open(self, *, decode: bool, filters: dict[str, Any]) -> Stream:
        assert decode
        self.filters = filters
        return self

    def happen(self, name: str, code: int) -> None:
        attributes = {"name": name, "exitCode": str(code)}
        with self._more:
            self._events.append({"Actor": {"Attributes": attributes}})
            self._more.notify_all()

    def close(self) -> None:
        with self._more:
            self._is_closed = True
            self._more.notify_all()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while True:
            with self._more:
                self._more.wait_for(lambda: self._events or self._is_closed)
                if not self._events:
                    return
                event = self._events.pop(0)
            yield event


def test_every_end_is_seen_from_the_beginning_to_the_close() -> None:
    stream = Stream()
    engine = SimpleNamespace(events=stream.open)
    cluster: Any = SimpleNamespace(
        engine=engine, replicas=[SimpleNamespace(name=f"r{id_}") for id_ in range(3)]
    )
    with Ends(cluster) as ends:
        for number in range(300):
            stream.happen(f"r{number % 3}", 137)
        stream.happen("r2", 4)
    assert len(ends.found) == 301
    assert ends.found[-1] == ("r2", 4)
    assert stream.filters["container"] == ["r0", "r1", "r2"]
    assert stream.filters["event"] == "die"


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
