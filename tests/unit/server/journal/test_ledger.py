"""What records add up to, and where a compaction finds its entries."""

from __future__ import annotations

import pytest

from ringchat_server.journal.ledger import MARK_BYTES, Ledger, Marks
from ringchat_server.records import NO_VIEW, Aside, HandedOverRecord, Meta, Record, Truncate
from tests.simulator.journals import group, proposal


def test_records_add_up_and_the_old_sum_stays() -> None:
    before = Ledger(4, ((1, 0), (3, 2)), 4)
    after = before.after([group(5, 3), Truncate(6), Meta(promised=3)], 5)
    assert (after.length, after.meta.promised, after.commit_index) == (6, 3, 5)
    assert (before.length, before.meta, before.commit_index) == (4, Meta(), 0)
    assert after.base_view == 2
    assert Ledger(0, (), 0).base_view == NO_VIEW


@pytest.mark.parametrize("record", [group(4, 2), group(6, 1), Truncate(3), Truncate(5)])
def test_a_record_that_cannot_follow_is_an_error(record: Record) -> None:
    with pytest.raises(ValueError, match="entr"):
        Ledger(4, ((1, 0),), 4).after([record], 0)


def test_what_is_put_aside_grows_until_it_is_handed_over() -> None:
    ledger = Ledger(0, (), 0).after([Aside((proposal(1), proposal(2)))], 0)
    ledger = ledger.after([Aside((proposal(2), proposal(3)))], 0)
    assert ledger.aside == (proposal(1), proposal(2), proposal(3)), "each once, in order"
    unhashable = proposal(4)._replace(request=("send", ["not", "hashable"]))
    assert ledger.after([Aside((unhashable,))], 0).aside[-1] == unhashable
    text, other = "ann", b"ann".decode()  # equal, and not one object
    alike = proposal(5)._replace(account=text, request=("send", (text,), ("hi",)))
    apart = proposal(5)._replace(account=text, request=("send", (other,), ("hi",)))
    assert len(Ledger(0, (), 0).after([Aside((alike,)), Aside((apart,))], 0).aside) == 1
    assert ledger.after([HandedOverRecord(), Aside((proposal(9),))], 0).aside == (proposal(9),)


def test_marks_are_few() -> None:
    marks = Marks()
    for number in range(10_000):
        marks.note(number * 300, number, [])
    assert len(marks.offsets) == pytest.approx(3_000_000 / MARK_BYTES, abs=2)


def test_a_mark_before_an_entry_has_every_later_cut_behind_it() -> None:
    marks = Marks()
    marks.note(0, 0, [Meta()])
    marks.note(10, 0, [group(1, 100)])
    marks.note(20, 100, [group(101, 100)])
    marks.note(30, 200, [Truncate(50), group(51, 100)])
    marks.note(30 + MARK_BYTES, 150, [group(151, 1)])
    assert marks.before_entry(20) == 0
    assert marks.before_entry(51) == 30
    assert marks.before_entry(120) == 30, "not where it stood before the cut"
    assert marks.before_entry(151) == 30 + MARK_BYTES
    assert marks.length_at(30) == 50
    assert marks.length_at(10) is None
    with pytest.raises(ValueError, match="entry 0"):
        marks.before_entry(0)
