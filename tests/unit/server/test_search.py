"""The index of words, and its thread: what is found, when, and what is not."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import pytest

from ringchat_server import search
from ringchat_server.chat import BadRequest, Changed, Conversation, Left, News, Posted
from ringchat_server.chat.conversations import Direct
from ringchat_server.search import Hit, Index, Row, Search, Unsearchable, words_of

# --------------------------------------------------------------------- the query


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("apple", '"apple" *'),
        ("apple pie", '"apple" AND "pie" *'),
        ("apple ", '"apple"'),
        ('"apple pie"', '"apple pie"'),
        ('"apple pie', '"apple pie"'),
        ('warm "apple pie" now', '"warm" AND "apple pie" AND "now" *'),
        ('a"b c"d', '"a" AND "b c" AND "d"'),
        ("apple!", '"apple!"'),
        ("!? apple --", '"apple"'),
        ("a AND b", '"a" AND "AND" AND "b"'),
        ("ab", '"ab"'),
        ("NEAR(a b)", '"NEAR(a" AND "b)"'),
        ("body:x", '"body:x" *'),
        ("a\0b", '"a" AND "b"'),
    ],
)
def test_what_people_write_is_data(query: str, words: str) -> None:
    assert words_of(query) == words


@pytest.mark.parametrize("query", ["", " ", '"', '""', "*", "!?", "\0", "x" * 257, "a " * 17])
def test_a_query_without_words_or_with_too_many_is_refused(query: str) -> None:
    with pytest.raises(BadRequest):
        words_of(query)


def test_no_query_is_ever_syntax() -> None:
    index = Index()
    index.take([Row(1, 1, "some text")])
    pieces = (
        '"',
        "'",
        "(",
        ")",
        "*",
        "^",
        ":",
        "-",
        "+",
        "{",
        "}",
        ",",
        "a",
        " ",
        "OR",
        "NOT",
        "é",
    )
    for one in pieces:
        for two in pieces:
            for three in pieces:
                try:
                    words = words_of(one + two + three + "text")
                except BadRequest:
                    continue
                index.find(words, [1], 0, 10)
    index.close()


# --------------------------------------------------------------------- the index


@pytest.fixture
def index() -> Index:
    index = Index()
    index.take(
        [
            Row(7, 10, "Warm apple pie"),
            Row(7, 11, "an Äpple, and a pie"),
            Row(8, 12, "apple pie for all"),
            Row(9, 13, "c7 c8 place body"),
        ]
    )
    return index


def found(index: Index, query: str, *places: int, before: int = 0, limit: int = 9) -> list[int]:
    return [hit.message_id for hit in index.find(words_of(query), places, before, limit)]


def test_all_words_are_held_newest_first(index: Index) -> None:
    assert found(index, "apple pie", 7, 8, 9) == [12, 11, 10]
    assert found(index, "pie apple", 7, 8, 9) == [12, 11, 10]
    assert found(index, "apple pie warm", 7, 8, 9) == [10]
    assert found(index, '"apple pie"', 7, 8, 9) == [12, 10]
    assert found(index, "app", 7, 8, 9) == [12, 11, 10], "the last word may be a beginning"
    assert found(index, "app pie", 7, 8, 9) == []
    assert found(index, "app ", 7, 8, 9) == []


def test_only_those_conversations(index: Index) -> None:
    assert found(index, "apple", 7) == [11, 10]
    assert found(index, "apple", 70, 71) == []
    assert found(index, "apple") == []
    assert found(index, "c7", 7, 8) == [], "a conversation's token is no word of a text"
    assert found(index, "c7", 9) == [13]
    assert index.find(words_of("apple"), [8], 0, 9) == [Hit(8, 12)]


def test_pages(index: Index) -> None:
    assert found(index, "apple", 7, 8, 9, limit=2) == [12, 11]
    assert found(index, "apple", 7, 8, 9, limit=2, before=11) == [10]


def test_more_conversations_than_one_question_takes(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "CONVERSATIONS_MAX", 2)
    assert found(index, "apple", 8, 1, 2, 3, 7) == [12, 11, 10]
    assert found(index, "apple", 7, 1, 2, 3, 8, limit=2) == [12, 11]
    monkeypatch.undo()
    assert found(index, "apple", *range(1, 10_000)) == [12, 11, 10]


def test_an_edit_and_a_deletion(index: Index) -> None:
    index.take([Row(7, 10, "cold cherry cake")])
    index.take([Row(8, 12, "")])
    assert found(index, "apple", 7, 8) == [11]
    assert found(index, "cherry", 7, 8) == [10]
    index.take([Row(7, 20, "once"), Row(7, 20, "twice"), Row(7, 20, "thrice")])
    assert found(index, "once", 7) == []
    assert found(index, "thrice", 7) == [20]


def test_a_search_that_takes_too_long_is_broken_off(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "FIND_SECONDS_MAX", -1.0)
    with pytest.raises(Unsearchable, match="too long"):
        found(index, "apple", 7)


# --------------------------------------------------------------------- the thread


class Told:
    """Conversations that grow, and the news of it."""

    def __init__(self, count: int = 1) -> None:
        self.all = [Direct(id_) for id_ in range(1, count + 1)]
        self.next_id = 100

    def post(self, *texts: str, at: int = 0) -> list[News]:
        conversation, first = self.all[at], self.next_id
        conversation.history.extend(first, "ann", texts, 1)
        self.next_id += len(texts)
        return [Posted(conversation, first, len(texts))]

    def erase(self, one: int) -> list[News]:
        place = self.all[0].history.place(one)
        assert place is not None
        self.all[0].history.erase(place, 2)
        return [Changed(self.all[0], one)]

    def __call__(self) -> Iterable[Conversation]:
        return self.all


@asynccontextmanager
async def at_work() -> AsyncIterator[Search]:
    one = Search()
    try:
        yield one
    finally:
        one.close()
    assert "search" not in [thread.name for thread in threading.enumerate()]


async def ids(one: Search, told: Told, query: str, places: Sequence[int] = (1,)) -> list[int]:
    return [hit.message_id for hit in await one.find(told, words_of(query), places, 0, 1_000)]


async def test_what_there_was_and_what_comes_is_found_at_once() -> None:
    told = Told(3)
    told.post("apple one", "pear", "apple two")
    told.post("apple elsewhere", at=2)
    async with at_work() as one:
        one.read(told.post("before the index was wanted: apple"))
        assert await ids(one, told, "apple") == [104, 102, 100]
        assert await ids(one, told, "apple", [1, 3]) == [104, 103, 102, 100]
        for number in range(20):
            one.read(told.post(f"apple {number}"))
            assert len(await ids(one, told, "apple")) == number + 4
        one.read(told.erase(100))
        assert 100 not in await ids(one, told, "apple")


async def test_what_is_written_while_the_index_is_made_is_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "BATCH_ROWS", 10)
    monkeypatch.setattr(search, "WAITING_LOW", 20)
    told = Told(40)
    for at in range(40):
        told.post(*["apple"] * 25, at=at)
    async with at_work() as one:
        asked = asyncio.create_task(ids(one, told, "apple", range(1, 41)))
        for at in range(40):
            await asyncio.sleep(0)
            one.read(told.post("apple, too", at=at))
        one.read(told.erase(100))
        await asked
        assert len(await ids(one, told, "apple", range(1, 41))) == 1_000
        found = await one.find(told, words_of("apple"), range(1, 41), 0, 2_000)
        assert len(found) == len({hit.message_id for hit in found}) == 40 * 26 - 1


async def test_what_comes_and_goes_during_the_walk_hides_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "SLICE", 2)
    told = Told(10)
    for at in range(10):
        told.post("apple", at=at)
    table = {one.id: one for one in told.all}
    async with at_work() as one:
        asked = asyncio.create_task(
            one.find(table.values, words_of("apple"), range(1, 100), 0, 100)
        )
        for turn in range(3):
            await asyncio.sleep(0)
            table[50 + turn] = Direct(50 + turn)  # the walk goes wrong, and says so
            await asyncio.sleep(0)
            gone = table.pop(50 + turn)  # this one would not
            table[60 + turn] = Direct(60 + turn)
            one.read([Left(gone, "ann")])
        assert {hit.conversation_id for hit in await asked} == set(range(1, 11))


async def test_a_walk_that_is_always_disturbed_is_made_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "SLICE", 2)
    told = Told(10)
    for at in range(10):
        told.post("apple", at=at)
    walks: list[int] = []

    async with at_work() as one:

        def disturbed() -> Iterable[Conversation]:
            walks.append(1)
            for conversation in told.all:
                one.read([Left(conversation, "ann")])
                yield conversation

        found = await one.find(disturbed, words_of("apple"), range(1, 11), 0, 100)
        assert len(found) == 10
        assert len(walks) == search.WALKS_MAX + 1


async def test_it_is_made_anew_after_it_was_dropped() -> None:
    told = Told()
    told.post("apple")
    async with at_work() as one:
        assert await ids(one, told, "apple") == [100]
        one.forget()
        one.read(told.post("apple"))  # nobody wants it now: the next search finds it
        other = Told()
        other.next_id = 500
        other.post("apple")
        assert await ids(one, other, "apple") == [500]


async def test_who_waits_for_a_dropped_index_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "WAITING_LOW", -1)
    told = Told()
    told.post(*["apple"] * 5_000)
    async with at_work() as one:
        asked = asyncio.create_task(ids(one, told, "apple"))
        await asyncio.sleep(0)
        one.forget()
        with pytest.raises(Unsearchable, match="again"):
            await asked


async def test_one_that_falls_behind_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "WAITING_MAX", 100)
    told = Told()
    told.post("apple")
    async with at_work() as one:
        assert await ids(one, told, "apple") == [100]
        one.read(told.post(*["apple"] * 101))
        assert one._made is None
        assert len(await ids(one, told, "apple")) == 102


async def test_it_leaves_most_of_the_time_to_others_unless_somebody_waits() -> None:
    told = Told()
    async with at_work() as one:
        assert await ids(one, told, "apple") == []
        began = time.monotonic()
        for _ in range(20):
            one.read(told.post(*["apple and a few words more"] * 1_000))
        rested = time.monotonic() - began
        assert len(one._rows) > 0
        assert len(await ids(one, told, "apple")) == 1_000
        assert len(one._rows) == 0
        assert rested < 10


async def test_too_many_at_once_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "FINDERS_MAX", 2)
    told = Told()
    told.post("apple")
    async with at_work() as one:
        outcomes = await asyncio.gather(
            *(ids(one, told, "apple") for _ in range(3)), return_exceptions=True
        )
        assert outcomes[:2] == [[100], [100]]
        assert isinstance(outcomes[2], Unsearchable)


async def test_who_waits_too_long_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "WAIT_SECONDS_MAX", 0.0)
    async with at_work() as one:
        with pytest.raises(Unsearchable, match="gone through"):
            await ids(one, Told(), "apple")


async def test_a_database_that_fails_is_said_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(self: Index, *_: object) -> list[Hit]:
        raise sqlite3.OperationalError("database or disk is full")

    told = Told()
    told.post("apple")
    async with at_work() as one:
        with monkeypatch.context() as patch:
            patch.setattr(Index, "find", full)
            with pytest.raises(Unsearchable, match="disk is full"):
                await ids(one, told, "apple")
        assert "made anew" in caplog.text
        assert await ids(one, told, "apple") == [100]


async def test_an_index_that_cannot_be_made_keeps_nobody_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> Iterable[Conversation]:
        raise KeyError("a bug")

    async with at_work() as one:
        with pytest.raises(Unsearchable, match="again"):
            await one.find(broken, words_of("apple"), [1], 0, 9)
        assert "cannot be made" in caplog.text
        assert await ids(one, Told(), "apple") == []


def test_one_that_was_never_asked_has_no_thread() -> None:
    one = Search()
    told = Told()
    one.read(told.post("apple"))
    assert one._thread is None
    one.close()
