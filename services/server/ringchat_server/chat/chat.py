"""The chat as a state machine: an entry in, an answer out."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from itertools import groupby
from marshal import dumps
from typing import Any, ClassVar, cast

from ringchat_server.chat.accounts import ACCOUNTS_MAX, Accounts, verification
from ringchat_server.chat.answers import (
    DONE,
    FORGOTTEN,
    MAILBOX_FULL,
    MALFORMED,
    NOT_LOGGED_IN,
    OK,
    TOO_MANY_ACCOUNTS,
    WRONG_PASSWORD,
    Answer,
    Answers,
    name_taken,
    no_account,
)
from ringchat_server.chat.dedupe import NUMBER_MAX, Clients, Numbers
from ringchat_server.chat.mailbox import Mailbox, Message
from ringchat_server.chat.requests import is_sound, is_sound_name
from ringchat_server.records import Entry, count_of, message_id

UNDELIVERED_MAX = 65_536
"""Messages that may wait in one mailbox."""

CLIENT_BYTES_MAX = 64
TIME_MAX_MS = 2**62
DIGEST_BYTES = 16

_FORMAT = ("ringchat chat", 2)
# Marshal before version 3 writes no references, so the bytes depend on the value alone,
# not on which objects happen to be shared.
_MARSHAL_VERSION = 2


class Chat:
    """Everything that is replicated: accounts, sessions, mailboxes, requests applied.

    For one thread at a time. All of it changes in `apply` only.
    """

    __slots__ = (
        "_accounts",
        "_clients",
        "_now_ms",
        "applied_index",
        "digest",
        "undelivered_bytes",
    )

    def __init__(self) -> None:
        self.applied_index = 0
        """Index of the last entry applied."""
        self.digest = bytes(DIGEST_BYTES)
        """16 bytes that differ, in all likelihood, if anything applied or answered did."""
        self.undelivered_bytes = 0
        """Of a journal, roughly, that the messages take which wait for somebody."""
        self._now_ms = 0
        self._accounts = Accounts()
        self._clients = Clients()

    # ------------------------------------------------------------------- apply

    def apply(self, index: int, entry: Entry) -> Answers:
        """Apply the next entry of the log; what to answer to whoever asked.

        Never raises for an entry that could be read. A duplicate changes nothing and
        gets the answer that was given before.
        """
        assert index == self.applied_index + 1, f"entry {index} after {self.applied_index}"
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
        return DONE

    def _create(self, index: int, entry: Entry) -> Answer:
        _, name, password_hash = cast("tuple[str, str, str]", entry.request)
        if self._accounts.get(name) is not None:
            return name_taken(name)
        if len(self._accounts) >= ACCOUNTS_MAX:
            return TOO_MANY_ACCOUNTS
        self._accounts.create(name, password_hash)
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

    def _delete(self, index: int, entry: Entry) -> Answer:
        if not self._is_authorised(entry):
            return NOT_LOGGED_IN
        account = self._accounts.get(entry.account)
        if account is None:
            return DONE  # a handed-over request may come too late: it is as was asked
        if len(entry.request) == 2 and verification(account.password_hash) != entry.request[1]:
            return name_taken(account.name)
        if account.mailbox is not None:
            self.undelivered_bytes -= account.mailbox.weight
        self._accounts.delete(account.name)
        return DONE

    def _logout(self, index: int, entry: Entry) -> Answer:
        if not self._is_authorised(entry):
            return NOT_LOGGED_IN
        handed_over = len(entry.request) == 2
        token_hash = cast("bytes", entry.request[1]) if handed_over else entry.session
        if self._accounts.holder(token_hash, entry.time_ms) == entry.account:
            self._accounts.end_session(token_hash)
        return DONE

    def _send(self, index: int, entry: Entry, start: int, stop: int) -> Answers:
        """Those of the entry's messages from `start` up to `stop`."""
        number, count = entry.number + start, stop - start
        if not self._is_authorised(entry):
            return ((number, count, NOT_LOGGED_IN),)
        sender = self._accounts.get(entry.account)
        if sender is None and not is_sound_name(entry.account):
            return ((number, count, MALFORMED),)
        name = entry.account if sender is None else sender.name
        _, to, texts = cast("tuple[str, tuple[str, ...], tuple[str, ...]]", entry.request)
        if len(to) == 1:
            return tuple(self._queue(index, entry, name, to[0], texts[start:stop], start))
        answers: list[tuple[int, int, Answer]] = []
        for receiver, positions in groupby(range(start, stop), to.__getitem__):
            first, *others = positions
            part = texts[first : first + 1 + len(others)]
            answers += self._queue(index, entry, name, receiver, part, first)
        return tuple(answers)

    def _queue(
        self, index: int, entry: Entry, sender: str, to: str, texts: tuple[str, ...], start: int
    ) -> list[tuple[int, int, Answer]]:
        """Texts for one receiver, which stand in the entry from `start` on."""
        receiver, number = self._accounts.get(to), entry.number + start
        if receiver is None:
            return [(number, len(texts), no_account(to))]
        mailbox = receiver.mailbox
        if mailbox is None:
            mailbox = receiver.mailbox = Mailbox()
        answers: list[tuple[int, int, Answer]] = []
        # A handed-over message was confirmed by the master that took it: no room, or a
        # sender deleted meanwhile, is no reason to lose it.
        room = max(0, UNDELIVERED_MAX - len(mailbox)) if entry.session else len(texts)
        if fitting := texts[:room]:
            first_id = message_id(index, start)
            self.undelivered_bytes -= mailbox.weight
            mailbox.extend(first_id, sender, fitting, entry.time_ms)
            self.undelivered_bytes += mailbox.weight
            answers.append((number, len(fitting), (OK, first_id, entry.time_ms)))
        if left := len(texts) - len(fitting):
            answers.append((number + len(fitting), left, MAILBOX_FULL))
        return answers

    def _update(self, index: int, entry: Entry) -> Answer:
        if not self._is_authorised(entry):
            return NOT_LOGGED_IN
        _, up_to, delivered = cast("tuple[str, int, tuple[tuple[bytes, int], ...]]", entry.request)
        account = self._accounts.get(entry.account)
        mailbox = None if account is None else account.mailbox
        if mailbox is None:
            return DONE
        self.undelivered_bytes -= mailbox.weight
        mailbox.remove_through(up_to)
        for client, number in delivered:
            match self._clients.answer_to(client, number):
                case (0, int(one), int()):
                    mailbox.remove(one)
        self.undelivered_bytes += mailbox.weight
        return DONE

    def _is_authorised(self, entry: Entry) -> bool:
        if not entry.session:
            return _is_handed_over(entry)  # the master there vouches for it
        holder = self._accounts.holder(entry.session, entry.time_ms)
        return holder is not None and holder == entry.account

    _KINDS: ClassVar[dict[str, Callable[[Chat, int, Entry], Answer]]] = {
        "noop": _noop,
        "create": _create,
        "delete": _delete,
        "login": _login,
        "logout": _logout,
        "update": _update,
    }

    def _applied(self, index: int, entry: Entry, start: int, stop: int) -> Answers:
        """The entry takes effect; of several messages, those from `start` up to `stop`."""
        kind = cast("str", entry.request[0])
        if kind == "send":
            return self._send(index, entry, start, stop)
        return ((entry.number, 1, self._KINDS[kind](self, index, entry)),)

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

    def list_accounts(self, pattern: str, after: str, limit: int) -> tuple[list[str], bool]:
        """Names after `after` that match, sorted, at most `limit`; and whether more follow.

        `pattern` is what `check_pattern` gave.
        """
        assert limit > 0
        return self._accounts.matching(pattern or "*", after, limit)

    def undelivered(self, account: str, after_id: int, limit: int, bytes_max: int) -> list[Message]:
        """The account's oldest messages with an id greater than `after_id`.

        At most `limit`, and at most `bytes_max` bytes of text unless one alone is longer.
        Empty if there is no such account.
        """
        found = self._accounts.get(account)
        if found is None or found.mailbox is None:
            return []
        return found.mailbox.after(after_id, limit, bytes_max)

    # ------------------------------------------------------------------- export, load

    def export(self) -> tuple[object, ...]:
        """The whole state in built-in values, equal if and only if the state is."""
        return (
            *_FORMAT,
            self.applied_index,
            self.digest,
            self._now_ms,
            self._accounts.export(),
            self._clients.export(),
        )

    @classmethod
    def load(cls, value: object) -> Chat:
        """The chat that was exported: it will answer to all that follows as the other would.

        Raises:
            ValueError: with one line, if the value is not an exported chat.
        """
        match value:
            case (str(), int(), int(applied_index), bytes(digest), int(now_ms), accounts, clients):
                pass
            case _:
                raise ValueError("not the state of a chat")
        if value[:2] != _FORMAT:
            raise ValueError(f"the state of a chat in an unknown format: {value[:2]!r}")
        if applied_index < 0 or len(digest) != DIGEST_BYTES:
            raise ValueError("the state of a chat with an impossible index or digest")
        chat = cls()
        chat.applied_index = applied_index
        chat.digest = digest
        chat._now_ms = now_ms
        chat._accounts = Accounts.load(accounts, applied_index)
        chat._clients = Clients.load(clients)
        chat.undelivered_bytes = chat._accounts.undelivered_bytes
        return chat


def _is_handed_over(entry: Entry) -> bool:
    """Of a log that was given up: who asked was known to the master there (rule 6)."""
    return entry.account != "" and not entry.session
