"""The answers of a client's window."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringchat_server.chat.answers import DONE, FORGOTTEN, NOT_LOGGED_IN, Answer, no_account
from ringchat_server.chat.kept import WINDOW, KeptAnswers

LOGIN: Answer = (0, b"nonce", "ann", 99)

answers = st.one_of(
    st.tuples(st.just(0), st.integers(1, 2**62), st.integers(0, 2**62)),
    st.just(DONE),
    st.just(NOT_LOGGED_IN),
    st.just(LOGIN),
)


@pytest.mark.parametrize("answer", [(0, 7, 1000), (0, 7, 0), DONE, no_account("x"), LOGIN])
def test_an_answer_comes_back_as_it_was(answer: Answer) -> None:
    kept = KeptAnswers()
    kept.keep(5, 1, answer)
    assert kept.get(5) == answer
    assert kept.get(4) is None
    assert kept.get(6) is None


def answer_at(answer: Answer, position: int) -> Answer:
    """What the number at that position has, of several that were answered together."""
    match answer:
        case (0, int(first_id), int(sent_at_ms)):
            return (0, first_id + position, sent_at_ms)
    return answer


counts = st.one_of(st.just(1), st.integers(2, 40), st.integers(WINDOW - 40, WINDOW))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), counts, answers), min_size=1, max_size=120))
def test_it_is_a_dictionary_of_the_newest(history: list[tuple[int, int, Answer]]) -> None:
    kept, naive, number = KeptAnswers(), dict[int, Answer](), 0
    for skipped, count, answer in history:
        jump = skipped * 40  # some leave the whole window behind
        if jump:
            kept.skip(number + 1, number + jump)
        first = number + jump + 1
        number += jump + count
        kept.keep(first, count, answer)
        naive |= {first + at: answer_at(answer, at) for at in range(count)}
        naive = {n: a for n, a in naive.items() if n > number - WINDOW}
        kept = KeptAnswers.load(*kept.export())
        assert {each: kept.get(each) for each in naive} == naive
        # Nothing grows beyond the window.
        pairs, others = kept.export()
        assert len(pairs) <= 2 * WINDOW
        assert {each for each, _ in others} <= naive.keys()


@pytest.mark.parametrize("answer", [(0, 7, 1000), DONE, no_account("x"), LOGIN])
@pytest.mark.parametrize("before", [1, 2, 3, 4])
def test_several_at_once_go_on_at_the_beginning_of_the_ring(before: int, answer: Answer) -> None:
    # Five numbers, of which so many stand before the end of the ring and the rest behind it.
    first = 2 * WINDOW - before
    kept, other = KeptAnswers(), (0, 5_000_000, 5)
    for number in range(first - WINDOW + 5, first):
        kept.keep(number, 1, other)
    kept.keep(first, 5, answer)
    expected = [answer_at(answer, at) for at in range(5)]
    assert [kept.get(first + at) for at in range(5)] == expected
    # Its neighbours in the ring stand as they were.
    assert kept.get(first - 1) == other
    assert kept.get(first - WINDOW + 5) == other
    assert len(kept.export()[0]) == 2 * WINDOW


def test_a_whole_window_at_once() -> None:
    kept = KeptAnswers()
    for first in (1, 1 + WINDOW, 700 + 2 * WINDOW):
        kept.keep(first, WINDOW, (0, 7_000 + first, first))
        found = [kept.get(first + at) for at in range(WINDOW)]
        assert found == [(0, 7_000 + first + at, first) for at in range(WINDOW)]


def test_several_take_the_places_of_refusals_of_theirs_and_of_older_ones() -> None:
    kept = KeptAnswers()
    kept.keep(1, 4, LOGIN)
    kept.keep(5, 1, LOGIN)
    kept.keep(1 + WINDOW, 4, (0, 7, 0))
    assert [number for number, _ in kept.export()[1]] == [5]
    kept.keep(5, 1, (0, 6, 0))
    assert kept.export()[1] == ()
    assert kept.get(5) == (0, 6, 0)


def test_old_answers_do_not_pile_up() -> None:
    kept = KeptAnswers()
    for number in range(1, 5 * WINDOW):
        kept.keep(number, 1, LOGIN if number % 2 else (0, number, number))
    pairs, others = kept.export()
    assert len(pairs) == 2 * WINDOW
    assert len(others) == WINDOW // 2


@pytest.mark.parametrize("step", [2, 3, WINDOW - 1, WINDOW, 3 * WINDOW])
def test_nor_do_they_where_numbers_are_left_out(step: int) -> None:
    kept = KeptAnswers()
    for number in range(step, 3 * WINDOW * step, step):
        kept.skip(number - step + 1, number - 1)
        kept.keep(number, 1, LOGIN)
        assert len(kept.export()[1]) <= 1 + WINDOW // step


def test_nothing_is_shared_between_clients() -> None:
    one, other = KeptAnswers(), KeptAnswers()
    one.keep(1, 3, FORGOTTEN)
    assert other.get(1) is None
    assert KeptAnswers().get(2) is None


@pytest.mark.parametrize(
    ("pairs", "others"),
    [
        (None, ()),
        ((), None),
        ((1,), ()),
        ((0,) * (2 * WINDOW + 2), ()),
        ((1, "x"), ()),
        ((1, 2**64), ()),
        ((), ((1,),)),
        ((), ((1, ()),)),
        ((), ((1, (0, None)),)),
        ((), (("1", (0,)),)),
    ],
)
def test_values_of_another_shape_are_refused(pairs: object, others: object) -> None:
    with pytest.raises(ValueError, match="kept answer"):
        KeptAnswers.load(pairs, others)
