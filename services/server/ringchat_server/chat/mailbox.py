"""The undelivered messages of one account, as the chat before conversations kept them.

A message was there until it was acknowledged. See `earlier.py`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from operator import lt
from typing import NamedTuple

from ringchat_server.chat.names import utf8_length


class Message(NamedTuple):
    """A message that waits for its receiver."""

    id: int
    sender: str
    text: str
    sent_at_ms: int


Columns = tuple[
    tuple[int, ...],
    tuple[int, ...],
    tuple[str, ...],
    tuple[str, ...],
]
"""Ids, times (ms), senders and texts of a mailbox, as they are exported."""

EMPTY: Columns = ((), (), (), ())

_PAST_MIN = 64
"""Fewer removed places than this are not worth a cut."""


class Mailbox:
    """A queue sorted by id, with removal from the front, or of one message."""

    __slots__ = ("_ids", "_senders", "_sent_at_ms", "_start", "_texts")

    def __init__(self) -> None:
        self._ids: array[int] = array("q")
        self._sent_at_ms: array[int] = array("q")
        self._senders: list[str] = []
        self._texts: list[str] = []
        self._start = 0

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._ids) - self._start

    @property
    def newest_id(self) -> int:
        """Id of the newest message that waits; 0 if none does."""
        return self._ids[-1] if self else 0

    def extend(self, first_id: int, sender: str, texts: Sequence[str], sent_at_ms: int) -> None:
        """Add the newest messages, with the ids from that on. Amortised O(1) each."""
        count = len(texts)
        assert not self._ids or first_id > self._ids[-1]
        self._ids.extend(range(first_id, first_id + count))
        self._sent_at_ms.extend(array("q", (sent_at_ms,)) * count)
        self._senders.extend((sender,) * count)
        self._texts.extend(texts)

    def remove_through(self, message_id: int) -> None:
        """Remove all messages up to and including an id. Amortised O(1) each."""
        ids = self._ids
        position = bisect_right(ids, message_id, self._start)
        if position == len(ids):
            self._cut(position)
            return
        texts = self._texts
        for past in range(self._start, position):
            texts[past] = ""  # a text is freed at once; its place, with the others
        self._start = position
        if position >= _PAST_MIN and 2 * position >= len(ids):
            self._cut(position)

    def remove(self, message_id: int) -> None:
        """Remove one message, if it waits here. Costs a move of what stands behind it."""
        position = bisect_left(self._ids, message_id, self._start)
        if position == len(self._ids) or self._ids[position] != message_id:
            return
        if position == self._start:
            self.remove_through(message_id)
            return
        for column in (self._ids, self._sent_at_ms, self._senders, self._texts):
            del column[position]

    def after(self, message_id: int, limit: int, bytes_max: int) -> list[Message]:
        """The oldest messages with a greater id, at most `limit`.

        They stop before the texts exceed `bytes_max` bytes of UTF-8; the first is given
        in any case, so that a reader always gets on.
        """
        messages: list[Message] = []
        position = bisect_right(self._ids, message_id, self._start)
        bytes_left = bytes_max
        for at in range(position, min(position + limit, len(self._ids))):
            text = self._texts[at]
            bytes_left -= utf8_length(text) or 0
            if bytes_left < 0 and messages:
                break
            messages.append(Message(self._ids[at], self._senders[at], text, self._sent_at_ms[at]))
        return messages

    def export(self) -> Columns:
        """What waits, in built-in values."""
        at = self._start
        return (
            tuple(self._ids[at:]),
            tuple(self._sent_at_ms[at:]),
            tuple(self._senders[at:]),
            tuple(self._texts[at:]),
        )

    @classmethod
    def load(cls, value: object, same: dict[str, str]) -> Mailbox:
        """The mailbox that was exported. `same` maps names to the one object to keep of each.

        Raises:
            ValueError: if the value has another shape.
        """
        match value:
            case (tuple() as ids, tuple() as times, tuple() as senders, tuple() as texts):
                pass
            case _:
                raise ValueError("a mailbox of an unknown shape")
        if not len(ids) == len(times) == len(senders) == len(texts):
            raise ValueError("a mailbox with columns of different lengths")
        if not (_all(ids, int) and _all(times, int) and _all(senders, str) and _all(texts, str)):
            raise ValueError("a mailbox with values of a wrong type")
        if not all(lt(*pair) for pair in pairwise(ids)):
            raise ValueError("a mailbox that is not sorted by id")
        mailbox = cls()
        try:
            mailbox._ids.extend(ids)
            mailbox._sent_at_ms.extend(times)
        except OverflowError:
            raise ValueError("a mailbox with a number out of range") from None
        mailbox._senders = list(map(same.get, senders, senders))
        mailbox._texts = list(texts)
        return mailbox

    def _cut(self, position: int) -> None:
        for column in (self._ids, self._sent_at_ms, self._senders, self._texts):
            del column[:position]
        self._start = 0


def _all(values: tuple[object, ...], kind: type) -> bool:
    return all(type(value) is kind for value in values)
