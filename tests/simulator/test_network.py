"""What waits behind a cut comes when that has healed: in order, once, and at no growing price."""

from __future__ import annotations

import random

import pytest

from tests.simulator import schedule as schedules
from tests.simulator.network import Connection, Network, Weather
from tests.simulator.schedule import Endless, Schedule


def test_what_waits_behind_a_cut_comes_once_and_in_order_however_often_it_is_cut() -> None:
    schedule = Schedule()
    network = Network(schedule, random.Random(7), Weather((0.01, 0.02), 0.0))
    connection = Connection(network, 0, 1)
    arrived: list[object] = []
    connection.listen(1, arrived.append)
    network.cut(0, 1)
    for number in range(50):
        connection.send(0, number)
    for _ in range(30):
        schedule.run(schedule.seconds + 0.3)
        network.heal(0, 1)
        network.cut(0, 1)
    assert arrived == []
    network.heal()
    schedule.run(schedule.seconds + 2.0)
    assert arrived == list(range(50))
    assert schedule.events < 50 * 40


def test_time_that_stands_still_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "EVENTS_MAX", 1_000)
    schedule = Schedule()

    def again() -> None:
        schedule.after(0.0, again)

    again()
    with pytest.raises(Endless, match="more than 1,000 events, and it is 0 s"):
        schedule.run(1.0)
