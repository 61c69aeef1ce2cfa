"""The queue of undelivered messages, against a naive one."""

from __future__ import annotations

import gc
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringchat_server.chat.mailbox import EMPTY, Mailbox, Message


def filled(count: int, text: str = "hello") -> Mailbox:
    mailbox = Mailbox()
    for message_id in range(1, count + 1):
        mailbox.extend(message_id, "ann", (text,), 1000 + message_id)
    return mailbox


def ids(mailbox: Mailbox, after_id: int = 0, limit: int = 1000) -> list[int]:
    return [message.id for message in mailbox.after(after_id, limit, 10**9)]


class Naive:
    """The same in the plainest way."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def after(self, message_id: int, limit: int, bytes_max: int) -> list[Message]:
        found = [message for message in self.messages if message.id > message_id][:limit]
        while len(found) > 1 and sum(len(m.text.encode()) for m in found) > bytes_max:
            found.pop()
        return found


steps = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 3), st.sampled_from(["x", "é" * 5, "long" * 9])),
    st.tuples(st.just("burst"), st.integers(1, 200), st.just("b")),
    st.tuples(st.just("through"), st.integers(-5, 220), st.none()),
    st.tuples(st.just("remove"), st.integers(-5, 220), st.none()),
    st.tuples(st.just("reload"), st.none(), st.none()),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(steps, max_size=40), st.integers(0, 20), st.integers(0, 60))
def test_it_is_a_sorted_list(
    history: list[tuple[str, int | None, str | None]], limit: int, bytes_max: int
) -> None:
    mailbox, naive, newest = Mailbox(), Naive(), 0

    def extend(first_id: int, texts: list[str]) -> None:
        mailbox.extend(first_id, "ann", texts, first_id * 10)
        naive.messages += [
            Message(one, "ann", text, first_id * 10) for one, text in enumerate(texts, first_id)
        ]

    for step, value, text in history:
        # Ids in a step count from the oldest that waits, so most of them hit something.
        at = (value or 0) + (naive.messages[0].id - 3 if naive.messages else newest)
        if step == "append":
            newest += value or 1
            extend(newest, [text or ""])
        elif step == "burst":
            extend(newest + 1, [f"{text}{at}" for at in range(value or 0)])
            newest += value or 0
        elif step == "through":
            mailbox.remove_through(at)
            naive.messages = [m for m in naive.messages if m.id > at]
        elif step == "remove":
            mailbox.remove(at)
            naive.messages = [m for m in naive.messages if m.id != at]
        else:
            mailbox = Mailbox.load(mailbox.export(), {})
        assert len(mailbox) == len(naive.messages)
        assert mailbox.after(at, limit, bytes_max) == naive.after(at, limit, bytes_max)
        assert mailbox.after(0, 10**6, 10**9) == naive.messages


def test_a_reader_gets_on_even_with_a_text_longer_than_its_limit() -> None:
    mailbox = filled(3, "x" * 100)
    assert [m.id for m in mailbox.after(0, 10, 99)] == [1]
    assert [m.id for m in mailbox.after(0, 10, 200)] == [1, 2]
    assert mailbox.after(0, 0, 10**9) == []


def test_ids_beyond_the_newest_are_no_error() -> None:
    mailbox = filled(3)
    mailbox.remove(10**30)
    mailbox.remove_through(-(10**30))
    assert ids(mailbox) == [1, 2, 3]
    assert ids(mailbox, 10**30) == []
    mailbox.remove_through(10**30)
    assert len(mailbox) == 0


def test_a_removed_text_is_freed_at_once() -> None:
    text = "x" * 1000 + "y"
    mailbox = filled(50, text)
    gc.collect()
    before = sys.getrefcount(text)
    mailbox.remove_through(20)
    assert sys.getrefcount(text) == before - 20
    mailbox.remove_through(50)
    assert sys.getrefcount(text) == before - 50


def test_places_of_removed_messages_do_not_pile_up() -> None:
    mailbox = filled(10)
    for message_id in range(11, 5_000):
        mailbox.extend(message_id, "ann", ("x",), 0)
        mailbox.remove_through(message_id - 10)
    assert len(mailbox) == 10
    assert len(mailbox._ids) <= 200


def test_an_older_id_is_a_bug() -> None:
    for older in (2, 3):
        with pytest.raises(AssertionError):
            filled(3).extend(older, "ann", ("again", "and again"), 0)


def test_senders_of_one_name_are_one_object() -> None:
    name = "ann"
    copies = ("annx"[:3], "anny"[:3])
    assert not any(copy is name for copy in copies)
    mailbox = Mailbox.load(((1, 2), (0, 0), copies, ("x", "y")), {name: name})
    assert all(message.sender is name for message in mailbox.after(0, 9, 99))


@pytest.mark.parametrize(
    "value",
    [
        None,
        (),
        [[], [], [], []],
        ((1,), (0,), ("a",), ()),
        ((1,), (0,), ("a",), (b"x",)),
        ((1,), (0,), (7,), ("x",)),
        (("1",), (0,), ("a",), ("x",)),
        ((1,), (None,), ("a",), ("x",)),
        ((2, 2), (0, 0), ("a", "a"), ("x", "x")),
        ((2**63,), (0,), ("a",), ("x",)),
    ],
)
def test_a_value_of_another_shape_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="mailbox"):
        Mailbox.load(value, {})
    assert len(Mailbox.load(EMPTY, {})) == 0
