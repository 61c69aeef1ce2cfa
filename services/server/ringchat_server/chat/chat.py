"""The chat as a state machine: an entry in, an answer out."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from marshal import dumps
from typing import Any, ClassVar, cast

from ringchat_server.chat import earlier
from ringchat_server.chat.accounts import ACCOUNTS_MAX, Account, Accounts, verification
from ringchat_server.chat.answers import (
    DONE,
    FORGOTTEN,
    MALFORMED,
    NO_SESSION,
    NOT_LOGGED_IN,
    NOT_ONESELF,
    OK,
    TOO_MANY_ACCOUNTS,
    TOO_MANY_BLOCKED,
    WRONG_PASSWORD,
    Answer,
    Answers,
    name_taken,
    no_account,
)
from ringchat_server.chat.conversations import AccountChanged, Message, News
from ringchat_server.chat.dedupe import NUMBER_MAX, Clients, Numbers
from ringchat_server.chat.requests import is_sound
from ringchat_server.chat.talk import Talk
from ringchat_server.chat.views import Profile, Views
from ringchat_server.records import CHAT_VERSION, Entry, count_of, message_id

BLOCKED_MAX = 1_000
"""Accounts that one account may block."""
CLIENT_BYTES_MAX = 64
TIME_MAX_MS = 2**62
DIGEST_BYTES = 16

# Marshal before version 3 writes no references, so the bytes depend on the value alone,
# not on which objects happen to be shared.
_MARSHAL_VERSION = 2


class Chat:
    """Everything that is replicated: accounts, conversations, requests applied.

    For one thread at a time. All of it changes in `apply` only.
    """

    __slots__ = (
        "_accounts",
        "_clients",
        "_earlier",
        "_now_ms",
        "_talk",
        "applied_index",
        "digest",
        "views",
    )

    _earlier: earlier.Earlier | None
    """How requests are applied until the log says that they mean something else."""
    views: Views
    """What people see of the conversations."""

    def __init__(self) -> None:
        self.applied_index = 0
        """Index of the last entry applied."""
        self.digest = bytes(DIGEST_BYTES)
        """16 bytes that differ, in all likelihood, if anything applied or answered did."""
        self._now_ms = 0
        self._take(Accounts(), Clients())

    # ------------------------------------------------------------------- apply

    def apply(self, index: int, entry: Entry) -> Answers:
        """Apply the next entry of the log; what to answer to whoever asked.

        Never raises for an entry that could be read. A duplicate changes nothing and
        gets the answer that was given before.
        """
        assert index == self.applied_index + 1, f"entry {index} after {self.applied_index}"
        self._talk.news.clear()
        sound = is_sound(entry.request)
        answers = self._answers(index, entry, sound)
        # A malformed request may hold what marshal cannot write: its kind stands for it.
        row: Any = tuple(entry) if sound else (*entry[:6], ("malformed", str(entry.request[0])))
        data = self.digest + dumps((row, answers), _MARSHAL_VERSION)
        self.digest = blake2b(data, digest_size=DIGEST_BYTES).digest()
        self.applied_index = index
        return answers

    def _answers(self, index: int, entry: Entry, sound: bool) -> Answers:
        _, time_ms, client, number, _, _, request = entry
        count = count_of(request) if sound else 1
        malformed = ((number, count, MALFORMED),)
        if not 0 <= time_ms <= TIME_MAX_MS or len(client) > CLIENT_BYTES_MAX:
            return malformed
        self._now_ms = now_ms = max(self._now_ms, time_ms)
        clients = self._clients
        clients.forget_idle(now_ms)
        if client and not 1 <= number <= NUMBER_MAX + 1 - count:
            return malformed
        if not client:
            return self._applied(index, entry, 0, count) if sound else malformed
        # First of all, even before the session is looked at: a request applied before
        # has its answer, whatever has become of the session since.
        numbers = clients.use(client, now_ms)
        if number <= numbers.high:
            return tuple(
                (number + at, 1, self._answer_again(index, entry, sound, numbers, at))
                for at in range(count)
            )
        answers = self._applied(index, entry, 0, count) if sound else malformed
        for first, length, answer in answers:
            numbers.add(first, length, answer)
        return answers

    def _answer_again(
        self, index: int, entry: Entry, sound: bool, numbers: Numbers, at: int
    ) -> Answer:
        """To what may have been applied before: the entry's number, or a later one of its own."""
        number = entry.number + at
        answer = numbers.answer_to(number)
        if answer is None:
            answer = self._applied(index, entry, at, at + 1)[0][2] if sound else MALFORMED
            numbers.add(number, 1, answer)
        elif answer[0] != OK and answer != FORGOTTEN and sound and _is_handed_over(entry):
            # Refused on this side of a split, and perhaps confirmed on the other one.
            answer = self._applied(index, entry, at, at + 1)[0][2]
            numbers.correct(number, answer)
        return answer

    def _noop(self, index: int, entry: Entry) -> Answer:
        if self._earlier is not None and len(entry.request) == 2:
            self._earlier.adopt(self._talk)
            self._earlier = None
        return DONE

    def _create(self, index: int, entry: Entry) -> Answer:
        _, name, password_hash = cast("tuple[str, str, str]", entry.request)
        accounts = self._accounts
        if accounts.get(name) is not None or name in accounts.gone:
            return name_taken(name)
        if len(accounts) + len(accounts.gone) >= ACCOUNTS_MAX:
            return TOO_MANY_ACCOUNTS
        accounts.create(name, password_hash)
        return DONE

    def _login(self, index: int, entry: Entry) -> Answer:
        _, name, verified, token_hash, nonce = cast(
            "tuple[str, str, bytes, bytes, bytes]", entry.request
        )
        account = self._accounts.get(name)
        if account is None or verification(account.password_hash) != verified:
            return WRONG_PASSWORD
        session = self._accounts.begin_session(account, token_hash, entry.time_ms)
        return (OK, nonce, account.name, session.expires_at_ms)

    def _delete(self, index: int, entry: Entry, account: Account) -> Answer:
        if len(entry.request) == 2 and verification(account.password_hash) != entry.request[1]:
            return name_taken(account.name)
        self._accounts.delete(account.name)
        if self._earlier is None:
            self._accounts.gone[account.name] = None
            self._talk.forget(account)
        self._talk.news.append(AccountChanged(account.name))
        return DONE

    def _logout(self, index: int, entry: Entry, account: Account) -> Answer:
        handed_over = len(entry.request) == 2
        token_hash = cast("bytes", entry.request[1]) if handed_over else entry.session
        if self._accounts.holder(token_hash, entry.time_ms) == account.name:
            self._accounts.end_session(token_hash)
            self._talk.news.append(AccountChanged(account.name))
        return DONE

    def _password(self, index: int, entry: Entry, account: Account) -> Answer:
        _, verified, password_hash, *spared = cast("tuple[Any, ...]", entry.request)
        if verification(account.password_hash) != verified:
            return WRONG_PASSWORD
        account.password_hash = password_hash
        self._end_sessions_but(account, entry.session or b"".join(spared))
        return DONE

    def _profile(self, index: int, entry: Entry, account: Account) -> Answer:
        account.display_name = cast("str", entry.request[1])
        self._talk.news.append(AccountChanged(account.name))
        return DONE

    def _end(self, index: int, entry: Entry, account: Account) -> Answer:
        _, token_hash, *spared = cast("tuple[Any, ...]", entry.request)
        if not token_hash:  # all the others
            self._end_sessions_but(account, entry.session or b"".join(spared))
            return DONE
        if token_hash not in account.tokens:
            return NO_SESSION
        self._accounts.end_session(token_hash)
        self._talk.news.append(AccountChanged(account.name))
        return DONE

    def _end_sessions_but(self, account: Account, spared: bytes) -> None:
        for token_hash in [one for one in account.tokens if one != spared]:
            self._accounts.end_session(token_hash)
        self._talk.news.append(AccountChanged(account.name))

    def _block(self, index: int, entry: Entry, account: Account) -> Answer:
        _, name, blocked = cast("tuple[str, str, bool]", entry.request)
        if not blocked:
            account.blocked.pop(name, None)
            return DONE
        if name == account.name:
            return NOT_ONESELF
        if self._accounts.get(name) is None:
            return no_account(name)
        if len(account.blocked) >= BLOCKED_MAX and name not in account.blocked:
            return TOO_MANY_BLOCKED
        account.blocked[name] = None
        return DONE

    def _is_authorised(self, entry: Entry) -> bool:
        if not entry.session:
            return _is_handed_over(entry)  # the master there vouches for it
        holder = self._accounts.holder(entry.session, entry.time_ms)
        return holder is not None and holder == entry.account

    def _applied(self, index: int, entry: Entry, start: int, stop: int) -> Answers:
        """The entry takes effect; of several messages, those from `start` up to `stop`."""
        kind = cast("str", entry.request[0])
        if kind in ("send", "post"):
            if not self._is_authorised(entry):
                return ((entry.number + start, stop - start, NOT_LOGGED_IN),)
            if self._earlier is None:
                to_all = self._talk.send if kind == "send" else self._talk.post
                return to_all(index, entry, start, stop)
            if kind == "send":
                return self._earlier.send(index, entry, start, stop)
            return ((entry.number + start, stop - start, MALFORMED),)
        return ((entry.number, 1, self._answer(kind, index, entry)),)

    def _answer(self, kind: str, index: int, entry: Entry) -> Answer:
        if (of_nobody := self._OF_NOBODY.get(kind)) is not None:
            return of_nobody(self, index, entry)
        if not self._is_authorised(entry):
            return NOT_LOGGED_IN
        if self._earlier is not None and kind not in ("delete", "logout"):
            return self._earlier.update(entry) if kind == "update" else MALFORMED
        account = self._accounts.get(entry.account)
        if account is None:
            # Only what is handed over can come so late. What it asked for has come to pass,
            # or cannot any more.
            return DONE if kind in ("delete", "logout", "update") else NOT_LOGGED_IN
        if (of_account := self._OF_ACCOUNT.get(kind)) is not None:
            return of_account(self, index, entry, account)
        return self._OF_TALK[kind](self._talk, index, entry, account)

    _OF_NOBODY: ClassVar[dict[str, Callable[[Chat, int, Entry], Answer]]] = {
        "noop": _noop,
        "create": _create,
        "login": _login,
    }
    _OF_ACCOUNT: ClassVar[dict[str, Callable[[Chat, int, Entry, Account], Answer]]] = {
        "delete": _delete,
        "logout": _logout,
        "password": _password,
        "profile": _profile,
        "end": _end,
        "block": _block,
    }
    _OF_TALK: ClassVar[dict[str, Callable[[Talk, int, Entry, Account], Answer]]] = {
        "update": Talk.update,
        "read": Talk.read,
        "edit": Talk.edit,
        "erase": Talk.erase,
        "room": Talk.room,
        "join": Talk.join,
        "leave": Talk.leave,
        "invite": Talk.invite,
        "remove": Talk.remove,
        "change": Talk.change,
    }

    # ------------------------------------------------------------------- admission

    @property
    def time_ms(self) -> int:
        """The newest entry's time, by which sessions end and clients are forgotten."""
        return self._now_ms

    def recall(self, client: bytes, number: int) -> Answer | None:
        """The answer given to the request of that name; None if it was never applied.

        ALREADY_EXISTS if it was, but so long ago that its answer is no longer kept.
        """
        return self._clients.answer_to(client, number) if number >= 1 else None

    def is_new(self, client: bytes, number: int) -> bool:
        """Whether neither that number of the client was applied nor any behind it."""
        return self._clients.is_new(client, number)

    def refuse_name(
        self, client: bytes, number: int, now_ms: int | None = None, *, count: int = 1
    ) -> Answer | None:
        """Why new requests of those names may not be proposed; None if they may.

        RESOURCE_EXHAUSTED beyond `CLIENTS_MAX` or `GAPS_MAX`, INVALID_ARGUMENT for a
        number out of 1..2**63. Give the time that the entry would get: without it,
        clients that are due to be forgotten count.

        Args:
            count: of numbers one behind the other; more than one only where `is_new`.
        """
        return self._clients.refuse(client, number, count, now_ms)

    # ------------------------------------------------------------------- reads

    def account_of(self, token_hash: bytes, now_ms: int) -> str | None:
        """Name of the account whose session that is, if it is valid at that time."""
        return self._accounts.holder(token_hash, now_ms)

    def password_hash(self, name: str) -> str | None:
        """The account's password hash, for checking a password; None without an account."""
        account = self._accounts.get(name)
        return None if account is None else account.password_hash

    def list_accounts(self, pattern: str, after: str, limit: int) -> tuple[list[str], str]:
        """Names after `after` that match, sorted, at most `limit`; and where to go on, or "".

        `pattern` is what `check_pattern` gave.
        """
        assert limit > 0
        return self._accounts.matching(pattern or "*", after, limit)

    def profile(self, name: str) -> Profile | None:
        """What is known of an account; None if there never was one of that name."""
        account = self._accounts.get(name)
        if account is None:
            return Profile(name, "", True) if name in self._accounts.gone else None
        return Profile(account.name, account.display_name, False)

    def blocked(self, account: str) -> tuple[str, ...]:
        """Whom that account refuses."""
        found = self._accounts.get(account)
        return () if found is None else tuple(found.blocked)

    def sessions(self, account: str, now_ms: int) -> list[tuple[bytes, int]]:
        """Those that are not over, oldest first: the hash of its token, and its end."""
        found = self._accounts.get(account)
        return [] if found is None else self._accounts.sessions(found, now_ms)

    def undelivered(self, account: str, after_id: int, limit: int, bytes_max: int) -> list[Message]:
        """The oldest messages for that account: behind that id, or for 0 those that have not
        arrived there yet. See `Views.feed`."""
        if after_id:
            return self.views.feed(account, after_id, limit, bytes_max)
        return self.views.undelivered(account, limit, bytes_max)

    @property
    def stored_bytes(self) -> int:
        """Of a journal, roughly, that all messages take."""
        return self._talk.stored_bytes

    def take_news(self) -> list[News]:
        """What the last entry did, for those who watch."""
        news, self._talk.news = self._talk.news, []
        return news

    # ------------------------------------------------------------------- export, load

    def export(self) -> tuple[object, ...]:
        """The whole state in built-in values, equal if and only if the state is."""
        head = ("ringchat chat", CHAT_VERSION, self.applied_index, self.digest, self._now_ms)
        if self._earlier is not None:
            accounts = self._earlier.export()
            return (head[0], earlier.VERSION, *head[2:], accounts, self._clients.export())
        accounts, gone = self._accounts.export(), tuple(self._accounts.gone)
        return (*head, accounts, self._clients.export(), gone, self._talk.export())

    @classmethod
    def load(cls, value: object) -> Chat:
        """The chat that was exported: it will answer to all that follows as the other would.

        Raises:
            ValueError: with one line, if the value is not an exported chat.
        """
        match value:
            case (str(), int(), int(index), bytes(digest), int(now_ms), accounts, clients, *more):
                pass
            case _:
                raise ValueError("not the state of a chat")
        if index < 0 or len(digest) != DIGEST_BYTES:
            raise ValueError("the state of a chat with an impossible index or digest")
        chat = cls()
        match value[:2], more:
            case ("ringchat chat", earlier.VERSION), []:
                chat._take(earlier.load(accounts, index), Clients.load(clients))
            case ("ringchat chat", version), [gone, talk] if version == CHAT_VERSION:
                chat._take(Accounts.load(accounts, gone), Clients.load(clients))
                chat._earlier = None
                chat._talk.load(talk, message_id(index + 1, 0) - 1)
            case _:
                raise ValueError(f"the state of a chat in an unknown format: {value[:2]!r}")
        chat.applied_index, chat.digest, chat._now_ms = index, digest, now_ms
        return chat

    def _take(self, accounts: Accounts, clients: Clients) -> None:
        self._accounts, self._clients = accounts, clients
        self._talk = Talk(accounts, clients)
        self._earlier = earlier.Earlier(accounts, clients)
        self.views = Views(accounts, self._talk)


def _is_handed_over(entry: Entry) -> bool:
    """Of a log that was given up: who asked was known to the master there (rule 6)."""
    return entry.account != "" and not entry.session
