from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

from ringchat_client.deadlines import SECONDS_MAX, SLOT_SECONDS, Deadlines
from ringchat_client.session import Pending, Send


def _pending() -> Pending:
    return Pending(Send("bob", "hello"), "", True, asyncio.get_running_loop().create_future())


def _as_it_is(answer: Any) -> Any:
    return answer


async def test_what_is_due_is_told_and_what_was_discarded_is_not() -> None:
    told: list[tuple[Pending, Any]] = []
    all_told = asyncio.Event()
    last = _pending()

    def on_due(pending: Pending, complete: Any) -> None:
        told.append((pending, complete))
        if pending is last:
            all_told.set()

    deadlines = Deadlines(on_due)
    now = asyncio.get_running_loop().time()
    first, answered = _pending(), _pending()
    deadlines.add(first, _as_it_is, now)
    deadlines.discard(deadlines.add(answered, _as_it_is, now), answered)
    deadlines.add(last, _as_it_is, now + 2 * SLOT_SECONDS)
    async with asyncio.timeout(10):
        await all_told.wait()
    assert told == [(first, _as_it_is), (last, _as_it_is)]
    assert asyncio.get_running_loop().time() >= now + 2 * SLOT_SECONDS  # never too early


class Timers:
    """Stands for those of the event loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set: list[Timer] = []
        self.loop = asyncio.get_running_loop()
        monkeypatch.setattr(self.loop, "call_at", self._call_at)

    def _call_at(self, at: float, due: Any, slot: int) -> Timer:
        self.set.append(Timer(at, due, slot))
        return self.set[-1]


class Timer:
    def __init__(self, at: float, due: Any, slot: int) -> None:
        self.at, self.due, self.slot = at, due, slot
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


async def test_a_timer_is_for_many(monkeypatch: pytest.MonkeyPatch) -> None:
    timers = Timers(monkeypatch)
    told: list[Pending] = []
    deadlines = Deadlines(lambda pending, _: told.append(pending))
    waiting = [_pending() for _ in range(1_000)]
    at = math.ceil(timers.loop.time() + 10) - SLOT_SECONDS / 4
    slots = {deadlines.add(pending, _as_it_is, at) for pending in waiting}
    [timer] = timers.set
    assert slots == {timer.slot}
    assert at <= timer.at < at + SLOT_SECONDS
    timer.due(timer.slot)
    assert told == waiting
    deadlines.discard(timer.slot, waiting[0])  # too late, and no error


async def test_a_timer_ends_with_the_last_that_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    timers = Timers(monkeypatch)
    deadlines = Deadlines(lambda *_: None)
    one, other = _pending(), _pending()
    at = timers.loop.time() + 3600
    slot = deadlines.add(one, _as_it_is, at)
    deadlines.add(other, _as_it_is, at)
    [timer] = timers.set
    deadlines.discard(slot, one)
    assert not timer.cancelled
    deadlines.discard(slot, other)
    assert timer.cancelled
    assert deadlines._slots == {}


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [(math.inf, SECONDS_MAX), (-math.inf, 0), (-1, 0), (math.nan, 0)],
)
async def test_any_time_will_do(
    monkeypatch: pytest.MonkeyPatch, timeout: float, seconds: float
) -> None:
    timers = Timers(monkeypatch)
    now = timers.loop.time()
    Deadlines(lambda *_: None).add(_pending(), _as_it_is, now + timeout)
    assert timers.set[0].at == pytest.approx(now + seconds, abs=60)
