"""A process's client port: heartbeats, sessions, and relaying to the master.

What `transport/service.py`, `sessions.py`, `requests.py` and `relay.py` are in the
product, without protobuf: the same checks in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from hashlib import blake2b
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from ringchat_client.ring import Answer as RingAnswer
from ringchat_server.chat import Answer, Answers, Chat, verification
from ringchat_server.records import Proposal, count_of, message_id
from ringchat_server.search import Hit, words_of
from tests.simulator.network import BROKEN, Connection

if TYPE_CHECKING:
    from tests.simulator.machine import Process

MAILBOX_MAX = 100_000
QUEUE, EXISTS = "queue", "exists"
HISTORY, CONVERSATIONS, MEMBERS = "history", "conversations", "members"
ROOMS, PROFILE, SESSIONS = "rooms", "profile_of", "sessions"
SEARCH, FOUND = "search", "found"
"""What the index says; what of that is shown a moment later."""
LOOKS = frozenset((HISTORY, CONVERSATIONS, MEMBERS, ROOMS, PROFILE, SESSIONS, SEARCH))
READS = LOOKS | {QUEUE, EXISTS}
PAGES_MAX = 200
FIND_SECONDS = (0.0, 0.02, 0.5)
"""How long the database takes: meanwhile the chat goes on."""
NAMES_A_MESSAGE = {"update": 0, "edit": 1, "erase": 1, "read": 1}
"""Where in what is asked for a message's id stands; at the end stands its view, if it is known."""
OK = 0
RESOURCE_EXHAUSTED = 8
FAILED_PRECONDITION = 9
UNAUTHENTICATED = 16
UNAVAILABLE = 14
BAD_TOKEN: Answer = (UNAUTHENTICATED, "the token is not valid (any more): log in again")


Name = str | int
"""Of a conversation."""
Row = tuple[Any, ...]


class Heartbeat(NamedTuple):
    """A question to a replica; with a view, the wish that it takes it."""

    view: int | None


class Open(NamedTuple):
    """The first thing on a session."""

    client: bytes
    relayed: bool = False


class Request(NamedTuple):
    """One request of a session."""

    number: int
    kind: str
    session: bytes
    """Hash of the token; empty for none."""
    what: tuple[Any, ...]


class Sends(NamedTuple):
    """Messages of numbers one behind the other."""

    number: int
    session: bytes
    to: tuple[str, ...]
    texts: tuple[str, ...]
    room: int = 0
    """Instead of `to`."""


class Response(NamedTuple):
    """Its answer: that of the log, or of a read."""

    number: int
    answer: tuple[Any, ...]


class Delivery(NamedTuple):
    """Messages for a receiver: (id, text, view) of each."""

    messages: tuple[tuple[int, str, int], ...]


class Moved(NamedTuple):
    """This replica leads no more; the newest view that it knows."""

    view: int
    reason: str


class Refused(NamedTuple):
    """This replica cannot serve a session."""

    reason: str


class Echo(NamedTuple):
    """Are you there? And the answer."""


def token_hash(nonce: bytes) -> bytes:
    """The session that a login with that nonce begins."""
    return blake2b(nonce, digest_size=32).digest()


def password_hash(name: str, salt: bytes) -> str:
    """What stands for a password's hash: another one at each creation."""
    return f"hash of {name}'s password with {salt.hex()}"


def answer_at(position: int, answer: Answer) -> Answer:
    """Of a run of messages, that of one."""
    match answer:
        case (0, int(first_id), int(sent_at_ms)):
            return (OK, first_id + position, sent_at_ms)
    return answer


class Booth:
    """One client's connection at one process."""

    def __init__(self, process: Process, connection: Connection, caller: int) -> None:
        """
        Args:
            caller: the node at the other end: a client, or the replica that relays one.
        """
        self.process = process
        self.engine = process.engine
        self.connection = connection
        self.caller = caller
        self._client = b""
        self._onward: Connection | None = None
        """To the master, if this session is relayed."""
        self._receiver = ("", b"")
        self._after_id = 0
        self._attached = False
        self._over = False
        self._reading = False
        process.connections[connection] = None
        connection.listen(process.id, partial(process.machine.run, process, self._arrived))

    def _say(self, item: object) -> None:
        self.connection.send(self.process.id, item)

    def _arrived(self, item: Any) -> None:
        if self._over:
            return  # what had arrived while the process slept
        if self._onward is not None and item is not BROKEN:
            self._onward.send(self.process.id, item)
            return
        match item:
            case Heartbeat(view):
                self._heartbeat(view)
            case Open():
                self._open(item)
            case Request():
                self._take(item)
            case Sends():
                self._take_sends(item)
            case Echo():
                self._say(item)
        if item is BROKEN:
            self._end()

    def _end(self) -> None:
        self._over = True
        self.process.connections.pop(self.connection, None)
        if self._attached:
            self.engine.detach(self._moved)
            self.engine.unwatch(self._receiver[0], self._deliver)
        if self._onward is not None:
            self.process.connections.pop(self._onward, None)
            self._onward.hang_up(self.process.id)

    # ---------------------------------------------------------------- heartbeats

    def _heartbeat(self, view: int | None) -> None:
        if view is None:
            self._standing("")
        else:
            self.process.world.say(
                f"r{self.process.id}", "is asked for view {} by c{}", view, self.caller
            )
            self.engine.promote(view, self._promoted)

    def _promoted(self, reason: str) -> None:
        self.process.world.watch.refused_view(reason)
        self._standing(reason)

    def _standing(self, reason: str) -> None:
        engine, replica = self.engine, self.engine.replica
        heard = replica.heard_master()
        view = replica.view if heard is None else replica.peers[heard].view
        serving = engine.serving or heard is not None
        master = view % replica.config.replicas if view >= 0 else -1
        reason = "" if serving else reason
        suspect_after = replica.config.suspect_after_seconds
        self._say(RingAnswer(replica.me, view, master, serving, reason, (), suspect_after))

    # ------------------------------------------------------------------ sessions

    def _open(self, opening: Open) -> None:
        engine, process = self.engine, self.process
        self._client = opening.client
        if engine.serving:
            engine.attach(self._moved)
            self._attached = True
            self._say(Echo())
            return
        master = engine.replica.heard_master()
        if master is None or opening.relayed:
            self._say(Refused(engine.why_not_serving()))
            self.connection.hang_up(process.id)
            self._end()
            return
        world = process.world
        onward = world.connect(process.id, master, Booth)
        world.count("rule", "11 a client is served through a backup")
        self._onward = onward
        process.connections[onward] = None
        onward.listen(process.id, partial(process.machine.run, process, self._passed_back))
        onward.send(process.id, Open(opening.client, relayed=True))

    def _passed_back(self, item: object) -> None:
        if item is not BROKEN:
            self._say(item)
            return
        self.connection.hang_up(self.process.id)
        self._end()

    def _moved(self, view: int, reason: str) -> None:
        self._say(Moved(view, reason))
        self.connection.hang_up(self.process.id)
        self._end()

    # ------------------------------------------------------------------ requests

    def answered(self, kind: str, answers: Answers) -> None:
        """The log has answered requests of this session."""
        for number, length, answer in answers:
            for position in range(length):
                self._say(Response(number + position, answer_at(position, answer)))

    def _take_sends(self, sends: Sends) -> None:
        engine, number = self.engine, sends.number
        if len(sends.texts) > 1 and not engine.chat.is_new(self._client, number):
            self.process.world.count("rule", "10 a request comes again with others")
            to = sends.to or ("",) * len(sends.texts)
            for one, receiver, text in zip(count(number), to, sends.texts, strict=False):
                self._take_sends(Sends(one, sends.session, (receiver,), (text,), sends.room))
            return
        account = engine.chat.account_of(sends.session, self.process.now().time_ms)
        if account is None:
            for one in range(number, number + len(sends.texts)):
                self._say(Response(one, engine.chat.recall(self._client, one) or BAD_TOKEN))
            return
        if sends.room:
            self._submit(number, account, sends.session, ("post", sends.room, sends.texts, 0))
            return
        to = sends.to[:1] if len(set(sends.to)) == 1 else sends.to
        self._submit(number, account, sends.session, ("send", to, sends.texts))

    def _take(self, request: Request) -> None:
        engine, chat, number = self.engine, self.engine.chat, request.number
        kind, what = request.kind, request.what
        now_ms = self.process.now().time_ms
        if kind in READS:
            self._reading = True
            engine.read(partial(self._read, request))
            self._reading = False
            return
        if kind == "create":
            salt = self.process.world.chance.randbytes(4)
            self._submit(number, "", b"", ("create", what[0], password_hash(what[0], salt)))
            return
        if kind == "login":
            self._log_in(number, what[0])
            return
        account = chat.account_of(request.session, now_ms) if request.session else None
        if self._is_of_another_order(kind, what) and chat.recall(self._client, number) is None:
            what_is = "an acknowledgement" if kind == "update" else "a change"
            self.process.world.count("rule", f"6 {what_is} of another order is refused")
            self._say(Response(number, (FAILED_PRECONDITION, "another order")))
            return
        if account is None:
            self._say(Response(number, chat.recall(self._client, number) or BAD_TOKEN))
            return
        self._submit(number, account, request.session, self._body(account, kind, what))

    def _is_of_another_order(self, kind: str, what: Row) -> bool:
        """It names a message by an id that is another one's now, and says in which view it was."""
        if kind not in NAMES_A_MESSAGE or what[-1] is None:
            return False
        return bool(what[-1] != self.engine.view_of(what[NAMES_A_MESSAGE[kind]]))

    def _body(self, account: str, kind: str, what: tuple[Any, ...]) -> tuple[object, ...]:
        if kind == "update":
            return ("update", what[0], ())
        if kind in NAMES_A_MESSAGE:
            return (kind, *what[:-1])
        if kind == "post":
            place, text, reply_to = what
            return ("post", place, (text,), reply_to)
        if kind == "password":
            stored = self.engine.chat.password_hash(account)
            assert stored is not None
            salt = self.process.world.chance.randbytes(4)
            return ("password", verification(stored), password_hash(account, salt))
        return (kind, *what)

    def _log_in(self, number: int, name: str) -> None:
        stored = self.engine.chat.password_hash(name)
        if stored is None:
            self._say(Response(number, (UNAUTHENTICATED, "wrong name or password")))
            return
        nonce = self.process.world.chance.randbytes(32)
        body = ("login", name, verification(stored), token_hash(nonce), nonce)
        self._submit(number, "", b"", body)

    def _submit(self, number: int, account: str, session: bytes, body: tuple[object, ...]) -> None:
        engine, chat = self.engine, self.engine.chat
        known = chat.recall(self._client, number)
        if known is not None:
            self.process.world.count("rule", "10 a request is answered from memory")
        else:
            now_ms = self.process.now().time_ms
            known = chat.refuse_name(self._client, number, now_ms, count=count_of(body))
        if known is None and engine.full():
            known = (RESOURCE_EXHAUSTED, "busy")
        if known is not None:
            self.answered(str(body[0]), ((number, count_of(body), known),))
        else:
            proposal = Proposal(self._client, number, account, session, body)
            engine.submit(proposal, str(body[0]), self)

    def _read(self, request: Request, reason: str) -> None:
        """Rule 12: the read may be answered now, or never by this replica."""
        if reason:
            self._say(Response(request.number, (UNAVAILABLE, reason)))
            return
        if not self._reading:
            self.process.world.count("rule", "12 a read has waited for a majority")
        chat = self.engine.chat
        if request.kind == EXISTS:
            answer: tuple[Any, ...] = (OK, chat.password_hash(request.what[0]) is not None)
            self._say(Response(request.number, answer))
            return
        account = chat.account_of(request.session, self.process.now().time_ms)
        if account is None:
            self._say(Response(request.number, BAD_TOKEN))
            return
        if request.kind in LOOKS:
            self._look(account, request)
            return
        waiting = chat.views.undelivered(account, MAILBOX_MAX, 1 << 30)
        letters = tuple((one.id, one.text) for one in waiting)
        views = tuple(self.engine.view_of(one.id) for one in waiting)
        after_id = message_id(chat.applied_index + 1, 0) - 1  # what there is has arrived, or waits
        self._say(Response(request.number, (OK, letters, views, after_id)))
        if request.what and self._attached:
            self._receive(account, request.session, after_id)

    def _look(self, account: str, request: Request) -> None:
        """What is not changed by being asked for; how it was answered is judged in the end."""
        process, chat = self.process, self.engine.chat
        if request.kind == SEARCH:
            self._search(account, request)
            return
        now_ms = process.now().time_ms
        found = look(chat, account, request.kind, request.what, now_ms)
        process.world.watch.looked_up(process, account, request.kind, request.what, now_ms, found)
        if request.kind == HISTORY and found[0] == OK:
            views = tuple(self.engine.view_of(one[0]) for one in found[1][0])
            found = (*found, views)
        self._say(Response(request.number, (*found, chat.applied_index)))

    def _search(self, account: str, request: Request) -> None:
        """Asks the index. What it says is judged, and so is what comes of it, later."""
        process, chat = self.process, self.engine.chat
        query, where, before_id, limit = request.what
        words, ids = words_of(query), chat.views.conversation_ids(account, where)
        hits: list[Hit] = []
        shown: Row = ids if isinstance(ids, tuple) else ()
        if isinstance(ids, list):
            self.engine.newsroom.read_all(process.finder.read)
            hits = process.finder.seek(chat, words, ids, before_id, limit)
            shown = (OK, tuple(map(tuple, hits)))
        now_ms = process.now().time_ms
        process.world.watch.looked_up(process, account, SEARCH, request.what, now_ms, shown)
        if shown[0] != OK:
            self._say(Response(request.number, (*shown, chat.applied_index)))
            return
        process.world.count("call", "search with hits" if hits else "search without")
        seconds = process.world.chance.choice(FIND_SECONDS)
        process.later(seconds, self._found, account, request, hits)

    def _found(self, account: str, request: Request, hits: list[Hit]) -> None:
        """Says what there is to see now of what was found."""
        process, chat = self.process, self.engine.chat
        if self._over:
            return  # another one leads
        seen = tuple(chat.views.seen(account, hits))
        if len(seen) < len(hits):
            process.world.count("call", "found and gone meanwhile")
        what, now_ms = tuple(map(tuple, hits)), process.now().time_ms
        process.world.watch.looked_up(process, account, FOUND, what, now_ms, (OK, seen))
        self._say(Response(request.number, (OK, seen, chat.applied_index)))

    # ------------------------------------------------------------------ delivery

    def _receive(self, account: str, session: bytes, after_id: int) -> None:
        """From here on new messages are pushed."""
        self.engine.unwatch(self._receiver[0], self._deliver)
        self._receiver = (account, session)
        self._after_id = after_id
        self.engine.watch(account, self._deliver)

    def _deliver(self, _: object) -> None:
        account, session = self._receiver
        chat = self.engine.chat
        if chat.account_of(session, self.process.now().time_ms) != account:
            return
        found = chat.views.feed(account, self._after_id, MAILBOX_MAX, 1 << 30)
        if found:
            self._after_id = found[-1].id
            views = self.engine.view_of
            self._say(Delivery(tuple((one.id, one.text, views(one.id)) for one in found)))


def look(chat: Chat, account: str, kind: str, what: Row, now_ms: int) -> Row:
    """(OK, what there is to see), all pages of it, or a refusal."""
    if kind == HISTORY:
        found: Row = chat.views.history(account, *what)
        return found if _is_refusal(found) else (OK, (tuple(found[0]), found[1]))
    if kind == CONVERSATIONS:
        return (OK, _pages(partial(chat.views.conversations, account), 0, what[0]))
    if kind == MEMBERS:
        return _members(chat, account, *what)
    if kind == ROOMS:
        return (OK, _pages(partial(_rooms, chat), 0, what[0]))
    if kind == PROFILE:
        profile = chat.profile(what[0])
        return (OK, None if profile is None else tuple(profile), tuple(chat.blocked(account)))
    return (OK, tuple(token for token, _ in chat.sessions(account, now_ms)))


def _is_refusal(found: tuple[Any, ...]) -> bool:
    return isinstance(found[0], int)


def _pages(page: Callable[[Any, int], tuple[list[Any], Any]], start: Any, limit: int) -> Row:
    """All of them, asked for page by page."""
    rows: list[Any] = []
    token = start
    for _ in range(PAGES_MAX):
        found, token = page(token, limit)
        rows += found
        if not token:
            break
    return tuple(rows)


def _rooms(chat: Chat, after_id: int, limit: int) -> tuple[list[Any], int]:
    found, more = chat.views.rooms("*", after_id, limit)
    return found, found[-1].id if more else 0


def _members(chat: Chat, account: str, place: Name, limit: int) -> Row:
    rows: list[Any] = []
    after = ""
    for _ in range(PAGES_MAX):
        found: Row = chat.views.members(account, place, after, limit)
        if _is_refusal(found):
            return found
        rows += found[0]
        if not found[1]:
            break
        after = rows[-1].account
    return (OK, tuple(rows))
