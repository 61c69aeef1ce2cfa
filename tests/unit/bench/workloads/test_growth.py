from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Self

from bench.engines.nodes import Usage
from bench.sizes import QUICK
from bench.workloads import growth

SIZES = replace(QUICK, stored=(12, 30), pipelined_writes=5, turns=2, turn_writes=8)


class FakeClock:
    seconds = 0.0

    def perf_counter(self) -> float:
        return self.seconds


CLOCK = FakeClock()


class FakeEngine:
    """Notes who is written to; takes twice the time when it is full."""

    def __init__(self, turns: list[FakeEngine]) -> None:
        self.turns = turns
        self.stored = 0
        self.entered = False

    def another(self) -> FakeEngine:
        return FakeEngine(self.turns)

    def __enter__(self) -> Self:
        self.entered = True
        return self

    def __exit__(self, *_: object) -> None:
        self.entered = False

    async def connect(self) -> Self:
        return self

    async def write_many(self, values: Iterable[bytes], in_flight: int) -> None:
        assert self.entered
        count = sum(1 for _ in values)
        self.stored += count
        if count in (SIZES.pipelined_writes, SIZES.turn_writes):
            self.turns.append(self)
        CLOCK.seconds += 2.0 if self.stored > 30 else 1.0

    async def settled(self) -> None:
        pass

    def usage(self) -> Usage:
        return Usage(1_000 + 200 * self.stored, 100 * self.stored)

    async def close(self) -> None:
        pass


async def test_the_full_one_takes_turns_with_empty_ones(monkeypatch: Any) -> None:
    monkeypatch.setattr("bench.workloads.pipelined.WARM_UP", 0)
    monkeypatch.setattr(growth, "WARM_UP", 0)
    monkeypatch.setattr(growth, "time", CLOCK)
    turns: list[FakeEngine] = []
    full: Any = FakeEngine(turns)
    with full:
        samples = await growth.measure(full, SIZES)
    found = {measure.title: values for measure, values in samples.items()}
    assert found["30 stored, of what an empty one does beside it"] == [50]
    assert found["memory per stored value"] == [200]
    assert found["disk per stored value"] == [100]
    assert turns[:3] == [full, full, full]
    assert [turn is full for turn in turns[3:]] == [False, True, True, False]
    empty = turns[3]
    assert empty is turns[6]
    assert empty.stored == 16
    assert not empty.entered
