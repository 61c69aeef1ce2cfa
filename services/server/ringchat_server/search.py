"""Where words stand in messages: an index beside the chat, made when somebody searches.

It is derived, and disposable: a private database in a temporary file that is gone with the
process. Every replica could make it; only a master that is asked does. What it says is
where to look. What is there, and whether the asker may see it, the chat says.

The database has a thread of its own, which never looks at the chat: the loop hands it what
was written. While nobody waits for it, it works a fifth of the time and leaves the rest
to those who chat; whoever searches waits until it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import threading
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple, TypeVar

from ringchat_server.chat import (
    AccountChanged,
    BadRequest,
    Changed,
    Conversation,
    Left,
    News,
    Posted,
)

log = logging.getLogger(__name__)

T = TypeVar("T")

QUERY_CHARS_MAX = 256
WORDS_MAX = 16
CONVERSATIONS_MAX = 400
"""In one question to the database; of whoever is in more, what it finds is gone through."""
PREFIX_CHARS_MIN = 3
"""The beginning of a word that is looked for: a shorter one stands in too many."""
SLICE = 500
WALKS_MAX = 10
"""Attempts at all conversations in slices; then they are listed at once."""
BATCH_ROWS = 500
WAITING_LOW = 5_000
"""So many rows wait before the making of the index does."""
WAITING_MAX = 200_000
WAITING_CHARS_MAX = 64 << 20
"""Beyond these the index has fallen behind for good: it is made anew when it is needed."""
SHARE = 0.2
"""Of the time, at work, while nobody waits."""
FIND_SECONDS_MAX = 2.0
WAIT_SECONDS_MAX = 10.0
FINDERS_MAX = 32
END_SECONDS_MAX = 2.0

_TOKENS = "'unicode61 remove_diacritics 2'"
_TERMS = re.compile(r'"([^"]*)"?|([^\s"]+)')


class Hit(NamedTuple):
    """A message that holds the words, if it is still as it was."""

    conversation_id: int
    message_id: int


class Row(NamedTuple):
    """What a message says now; nothing, if it is deleted."""

    conversation_id: int
    message_id: int
    text: str


class Unsearchable(Exception):
    """A search cannot be answered now; the text is one line that says why."""


def words_of(query: str) -> str:
    """A query as an expression of FTS5, in which all that people write is data.

    Words, all of which are to be held, and phrases in quotes. The last word may be the
    beginning of one.

    Raises:
        BadRequest: if there is no word in it, or too many.
    """
    if len(query) > QUERY_CHARS_MAX:
        raise BadRequest(f"a query has at most {QUERY_CHARS_MAX} characters")
    terms: list[str] = []
    for match in _TERMS.finditer(query.replace("\0", " ")):
        phrase, word = match[1], match[2]
        text = phrase if word is None else word
        if any(_is_of_a_word(char) for char in text):
            begun = word is not None and match.end() == len(query) and _may_go_on(word)
            terms.append(f'"{text}" *' if begun else f'"{text}"')
    if not terms:
        raise BadRequest("a query holds at least one word")
    if len(terms) > WORDS_MAX:
        raise BadRequest(f"a query has at most {WORDS_MAX} words")
    return " AND ".join(terms)


def _may_go_on(word: str) -> bool:
    return len(word) >= PREFIX_CHARS_MIN and _is_of_a_word(word[-1])


def _is_of_a_word(char: str) -> bool:
    """As FTS5's `unicode61` has it."""
    category = unicodedata.category(char)
    return category[0] in "LN" or category == "Co"


class Index:
    """The database. For one thread."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        for line in (
            "PRAGMA journal_mode = MEMORY",
            "PRAGMA synchronous = OFF",
            "PRAGMA cache_size = -8000",
            f"CREATE VIRTUAL TABLE texts USING fts5(place, body, tokenize = {_TOKENS})",
        ):
            self._database.execute(line)

    def close(self) -> None:
        """Its file is gone with it."""
        self._database.close()

    def take(self, rows: Sequence[Row]) -> None:
        """Messages are new, or say something else now."""
        newest = {row.message_id: row for row in rows}.values()
        database = self._database
        database.execute("BEGIN")
        database.executemany(
            "DELETE FROM texts WHERE rowid = ?", [(row.message_id,) for row in newest]
        )
        database.executemany(
            "INSERT INTO texts (rowid, place, body) VALUES (?, ?, ?)",
            [(row.message_id, f"c{row.conversation_id}", row.text) for row in newest if row.text],
        )
        database.execute("COMMIT")

    def find(
        self, words: str, conversation_ids: Sequence[int], before_id: int, limit: int
    ) -> list[Hit]:
        """The newest messages in these conversations that hold the words, newest first.

        Raises:
            Unsearchable: if it takes too long.
        """
        deadline = time.monotonic() + FIND_SECONDS_MAX
        expression, wanted = f"body : ({words})", frozenset(conversation_ids)
        if not wanted:
            return []
        if len(wanted) <= CONVERSATIONS_MAX:
            places = " OR ".join(f"c{one}" for one in wanted)
            expression = f"place : ({places}) AND {expression}"
        self._database.set_progress_handler(lambda: time.monotonic() > deadline, 1_000)
        hits: list[Hit] = []
        try:
            for place, message_id in self._database.execute(
                "SELECT place, rowid FROM texts WHERE texts MATCH ? AND rowid < ?"
                " ORDER BY rowid DESC",
                (expression, before_id or 2**63 - 1),
            ):
                if time.monotonic() > deadline:
                    raise Unsearchable(_TOO_LONG)
                hit = Hit(int(place[1:]), message_id)
                if hit.conversation_id in wanted:
                    hits.append(hit)
                    if len(hits) >= limit:
                        break
        except sqlite3.OperationalError as error:
            if time.monotonic() > deadline:
                raise Unsearchable(_TOO_LONG) from error
            raise
        finally:
            self._database.set_progress_handler(None, 0)
        return hits


_TOO_LONG = "the search takes too long: look for rarer words, or in one conversation"
_NOT_YET = "the messages are still being gone through for a search; try again in a moment"
_AGAIN = "the search was broken off; try again"


class _Question(NamedTuple):
    words: str
    conversation_ids: Sequence[int]
    before_id: int
    limit: int
    behind: int
    """So many rows have to be in the index first."""
    answer: asyncio.Future[list[Hit]]


class Search:
    """The index and its thread, seen from the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        # Under the lock:
        self._rows: deque[Row] = deque()
        self._chars = self._told = self._taken = 0
        self._questions: deque[_Question] = deque()
        self._finders = 0
        self._dropped = self._failed = False
        self._closing = False
        # Of the loop:
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._making: asyncio.Task[None] | None = None
        self._made: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._is_spoiled = False
        """Something has gone that may have been walked through."""

    def read(self, news: Sequence[News]) -> None:
        """Messages have been written, or changed."""
        if self._made is None:
            return
        rows: list[Row] = []
        for one in news:
            match one:
                case Posted(conversation, first_id, size):
                    start = conversation.history.behind(first_id - 1)
                    rows += _rows_of(conversation, start, start + size)
                case Changed(conversation, message_id):
                    at = conversation.history.behind(message_id - 1)
                    rows += _rows_of(conversation, at, at + 1)
                case Left() | AccountChanged():
                    self._is_spoiled = True
        if rows:
            self._put(rows)
            if len(self._rows) > WAITING_MAX or self._chars > WAITING_CHARS_MAX:
                log.info("the index for searches has fallen behind; it will be made anew")
                self.forget()

    async def find(
        self,
        conversations: Callable[[], Iterable[Conversation]],
        words: str,
        conversation_ids: Sequence[int],
        before_id: int,
        limit: int,
    ) -> list[Hit]:
        """The newest messages that hold the words, newest first.

        Args:
            conversations: all there are, should the index have to be made.
            words: what `words_of` gave.
            before_id: only of messages before that one; 0 for all.

        Raises:
            Unsearchable: if that cannot be told now.
        """
        if self._finders >= FINDERS_MAX:
            raise Unsearchable("too many searches at once; try again in a moment")
        self._hurry(1)
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await asyncio.shield(self._make(conversations))
                answer: asyncio.Future[list[Hit]] = asyncio.get_running_loop().create_future()
                with self._lock:
                    self._questions.append(
                        _Question(words, conversation_ids, before_id, limit, self._told, answer)
                    )
                    self._lock.notify()
                return await answer
        except TimeoutError as error:
            raise Unsearchable(_NOT_YET) from error
        finally:
            self._hurry(-1)

    def forget(self) -> None:
        """Drops the index. Who waits for it is told to ask again."""
        with self._lock:
            self._dropped, self._failed = True, False
            self._rows.clear()
            self._chars, self._taken = 0, self._told
            questions, self._questions = self._questions, deque()
            self._lock.notify()
        for question in questions:
            _settle(question.answer, Unsearchable(_AGAIN))
        if self._making is not None:
            self._making.cancel()
        if self._made is not None:
            _settle(self._made, Unsearchable(_AGAIN))
        self._making = self._made = None

    def close(self) -> None:
        """Ends the thread."""
        self.forget()
        with self._lock:
            self._closing = True
            self._lock.notify()
        if self._thread is not None:
            self._thread.join(END_SECONDS_MAX)

    # --------------------------------------------------------------- in the loop

    def _make(self, conversations: Callable[[], Iterable[Conversation]]) -> asyncio.Future[None]:
        """Begins to make the index, if it is not there; done when all that was written is told."""
        if self._made is None:
            self._loop = asyncio.get_running_loop()
            self._made = self._loop.create_future()
            # Nobody may be left who waits for it when it fails.
            self._made.add_done_callback(lambda made: made.cancelled() or made.exception())
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="search", daemon=True)
                self._thread.start()
            self._making = self._loop.create_task(self._tell_all(conversations))
            self._making.add_done_callback(self._told_all)
        return self._made

    async def _every(
        self, conversations: Callable[[], Iterable[Conversation]]
    ) -> list[Conversation]:
        """All of them, a slice at a time, so that nobody waits for a million to be listed.

        The chat lists them as they are between two entries. One that comes in between, and
        makes or ends an account or a room, may hide others from the rest of the walk: then
        it is begun again.
        """
        found: dict[int, Conversation] = {}
        for _ in range(WALKS_MAX):
            self._is_spoiled = False
            walk = iter(conversations())
            try:
                while not self._is_spoiled and (some := list(islice(walk, SLICE))):
                    found.update((one.id, one) for one in some)
                    await asyncio.sleep(0)
            except RuntimeError:
                continue  # what is walked through has grown
            if not self._is_spoiled:
                return list(found.values())
        return list(conversations())

    async def _tell_all(self, conversations: Callable[[], Iterable[Conversation]]) -> None:
        """Hands the thread all messages, as fast as it takes them.

        A history grows at its end only, and of what is written meanwhile `read` tells, so
        nothing is left out; what is told twice is there once.
        """
        made, rows = self._made, list[Row]()
        for conversation in await self._every(conversations):
            for at in range(0, len(conversation.history), BATCH_ROWS):
                stop = min(at + BATCH_ROWS, len(conversation.history))
                rows += _rows_of(conversation, at, stop)
                if len(rows) >= BATCH_ROWS:
                    self._put(rows)
                    rows = []
                    self._room.clear()
                    while len(self._rows) > WAITING_LOW:
                        await self._room.wait()
                        self._room.clear()
                    await asyncio.sleep(0)
        self._put(rows)
        if made is not None and not made.done():
            made.set_result(None)

    def _told_all(self, making: asyncio.Task[None]) -> None:
        if not making.cancelled() and (error := making.exception()) is not None:
            # Nobody who searches, now or later, is to wait for what does not come.
            log.error("the index for searches cannot be made: this is a bug", exc_info=error)
            self.forget()

    def _put(self, rows: Sequence[Row]) -> None:
        with self._lock:
            self._rows.extend(rows)
            self._told += len(rows)
            self._chars += sum(len(row.text) for row in rows)
            self._lock.notify()

    def _hurry(self, more: int) -> None:
        with self._lock:
            self._finders += more
            self._lock.notify()

    # ------------------------------------------------------------- in the thread

    def _work(self) -> None:
        index: Index | None = None
        while True:
            with self._lock:
                self._lock.wait_for(self._is_needed)
                if index is not None and (self._dropped or self._closing):
                    index.close()
                    index = None
                self._dropped = False
                if self._closing:
                    return
                question, rows = self._next()
            began = time.monotonic()
            try:
                index = index or Index()
                if rows:
                    index.take(rows)
                    self._call(self._room.set)
                if question is not None:
                    hits = index.find(*question[:4])
                    self._call(partial(_settle, question.answer, hits))
            except Unsearchable as error:
                assert question is not None
                self._call(partial(_settle, question.answer, error))
            except sqlite3.Error as error:
                log.exception("the index for searches failed; it will be made anew")
                with self._lock:
                    self._failed = True  # until the loop has dropped it
                self._call(self.forget)
                if question is not None:
                    why = Unsearchable(f"this replica cannot search: {error}")
                    self._call(partial(_settle, question.answer, why))
            if rows:
                self._rest((time.monotonic() - began) * (1 / SHARE - 1))

    def _is_needed(self) -> bool:
        work = self._rows or self._questions
        return bool(self._closing or self._dropped or (work and not self._failed))

    def _next(self) -> tuple[_Question | None, list[Row]]:
        """A question whose turn it is, or the rows that are."""
        if self._questions and self._taken >= self._questions[0].behind:
            return self._questions.popleft(), []
        rows = [self._rows.popleft() for _ in range(min(BATCH_ROWS, len(self._rows)))]
        self._taken += len(rows)
        self._chars -= sum(len(row.text) for row in rows)
        return None, rows

    def _rest(self, seconds: float) -> None:
        """Leaves the processor to others, unless somebody waits."""
        with self._lock:
            self._lock.wait_for(
                lambda: bool(self._finders or self._closing or self._dropped), seconds
            )

    def _call(self, told: Callable[[], None]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(told)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more


def _rows_of(conversation: Conversation, start: int, stop: int) -> list[Row]:
    history = conversation.history
    return [
        Row(conversation.id, history.ids[at], history.text(at))
        for at in range(start, min(stop, len(history)))
    ]


def _settle(future: asyncio.Future[T], outcome: T | Unsearchable) -> None:
    if future.done():
        return
    if isinstance(outcome, Unsearchable):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
