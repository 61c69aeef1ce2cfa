"""Rule 10: which requests are applied, against plain sets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringchat_server.chat import dedupe
from ringchat_server.chat.answers import (
    BAD_NUMBER,
    FORGOTTEN,
    TOO_MANY_CLIENTS,
    TOO_MANY_GAPS,
    Answer,
)
from ringchat_server.chat.dedupe import GAPS_MAX, IDLE_MAX_MS, NUMBER_MAX, Clients
from ringchat_server.chat.kept import WINDOW

DAY_MS = 24 * 60 * 60 * 1000
ANN, BOB, CY = b"a" * 16, b"b" * 16, b"c" * 16


def add(clients: Clients, client: bytes, number: int, now_ms: int = 0, count: int = 1) -> None:
    applied = clients.use(client, now_ms)
    assert not any(applied.is_applied(number + at) for at in range(count))
    applied.add(number, count, (0, number + 1, now_ms))


numbers = st.one_of(st.integers(1, 30), st.integers(1, 3 * WINDOW), st.just(NUMBER_MAX))
counts = st.one_of(st.just(1), st.integers(2, 9), st.just(WINDOW))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([ANN, BOB]), numbers, counts, st.booleans()), max_size=60)
)
def test_it_is_a_set_of_numbers_per_client(history: list[tuple[bytes, int, int, bool]]) -> None:
    clients = Clients()
    naive: dict[bytes, dict[int, Answer]] = {ANN: {}, BOB: {}}
    for time_ms, (client, number, several, reload) in enumerate(history):
        applied = naive[client]
        high = max(applied, default=0)
        assert clients.is_new(client, number) == (number > high)
        one = clients.use(client, time_ms)
        assert one.high == high
        assert (one.answer_to(number) is not None) == (number in applied)
        if number not in applied:
            count = min(several, NUMBER_MAX + 1 - number) if number > high else 1
            first_id = 1 + number % 1000
            one.add(number, count, (0, first_id, time_ms))
            applied |= {number + at: (0, first_id + at, time_ms) for at in range(count)}
        if reload:
            clients = Clients.load(clients.export())
        for each, kept in naive.items():
            for n in range(1, 42):
                assert (clients.answer_to(each, n) is not None) == (n in kept)
            high = max(kept, default=0)
            for n, answer in kept.items():
                expected = answer if n > high - WINDOW else FORGOTTEN
                assert clients.answer_to(each, n) == expected
            assert clients.answer_to(each, high + 1) is None


def test_several_behind_a_gap_open_one_and_it_is_filled_one_by_one() -> None:
    clients = Clients()
    add(clients, ANN, 1)
    assert clients.use(ANN, 0).gaps_after(4) == 1
    add(clients, ANN, 4, count=5)
    one = clients.use(ANN, 0)
    assert (one.gaps, one.high) == ([(2, 3)], 8)
    assert [one.is_applied(number) for number in range(1, 10)] == [
        True,
        False,
        False,
        *[True] * 5,
        False,
    ]
    add(clients, ANN, 9, count=2)
    assert one.gaps == [(2, 3)], "what follows at once leaves nothing out"
    add(clients, ANN, 3)
    add(clients, ANN, 2)
    assert one.gaps is None


def test_several_are_added_beyond_the_highest_only() -> None:
    clients = Clients()
    add(clients, ANN, 9)
    with pytest.raises(AssertionError):
        clients.use(ANN, 0).add(3, 2, (0,))


def test_an_answer_is_corrected_in_its_place() -> None:
    clients = Clients()
    refused = (5, "no account named 'eve'")
    clients.use(ANN, 0).add(1, 5, refused)
    clients.use(ANN, 0).correct(3, (0, 77, 7))
    found = [clients.answer_to(ANN, number) for number in range(1, 7)]
    assert found == [refused, refused, (0, 77, 7), refused, refused, None]
    with pytest.raises(AssertionError):
        clients.use(ANN, 0).correct(6, (0, 78, 7))


def test_left_out_numbers_leave_no_answers_behind() -> None:
    clients = Clients()
    for number in range(3, 6 * WINDOW, 3):
        clients.use(ANN, 0).add(number, 1, (3, "an answer that is kept in the dictionary"))
    (row,) = clients.export()
    assert isinstance(row, tuple)
    assert len(row[-1]) <= 1 + WINDOW // 3


def test_a_late_number_takes_no_place_of_a_newer_one() -> None:
    # The two share a place in the ring; only the newer is in the window.
    late, high = 5, 5 + WINDOW
    clients = Clients()
    add(clients, ANN, late - 1)
    add(clients, ANN, high)
    add(clients, ANN, late)
    assert clients.answer_to(ANN, high) == (0, high + 1, 0)
    assert clients.answer_to(ANN, late) == FORGOTTEN
    assert clients.answer_to(ANN, late + 1) is None


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 40), max_size=40, unique=True), st.integers(1, 42))
def test_gaps_are_counted_before_they_are_opened(history: list[int], number: int) -> None:
    clients = Clients()
    add(clients, ANN, 1)
    for each in history:
        if each != 1:
            add(clients, ANN, each)
    one = clients._by_id[ANN]
    if not one.is_applied(number):
        expected = one.gaps_after(number)
        add(clients, ANN, number)
        assert len(one.gaps or ()) == expected


def test_the_idle_are_forgotten_after_24_hours_and_not_before() -> None:
    clients = Clients()
    add(clients, ANN, 1, 0)
    add(clients, BOB, 1, 1_000)
    assert clients.use(ANN, 2_000).answer_to(1) is not None  # a retry is use
    clients.forget_idle(1_000 + DAY_MS)
    assert clients.answer_to(BOB, 1) is not None
    clients.forget_idle(1_000 + DAY_MS + 1)
    assert clients.answer_to(BOB, 1) is None
    assert clients.answer_to(ANN, 1) is not None
    clients.forget_idle(10 * DAY_MS)
    assert len(clients) == 0
    add(clients, ANN, 1, 10 * DAY_MS)
    assert IDLE_MAX_MS == DAY_MS


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([ANN, BOB, CY]), st.integers(0, DAY_MS)), max_size=40))
def test_exactly_the_idle_are_forgotten(history: list[tuple[bytes, int]]) -> None:
    clients, used_ms, now_ms = Clients(), dict[bytes, int](), 0
    for number, (client, later_ms) in enumerate(history, 1):
        now_ms += later_ms
        clients.forget_idle(now_ms)
        used_ms = {c: ms for c, ms in used_ms.items() if now_ms - ms <= DAY_MS}
        assert len(clients) == len(used_ms)
        add(clients, client, number, now_ms)
        used_ms[client] = now_ms


@pytest.mark.parametrize("number", [0, -1, NUMBER_MAX + 1])
def test_a_number_out_of_range_is_refused(number: int) -> None:
    assert Clients().refuse(ANN, number, 1, None) == BAD_NUMBER


def test_the_last_of_several_numbers_is_in_range_too() -> None:
    clients = Clients()
    for first, count in ((NUMBER_MAX, 1), (NUMBER_MAX - 4, 5), (1, 5)):
        assert clients.refuse(ANN, first, count, None) is None
        assert clients.refuse(ANN, NUMBER_MAX - count + 2, count, None) == BAD_NUMBER
        assert clients.refuse(ANN, 0, count, None) == BAD_NUMBER


def test_several_are_refused_for_the_one_gap_that_they_open() -> None:
    clients = Clients()
    for number in range(2, 2 * GAPS_MAX + 1, 2):
        add(clients, ANN, number)
    high = 2 * GAPS_MAX
    assert clients.refuse(ANN, high + 2, 7, None) == TOO_MANY_GAPS
    assert clients.refuse(ANN, high + 1, 7, None) is None


def test_a_gap_too_many_is_refused_and_filling_one_never() -> None:
    clients = Clients()
    for number in range(2, 2 * GAPS_MAX + 1, 2):
        assert clients.refuse(ANN, number, 1, None) is None
        add(clients, ANN, number)
    high = 2 * GAPS_MAX
    assert clients.refuse(ANN, high + 2, 1, None) == TOO_MANY_GAPS
    assert clients.refuse(ANN, high + 1, 1, None) is None
    assert clients.refuse(ANN, high, 1, None) is None, "a retry is not a new name"
    assert clients.refuse(ANN, 1, 1, None) is None
    assert clients.refuse(BOB, 7, 1, None) is None


def test_splitting_a_gap_counts_as_opening_one() -> None:
    clients = Clients()
    add(clients, ANN, 5)
    for number in range(7, 2 * GAPS_MAX + 4, 2):
        add(clients, ANN, number)
    assert clients.refuse(ANN, 3, 1, None) == TOO_MANY_GAPS
    assert clients.refuse(ANN, 1, 1, None) is None, "at the edge the gap only shrinks"


def test_gaps_beyond_the_limit_can_still_be_closed() -> None:
    # A hand-over is applied whatever the limit is, so there may be more of them.
    clients = Clients()
    for number in range(2, 2 * GAPS_MAX + 11, 2):
        add(clients, ANN, number)
    assert clients.refuse(ANN, 1, 1, None) is None
    assert clients.refuse(ANN, 2 * GAPS_MAX + 11, 1, None) is None


def test_a_client_too_many_is_refused_until_one_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedupe, "CLIENTS_MAX", 2)
    clients = Clients()
    add(clients, ANN, 1, 0)
    add(clients, BOB, 1, 5)
    assert clients.refuse(CY, 1, 1, None) == TOO_MANY_CLIENTS
    assert clients.refuse(CY, 1, 1, DAY_MS) == TOO_MANY_CLIENTS
    assert clients.refuse(ANN, 2, 1, DAY_MS) is None
    assert clients.refuse(CY, 1, 1, DAY_MS + 1) is None


@pytest.mark.parametrize(
    "rows",
    [
        None,
        (7,),
        ((ANN, 0, 1, (), ()),),
        (("ann", 0, 1, (), (), ()),),
        ((ANN, 0, 9, ((3, 2),), (), ()),),
        ((ANN, 0, 9, ((0, 2),), (), ()),),
        ((ANN, 0, 9, ((1, 9),), (), ()),),
        ((ANN, 0, 9, ((1, 2), (3, 4)), (), ()),),  # two that touch are one
        ((ANN, 0, 9, ((1, "2"),), (), ()),),
        ((ANN, 0, 9, (), (1,), ()),),
        ((ANN, 0, 1, (), (), ()), (ANN, 0, 1, (), (), ())),
    ],
)
def test_values_of_another_shape_are_refused(rows: object) -> None:
    with pytest.raises(ValueError, match=r"client|kept"):
        Clients.load(rows)
