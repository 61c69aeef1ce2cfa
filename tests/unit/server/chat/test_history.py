"""The messages of a conversation, against a naive list, and what they take in memory."""

from __future__ import annotations

import gc
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringchat_server.chat.history import History

EMPTY = ((), (), (), (), (), (), ())

steps = st.one_of(
    st.tuples(st.just("extend"), st.integers(1, 5)),
    st.tuples(st.sampled_from(["edit", "erase", "reply"]), st.integers(0, 40)),
    st.tuples(st.just("reload"), st.just(0)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=40))
def test_it_is_a_list(past: list[tuple[str, int]]) -> None:
    history, newest = History(), 0
    naive: dict[int, list[object]] = {}
    for now, (step, value) in enumerate(past, 1):
        at = history.place(value)
        assert (at is not None) == (value in naive)
        if step == "extend":
            first = newest + 1 + value % 3
            texts = [f"{now} {one}" for one in range(value)]
            history.extend(first, "ann", texts, now)
            naive |= {first + one: [text, now, 0, 0, 0] for one, text in enumerate(texts)}
            newest = first + value - 1
        elif step == "reload":
            history = History.load(history.export(), {})
        elif at is not None and step == "edit":
            history.edit(at, f"edited {now}", now)
            naive[value][0], naive[value][3] = f"edited {now}", now
        elif at is not None and step == "erase":
            history.erase(at, now)
            naive[value][0], naive[value][4] = "", now
        elif at is not None:
            history.set_reply(value, now)
            naive[value][2] = now
        found = {
            one: [history.text(place), history.sent_at_ms(place), *history.marks(one)]
            for place, one in enumerate(history.ids)
        }
        assert found == naive
        assert history.newest_id == newest
        assert history.weight == sum(12 + len(str(row[0])) for row in naive.values())
        assert history.before(value) == sum(one < value for one in naive)
        assert history.behind(value) == sum(one <= value for one in naive)
        assert [one for one in naive if history.is_deleted(one)] == [
            one for one, row in naive.items() if row[4]
        ]


@pytest.mark.parametrize(
    "value",
    [
        None,
        (),
        EMPTY[:6],
        ((1,), *EMPTY[1:]),
        ((2, 1), (0, 0), ("a", "a"), ("x", "y"), (), (), ()),
        ((1, 1), (0, 0), ("a", "a"), ("x", "y"), (), (), ()),
        (("1",), (0,), ("a",), ("x",), (), (), ()),
        ((1,), (0,), ("a",), (b"x",), (), (), ()),
        ((2**63,), (0,), ("a",), ("x",), (), (), ()),
        ((1,), (0,), ("a",), ("x",), ((2, 5),), (), ()),
        ((1,), (0,), ("a",), ("x",), (), ((1,),), ()),
        ((1,), (0,), ("a",), ("x",), (), (), None),
    ],
)
def test_another_shape_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"history|mark"):
        History.load(value, {})


def test_a_message_takes_little_beside_its_text() -> None:
    gc.collect()
    history = History()
    for first in range(1, 100_000, 100):
        history.extend(first, "ann", [f"{one:0100d}" for one in range(100)], 7)
    columns = sum(
        sys.getsizeof(column)
        for column in (history.ids, history._sent_at_ms, history._senders, history._texts)
    )
    assert columns / len(history) < 40
    tracked = gc.get_referents(history)
    assert sum(map(gc.is_tracked, tracked)) <= 6, "nothing for the collector but the columns"
