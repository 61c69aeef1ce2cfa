from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from chaos import workload
from chaos.history import (
    ACKNOWLEDGE,
    CREATE,
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
)
from chaos.workload import PADDING_CHARACTERS, Crowd, Person, Setting, padded, unpadded
from ringchat_client import (
    AlreadyExists,
    Connected,
    Message,
    NotDone,
    NotFound,
    NotKnown,
    Page,
    Receipt,
    RingchatError,
    Unauthenticated,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Book:
    """A diary in memory."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.kinds: list[str] = []

    def call(self, call: Call) -> None:
        self.calls.append(call)

    def event(self, at: float, client: str, kind: str, view: int, master: int) -> None:
        self.kinds.append(kind)


class FakeClient:
    """The SDK against one mailbox in memory; `trouble` is what its next sends end with."""

    def __init__(self, cluster: str, on_connection: Callable[[object], None]) -> None:
        self.on_connection = on_connection
        self.mailbox: list[Message] = [Message(1, "bob", "hello", NOW)]
        self.trouble: list[RingchatError] = []
        self.again: list[RingchatError] = []
        self.acknowledged: list[int] = []
        self.gone = False
        self.on_send: Callable[[], None] = lambda: None

    async def close(self) -> None:
        pass

    async def send_message(self, to: str, text: str, *, timeout: float = 1.0) -> Receipt:
        self.on_send()
        if self.trouble:
            raise self.trouble.pop(0)
        self.mailbox.append(Message(len(self.mailbox) + 1, "ann", text, NOW))
        return Receipt(len(self.mailbox), NOW)

    async def log_in(self, name: str, password: str) -> None:
        if self.gone:
            raise Unauthenticated("wrong name or password")

    async def history(self, name: str, *, after: int, limit: int, timeout: float = 1.0) -> Page:
        if not self.mailbox:
            raise NotFound("no conversation")
        return Page(tuple(self.mailbox[:limit]), False)

    async def edit_message(self, name: str, note: int, text: str, *, timeout: float) -> None:
        self.mailbox[note - 1] = Message(note, name, text, NOW)

    async def create_account(self, name: str, password: str, *, timeout: float) -> None:
        raise AlreadyExists("taken")

    async def list_accounts(self, pattern: str, *, timeout: float) -> list[str]:
        return [pattern] if pattern == "ann" else []

    async def acknowledge(self, message_id: int, *, timeout: float) -> None:
        self.acknowledged.append(message_id)

    async def receive_messages(self) -> AsyncGenerator[Message, None]:
        at = 0
        while True:
            while at < len(self.mailbox):
                at += 1
                yield self.mailbox[at - 1]
            await asyncio.sleep(0)

    def change(self) -> None:
        """The connection breaks and is made anew."""
        self.on_connection(Connected(1, 1, 4, 0.1))


Made = tuple[Person, FakeClient, Book]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], Made]:
    def make(strict: bool) -> Made:
        monkeypatch.setattr(workload, "Client", FakeClient)
        book = Book()
        person = Person(Setting("cluster.yaml", "x", 0, 1, 7, strict), "ann", book)
        client: Any = person._client
        return person, client, book

    return make


def not_known(client: FakeClient) -> NotKnown:
    async def again(timeout: float) -> Receipt:
        if client.again:
            raise client.again.pop(0)
        return Receipt(99, NOW)

    return NotKnown("not confirmed in time", again)


STRICT_OR_NOT = pytest.mark.parametrize("strict", [True, False])


@STRICT_OR_NOT
async def test_a_send_that_is_confirmed_is_done(made: Callable[[bool], Made], strict: bool) -> None:
    person, _, book = made(strict)
    call = await person.send("bob")
    assert book.calls == [call]
    assert (call.client, call.kind, call.key, call.result) == ("ann", SEND, "bob", 2)
    assert call.outcome == DONE
    assert call.begin <= call.end < math.inf


@STRICT_OR_NOT
async def test_what_was_never_sent_has_failed(made: Callable[[bool], Made], strict: bool) -> None:
    person, client, _ = made(strict)
    client.trouble = [NotDone("nobody was asked")]
    assert (await person.send("bob")).outcome == FAILED


async def test_what_is_not_known_has_no_end_or_is_asked_again(
    made: Callable[[bool], Made],
) -> None:
    person, client, book = made(True)
    for _ in range(40):
        client.trouble = [not_known(client)]
        call = await person.send("bob")
        assert (call.outcome, call.end, call.result) == (UNKNOWN, math.inf, None) or (
            call.outcome == DONE and call.end < math.inf and call.result == 99
        )
    assert {call.outcome for call in book.calls} == {UNKNOWN, DONE}
    assert len(book.calls) == 40, "one line for a call, however often it is asked"


async def test_what_has_to_be_certain_is_asked_until_it_is_known(
    made: Callable[[bool], Made],
) -> None:
    person, client, book = made(True)
    client.trouble = [NotDone("nobody"), not_known(client)]
    client.again = [not_known(client), not_known(client)]
    call = await person.send("ann", certain=True)
    assert (call.outcome, call.result) == (DONE, 99)
    assert book.calls == [call]


@STRICT_OR_NOT
async def test_a_refusal_is_an_answer(made: Callable[[bool], Made], strict: bool) -> None:
    person, client, _ = made(strict)
    client.trouble = [NotFound("no bob"), Unauthenticated("who are you")]
    assert (await person.send("bob")).outcome == REFUSED
    assert (await person.send("bob")).outcome == FAILED
    call = await person.create("bob")
    assert (call.kind, call.outcome) == (CREATE, REFUSED)


@pytest.mark.parametrize(("strict", "outcome"), [(True, REFUSED), (False, UNKNOWN)])
async def test_in_availability_a_refusal_on_another_connection_may_not_be_the_last_word(
    made: Callable[[bool], Made], strict: bool, outcome: str
) -> None:
    person, client, _ = made(strict)
    client.trouble = [NotFound("no bob on this side")]
    client.on_send = client.change
    call = await person.send("bob")
    assert call.outcome == outcome
    assert (call.end == math.inf) == (outcome == UNKNOWN)


async def test_a_call_that_is_cancelled_is_written_down_as_unknown(
    made: Callable[[bool], Made], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, client, book = made(True)

    async def never(to: str, text: str, *, timeout: float) -> Receipt:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(client, "send_message", never)
    task = asyncio.create_task(person.send("bob"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [call.outcome for call in book.calls] == [UNKNOWN]


async def test_whether_an_account_exists_is_a_yes_or_a_no(made: Callable[[bool], Made]) -> None:
    person, _, book = made(True)
    assert (await person.exists("ann")).result is True
    assert (await person.exists("bob")).result is False
    assert [call.kind for call in book.calls] == [EXISTS, EXISTS]


@STRICT_OR_NOT
async def test_a_read_is_everything_up_to_its_marker(
    made: Callable[[bool], Made], strict: bool
) -> None:
    person, client, book = made(strict)
    letters = await person.read(acknowledge=True)
    marker, read, acknowledgement = book.calls
    assert letters == ((1, "hello"), (2, marker.value))
    assert (marker.kind, marker.key, marker.outcome) == (SEND, "ann", DONE)
    assert (read.kind, read.key, read.outcome, read.result) == (READ, "ann", DONE, letters)
    assert read.begin <= marker.begin
    assert marker.end <= read.end
    assert (acknowledgement.kind, acknowledgement.value) == (ACKNOWLEDGE, 2)
    assert client.acknowledged == [2]


async def test_without_its_marker_there_is_no_read(made: Callable[[bool], Made]) -> None:
    person, client, book = made(True)
    client.trouble = [Unauthenticated("who are you")]
    assert await person.read(acknowledge=True) is None
    assert [call.kind for call in book.calls] == [SEND]
    assert client.acknowledged == []


async def test_a_read_over_two_connections_counts_in_consistency_only(
    made: Callable[[bool], Made],
) -> None:
    person, client, _ = made(True)
    client.on_send = client.change
    assert await person.read() is not None
    person, client, book = made(False)
    client.on_send = client.change
    assert await person.read(acknowledge=True) is None
    assert [call.kind for call in book.calls] == [SEND]
    assert client.acknowledged == [], "nothing is removed that may not have been seen"


async def test_texts_are_unlike_each_other(made: Callable[[bool], Made]) -> None:
    person, _, book = made(True)
    judge = Person(Setting("cluster.yaml", "x", 0, 1, 7, True), "ann", book, alias="judge")
    assert len({one.new_text() for one in (person, judge) for _ in range(5)}) == 10


Somebody = Callable[[int, str, str], Person]


@pytest.fixture
def somebody(monkeypatch: pytest.MonkeyPatch) -> Somebody:
    monkeypatch.setattr(workload, "Client", FakeClient)

    def make(seed: int, prefix: str, name: str) -> Person:
        return Person(Setting("cluster.yaml", prefix, 0, 1, seed, True), f"{prefix}-{name}", Book())

    return make


def test_some_texts_are_long_and_all_are_unlike_each_other(somebody: Somebody) -> None:
    person = somebody(7, "x", "ann")
    texts = [padded(person.new_text()) for _ in range(400)]
    assert len(set(texts)) == 400
    sizes = [len(text) for text in texts]
    long = [size for size in sizes if size >= PADDING_CHARACTERS[0]]
    assert 4 < len(long) < 30, "what is sent stays, and a small volume has to hold it several times"
    assert max(sizes) < PADDING_CHARACTERS[1] + 100


def test_only_the_seed_says_how_long_they_are(somebody: Somebody) -> None:
    def lengths(person: Person) -> list[str]:
        return [person.new_text().partition(" and ")[2] for _ in range(50)]

    assert lengths(somebody(7, "x", "ann")) == lengths(somebody(7, "abcdef", "ann"))
    assert lengths(somebody(7, "x", "ann")) != lengths(somebody(8, "x", "ann"))
    assert lengths(somebody(7, "x", "ann")) != lengths(somebody(7, "x", "bob"))


def test_what_was_padded_is_known_again_and_nothing_else() -> None:
    for text in ("ann's 7", "ann's 7 and 2048 more", "ann's 7 and 0 more", "two\nlines", ""):
        assert unpadded(padded(text)) == text
    long = padded("ann's 7 and 2048 more")
    assert len(long) == len("ann's 7 and 2048 more\n") + 2048
    for damaged in (long[:-1], long + "x", long.replace("7", "8", 1), long[:99] + "?" + long[100:]):
        assert unpadded(damaged) == damaged


async def test_a_long_text_is_sent_whole_and_written_down_short(
    made: Callable[[bool], Made],
) -> None:
    person, client, book = made(True)
    call = await person.send("ann", "bob's 7 and 2048 more")
    assert call.value == "bob's 7 and 2048 more"
    assert client.mailbox[-1].text == padded("bob's 7 and 2048 more")
    letters = await person.read()
    assert letters is not None
    assert letters[1] == (2, "bob's 7 and 2048 more")
    assert all("\n" not in str(call.value) for call in book.calls)


async def test_every_read_finds_its_marker_long_or_not(made: Callable[[bool], Made]) -> None:
    person, client, _ = made(True)
    for _ in range(20):
        assert await person.read() is not None
    assert len({len(message.text) > 1_000 for message in client.mailbox}) == 2


async def test_an_archive_that_nobody_empties_gets_no_long_texts(
    made: Callable[[bool], Made],
) -> None:
    person, client, _ = made(True)
    for _ in range(50):
        await person.send("x-archive-3")
    assert max(len(message.text) for message in client.mailbox) < 100


async def test_a_note_is_written_anew_and_read(made: Callable[[bool], Made]) -> None:
    person, client, book = made(True)
    assert await person.note() == 1
    edit = await person.edit(1)
    assert edit.outcome == DONE
    assert len(client.mailbox[0].text) > PADDING_CHARACTERS[0]
    note = await person.read_note()
    assert (note.kind, note.result) == (NOTE, edit.value)
    assert "\n" not in str(edit.value)
    client.mailbox.clear()
    assert await person.note() == 1, "the first one"
    assert client.mailbox[0].text == "a note"
    assert [call.kind for call in book.calls] == [EDIT, NOTE]


async def test_who_is_deleted_does_not_try_for_ever(made: Callable[[bool], Made]) -> None:
    person, client, _ = made(True)
    client.gone = True
    with pytest.raises(Unauthenticated):
        await person.sign_in()


async def test_a_crowd_stops_when_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    lived: list[str] = []

    async def live(self: Crowd, name: str, day: Callable[[Person], Awaitable[None]]) -> None:
        lived.append(name)
        await self._over.wait()

    async def come_and_go(self: Crowd, name: str) -> None:
        await live(self, name, Crowd._stay.__get__(self))

    monkeypatch.setattr(Crowd, "_live", live)
    monkeypatch.setattr(Crowd, "_come_and_go", come_and_go)
    crowd = Crowd(Setting("cluster.yaml", "x", 1, 2, 7, True), Book())
    running = asyncio.create_task(crowd.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not running.done()
    crowd.stop()
    await running
    assert sorted(lived) == [
        "x-box-1",
        "x-guest-1",
        "x-note-1",
        "x-sender-1-0",
        "x-sender-1-1",
    ]
