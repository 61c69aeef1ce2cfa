"""Somebody at a client: the real ring walk, a session that sends again, and a mind of its own.

What `connection.py` and `session.py` are in the SDK, on the schedule. Everything asked
and told goes into the history that the checkers judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

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
)
from ringchat_client.ring import Answer as RingAnswer
from ringchat_client.ring import Ask, Attach, Pause, Ring
from ringchat_server.chat import Chat
from tests.simulator.booth import (
    LOOKS,
    MAILBOX_MAX,
    QUEUE,
    READS,
    UNAVAILABLE,
    Booth,
    Delivery,
    Echo,
    Heartbeat,
    Moved,
    Open,
    Refused,
    Request,
    Response,
    Sends,
    token_hash,
)
from tests.simulator.habits import EDIT, ERASE, MARK, POST, Habits, is_a_letter
from tests.simulator.network import BROKEN, Connection
from tests.simulator.watch import Violation

if TYPE_CHECKING:
    from tests.simulator.world import World

LOGIN = "login"
KINDS = {ACKNOWLEDGE: "update", READ: QUEUE, MARK: "read"}
"""Of those that are called otherwise in the log."""
JUDGED = (CREATE, DELETE, EXISTS, SEND, READ, ACKNOWLEDGE)
"""What the checkers of mailboxes are told of."""
FIRST_READ_TAG = 1 << 62
IN_FLIGHT_MAX = 6
BURSTS = (1, 1, 1, 2, 5)
"""So many messages somebody sends at once."""
NOT_FOUND, ALREADY_EXISTS, UNAUTHENTICATED = 5, 6, 16
DECISIONS = (0, NOT_FOUND, 7)
"""Done; no such account; blocked."""
LOGINS_MAX = 2
"""After so many refused ones the account is taken for deleted."""


@dataclass(slots=True)
class Errand:
    """One call under way."""

    call: Call
    kind: str
    what: tuple[Any, ...]
    write: bool
    session: bytes
    number: int = 0
    """0: it was never put on a stream."""
    streams: int = 0
    """On so many streams it was sent."""
    given_up: bool = False
    confirmed_before: int = 0
    """The newest entry that was confirmed when it began."""
    decided: bool = False
    """It was answered, with a yes or a no, by who knows."""


class Person:
    """One client with one account at a time: who has deleted his comes back as another."""

    def __init__(self, world: World, node: int, name: str) -> None:
        self.world = world
        self.node = node
        self.name = name
        self._first_name = name
        self._lives = 1
        self._logins_refused = 0
        self.habits = Habits(self)
        self.client = world.chance.randbytes(16)
        addresses = [f"r{machine}" for machine in range(world.replicas)]
        self.ring = Ring(addresses=addresses, seed=world.chance.getrandbits(60))
        self.session = b""
        self.attached = False
        self._errands: dict[int, Errand] = {}
        """Number -> what was sent and not answered."""
        self._queue: list[Errand] = []
        self._last_number = 0
        self._last_tag = FIRST_READ_TAG
        self._connection: Connection | None = None
        self._attempt = 0
        """Counts questions and streams, so that an answer to an old one is known as such."""
        self._heard_at = 0.0
        self._had: list[tuple[int, int]] = []
        """(id, view) of the messages that this person has read and not acknowledged."""
        self._newest_delivered = 0
        """In this session."""
        self._received: dict[int, str] | None = None
        """Id -> text of what was pushed in this session; None while nothing is asked for."""
        self._received_from = 0
        """Nothing up to this id is pushed."""
        self._sent = 0
        self._gathering = False
        """What is asked for stays in the queue, to be sent together."""
        self.busy = True
        """Begins new calls of its own accord."""
        self.creating = False
        world.schedule.after(0.0, self._walk)
        world.schedule.after(world.chance.uniform(0.0, 0.3), self._think)

    # --------------------------------------------------------------- the ring

    def _walk(self) -> None:
        """Does what the ring says."""
        step = self.ring.step
        self._attempt += 1
        if isinstance(step, Ask):
            self._ask(step, self._attempt)
        elif isinstance(step, Attach):
            self._attach(step, self._attempt)
        else:
            assert isinstance(step, Pause)
            self.world.schedule.after(step.seconds, self._paused, self._attempt)

    def _paused(self, attempt: int) -> None:
        if attempt == self._attempt:
            self.ring.paused()
            self._walk()

    def _ask(self, step: Ask, attempt: int) -> None:
        replica = int(step.address[1:])
        connection = self.world.connect(self.node, replica, Booth)
        connection.listen(self.node, partial(self._told, attempt, connection))
        connection.send(self.node, Heartbeat(step.view))
        self.world.schedule.after(
            step.timeout_seconds, self._unreachable, attempt, connection, "no answer"
        )

    def _told(self, attempt: int, connection: Connection, item: object) -> None:
        if attempt != self._attempt:
            return
        if isinstance(item, RingAnswer):
            connection.hang_up(self.node)
            self.world.say(f"c{self.node}", "is told {}", item)
            self.ring.answered(item)
            self._walk()
        else:
            self._unreachable(attempt, None, "broken off")

    def _unreachable(self, attempt: int, connection: Connection | None, reason: str) -> None:
        if attempt != self._attempt:
            return
        if connection is not None:
            connection.hang_up(self.node)
        self.ring.unreachable(reason)
        self._walk()

    # ------------------------------------------------------------- the session

    def _attach(self, step: Attach, attempt: int) -> None:
        replica = int(step.address[1:])
        self._connection = connection = self.world.connect(self.node, replica, Booth)
        connection.listen(self.node, partial(self._arrived, attempt))
        connection.send(self.node, Open(self.client))
        self._newest_delivered = 0
        self._received = None
        self._heard_at = self.world.schedule.seconds
        self._put(list(self._errands.values()))  # first of all, the same numbers
        self._send_on()
        self._watch(attempt)

    def _doubt_ids(self) -> None:
        """On the side of a split that has won, other messages may have the ids that he knows."""
        self.habits.forget_own()
        for errand in (*self._errands.values(), *self._queue):
            if errand.kind in (EDIT, ERASE) and errand.what[-1] is None:
                errand.call.value = None  # whatever it hits now, it was not meant
        if self.busy and self.session:
            self.habits.go_on()
            if self.world.chance.random() < 0.3:
                self.do(ACKNOWLEDGE)

    def _watch(self, attempt: int) -> None:
        """A word must come now and then; an echo is asked for when none has."""
        if attempt != self._attempt or self._connection is None:
            return
        suspect_after = self.ring.suspect_after_seconds
        silent = self.world.schedule.seconds - self._heard_at
        if silent >= suspect_after:
            self._detach("silent")
            return
        if silent >= suspect_after / 2:
            self._connection.send(self.node, Echo())
        self.world.schedule.after(suspect_after / 4, self._watch, attempt)

    def _detach(self, reason: str, moved: Moved | None = None) -> None:
        """The stream is over."""
        if self._connection is not None:
            self._connection.hang_up(self.node)
            self._connection = None
        was_attached, self.attached = self.attached, False
        now = self.world.schedule.seconds
        self.world.say(f"c{self.node}", "loses its session: {}", reason)
        if moved is not None:
            self.ring.moved(now, moved.view, moved.reason)
        elif was_attached:
            self.ring.broken(now, reason)
        else:
            self.ring.attach_failed(reason)
        self._walk()

    def lose_sight(self, inside: set[int]) -> None:
        """These nodes and all others are cut apart: the own system says so if it concerns us."""
        connection = self._connection
        if connection is not None and len(inside & connection.ends.keys()) == 1:
            connection.give_up(self.node)

    def _arrived(self, attempt: int, item: Any) -> None:
        if attempt != self._attempt:
            return
        self._heard_at = self.world.schedule.seconds
        match item:
            case Moved():
                self._detach(item.reason, item)
                return
            case Refused(reason):
                self._detach(reason)
                return
        if item is BROKEN:
            self._detach("broken")
            return
        if not self.attached:
            self.attached = True
            self.ring.attached(self._heard_at)
            if not self.world.strict:
                self._doubt_ids()
            self.world.say(f"c{self.node}", "is attached in view {}", self.ring.view)
        if isinstance(item, Response) and item.answer[0] == UNAVAILABLE:
            self._detach(item.answer[1])  # the request stays unanswered, to be sent again
            return
        if isinstance(item, Response):
            self._answered(item)
        elif isinstance(item, Delivery):
            self._delivered(item)
        self._send_on()

    def _delivered(self, delivery: Delivery) -> None:
        """In one session messages come in their order, each once."""
        self.world.count("call", "delivery")
        for message_id, text, _ in delivery.messages:
            if message_id <= self._newest_delivered:
                raise Violation(f"delivered-twice: {message_id} {text} to c{self.node}")
            self._newest_delivered = message_id
            if self._received is not None:
                self._received[message_id] = text

    def _send_on(self) -> None:
        ready: list[Errand] = []
        while self._connection is not None and self._queue and len(self._errands) < IN_FLIGHT_MAX:
            errand = self._queue.pop(0)
            if errand.given_up:
                continue
            if not errand.number and errand.write:
                self._last_number += 1
                errand.number = self._last_number
            elif not errand.number:
                self._last_tag += 1
                errand.number = self._last_tag
            self._errands[errand.number] = errand
            ready.append(errand)
        self._put(ready)

    def _put(self, errands: list[Errand]) -> None:
        """Onto the stream; messages whose numbers follow each other go together."""
        together: list[Errand] = []
        for errand in errands:
            errand.streams += 1
            if errand.streams > 1:
                self.world.count("rule", "10 a request is sent again")
            if together and not self._may_join(together[-1], errand):
                self._put_together(together)
                together = []
            together.append(errand)
        if together:
            self._put_together(together)

    @staticmethod
    def _may_join(last: Errand, errand: Errand) -> bool:
        alike = last.kind == errand.kind and last.session == errand.session
        if not alike or last.number + 1 != errand.number:
            return False
        if errand.kind == POST:
            return _is_plain(last) and _is_plain(errand) and last.what[0] == errand.what[0]
        return errand.kind == SEND

    def _put_together(self, errands: list[Errand]) -> None:
        assert self._connection is not None
        first = errands[0]
        if first.kind == SEND:
            self.world.count("call", "several at once" if len(errands) > 1 else "one at a time")
            to, texts = zip(*(errand.what for errand in errands), strict=True)
            item: object = Sends(first.number, first.session, to, texts)
        elif first.kind == POST and _is_plain(first):
            texts = tuple(errand.what[1] for errand in errands)
            item = Sends(first.number, first.session, (), texts, first.what[0])
        else:
            item = Request(first.number, first.kind, first.session, first.what)
        self._connection.send(self.node, item)

    # ------------------------------------------------------------------- calls

    def begin(self, kind: str, key: str, value: str | int | None, what: tuple[Any, ...]) -> Errand:
        """Asks for something; what is judged goes into the history at once."""
        world = self.world
        call = Call(f"c{self.node}", kind, key, world.schedule.seconds, value)
        if kind in JUDGED:
            world.history.append(call)
        kind_asked = KINDS.get(kind, kind)
        write = kind_asked not in READS
        errand = Errand(call, kind_asked, what, write, self.session)
        errand.confirmed_before = world.watch.newest_confirmed
        self._queue.append(errand)
        world.count("call", kind)
        world.say(f"c{self.node}", "{} {} {}", kind, key, "" if value is None else value)
        if not self._gathering:
            self._send_on()
        if kind not in (CREATE, LOGIN) and self.busy:
            patience = world.chance.choice((0.3, 1.5, 4.0, 8.0))
            world.schedule.after(patience, self._give_up, errand)
        return errand

    def _give_up(self, errand: Errand) -> None:
        """The deadline has passed; perhaps the same request is tried again later."""
        call, world = errand.call, self.world
        if call.outcome != UNKNOWN or errand.given_up:
            return
        errand.given_up = True
        self._errands.pop(errand.number, None)
        if not errand.number:
            call.end, call.outcome = world.schedule.seconds, FAILED
            world.count("call", "certainly not done")
            return
        world.count("call", "not known")
        if errand.write and world.chance.random() < 0.5:
            world.schedule.after(world.chance.uniform(0.2, 3.0), self._try_again, errand)

    def _try_again(self, errand: Errand) -> None:
        errand.given_up = False
        self._queue.append(errand)
        self.world.count("call", "tried again")
        self._send_on()

    def _answered(self, response: Response) -> None:
        errand = self._errands.pop(response.number, None)
        if errand is None:
            return
        call, answer = errand.call, response.answer
        errand.decided = answer[0] in DECISIONS
        call.end = self.world.schedule.seconds
        self.world.say(f"c{self.node}", "{} {} ends: {}", call.kind, call.key, answer)
        receives = call.kind == READ and errand.what[0] and errand.session == self.session
        self._judge(call, answer, receives=receives)
        self.world.watch.call_ended(self, errand.number, call, answer)
        self.habits.answered(errand, answer)
        if errand.kind in LOOKS and answer[0] != UNAUTHENTICATED:
            self._looked(errand, answer)
        if call.kind == LOGIN:
            self.session = token_hash(answer[1]) if answer[0] == 0 else b""
            self.creating = False
            self._received = None  # what is pushed is pushed to the session that asked for it
            self._logins_refused = 0 if self.session else self._logins_refused + 1
            if self._logins_refused == LOGINS_MAX:
                self._begin_anew()
            if self.session and self.world.chance.random() < 0.7:
                self.begin(READ, self.name, None, (True,))
        elif call.kind == CREATE:
            self.log_in()
        elif answer[0] == 0 and call.kind == DELETE and call.key == self.name:
            self._begin_anew()
        elif answer[0] == UNAUTHENTICATED and errand.session == self.session:
            self.session, self._received = b"", None

    def _looked(self, errand: Errand, answer: tuple[Any, ...]) -> None:
        """What is shown is not older than what was confirmed before it was asked for."""
        index = answer[-1]
        if self.world.strict and index < errand.confirmed_before:
            raise Violation(
                f"stale: c{self.node} is shown {errand.kind} after entry {index}, and entry "
                f"{errand.confirmed_before} was confirmed before"
            )

    def _begin_anew(self) -> None:
        """The account is gone, and its name stays taken."""
        self._lives += 1
        self.name = f"{self._first_name}.{self._lives}"
        self.session, self._had, self._received = b"", [], None
        self._logins_refused = 0
        self.habits.forget()

    def _judge(self, call: Call, answer: tuple[Any, ...], *, receives: bool) -> None:
        """What an answer tells; after a read that `receives` new messages are pushed."""
        code = answer[0]
        if code == 0:
            call.outcome = DONE
            if call.kind in (SEND, EXISTS):
                call.result = answer[1]
            if call.kind == READ:
                # Who sends to whom is judged; what is said in rooms and replies, elsewhere.
                call.result = tuple(one for one in answer[1] if is_a_letter(one[1]))
                if receives:
                    self._received = {}
                    self._received_from = answer[3]
                ids = (message_id for message_id, _ in answer[1])
                self._had = list(zip(ids, answer[2], strict=True))
        elif (call.kind, code) in ((SEND, NOT_FOUND), (CREATE, ALREADY_EXISTS)):
            call.outcome = REFUSED
        else:
            call.outcome = FAILED

    # ---------------------------------------------------------------- a mind

    def _think(self) -> None:
        """Does the next thing that comes to mind."""
        world = self.world
        chance = world.chance
        if not self.busy:
            return
        low, high = world.profile.think_seconds
        pause = chance.uniform(low, high) * (0.05 if chance.random() < 0.3 else 1.0)
        world.schedule.after(pause, self._think)
        if len(self._queue) > 2 * IN_FLIGHT_MAX:
            return
        if not self.session:
            self.sign_in()
            return
        if self.creating:
            return
        if chance.random() < world.profile.talk:
            self.habits.act()
            return
        kinds = (SEND, READ, ACKNOWLEDGE, EXISTS, DELETE)
        action = chance.random()
        for kind, share in zip(kinds, world.profile.temper, strict=True):
            action -= share
            if action < 0:
                self.do(kind)
                return

    def do(self, kind: str) -> None:
        """Begins a call of that kind."""
        chance, world = self.world.chance, self.world
        if kind == SEND:
            with self.gathering():
                for _ in range(chance.choice(BURSTS)):
                    self.send_one()
        elif kind == READ:
            self.begin(READ, self.name, None, (chance.random() < 0.5,))
        elif kind == ACKNOWLEDGE and self._had:
            message_id, view = chance.choice(self._had[:3])
            self._had = [one for one in self._had if one[0] > message_id]
            self.begin(ACKNOWLEDGE, self.name, message_id, (message_id, view))
        elif kind == EXISTS:
            other = chance.choice(world.people)
            self.begin(EXISTS, other.name, None, (other.name,))
        elif kind == DELETE and not world.profile.nobody_leaves:
            self.begin(DELETE, self.name, None, ())

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """What is asked for in it is sent together."""
        self._gathering = True
        yield
        self._gathering = False
        self._send_on()

    def log_in(self) -> None:
        """A new session takes the place of the one in use."""
        self.creating = True
        self.begin(LOGIN, self.name, None, (self.name,))

    def wake(self) -> None:
        """Begins new calls of its own accord again."""
        if not self.busy:
            self.busy = True
            self._think()

    def sign_in(self) -> None:
        """Makes the account, if it is not there, and logs in."""
        if not self.creating:
            self.creating = True
            self.begin(CREATE, self.name, None, (self.name,))

    def send_one(self) -> Errand:
        """Sends somebody something that nobody has sent before."""
        self._sent += 1
        text = f"{self.name}'s {self._sent}"
        to = self.world.chance.choice(self.world.people).name
        return self.begin(SEND, to, text, (to, text))

    def say_one(self) -> Errand:
        """Sends that, or says something in a room: there several hear it."""
        talks = self.world.profile.talk and self.world.chance.random() < 0.7
        return (self.habits.post_one() if talks else None) or self.send_one()

    def waits_for(self) -> str:
        """What is under way, for a person."""
        waiting = [*self._errands.values(), *self._queue]
        return f"c{self.node} at {self.ring.step}: {waiting}" if waiting else ""

    def has_received(self, chat: Chat) -> bool:
        """Everything that waits there and has to be pushed has come, as it was written, or as it
        was before somebody edited it."""
        over = chat.account_of(self.session, chat.time_ms) != self.name  # by a hand-over, say
        if self._received is None or not self.attached or over:
            return True
        waiting = chat.views.feed(self.name, self._received_from, MAILBOX_MAX, 1 << 30)
        received = self._received
        return all(
            one.id in received and (received[one.id] == one.text or not is_a_letter(one.text))
            for one in waiting
        )

    @property
    def idle(self) -> bool:
        """Nothing is under way."""
        return not self._errands and not self._queue


def _is_plain(errand: Errand) -> bool:
    """Said in a room, and no reply."""
    place, _, reply_to = errand.what
    return isinstance(place, int) and not reply_to
