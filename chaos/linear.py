"""Linearizability of one account and its mailbox (Herlihy & Wing), just in time.

The sweep of Lowe, *Testing for linearizability* (2017): calls enter and leave in the
order of time; what is kept is every state that the account can be in, each with the
calls under way that have taken effect already. When a call ends, it must have taken
effect in one of them.

It stays near-linear because message ids are places in one order. The messages of
a mailbox are those of its sends, in the order of their ids, between two bounds: so a
state is three small values, however long the mailbox is, and of the sends under way
only the one with the next id can be next. An unanswered send that no read has
ever shown changes nothing that can be seen, and is left out.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chaos.history import (
    ACKNOWLEDGE,
    CREATE,
    DELETE,
    DONE,
    EXISTS,
    READ,
    REFUSED,
    SEND,
    UNKNOWN,
    Call,
)

STATES_MAX = 20_000
"""More than so many at once: nobody can tell, and that is said."""


class State(NamedTuple):
    """The account at one moment."""

    exists: bool
    removed: int
    """Messages up to this id were acknowledged: they wait no more."""
    newest: int
    """Id of the newest message that was ever in it."""
    gone: bool = False
    """It was deleted: its name stays taken."""


Possible = tuple[State, frozenset[int]]
"""A state, and which of the calls under way have taken effect in it."""


def violations_of(key: str, calls: Sequence[Call]) -> list[str]:
    """One line at the first call that cannot be explained; none if all can."""
    return Sweep(key, calls).run()


class Sweep:
    """One pass over the calls of one account."""

    def __init__(self, key: str, calls: Sequence[Call]) -> None:
        self._key = key
        ids = _ids_seen(calls)
        self._calls = [
            call
            for call in calls
            if call.kind != SEND or call.outcome != UNKNOWN or str(call.value) in ids
            if call.outcome != UNKNOWN or call.kind not in (READ, EXISTS)
        ]
        self._id = [_id_of(call, ids) for call in self._calls]
        self._letters = sorted(
            (one, str(call.value))
            for call, one in zip(self._calls, self._id, strict=True)
            if one is not None
        )
        self._sent = [one for one, _ in self._letters]
        self._possible: set[Possible] = {(State(False, 0, 0), frozenset())}
        self._open: set[int] = set()
        self._unanswered: dict[str, list[int]] = {CREATE: [], DELETE: []}
        """Those of these kinds that have begun and have no answer."""
        self.work = 0
        """So many calls were tried in some state."""

    def run(self) -> list[str]:
        """The first call that cannot be explained, in a line."""
        moments = [(call.begin, 0, number) for number, call in enumerate(self._calls)]
        moments += [
            (call.end, 1, number)
            for number, call in enumerate(self._calls)
            if call.outcome != UNKNOWN
        ]
        for _, ends, number in sorted(moments):
            if not ends:
                self._begin(number)
                continue
            self._explain(number)
            if len(self._possible) > STATES_MAX:
                return [f"undecided: too many possible states of {self._key}"]
            if not self._possible:
                return [self._inexplicable(self._calls[number])]
            self._open.discard(number)
            self._forget()
        return []

    def _begin(self, number: int) -> None:
        call = self._calls[number]
        self._open.add(number)
        if call.outcome == UNKNOWN and call.kind in self._unanswered:
            self._unanswered[call.kind].append(number)

    def _inexplicable(self, call: Call) -> str:
        return (
            f"impossible: no order explains the {call.kind} of {self._key} by "
            f"{call.client} from {call.begin:.3f} to {call.end:.3f} ({call.outcome}, "
            f"{call.value!r} -> {_short(call.result)})"
        )

    def _explain(self, number: int) -> None:
        """Keeps what is possible now that this call has taken effect."""
        seen: set[Possible] = set()
        ahead = list(self._possible)
        explained: set[Possible] = set()
        while ahead:
            state, done = ahead.pop()
            done = self._settled(state, done)
            if (state, done) in seen:
                continue
            seen.add((state, done))
            if len(seen) > 4 * STATES_MAX:
                explained = seen
                break
            if number in done:
                explained.add((state, done - {number}))
                continue
            waiting = self._open - done
            self.work += len(waiting)
            for other in waiting:
                ahead += [
                    (after, self._lean(after, done | {other}))
                    for after in self._after(state, other)
                ]
        self._possible = explained

    # What follows drops possibilities that another one covers. Without it the work doubles
    # with every call under way, and with every call that was never answered.

    def _settled(self, state: State, done: frozenset[int]) -> frozenset[int]:
        """With the answered calls that fit and can change nothing, now or later: no other place
        is better for them."""
        return done.union(
            number
            for number in self._open - done
            if not self._may_change(state, self._calls[number])
            if any(self._after(state, number))
        )

    def _may_change(self, state: State, call: Call) -> bool:
        if call.outcome == REFUSED or call.kind in (READ, EXISTS):
            return False
        if call.kind == ACKNOWLEDGE:  # of more than is there yet it would be other later
            assert isinstance(call.value, int)
            return call.value > state.removed
        return True

    def _lean(self, state: State, done: frozenset[int]) -> frozenset[int]:
        """Without the unanswered calls that could change this state no more; and of unanswered
        creations and deletions, which are all alike, the oldest ones."""
        kept = {number for number in done if not self._is_spent(state, number)}
        for alike in self._unanswered.values():
            used = sum(number in kept for number in alike)
            kept.difference_update(alike[used:])
            kept.update(alike[:used])
        return frozenset(kept)

    def _is_spent(self, state: State, number: int) -> bool:
        call = self._calls[number]
        if call.outcome != UNKNOWN:
            return False
        if call.kind == ACKNOWLEDGE:
            assert isinstance(call.value, int)
            return call.value <= state.removed
        message_id = self._id[number]
        return message_id is not None and message_id <= state.newest

    def _forget(self) -> None:
        """Drops the unanswered calls that can change nothing any more, whatever is true."""
        unanswered = [one for one in self._open if self._calls[one].outcome == UNKNOWN]
        for number in unanswered:
            if all(self._is_spent(state, number) for state, _ in self._possible):
                self._open.discard(number)

    def _after(self, state: State, number: int) -> Iterator[State]:
        """The state after a call, if it can take effect in that one."""
        call = self._calls[number]
        refused = call.outcome == REFUSED
        if call.kind == CREATE:
            if refused == (state.exists or state.gone):
                yield state if refused else state._replace(exists=True)
        elif call.kind == DELETE:
            if refused and not state.exists:
                yield state
            elif not refused and state.exists:
                yield State(False, state.removed, state.newest, gone=True)
        elif call.kind == EXISTS:
            if state.exists == call.result:
                yield state
        elif refused:  # of a mailbox whose account is not there
            if not state.exists:
                yield state
        elif state.exists:
            yield from self._in_mailbox(state, call, self._id[number])

    def _in_mailbox(self, state: State, call: Call, message_id: int | None) -> Iterator[State]:
        if call.kind == SEND:
            assert message_id is not None
            following = bisect_right(self._sent, state.newest)
            if following < len(self._sent) and self._may_be_next(following, message_id):
                yield state._replace(newest=message_id)
        elif call.kind == ACKNOWLEDGE:
            assert isinstance(call.value, int)
            yield state._replace(removed=max(state.removed, min(call.value, state.newest)))
        elif call.kind == READ:
            assert isinstance(call.result, tuple)
            first = bisect_right(self._sent, state.removed)
            last = bisect_right(self._sent, state.newest)
            if list(call.result) == self._letters[first:last]:
                yield state

    def _may_be_next(self, following: int, message_id: int) -> bool:
        """Sends take effect in the order of their ids."""
        return bisect_left(self._sent, message_id) == following


def _id_of(call: Call, ids: dict[str, int]) -> int | None:
    """Where a send stands in the order; None for other calls."""
    if call.kind != SEND:
        return None
    if call.outcome != DONE:
        return ids.get(str(call.value))
    assert isinstance(call.result, int)
    return call.result


def _ids_seen(calls: Sequence[Call]) -> dict[str, int]:
    """Text -> the id under which some read has shown it."""
    return {
        text: message_id
        for call in calls
        if call.kind == READ and isinstance(call.result, tuple)
        for message_id, text in call.result
    }


def _short(result: object) -> str:
    text = repr(result)
    return text if len(text) <= 120 else f"{text[:120]}…"
