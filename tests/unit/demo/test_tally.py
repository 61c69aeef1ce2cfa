"""What the demo counts."""

from __future__ import annotations

from demo.tally import Tally


def counted(tally: Tally) -> tuple[int, int, int, int]:
    return (tally.confirmed, tally.on_their_way, tally.lost, tally.doubled)


def test_what_is_confirmed_is_on_its_way_until_it_comes() -> None:
    tally = Tally()
    tally.confirm(1)
    assert counted(tally) == (1, 1, 0, 0)
    tally.receive(1)
    assert counted(tally) == (1, 0, 0, 0)


def test_it_may_come_before_it_is_confirmed() -> None:
    tally = Tally()
    tally.receive(1)
    assert counted(tally) == (0, 0, 0, 0)
    tally.confirm(1)
    assert counted(tally) == (1, 0, 0, 0)


def test_what_a_later_one_has_passed_is_lost() -> None:
    tally = Tally()
    for number in (1, 2, 3):
        tally.confirm(number)
    tally.receive(1)
    tally.receive(3)
    assert counted(tally) == (3, 0, 1, 0)


def test_what_comes_twice_is_doubled() -> None:
    tally = Tally()
    tally.confirm(1)
    for _ in range(3):
        tally.receive(1)
    assert counted(tally) == (1, 0, 0, 2)
