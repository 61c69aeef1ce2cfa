from __future__ import annotations

import copy
import dataclasses
import math
import random

import pytest

from chaos.checkers import lost_or_doubled, not_linearizable, without_refusals
from chaos.history import (
    ACKNOWLEDGE,
    CREATE,
    DELETE,
    DONE,
    EDIT,
    EXISTS,
    FAILED,
    NOTE,
    READ,
    REFUSED,
    SEND,
    UNKNOWN,
    Call,
    Letters,
)
from tests.unit.chaos.histories import (
    BOX,
    CORRUPTIONS,
    Copy,
    Corruption,
    acknowledged,
    call,
    made,
    read,
    sent,
)

CONVERSATION = (
    made(),
    sent("a", 1, 1, 2),
    sent("b", 2, 3, 4),
    read(5, 6, (1, "a"), (2, "b")),
    sent("c", 3, 7, 8),
)


def wrong(*calls: Call, final: Letters | None = ()) -> list[str]:
    """The first word of each complaint: at the end the mailbox holds that, or is not there."""
    finals = {} if final is None else {BOX: final}
    return [line.partition(":")[0] for line in lost_or_doubled(calls, finals)]


# ------------------------------------------------------------------- lost and doubled


def test_all_that_was_confirmed_is_there_or_was_acknowledged() -> None:
    assert wrong(*CONVERSATION, final=((1, "a"), (2, "b"), (3, "c"))) == []
    assert wrong(*CONVERSATION, acknowledged(2, 6, 7), final=((3, "c"),)) == []
    assert wrong(*CONVERSATION, acknowledged(1, 6, 7), final=((2, "b"), (3, "c"))) == []
    assert wrong(final=None) == []


def test_what_was_confirmed_and_is_gone_is_lost() -> None:
    assert wrong(*CONVERSATION, final=((1, "a"), (3, "c"))) == ["lost"]
    assert wrong(*CONVERSATION, acknowledged(1, 6, 7), final=((3, "c"),)) == ["lost"]


def test_an_acknowledgement_removes_nothing_that_its_reader_had_not_read() -> None:
    assert wrong(*CONVERSATION, acknowledged(2, 6, 7)) == ["lost"], "c"
    assert wrong(*CONVERSATION, acknowledged(9, 6, 7)) == ["lost"], "c came after the read"
    assert wrong(made(), sent("a", 1, 1, 2), acknowledged(1, 3, 4)) == ["lost"]


def test_nor_what_it_had_read_on_the_other_side_of_a_split_only() -> None:
    here, there = read(5, 6, (1, "a"), (2, "b")), read(7, 8, (1, "a"))
    life = (made(), sent("a", 1, 1, 2), sent("b", 2, 3, 4), here, there)
    assert wrong(*life, acknowledged(2, 9, 10)) == ["lost"]
    assert wrong(*life, acknowledged(2, 6.5, 10)) == []


def test_nor_what_somebody_else_has_read() -> None:
    other = dataclasses.replace(read(5, 6, (1, "a")), client="somebody")
    assert wrong(made(), sent("a", 1, 1, 2), other, acknowledged(1, 7, 8)) == ["lost"]


def test_an_acknowledgement_that_may_have_happened_explains_either() -> None:
    life = (*CONVERSATION[:4], acknowledged(2, 6))
    assert wrong(*life) == []
    assert wrong(*life, final=((1, "a"), (2, "b"))) == []


def test_what_was_acknowledged_does_not_come_back() -> None:
    life = (*CONVERSATION[:4], acknowledged(1, 6, 7))
    assert wrong(*life, final=((1, "a"), (2, "b"))) == ["back"]
    assert wrong(*life, final=((2, "b"), (9, "a"))) == ["back"], "under another id"


def test_what_shows_twice_is_doubled_wherever_it_shows() -> None:
    life = (made(), sent("a", 1, 1, 2))
    assert wrong(*life, final=((1, "a"), (2, "a"))) == ["doubled"]
    assert wrong(*life, read(3, 4, (1, "a"), (2, "a")), final=((1, "a"),)) == ["doubled"]
    assert wrong(made(), call(SEND, 1, value="a"), final=((1, "a"), (2, "a"))) == ["doubled"]


def test_ids_in_a_mailbox_ascend() -> None:
    life = (made(), sent("a", 1, 1, 2), sent("b", 2, 3, 4))
    assert wrong(*life, final=((2, "b"), (1, "a"))) == ["disordered"]
    assert wrong(*life, final=((1, "b"), (2, "a"))) == [], "after a split the order may be new"


def test_what_nobody_has_sent_is_invented() -> None:
    assert wrong(made(), final=((1, "a"),)) == ["invented"]
    elsewhere = dataclasses.replace(sent("a", 1, 1, 2), key="eve")
    assert lost_or_doubled([made(), elsewhere], {BOX: ((1, "a"),), "eve": ((1, "a"),)}) == [
        f"invented: 'a' is in {BOX} at the end, and nobody sent it"
    ]


@pytest.mark.parametrize("outcome", [FAILED, REFUSED])
def test_what_was_not_done_is_not_there(outcome: str) -> None:
    denied = call(SEND, 1, 2, value="a", outcome=outcome)
    assert wrong(made(), denied) == []
    assert wrong(made(), denied, final=((1, "a"),)) == ["done-after-all"]
    assert wrong(made(), denied, read(3, 4, (1, "a"))) == ["done-after-all"]


@pytest.mark.parametrize("outcome", [FAILED, REFUSED])
def test_in_availability_mode_what_one_master_refused_may_be_done_by_another(outcome: str) -> None:
    denied = call(SEND, 5, 6, value="a", outcome=outcome)
    history = [made(), denied, read(7, 8, (1, "a"))]
    assert wrong(*history, final=((1, "a"),)) == ["done-after-all"] * 2
    assert wrong(*without_refusals(history), final=((1, "a"),)) == []
    assert denied.outcome == outcome, "the history itself stays as it is"


def test_what_was_read_or_done_stays_what_it_was() -> None:
    history = [*CONVERSATION, call(READ, 1, 2, outcome=REFUSED), call(EXISTS, 1, 2, outcome=FAILED)]
    assert without_refusals(history) == history


def test_what_is_not_known_may_be_there_or_not() -> None:
    asked = call(SEND, 1, value="a")
    assert wrong(made(), asked) == []
    assert wrong(made(), asked, final=((1, "a"),)) == []


def test_an_account_does_not_disappear_with_its_empty_mailbox() -> None:
    assert wrong(made(), final=None) == ["gone"]
    assert wrong(made(), call(DELETE, 1, 2), final=None) == []
    assert wrong(made(), call(DELETE, 1), final=None) == []
    assert wrong(made(), sent("a", 1, 1, 2), final=None) == ["gone", "lost"]
    assert wrong(call(CREATE, 1), final=None) == []


def test_a_deletion_takes_the_mailbox_along() -> None:
    assert wrong(made(), sent("a", 1, 1, 2), call(DELETE, 3, 4), made(5, 6)) == []
    assert wrong(made(), sent("a", 1, 1, 2), call(DELETE, 3), made(5, 6)) == []


# ---------------------------------------------------------------------- linearizable


def kinds_of(*calls: Call) -> set[str]:
    return {line.partition(":")[0] for line in not_linearizable(calls)}


def to_eve(call: Call) -> Call:
    return dataclasses.replace(call, key="eve")


def test_a_conversation_is_linearizable() -> None:
    assert kinds_of(*CONVERSATION) == set()
    assert kinds_of(*CONVERSATION, to_eve(made())) == set()


def test_each_account_is_judged_by_itself() -> None:
    assert kinds_of(*CONVERSATION, to_eve(call(DELETE, 1, 2))) == {"impossible"}


def test_what_failed_says_nothing() -> None:
    assert kinds_of(*CONVERSATION, call(CREATE, 1, 2, outcome=FAILED)) == set()


def test_ids_are_in_the_order_of_time_over_all_accounts() -> None:
    eves = to_eve(made())
    assert kinds_of(made(), eves, sent("a", 7, 1, 2), to_eve(sent("b", 5, 3, 4))) == {"order"}
    assert kinds_of(made(), eves, sent("a", 7, 1, 3.5), to_eve(sent("b", 5, 3, 4))) == set()


def test_an_id_that_was_shown_is_older_than_whatever_is_sent_then() -> None:
    shown = (call(SEND, 1, value="a"), read(2, 3, (7, "a")))
    assert kinds_of(made(), to_eve(made()), *shown, to_eve(sent("b", 5, 4, 5))) == {"order"}
    assert kinds_of(made(), to_eve(made()), *shown, to_eve(sent("b", 5, 2.5, 5))) == set()


def test_an_id_is_that_of_one_message() -> None:
    eves = to_eve(made())
    assert kinds_of(made(), eves, sent("a", 5, 1, 3), to_eve(sent("b", 5, 2, 4))) == {"order"}
    assert "order" in kinds_of(made(), sent("a", 5, 1, 3), read(4, 5, (5, "b")))


# ------------------------------------------------------------------------------ notes


def edit(text: str, begin: float, end: float = math.inf) -> Call:
    return call(EDIT, begin, end, value=text)


def test_a_note_says_what_it_was_edited_to() -> None:
    life = (made(), edit("a", 1, 2), edit("b", 3, 4))
    assert wrong(*life, call(NOTE, 5, 6, result="b"), final=()) == []
    assert wrong(*life, call(NOTE, 5, 6, result="a"), final=()) == [], "in another order"
    assert wrong(*life, call(NOTE, 5, 6, result="a note"), final=()) == ["lost"]
    assert wrong(*life, call(NOTE, 1, 2, result="a note"), final=()) == []
    refused = call(EDIT, 5, 6, value="c", outcome=REFUSED)
    assert wrong(*life, refused, call(NOTE, 7, 8, result="c"), final=()) == ["done-after-all"]


def test_in_one_order_it_does_not_say_what_was_overwritten() -> None:
    life = (made(), edit("a", 1, 2), edit("b", 3, 4))
    assert kinds_of(*life, call(NOTE, 5, 6, result="b")) == set()
    assert kinds_of(*life, call(NOTE, 5, 6, result="a")) == {"stale"}
    assert kinds_of(*life, call(NOTE, 5, 6, result="a note")) == {"stale"}
    assert kinds_of(*life, call(NOTE, 3.5, 6, result="a")) == set(), "they overlap"
    assert kinds_of(*life, edit("c", 5), call(NOTE, 7, 8, result="b")) == set()
    assert kinds_of(*life, edit("c", 5), call(NOTE, 7, 8, result="c")) == set()


# --------------------------------------------------------------------------- in bulk


def complaints(calls: list[Call], finals: dict[str, Letters]) -> list[str]:
    return lost_or_doubled(calls, finals) + not_linearizable(calls)


def test_what_a_single_copy_shows_always_passes() -> None:
    for seed in range(150):
        calls, finals = Copy(seed).history(random.Random(seed).randrange(2, 150))
        assert complaints(calls, finals) == [], seed


@pytest.mark.parametrize("corrupt", CORRUPTIONS)
def test_what_is_corrupted_is_nearly_always_caught(corrupt: Corruption) -> None:
    caught = tried = 0
    for seed in range(40):
        # Nobody leaves: after that nothing happens that could be corrupted.
        calls, finals = Copy(seed, lateness=0.3, leaves=False).history(120)
        before = copy.deepcopy(calls)
        corrupt(random.Random(seed), calls)
        if calls != before:
            tried += 1
            caught += bool(complaints(calls, finals))
    assert tried >= 35
    assert caught >= 0.9 * tried


def test_a_message_that_the_end_lacks_is_caught_without_any_order() -> None:
    caught = tried = 0
    for seed in range(60):
        # Nobody leaves: where an account was deleted, whatever was sent to it may be gone.
        calls, finals = Copy(seed, leaves=False).history(80)
        confirmed = {call.value for call in calls if call.kind == SEND and call.outcome == DONE}
        certain = {one for one in finals.get(BOX, ()) if one[1] in confirmed}
        unsure = any(c.kind == ACKNOWLEDGE and c.outcome == UNKNOWN for c in calls)
        if certain and not unsure:
            tried += 1
            lost = random.Random(seed).choice(sorted(certain))
            finals[BOX] = tuple(one for one in finals[BOX] if one != lost)
            caught += [line[:4] for line in lost_or_doubled(calls, finals)] == ["lost"]
    assert tried >= 20
    assert caught == tried
