"""Histories for the tests of the checkers: by hand, or by a single copy that never fails."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable

from chaos.history import (
    ACKNOWLEDGE,
    CREATE,
    DELETE,
    DONE,
    EXISTS,
    FAILED,
    READ,
    REFUSED,
    SEND,
    UNKNOWN,
    Call,
    Letters,
)

BOX = "bob"
READER = "reader"
"""The one who acknowledges: what it has read last, and one call after another."""


def call(
    kind: str,
    begin: float,
    end: float = math.inf,
    *,
    value: str | int | None = None,
    result: int | bool | str | Letters | None = None,
    outcome: str = DONE,
    client: str = "bob",
) -> Call:
    """One call that concerns bob; without an end it was not answered."""
    if end == math.inf:
        outcome = UNKNOWN
    return Call(client, kind, BOX, begin, value, end, outcome, result)


def made(begin: float = 0.0, end: float = 0.5) -> Call:
    return call(CREATE, begin, end)


def sent(text: str, message_id: int, begin: float, end: float) -> Call:
    return call(SEND, begin, end, value=text, result=message_id, client="ann")


def read(begin: float, end: float, *letters: tuple[int, str]) -> Call:
    return call(READ, begin, end, result=letters)


def acknowledged(message_id: int, begin: float, end: float = math.inf) -> Call:
    return call(ACKNOWLEDGE, begin, end, value=message_id)


class Copy:
    """One mailbox in one copy: every call takes effect at one moment between its ends."""

    def __init__(
        self,
        seed: int,
        *,
        unknown: float = 0.03,
        lateness: float = 1.0,
        certain: frozenset[str] = frozenset(),
        leaves: bool = True,
    ) -> None:
        """
        Args:
            unknown: this share of the calls is not answered, with an effect or without.
            lateness: seconds between an end of a call and its effect, on the average; one
                call takes effect about each half second.
            certain: kinds of calls that are always answered.
            leaves: the account is deleted now and then.
        """
        self._chance = random.Random(seed)
        self._unknown = unknown
        self._lateness = lateness
        self._certain = certain
        self._weights = (54, 18, 15, 8, 3, 2 if leaves else 0)
        self._exists = False
        self._gone = False
        self._letters: dict[int, str] = {}
        self._newest = 0
        self._busy_until = 0.0
        self._read: Letters = ()
        """What the reader has read last."""

    def history(self, count: int) -> tuple[list[Call], dict[str, Letters]]:
        """So many calls in no order, and what the mailbox holds in the end."""
        chance = self._chance
        calls = []
        at = 100.0
        for number in range(count):
            at += chance.expovariate(2.0)
            calls.append(self._call(number, at))
        chance.shuffle(calls)
        return calls, {BOX: tuple(self._letters.items())} if self._exists else {}

    def _call(self, number: int, at: float) -> Call:
        chance = self._chance
        kinds = (SEND, READ, ACKNOWLEDGE, EXISTS, CREATE, DELETE)
        kind = CREATE if number == 0 else chance.choices(kinds, self._weights)[0]
        begin = at - chance.expovariate(1 / self._lateness)
        end = at + chance.expovariate(1 / self._lateness)
        made = Call(f"client-{number % 7}", kind, BOX, begin, end=end, outcome=DONE)
        if kind in (READ, ACKNOWLEDGE) and at > self._busy_until:
            made.client = READER
            made.begin = max(begin, self._busy_until)
            self._busy_until = end
        if kind == SEND:
            made.value = f"text {number}"
        if kind == ACKNOWLEDGE and (made.client != READER or not self._read):
            made.kind = READ
        elif kind == ACKNOWLEDGE:
            made.value = chance.choice(self._read)[0]
        fate = 1.0 if kind in self._certain else chance.random()
        if fate < self._unknown / 2:  # it never arrived
            return dataclasses.replace(made, end=math.inf, outcome=UNKNOWN)
        self._apply(made)
        if fate < self._unknown:  # the answer never arrived
            return dataclasses.replace(made, end=math.inf, outcome=UNKNOWN, result=None)
        if made.client == READER and isinstance(made.result, tuple):
            self._read = made.result
        return made

    def _apply(self, call: Call) -> None:
        if call.kind == EXISTS:
            call.result = self._exists
        elif self._gone or (call.kind == CREATE) == self._exists:
            call.outcome = REFUSED
        elif call.kind == CREATE:
            self._exists = True
        elif call.kind == DELETE:
            self._exists, self._gone = False, True
            self._letters.clear()
        elif call.kind == SEND:
            self._newest += self._chance.randrange(1, 4)
            self._letters[self._newest] = str(call.value)
            call.result = self._newest
        elif call.kind == READ:
            call.result = tuple(self._letters.items())
        else:
            assert isinstance(call.value, int)
            for message_id in [one for one in self._letters if one <= call.value]:
                del self._letters[message_id]


# ------------------------------------------------------------------- corruption


def _reads(calls: list[Call], least: int) -> list[Call]:
    """Those that show so many messages."""
    return [c for c in calls if isinstance(c.result, tuple) and len(c.result) >= least]


def _shows_less(chance: random.Random, calls: list[Call]) -> None:
    one = chance.choice(_reads(calls, 3))
    assert isinstance(one.result, tuple)
    place = chance.randrange(1, len(one.result) - 1)
    one.result = one.result[:place] + one.result[place + 1 :]


def _shows_twice(chance: random.Random, calls: list[Call]) -> None:
    one = chance.choice(_reads(calls, 1))
    assert isinstance(one.result, tuple)
    one.result += ((one.result[-1][0] + 1, chance.choice(one.result)[1]),)


def _shows_exchanged(chance: random.Random, calls: list[Call]) -> None:
    one = chance.choice(_reads(calls, 2))
    assert isinstance(one.result, tuple)
    (first, text), (second, other), *rest = one.result
    one.result = ((first, other), (second, text), *rest)


def _shows_what_was(chance: random.Random, calls: list[Call]) -> None:
    """A read answers what another, long before, had answered."""
    reads = sorted(_reads(calls, 1), key=lambda call: call.begin)
    place = chance.randrange(len(reads) // 2, len(reads))
    reads[place].result = reads[place - len(reads) // 2].result


def _tells_the_contrary(chance: random.Random, calls: list[Call]) -> None:
    one = chance.choice([c for c in calls if isinstance(c.result, bool)])
    one.result = not one.result


def _refuses_what_it_did(chance: random.Random, calls: list[Call]) -> None:
    reads = [one.result for one in _reads(calls, 1)]
    shown = {text for letters in reads if isinstance(letters, tuple) for _, text in letters}
    one = chance.choice([c for c in calls if c.kind == SEND and c.value in shown])
    one.outcome, one.end, one.result = FAILED, one.begin + 0.1, None


def _takes_another_place(chance: random.Random, calls: list[Call]) -> None:
    """A send is told an id of long before."""
    sends = sorted((c for c in calls if isinstance(c.result, int) and c.value), key=_begin)
    place = chance.randrange(len(sends) // 2, len(sends))
    sends[place].result = sends[place - len(sends) // 2].result


def _begin(call: Call) -> float:
    return call.begin


Corruption = Callable[[random.Random, list[Call]], None]

CORRUPTIONS: tuple[Corruption, ...] = (
    _shows_less,
    _shows_twice,
    _shows_exchanged,
    _shows_what_was,
    _tells_the_contrary,
    _refuses_what_it_did,
    _takes_another_place,
)
"""Each makes of a history that one copy could have shown one that it hardly could."""
