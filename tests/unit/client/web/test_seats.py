"""Who finds a seat."""

from __future__ import annotations

import pytest

from ringchat_client.web import seats
from ringchat_client.web.seats import Seats


def test_a_seat_is_free_again_whether_it_was_welcomed_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for limit in ("PAGES_MAX", "PAGES_OF_ONE_MAX", "UNKNOWN_MAX"):
        monkeypatch.setattr(seats, limit, 1)
    all_seats = Seats()
    for welcomed in (False, True, False):
        seat = all_seats.take("a")
        assert seat is not None
        assert all_seats.take("b") is None
        if welcomed:
            seat.welcomed()
            seat.welcomed()
        seat.leave()


def test_those_that_make_up_cookies_leave_room_for_others() -> None:
    all_seats = Seats()
    seat = all_seats.take("ann")
    assert seat is not None
    seat.welcomed()
    taken = [all_seats.take(f"made up {i}") for i in range(seats.UNKNOWN_MAX + 1)]
    assert taken[-1] is None
    assert None not in taken[:-1]
    assert all_seats.take("bob") is None
    taken[0].leave()  # type: ignore[union-attr]
    assert all_seats.take("bob") is not None


def test_one_login_has_so_many_pages() -> None:
    all_seats = Seats()
    for _ in range(seats.PAGES_OF_ONE_MAX):
        seat = all_seats.take("ann")
        assert seat is not None
        seat.welcomed()
    assert all_seats.take("ann") is None
    assert all_seats.take("bob") is not None
