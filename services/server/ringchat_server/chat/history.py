"""The messages of one conversation, oldest first.

Held in columns (ids and times as machine integers) rather than one object per
message: half the memory, and nothing for the garbage collector to walk. What few
messages have (an edit, a deletion, a reply) stands beside, by id.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import pairwise
from operator import lt

Pairs = tuple[tuple[int, int], ...]

Columns = tuple[
    tuple[int, ...], tuple[int, ...], tuple[str, ...], tuple[str, ...], Pairs, Pairs, Pairs
]
"""Ids, times (ms), senders, texts; then by id: when edited, when deleted, what was replied to."""

MESSAGE_BYTES = 12
"""What a message takes in a journal beside its text, roughly."""


class History:
    """Columns sorted by id. Grows at its end; a text may change, a place never does."""

    __slots__ = (
        "_deleted_at_ms",
        "_edited_at_ms",
        "_reply_to",
        "_senders",
        "_sent_at_ms",
        "_texts",
        "ids",
    )

    def __init__(self) -> None:
        self.ids: array[int] = array("q")
        self._sent_at_ms: array[int] = array("q")
        self._senders: list[str] = []
        self._texts: list[str] = []
        self._edited_at_ms: dict[int, int] | None = None  # None: most have none
        self._deleted_at_ms: dict[int, int] | None = None
        self._reply_to: dict[int, int] | None = None

    def __len__(self) -> int:
        """Messages there are, deleted ones included."""
        return len(self.ids)

    @property
    def newest_id(self) -> int:
        """Id of the newest message; 0 if there is none."""
        return self.ids[-1] if self.ids else 0

    @property
    def weight(self) -> int:
        """Bytes of a journal that it takes, roughly; costs a look at each."""
        return sum(map(len, self._texts)) + MESSAGE_BYTES * len(self)

    def extend(self, first_id: int, sender: str, texts: Sequence[str], sent_at_ms: int) -> None:
        """Add the newest messages, with the ids from that on. Amortised O(1) each."""
        count = len(texts)
        assert not self.ids or first_id > self.ids[-1]
        self.ids.extend(range(first_id, first_id + count))
        self._sent_at_ms.extend(array("q", (sent_at_ms,)) * count)
        self._senders.extend((sender,) * count)
        self._texts.extend(texts)

    # ------------------------------------------------------------------- places

    def place(self, message_id: int) -> int | None:
        """Where the message of that id stands; None if there is none."""
        at = bisect_left(self.ids, message_id)
        return at if at < len(self.ids) and self.ids[at] == message_id else None

    def behind(self, message_id: int) -> int:
        """The place of the first message with a greater id."""
        return bisect_right(self.ids, message_id)

    def before(self, message_id: int) -> int:
        """The place behind the last message with a smaller id."""
        return bisect_left(self.ids, message_id)

    def sender(self, at: int) -> str:
        """Who wrote it."""
        return self._senders[at]

    def text(self, at: int) -> str:
        """What it says; nothing if it is deleted."""
        return self._texts[at]

    def sent_at_ms(self, at: int) -> int:
        """When, by the entry's time."""
        return self._sent_at_ms[at]

    def marks(self, message_id: int) -> tuple[int, int, int]:
        """What it replies to, when it was edited, when deleted; each 0 for not."""
        return (
            self._reply_to.get(message_id, 0) if self._reply_to else 0,
            self._edited_at_ms.get(message_id, 0) if self._edited_at_ms else 0,
            self._deleted_at_ms.get(message_id, 0) if self._deleted_at_ms else 0,
        )

    def is_deleted(self, message_id: int) -> bool:
        """Whether its text was taken away."""
        return self._deleted_at_ms is not None and message_id in self._deleted_at_ms

    # ------------------------------------------------------------------ changes

    def set_reply(self, message_id: int, to_id: int) -> None:
        """It answers another message."""
        self._reply_to = self._reply_to or {}
        self._reply_to[message_id] = to_id

    def edit(self, at: int, text: str, now_ms: int) -> None:
        """It says something else from now on."""
        self._texts[at] = text
        self._edited_at_ms = self._edited_at_ms or {}
        self._edited_at_ms[self.ids[at]] = now_ms

    def erase(self, at: int, now_ms: int) -> None:
        """It says nothing any more."""
        self._texts[at] = ""
        self._deleted_at_ms = self._deleted_at_ms or {}
        self._deleted_at_ms[self.ids[at]] = now_ms

    # ------------------------------------------------------------- export, load

    def export(self) -> Columns:
        """All of it, in built-in values."""
        return (
            tuple(self.ids),
            tuple(self._sent_at_ms),
            tuple(self._senders),
            tuple(self._texts),
            _pairs(self._edited_at_ms),
            _pairs(self._deleted_at_ms),
            _pairs(self._reply_to),
        )

    @classmethod
    def load(cls, value: object, same: dict[str, str]) -> History:
        """The history that was exported. `same` maps names to the one object to keep of each.

        Raises:
            ValueError: if the value has another shape.
        """
        match value:
            case (tuple(ids), tuple(times), tuple(senders), tuple(texts), edited, deleted, replies):
                pass
            case _:
                raise ValueError("a history of an unknown shape")
        if not len(ids) == len(times) == len(senders) == len(texts):
            raise ValueError("a history with columns of different lengths")
        if not (_all(ids, int) and _all(times, int) and _all(senders, str) and _all(texts, str)):
            raise ValueError("a history with values of a wrong type")
        if not all(lt(*pair) for pair in pairwise(ids)):
            raise ValueError("a history that is not sorted by id")
        history = cls()
        try:
            history.ids.extend(ids)
            history._sent_at_ms.extend(times)
        except OverflowError:
            raise ValueError("a history with a number out of range") from None
        history._senders = list(map(same.get, senders, senders))
        history._texts = list(texts)
        history._edited_at_ms = history._load_pairs(edited)
        history._deleted_at_ms = history._load_pairs(deleted)
        history._reply_to = history._load_pairs(replies)
        return history

    def _load_pairs(self, rows: object) -> dict[int, int] | None:
        if type(rows) is not tuple:
            raise ValueError("a history of an unknown shape")
        loaded: dict[int, int] = {}
        for row in rows:
            match row:
                case (int(one), int(value)) if self.place(one) is not None:
                    loaded[one] = value
                case _:
                    raise ValueError("a mark of no message")
        return loaded or None


def _pairs(marks: dict[int, int] | None) -> Pairs:
    return tuple(sorted(marks.items())) if marks else ()


def _all(values: tuple[object, ...], kind: type) -> bool:
    return all(type(value) is kind for value in values)
