"""How a client finds the master, and what it does when the master is gone.

This is section 4 of the design as a pure state machine: no clock, no
randomness, no asyncio, no network. The driver (`connection.py`) does the one
thing that `Ring.step` names, tells the ring what came of it, and looks at
`Ring.step` again::

    Ask     send SendHeartbeat there          -> answered() or unreachable()
    Attach  open a Session there              -> attached() or attach_failed(),
                                                 later broken() or moved()
    Pause   do nothing for so many seconds    -> paused()

The walk, in order of preference:

1. *Inquire.* Ask the known addresses one after the other, without a view. One
   that says "serving" also says who the master is: attach there. If the master
   cannot be reached from here though others hear it, attach to the one that
   said so: it relays.
2. *Appoint.* If nobody serves, or the connection to the master of view `v`
   broke, ask replica `(v + 1) mod n` to take view `v + 1`, then the next one,
   round the ring: each the smallest view above the newest known that is its
   own. There is no timer in this: the next question follows the last answer.
3. *Follow.* Told of a newer view that is not serving yet, ask its replica for
   that very view: it answers once the view is served or has failed, so many
   clients gather behind one candidate instead of deposing each other's.
4. *Wait* only after a full circle of failures: 20 ms, doubling to 1 s, jittered.

An older view that serves is accepted only if a whole circle finds no newer one.
In availability mode both sides of a partition serve, and a client that was on
the other side must not be left without a service; in any other case the older
view is about to end, and a newer one will be found next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["NO_VIEW", "Answer", "Ask", "Attach", "Known", "Pause", "Ring", "Step", "same_address"]

NO_VIEW = -1
"""The view before the first."""

BACKOFF_FIRST_SECONDS = 0.020
BACKOFF_MAX_SECONDS = 1.0
STABLE_SECONDS = 0.1
"""A connection that lived as long as this was a success; one that broke sooner counts as a
failure, or a replica that takes sessions and drops them would be asked without a pause."""
SUSPECT_AFTER_SECONDS = 1.0
"""Until a replica has told its own `suspect_after`."""
APPOINT_GRACE_SECONDS = 2.0
"""A promotion may wait `suspect_after` for a hung master, and then has work to do."""
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Known:
    """One replica as an answer names it: its id and the two addresses of its client port."""

    id: int
    client: str
    published: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a replica knows: a SendHeartbeatResponse without the protobuf."""

    replica_id: int
    view: int
    master_id: int
    serving: bool
    reason: str = ""
    ring: tuple[Known, ...] = ()
    suspect_after_seconds: float = SUSPECT_AFTER_SECONDS


@dataclass(frozen=True, slots=True)
class Ask:
    """Send a heartbeat to one replica; with a view, ask it to take that view."""

    address: str
    replica_id: int | None
    """None while only one address is known and not yet whose it is."""
    view: int | None
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Attach:
    """Open a session at one replica: the master, or one that relays to it."""

    address: str
    replica_id: int
    master_id: int
    view: int

    @property
    def relayed(self) -> bool:
        """Whether the replica is not the master itself."""
        return self.replica_id != self.master_id


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for so long: a full circle found nobody."""

    seconds: float


Step = Ask | Attach | Pause


def same_address(one: str, other: str) -> bool:
    """Whether two `host:port` strings name one port; the loopback names are one host."""
    host_one, _, port_one = one.rpartition(":")
    host_other, _, port_other = other.rpartition(":")
    if port_one != port_other:
        return False
    loopback = host_one in LOOPBACK_HOSTS and host_other in LOOPBACK_HOSTS
    return loopback or host_one.lower() == host_other.lower()


class Ring:
    """The walk of one client. Times are monotonic seconds from any origin.

    Args:
        addresses: the client port of each replica in the order of the ids; or empty.
        address: the one address that is known, when there is no list.
        seed: varies the jitter of the backoff between clients.
    """

    def __init__(self, *, addresses: Sequence[str] = (), address: str = "", seed: int = 0) -> None:
        assert bool(addresses) != bool(address), "either the whole ring or one address"
        self._first_address = address
        self._addresses = tuple(addresses)
        self._noise = seed
        self.view = NO_VIEW
        """The newest view known."""
        self.suspect_after_seconds = SUSPECT_AFTER_SECONDS
        self.reason = "no replica was asked yet"
        """Why there is no master so far, in words for a person: the last thing heard."""
        self._failures = 0  # since the last success: one circle is as many as there are replicas
        self._circles = 0
        self._asked_in_circle = 0
        self._heard: tuple[int, ...] = ()  # who answered in this circle
        self._older: tuple[Answer, int] | None = None
        self._relay: Attach | None = None
        self._attached_at: float | None = None
        self._after_pause: Step | None = None
        self.step: Step = self._inquiry(0)
        """What to do next."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """The client port of each replica in the order of the ids; empty while unknown."""
        return self._addresses

    # ------------------------------------------------------------------ inputs

    def answered(self, answer: Answer) -> None:
        """A replica answered the `Ask`."""
        step = self.step
        assert isinstance(step, Ask)
        self._learn(answer)
        self.reason = answer.reason or f"replica {answer.replica_id} does not serve"
        asked = self._id_of(answer, step)
        self._heard = (*self._heard, asked)
        if answer.serving and answer.view >= self.view:
            self.view = answer.view
            self._attach_to_master(answer, step, asked)
            return
        newer = answer.view > self.view
        self.view = max(self.view, answer.view)
        if answer.serving:
            self._older = (answer, asked)
        elif newer and step.view is not None and answer.view % len(self._addresses) != asked:
            self.step = self._appointment(answer.view % len(self._addresses), answer.view)
            return
        self._next_question(step, asked)

    def unreachable(self, reason: str) -> None:
        """The `Ask` had no answer: refused, no such name, or silent."""
        step = self.step
        assert isinstance(step, Ask)
        self.reason = reason
        self._next_question(step, step.replica_id)

    def attached(self, now_seconds: float) -> None:
        """The session of the `Attach` works: the replica has answered on it."""
        assert isinstance(self.step, Attach)
        self._attached_at = now_seconds
        self._older = None

    def attach_failed(self, reason: str) -> None:
        """The session of the `Attach` never worked: try a relay, or appoint the next."""
        step = self.step
        assert isinstance(step, Attach)
        self.reason = reason
        relay, self._relay = self._relay, None
        if relay is not None:
            self._proceed(relay, failed=True)
        else:
            self._proceed(self._appoint_next(), failed=True)

    def broken(self, now_seconds: float, reason: str) -> None:
        """The working session broke or fell silent: ask the next replica, at once."""
        step = self.step
        assert isinstance(step, Attach)
        assert self._attached_at is not None
        self.reason = reason
        short_lived = now_seconds - self._attached_at < STABLE_SECONDS
        self._attached_at = None
        self._relay = None
        if not short_lived:
            self._failures = self._circles = 0
        self._proceed(self._appoint_next(), failed=short_lived)

    def moved(self, now_seconds: float, view: int, reason: str) -> None:
        """The replica said that it no longer leads, and the newest view that it knows."""
        step = self.step
        assert isinstance(step, Attach)
        if self._attached_at is None:
            self._attached_at = now_seconds
        newer = view > self.view
        self.view = max(self.view, view)
        self.broken(now_seconds, reason)
        if newer and self._addresses:
            follow = self._appointment(view % len(self._addresses), view)
            if isinstance(self.step, Pause):
                self._after_pause = follow
            else:
                self.step = follow

    def paused(self) -> None:
        """The `Pause` is over."""
        assert isinstance(self.step, Pause)
        assert self._after_pause is not None
        self.step, self._after_pause = self._after_pause, None

    # ---------------------------------------------------------------- learning

    def _learn(self, answer: Answer) -> None:
        self.suspect_after_seconds = answer.suspect_after_seconds
        if self._addresses or not answer.ring:
            return
        published = any(
            known.published and same_address(known.published, self._first_address)
            for known in answer.ring
        )
        members = sorted(answer.ring, key=lambda known: known.id)
        addresses = [k.published if published and k.published else k.client for k in members]
        if answer.replica_id < len(addresses):
            addresses[answer.replica_id] = self._first_address  # this one is known to work
        self._addresses = tuple(addresses)

    def _id_of(self, answer: Answer, step: Ask) -> int:
        """The id that was asked; a list that names the wrong one is worth a word."""
        if step.replica_id is not None and step.replica_id != answer.replica_id:
            self.reason = (
                f"{step.address} should be replica {step.replica_id}, "
                f"but says that it is replica {answer.replica_id}"
            )
            return step.replica_id
        return answer.replica_id

    # ------------------------------------------------------------------- steps

    def _attach_to_master(self, answer: Answer, step: Ask, asked: int) -> None:
        through = Attach(step.address, asked, answer.master_id, answer.view)
        if asked == answer.master_id or not 0 <= answer.master_id < len(self._addresses):
            self._relay = None
            self.step = through
            return
        self._relay = through
        address = self._addresses[answer.master_id]
        self.step = Attach(address, answer.master_id, answer.master_id, answer.view)

    def _next_question(self, step: Ask, asked: int | None) -> None:
        """The step after an `Ask` that found no master."""
        count = len(self._addresses)
        self._asked_in_circle += 1
        if step.view is None:
            if self._asked_in_circle < count:
                self.step = self._inquiry(((asked or 0) + 1) % count)
                return
            self._end_inquiry()
            return
        if self._asked_in_circle >= count:
            self._asked_in_circle, self._heard = 0, ()
            if self._take_older():
                return
        assert asked is not None
        self._proceed(self._appointment((asked + 1) % count), failed=True)

    def _end_inquiry(self) -> None:
        """The whole ring was asked, and nobody of the newest view serves."""
        count = len(self._addresses)
        heard, self._heard, self._asked_in_circle = self._heard, (), 0
        if self._take_older():
            return
        if not heard or not count:
            # Without one answer nobody may be appointed: which view is the newest?
            self._failures = max(count, 1) - 1
            self._proceed(self._inquiry(0), failed=True)
            return
        self._failures = 0
        if self.view >= 0 and self.view % count in heard:
            # Perhaps it is at work on that view just now; then it must not be deposed.
            self.step = self._appointment(self.view % count, self.view)
        else:
            self.step = self._appointment((self.view + 1) % count)

    def _take_older(self) -> bool:
        """Whether this circle found only an older view serving; then it is the next step."""
        if self._older is None:
            return False
        answer, asked = self._older
        self._older = None
        self.view = answer.view
        step = Ask(self._address_of(asked), asked, None, 0.0)
        self._attach_to_master(answer, step, asked)
        return True

    def _appoint_next(self) -> Ask:
        self._asked_in_circle, self._heard = 0, ()
        if not self._addresses:
            return self._inquiry(0)
        return self._appointment((self.view + 1) % len(self._addresses))

    def _address_of(self, replica_id: int) -> str:
        return self._addresses[replica_id] if self._addresses else self._first_address

    def _inquiry(self, replica_id: int) -> Ask:
        known = bool(self._addresses)
        address = self._address_of(replica_id)
        return Ask(address, replica_id if known else None, None, self.suspect_after_seconds)

    def _appointment(self, replica_id: int, view: int | None = None) -> Ask:
        """Ask a replica for a view: by default its smallest above the newest known."""
        count = len(self._addresses)
        if view is None:
            above = self.view + 1
            view = above + (replica_id - above) % count
        assert view >= 0
        assert view % count == replica_id
        timeout = self.suspect_after_seconds + APPOINT_GRACE_SECONDS
        return Ask(self._addresses[replica_id], replica_id, view, timeout)

    # ----------------------------------------------------------------- backoff

    def _proceed(self, step: Step, *, failed: bool) -> None:
        """Take a step; after a full circle of failures, pause before it."""
        self._failures += failed
        if not failed or self._failures < max(len(self._addresses), 1):
            self.step = step
            return
        longest = min(BACKOFF_MAX_SECONDS, BACKOFF_FIRST_SECONDS * 2.0 ** min(self._circles, 16))
        self._failures = 0
        self._circles += 1
        self._after_pause = step
        self.step = Pause(longest * (0.5 + 0.5 * self._random()))

    def _random(self) -> float:
        """A number in [0, 1) from the seed: splitmix64."""
        self._noise = (self._noise + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
        mixed = self._noise
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
        return float((mixed ^ (mixed >> 31)) >> 11) / float(1 << 53)
