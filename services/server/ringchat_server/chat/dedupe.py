"""Which requests have been applied: rule 10.

Per client the set of its numbers applied, as a high-water mark and the gaps below it,
and the answers to the newest `WINDOW`. A retry, a failover, a replayed journal and a
hand-over may each bring a request again; here it is found, changes nothing and gets
the answer that it got before.

Clients stand in the order of their last use, so those idle for long stand in front
and are forgotten in O(1) each. Their time is that of the entries, never a clock.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from operator import itemgetter

from ringchat_server.chat.answers import (
    BAD_NUMBER,
    FORGOTTEN,
    TOO_MANY_CLIENTS,
    TOO_MANY_GAPS,
    Answer,
)
from ringchat_server.chat.kept import WINDOW, KeptAnswers

CLIENTS_MAX = 200_000
GAPS_MAX = 4_096
"""Ranges of numbers left out that one client may have open."""
NUMBER_MAX = 2**63
IDLE_MAX_MS = 24 * 60 * 60 * 1000

Gap = tuple[int, int]
"""First and last number of a range that is not applied."""

_first_of = itemgetter(0)


class Numbers:
    """The numbers of one client that are applied, and their answers."""

    __slots__ = ("gaps", "high", "kept", "last_used_ms")

    def __init__(self, last_used_ms: int) -> None:
        self.last_used_ms = last_used_ms
        self.high = 0
        self.gaps: list[Gap] | None = None  # sorted, apart from each other; None: no gap
        self.kept = KeptAnswers()

    def is_applied(self, number: int) -> bool:
        """Whether the request of that number is applied."""
        return number <= self.high and self._gap_at(number) is None

    def answer_to(self, number: int) -> Answer | None:
        """The answer given to that number; None if it is not applied."""
        if not self.is_applied(number):
            return None
        if number <= self.high - WINDOW:
            return FORGOTTEN
        return self.kept.get(number) or FORGOTTEN

    def add(self, number: int, count: int, answer: Answer) -> None:
        """Note that so many numbers from that on, not applied before, now are.

        One alone, or all of them beyond `high`.
        """
        high = self.high
        if number > high:
            if number > high + 1:
                self.gaps = self.gaps or []
                self.gaps.append((high + 1, number - 1))
                self.kept.skip(high + 1, number - 1)
            self.high = number + count - 1
        else:
            assert count == 1
            self._fill(number)
        if number > self.high - WINDOW:
            self.kept.keep(number, count, answer)

    def correct(self, number: int, answer: Answer) -> None:
        """Another answer, from now on, to a number that is applied."""
        assert self.is_applied(number)
        self.kept.keep(number, 1, answer)

    def gaps_after(self, number: int) -> int:
        """How many gaps there would be with that number, not applied yet, added."""
        count = len(self.gaps) if self.gaps else 0
        if number > self.high:
            return count + (number > self.high + 1)
        at = self._gap_at(number)
        assert at is not None
        assert self.gaps is not None
        first, last = self.gaps[at]
        return count - 1 + (first < number) + (number < last)

    def _gap_at(self, number: int) -> int | None:
        if not self.gaps:
            return None
        at = bisect_right(self.gaps, number, key=_first_of) - 1
        return at if at >= 0 and number <= self.gaps[at][1] else None

    def _fill(self, number: int) -> None:
        at = self._gap_at(number)
        assert at is not None, "the number is applied already"
        assert self.gaps is not None
        first, last = self.gaps[at]
        left = [(first, number - 1)] if first < number else []
        right = [(number + 1, last)] if number < last else []
        self.gaps[at : at + 1] = left + right
        if not self.gaps:
            self.gaps = None


class Clients:
    """All clients that are remembered."""

    __slots__ = ("_by_id", "_forget_after_ms", "_newest")

    def __init__(self) -> None:
        self._by_id: OrderedDict[bytes, Numbers] = OrderedDict()
        self._newest: Numbers | None = None
        """The one used last: it need not be moved to the end."""
        # Nobody is idle for too long before this time: a bound, found again when passed.
        self._forget_after_ms = 0

    def __len__(self) -> int:
        """Clients remembered."""
        return len(self._by_id)

    def answer_to(self, client: bytes, number: int) -> Answer | None:
        """The answer given to a request; None if it was not applied, or is forgotten."""
        numbers = self._by_id.get(client)
        return None if numbers is None else numbers.answer_to(number)

    def is_new(self, client: bytes, number: int) -> bool:
        """No request of that client with that number or a greater one was applied."""
        numbers = self._by_id.get(client)
        return numbers is None or number > numbers.high

    def use(self, client: bytes, now_ms: int) -> Numbers:
        """The client is at work: moves it to the end."""
        numbers = self._by_id.get(client)
        if numbers is None:
            numbers = self._by_id[client] = Numbers(now_ms)
        elif numbers is not self._newest:
            self._by_id.move_to_end(client)
        self._newest = numbers
        numbers.last_used_ms = now_ms
        return numbers

    def forget_idle(self, now_ms: int) -> None:
        """Forget those idle for more than 24 hours. `now_ms` never goes back."""
        if now_ms <= self._forget_after_ms:
            return
        while self._by_id:
            oldest = self._oldest()
            if now_ms <= oldest.last_used_ms + IDLE_MAX_MS:
                self._forget_after_ms = oldest.last_used_ms + IDLE_MAX_MS
                return
            self._by_id.popitem(last=False)
        self._newest = None
        self._forget_after_ms = now_ms

    def refuse(self, client: bytes, number: int, count: int, now_ms: int | None) -> Answer | None:
        """Why new requests of those names may not be proposed; None if they may."""
        if not 1 <= number <= NUMBER_MAX + 1 - count:
            return BAD_NUMBER
        numbers = self._by_id.get(client)
        if numbers is None:
            return TOO_MANY_CLIENTS if self._is_full(now_ms) else None
        if numbers.is_applied(number) or numbers.gaps_after(number) <= GAPS_MAX:
            return None
        # What fills a gap is let in even so: it is the way out.
        count = len(numbers.gaps or ())
        return TOO_MANY_GAPS if numbers.gaps_after(number) > count else None

    def export(self) -> tuple[object, ...]:
        """All clients in the order of their last use, in built-in values."""
        return tuple(
            (client, one.last_used_ms, one.high, tuple(one.gaps or ()), *one.kept.export())
            for client, one in self._by_id.items()
        )

    @classmethod
    def load(cls, rows: object) -> Clients:
        """The clients that were exported.

        Raises:
            ValueError: if the value has another shape.
        """
        if type(rows) is not tuple:
            raise ValueError("clients of an unknown shape")
        clients = cls()
        for row in rows:
            match row:
                case (bytes(client), int(last_used_ms), int(high), tuple(gaps), pairs, others):
                    numbers = Numbers(last_used_ms)
                    numbers.high = high
                    numbers.gaps = _gaps_of(gaps, high)
                    numbers.kept = KeptAnswers.load(pairs, others)
                    clients._by_id[client] = numbers
                case _:
                    raise ValueError("a client of an unknown shape")
        if len(clients) != len(rows):
            raise ValueError("a client that stands twice")
        return clients

    def _is_full(self, now_ms: int | None) -> bool:
        if len(self._by_id) < CLIENTS_MAX:
            return False
        # Clients are forgotten when an entry is applied, so if all were refused for want
        # of room, none would ever be: at a time when the oldest is due, there is room.
        return now_ms is None or now_ms <= self._oldest().last_used_ms + IDLE_MAX_MS

    def _oldest(self) -> Numbers:
        return next(iter(self._by_id.values()))


def _gaps_of(rows: tuple[object, ...], high: int) -> list[Gap] | None:
    gaps: list[Gap] = []
    before = -1
    for row in rows:
        match row:
            case (int(first), int(last)) if before + 1 < first <= last < high:
                gaps.append((first, last))
                before = last
            case _:
                raise ValueError("a client's gaps of an unknown shape")
    return gaps or None
