from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from chaos import linear
from chaos.history import (
    ACKNOWLEDGE,
    CREATE,
    DELETE,
    DONE,
    EXISTS,
    READ,
    REFUSED,
    SEND,
    UNKNOWN,
    Call,
)
from chaos.linear import Sweep, violations_of
from tests.unit.chaos.histories import BOX, Copy, acknowledged, call, made, read, sent


def possible(*calls: Call) -> bool:
    """In whatever order they were written down."""
    orders = itertools.islice(itertools.permutations(calls), 24)
    answers = {not violations_of(BOX, order) for order in orders}
    assert len(answers) == 1
    return answers.pop()


def test_nothing_is_possible_and_so_is_a_whole_life() -> None:
    assert possible()
    assert possible(
        call(EXISTS, -2, -1, result=False),
        made(),
        sent("a", 1, 1, 2),
        sent("b", 4, 3, 4),
        read(5, 6, (1, "a"), (4, "b")),
        acknowledged(1, 7, 8),
        read(9, 10, (4, "b")),
        call(CREATE, 11, 12, outcome=REFUSED),
        call(DELETE, 13, 14),
        call(SEND, 15, 16, value="c", outcome=REFUSED),
        call(EXISTS, 17, 18, result=False),
        call(CREATE, 19, 20, outcome=REFUSED),
    )


# ---------------------------------------------------------------- what a read shows


def test_a_read_that_misses_what_was_confirmed_before_it_is_stale() -> None:
    assert not possible(made(), sent("a", 1, 1, 2), read(3, 4))
    assert possible(made(), sent("a", 1, 1, 3.5), read(3, 4)), "they overlap"


def test_a_read_in_the_middle_misses_one() -> None:
    sends = (sent("a", 1, 1, 2), sent("b", 2, 1, 2), sent("c", 3, 1, 2))
    assert not possible(made(), *sends, read(3, 4, (1, "a"), (3, "c")))


def test_what_one_read_has_shown_no_later_one_may_miss() -> None:
    slow = sent("a", 1, 1, 9)
    assert possible(made(), slow, read(2, 3), read(4, 5, (1, "a")))
    assert not possible(made(), slow, read(2, 3, (1, "a")), read(4, 5))


def test_a_read_from_the_future() -> None:
    assert not possible(made(), read(1, 2, (1, "a")), sent("a", 1, 3, 4))
    never_answered = call(SEND, 5, value="a")
    assert not possible(made(), sent("b", 2, 1, 2), read(3, 4, (1, "a"), (2, "b")), never_answered)


def test_what_was_acknowledged_does_not_come_back() -> None:
    life = (made(), sent("a", 1, 1, 2), sent("b", 2, 1, 2), read(3, 4, (1, "a"), (2, "b")))
    assert not possible(*life, acknowledged(1, 5, 6), read(7, 8, (1, "a"), (2, "b")))
    assert possible(*life, acknowledged(1, 5, 6), read(5, 8, (1, "a"), (2, "b")))
    assert not possible(*life, acknowledged(1, 5, 6), read(7, 8)), "b was not acknowledged"


def test_an_acknowledgement_is_of_what_there_is_by_then() -> None:
    life = (made(), acknowledged(1, 1, 2), sent("a", 1, 3, 4))
    assert possible(*life, read(5, 6, (1, "a")))
    assert not possible(*life, read(5, 6))


def test_a_message_under_another_id_or_another_text_is_another_message() -> None:
    life = (made(), sent("a", 1, 1, 2), sent("b", 2, 1, 2))
    assert not possible(*life, read(3, 4, (1, "a"), (3, "b")))
    assert not possible(*life, read(3, 4, (1, "b"), (2, "a")))
    assert not possible(*life, read(3, 4, (1, "a"), (2, "b"), (3, "b")))
    assert not possible(*life, read(3, 4, (1, "a"), (2, "b"), (3, "nobody's")))


# ------------------------------------------------------------------- sends in order


def test_ids_in_one_mailbox_are_in_the_order_of_time() -> None:
    assert not possible(made(), sent("a", 2, 1, 2), sent("b", 1, 3, 4))
    assert possible(made(), sent("a", 2, 1, 3.5), sent("b", 1, 3, 4))


def test_what_has_no_answer_may_have_happened_or_not_but_not_both() -> None:
    life = (made(), call(SEND, 1, value="a"))
    assert possible(*life, read(2, 3))
    assert possible(*life, read(2, 3), read(4, 5, (1, "a")))
    assert not possible(*life, read(2, 3, (1, "a")), read(4, 5))
    assert not possible(made(), read(0.6, 0.7, (1, "a")), call(SEND, 1, value="a"))


def test_an_acknowledgement_without_an_answer_may_happen_late() -> None:
    life = (made(), sent("a", 1, 1, 2), acknowledged(1, 3))
    assert possible(*life, read(4, 5, (1, "a")), read(6, 7))
    assert not possible(*life, read(4, 5), read(6, 7, (1, "a")))


# ----------------------------------------------------------------- the account itself


def test_a_send_to_nobody_cannot_be_confirmed() -> None:
    assert not possible(sent("a", 1, 1, 2))
    assert not possible(made(), call(DELETE, 1, 2), sent("a", 1, 3, 4))
    assert possible(made(), call(DELETE, 1, 3.5), sent("a", 1, 3, 4))


def test_a_refusal_tells_of_the_account() -> None:
    assert not possible(made(), call(SEND, 1, 2, value="a", outcome=REFUSED))
    assert not possible(call(CREATE, 1, 2, outcome=REFUSED))
    assert not possible(made(), call(DELETE, 1, 2, outcome=REFUSED))
    assert not possible(made(), call(READ, 1, 2, outcome=REFUSED))
    assert not possible(made(), call(ACKNOWLEDGE, 1, 2, value=1, outcome=REFUSED))


def test_an_account_is_made_once_and_deleted_once() -> None:
    assert not possible(made(), call(CREATE, 1, 2))
    assert not possible(call(DELETE, 1, 2))
    assert not possible(made(), call(DELETE, 1, 2), call(DELETE, 3, 4))
    assert not possible(made(), call(DELETE, 1, 2), call(CREATE, 3, 4))
    assert possible(made(), call(DELETE, 1, 2), call(CREATE, 3, 4, outcome=REFUSED))


def test_a_deleted_mailbox_is_not_read() -> None:
    life = (made(), sent("a", 1, 1, 2), call(DELETE, 3, 4))
    assert possible(*life)
    assert not possible(*life, read(7, 8))
    assert not possible(*life, read(7, 8, (1, "a")))


@pytest.mark.parametrize("there", [True, False])
def test_whether_it_exists(there: bool) -> None:
    assert possible(made(), call(EXISTS, 1, 2, result=True))
    assert not possible(made(), call(EXISTS, 1, 2, result=False))
    assert possible(made(), call(DELETE, 1, 3), call(EXISTS, 2, 4, result=there))
    assert possible(made(), call(DELETE, 1), call(EXISTS, 2, 4, result=there))
    assert not possible(made(), call(DELETE, 1, 3), call(EXISTS, 4, 5, result=True))


# ------------------------------------------------------------------------- the work


def work_of(seed: int, count: int) -> int:
    """Calls tried in some state. As in the runs, people insist on an answer of who is there."""
    calls, _ = Copy(seed, certain=frozenset((CREATE, DELETE))).history(count)
    sweep = Sweep(BOX, calls)
    assert sweep.run() == []
    return sweep.work


@pytest.mark.parametrize("count", [1_000, 10_000])
def test_the_work_grows_as_the_history_does(count: int) -> None:
    for seed in range(3):
        assert work_of(seed, count) < 4 * count


def test_unanswered_acknowledgements_do_not_multiply_what_is_possible() -> None:
    calls = [made()]
    for number in range(1, 30):
        calls.append(sent(f"{number}", number, number, number + 0.1))
        calls.append(acknowledged(number, number + 0.2))
    letters = tuple((number, f"{number}") for number in range(20, 30))
    sweep = Sweep(BOX, [*calls, read(300, 301, *letters)])
    assert sweep.run() == []
    assert sweep.work < 10_000


def test_nor_do_unanswered_creations_and_deletions() -> None:
    calls = [made()]
    calls += [call(kind, number / 10) for kind in (CREATE, DELETE) for number in range(5, 13)]
    calls += [call(EXISTS, at, at + 0.5, result=at < 12) for at in range(2, 20)]
    sweep = Sweep(BOX, calls)
    assert sweep.run() == []
    assert sweep.work < 10_000


def test_too_many_possibilities_are_not_taken_for_a_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = range(1, 7)
    crowd = [made(), *(sent(f"{number}", number, 1, 2) for number in numbers)]
    crowd += [acknowledged(number, 1, 2) for number in numbers]
    assert violations_of(BOX, crowd) == []
    monkeypatch.setattr(linear, "STATES_MAX", 50)
    assert violations_of(BOX, crowd) == [f"undecided: too many possible states of {BOX}"]


def test_the_violation_names_the_call() -> None:
    (line,) = violations_of(BOX, [made(), sent("a", 1, 1, 2), read(3, 4)])
    assert line.startswith(f"impossible: no order explains the read of {BOX} by bob from 3.000")
    assert DONE in line


# --------------------------------------------------------------- the same, by trying all


def test_it_finds_what_trying_every_order_finds() -> None:
    chance = random.Random(5)
    said = Counter[bool]()
    for seed in range(3_000):
        calls, _ = Copy(seed, unknown=0.2, lateness=1.5).history(chance.randrange(2, 9))
        for _ in range(chance.randrange(4)):
            spoil(chance, calls)
        is_possible = not violations_of(BOX, calls)
        assert is_possible == Trial(calls).run((False, (), 0), frozenset()), (seed, calls)
        said[is_possible] += 1
    assert min(said[True], said[False]) > 400


def spoil(chance: random.Random, calls: list[Call]) -> None:
    """Something small that may be noticed or not."""
    one = chance.choice(calls)
    if chance.random() < 0.3:
        one.begin -= 2
    elif one.outcome != UNKNOWN and chance.random() < 0.3:
        one.begin += 1
        one.end += 1
    elif isinstance(one.result, bool):
        one.result = not one.result
    elif isinstance(one.result, tuple):
        one.result = one.result[chance.randrange(2) :]
    elif isinstance(one.value, int):
        one.value = max(one.value + chance.choice((-1, 1)), 0)
    elif one.outcome in (DONE, REFUSED) and one.kind in (CREATE, DELETE):
        one.outcome = REFUSED if one.outcome == DONE else DONE


Mailbox = tuple[bool | None, tuple[tuple[int, str], ...], int]
"""Whether it is there (None: no more), what it holds, the newest id that it ever held."""


class Trial:
    """Is there any order at all? For few calls."""

    def __init__(self, calls: list[Call]) -> None:
        shown = {
            text: message_id
            for one in calls
            if isinstance(one.result, tuple)
            for message_id, text in one.result
        }
        self._ids = {str(one.value): one.result for one in calls if one.outcome == DONE} | {
            str(one.value): shown.get(str(one.value))
            for one in calls
            if one.kind == SEND and one.outcome == UNKNOWN
        }
        self._calls = calls

    def run(self, box: Mailbox, placed: frozenset[int]) -> bool:
        """Whether those not placed yet can be."""
        waiting = [place for place in range(len(self._calls)) if place not in placed]
        calls = self._calls
        if all(calls[place].outcome == UNKNOWN for place in waiting):
            return True
        soonest = min(calls[place].end for place in waiting)
        return any(
            self.run(after, placed | {place})
            for place in waiting
            if calls[place].begin <= soonest
            for after in self._after(box, calls[place])
        )

    def _after(self, box: Mailbox, call: Call) -> Iterator[Mailbox]:
        is_there, letters, newest = box
        if call.outcome == REFUSED:
            if is_there is None or (call.kind == CREATE) == is_there:
                yield box
        elif call.kind == EXISTS:
            if call.outcome == UNKNOWN or call.result == bool(is_there):
                yield box
        elif is_there is None or (call.kind == CREATE) == is_there:
            return
        elif call.kind == CREATE:
            yield True, letters, newest
        elif call.kind == DELETE:
            yield None, (), newest
        elif call.kind == READ:
            if call.outcome == UNKNOWN or call.result == letters:
                yield box
        elif call.kind == ACKNOWLEDGE:
            assert isinstance(call.value, int)
            value = call.value
            yield True, tuple(one for one in letters if one[0] > value), newest
        elif (message_id := self._ids[str(call.value)]) is not None:
            assert isinstance(message_id, int)
            if message_id > newest:
                yield True, (*letters, (message_id, str(call.value))), message_id
