"""The answers to a client's newest numbers, in little memory.

Nearly all answers are `(0, message_id, sent_at_ms)` or `(0,)`. Those stand as two
machine integers in a ring indexed by the number; the rest in a dictionary. 16 KiB
for a client with a full window, where a dictionary of tuples takes 190.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import cast

from ringchat_server.chat.answers import DONE, OK, Answer

WINDOW = 1024
"""How many of a client's newest numbers have their answers kept.

A client has at most this many requests unanswered, so it never asks for an older one.
"""

# What a pair of the ring means if its first is 0, which is no message's id.
_NONE = 0
_DONE = -1

OtherAnswers = tuple[tuple[int, Answer], ...]


class KeptAnswers:
    """Answers by number. Its owner knows which numbers are applied and in the window."""

    __slots__ = ("_others", "_pairs")

    def __init__(self) -> None:
        self._pairs: array[int] = array("q")
        self._others: dict[int, Answer] = _NO_OTHERS

    def get(self, number: int) -> Answer | None:
        """The answer kept for a number of the window."""
        at = 2 * (number % WINDOW)
        if at < len(self._pairs):
            message_id, sent_at_ms = self._pairs[at], self._pairs[at + 1]
            if message_id:
                return (OK, message_id, sent_at_ms)
            if sent_at_ms == _DONE:
                return DONE
        return self._others.get(number)

    def keep(self, number: int, count: int, answer: Answer) -> None:
        """Keep the answer to `count` numbers in the places of those `WINDOW` numbers older."""
        if self._others:
            for one in range(number, number + count):
                self._others.pop(one - WINDOW, None)
                self._others.pop(one, None)
        if len(answer) == 3:  # the answer to a message is the only one of that length
            _, message_id, sent_at_ms = cast("tuple[int, int, int]", answer)
            self._put(number, range(message_id, message_id + count), sent_at_ms)
        elif answer == DONE:
            self._put(number, (0,) * count, _DONE)
        else:
            self._put(number, (0,) * count, _NONE)
            if self._others is _NO_OTHERS:
                self._others = {}
            self._others.update(dict.fromkeys(range(number, number + count), answer))

    def _put(self, number: int, firsts: Sequence[int], second: int) -> None:
        """Pairs into the ring, which may end between them."""
        pairs, at = self._pairs, number % WINDOW
        fitting = min(len(firsts), WINDOW - at)
        missing = 2 * (at + fitting) - len(pairs)
        if missing > 0:
            pairs.frombytes(bytes(pairs.itemsize * missing))
        if len(firsts) == 1:
            pairs[2 * at], pairs[2 * at + 1] = firsts[0], second
            return
        end = 2 * (at + fitting)
        pairs[2 * at : end : 2] = array("q", firsts[:fitting])
        pairs[2 * at + 1 : end : 2] = array("q", (second,)) * fitting
        if fitting < len(firsts):
            self._put(number + fitting, firsts[fitting:], second)

    def skip(self, first: int, last: int) -> None:
        """The window moves over these numbers, which are not applied yet.

        Their places in the ring may stay as they are: nobody asks for a number that is not
        applied. But the dictionary would grow.
        """
        if last - first + 1 >= WINDOW:
            self._others = _NO_OTHERS
        elif self._others:
            for number in range(first, last + 1):
                self._others.pop(number - WINDOW, None)

    def export(self) -> tuple[tuple[int, ...], OtherAnswers]:
        """The ring and the other answers, in built-in values."""
        return (tuple(self._pairs), tuple(sorted(self._others.items())))

    @classmethod
    def load(cls, pairs: object, others: object) -> KeptAnswers:
        """What was exported.

        Raises:
            ValueError: if the values have another shape.
        """
        kept = cls()
        match pairs, others:
            case (tuple(), tuple()) if len(pairs) <= 2 * WINDOW and len(pairs) % 2 == 0:
                pass
            case _:
                raise ValueError("kept answers of an unknown shape")
        try:
            kept._pairs.extend(pairs)
        except (OverflowError, TypeError):
            raise ValueError("kept answers with a number out of range") from None
        loaded: dict[int, Answer] = {}
        for row in others:
            match row:
                case (int(number), tuple(answer)) if _is_answer(answer):
                    loaded[number] = answer
                case _:
                    raise ValueError("a kept answer of an unknown shape")
        if loaded:
            kept._others = loaded
        return kept


def _is_answer(value: tuple[object, ...]) -> bool:
    return len(value) > 0 and all(type(part) in (int, str, bytes) for part in value)


# Shared by all that have none, and never written to: most clients get no other answer.
_NO_OTHERS: dict[int, Answer] = {}
