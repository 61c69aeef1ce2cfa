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
    kept.keep(5, answer)
    assert kept.get(5) == answer
    assert kept.get(4) is None
    assert kept.get(6) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), answers), min_size=1, max_size=120))
def test_it_is_a_dictionary_of_the_newest(history: list[tuple[int, Answer]]) -> None:
    kept, naive, number = KeptAnswers(), dict[int, Answer](), 0
    for skipped, answer in history:
        jump = skipped * 40  # some leave the whole window behind
        if jump:
            kept.skip(number + 1, number + jump)
        number += jump + 1
        kept.keep(number, answer)
        naive[number] = answer
        naive = {n: a for n, a in naive.items() if n > number - WINDOW}
        kept = KeptAnswers.load(*kept.export())
        assert {each: kept.get(each) for each in naive} == naive


def test_old_answers_do_not_pile_up() -> None:
    kept = KeptAnswers()
    for number in range(1, 5 * WINDOW):
        kept.keep(number, LOGIN if number % 2 else (0, number, number))
    pairs, others = kept.export()
    assert len(pairs) == 2 * WINDOW
    assert len(others) == WINDOW // 2


@pytest.mark.parametrize("step", [2, 3, WINDOW - 1, WINDOW, 3 * WINDOW])
def test_nor_do_they_where_numbers_are_left_out(step: int) -> None:
    kept = KeptAnswers()
    for number in range(step, 3 * WINDOW * step, step):
        kept.skip(number - step + 1, number - 1)
        kept.keep(number, LOGIN)
        assert len(kept.export()[1]) <= 1 + WINDOW // step


def test_nothing_is_shared_between_clients() -> None:
    one, other = KeptAnswers(), KeptAnswers()
    one.keep(1, FORGOTTEN)
    assert other.get(1) is None


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
