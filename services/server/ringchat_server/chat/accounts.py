"""Accounts, each with its password's hash, its sessions and its mailbox."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from hashlib import blake2b
from typing import NamedTuple

from ringchat_server.chat.mailbox import EMPTY, Mailbox
from ringchat_server.chat.names import literal_prefix, matcher
from ringchat_server.records import index_of

ACCOUNTS_MAX = 1_000_000
SESSIONS_MAX = 64
"""Sessions that one account may have; a further login ends the oldest."""
SESSION_LIFETIME_MS = 30 * 24 * 60 * 60 * 1000


class Session(NamedTuple):
    """Who holds a token, and until when."""

    account: str
    expires_at_ms: int


class Account:
    """One account. Its mailbox is made with its first message."""

    __slots__ = ("mailbox", "name", "password_hash", "tokens")

    def __init__(self, name: str, password_hash: str) -> None:
        self.name = name
        self.password_hash = password_hash
        self.tokens: list[bytes] = []  # hashes of its sessions' tokens, oldest first
        self.mailbox: Mailbox | None = None


class Accounts:
    """All accounts by name, and all sessions by the hash of their token."""

    __slots__ = ("_by_name", "_names", "_sessions", "get")

    def __init__(self) -> None:
        self._by_name: dict[str, Account] = {}
        self._names: list[str] = []
        self._sessions: dict[bytes, Session] = {}
        self.get = self._by_name.get

    def __len__(self) -> int:
        """Accounts there are."""
        return len(self._names)

    def create(self, name: str, password_hash: str) -> None:
        """Add an account whose name is free."""
        assert name not in self._by_name
        self._by_name[name] = Account(name, password_hash)
        insort(self._names, name)

    def delete(self, name: str) -> None:
        """Remove an account with its sessions and its mailbox."""
        account = self._by_name.pop(name)
        for token_hash in account.tokens:
            del self._sessions[token_hash]
        del self._names[bisect_left(self._names, name)]

    @property
    def undelivered_bytes(self) -> int:
        """Of a journal, roughly, that all mailboxes take; costs a look at each."""
        mailboxes = (account.mailbox for account in self._by_name.values())
        return sum(mailbox.weight for mailbox in mailboxes if mailbox is not None)

    def begin_session(self, account: Account, token_hash: bytes, now_ms: int) -> Session:
        """Begin a session; those that are over, or one too many, end."""
        self.end_session(token_hash)
        tokens = account.tokens
        while tokens and (
            len(tokens) >= SESSIONS_MAX or self._sessions[tokens[0]].expires_at_ms <= now_ms
        ):
            self.end_session(tokens[0])
        session = Session(account.name, now_ms + SESSION_LIFETIME_MS)
        self._sessions[token_hash] = session
        tokens.append(token_hash)
        return session

    def end_session(self, token_hash: bytes) -> None:
        """End a session, if there is one."""
        session = self._sessions.pop(token_hash, None)
        if session is not None:
            self._by_name[session.account].tokens.remove(token_hash)

    def holder(self, token_hash: bytes, now_ms: int) -> str | None:
        """Name of the account whose session that is, if it is not over."""
        session = self._sessions.get(token_hash)
        if session is None or session.expires_at_ms <= now_ms:
            return None
        return session.account

    def matching(self, pattern: str, after: str, limit: int) -> tuple[list[str], bool]:
        """Names greater than `after` that match, in order, and whether more follow."""
        matches = matcher(pattern)
        prefix = literal_prefix(pattern)
        at = max(bisect_right(self._names, after), bisect_left(self._names, prefix))
        found: list[str] = []
        while at < len(self._names):
            name = self._names[at]
            if not name.startswith(prefix):
                break
            if matches(name):
                if len(found) >= limit:
                    return found, True
                found.append(name)
            at += 1
        return found, False

    def export(self) -> tuple[object, ...]:
        """All accounts in the order of their names, in built-in values."""
        rows: list[tuple[object, ...]] = []
        for name in self._names:
            account = self._by_name[name]
            sessions = tuple((t, self._sessions[t].expires_at_ms) for t in account.tokens)
            columns = EMPTY if account.mailbox is None else account.mailbox.export()
            rows.append((name, account.password_hash, sessions, columns))
        return tuple(rows)

    @classmethod
    def load(cls, rows: object, applied_index: int) -> Accounts:
        """The accounts that were exported when that index was the last applied.

        Raises:
            ValueError: if the value has another shape.
        """
        if type(rows) is not tuple:
            raise ValueError("accounts of an unknown shape")
        accounts = cls()
        boxes: list[tuple[Account, object]] = []
        for row in rows:
            match row:
                case (str(name), str(password_hash), tuple(sessions), columns):
                    account = accounts._load_account(name, password_hash, sessions)
                    boxes.append((account, columns))
                case _:
                    raise ValueError("an account of an unknown shape")
        # Every message of a sender holds the same string object.
        same = {name: name for name in accounts._names}
        for account, columns in boxes:
            if columns != EMPTY:
                account.mailbox = Mailbox.load(columns, same)
                if index_of(account.mailbox.newest_id) > applied_index:
                    raise ValueError("a message that is newer than the state it stands in")
        return accounts

    def _load_account(self, name: str, password_hash: str, sessions: tuple[object, ...]) -> Account:
        if self._names and name <= self._names[-1]:
            raise ValueError("accounts that are not sorted by name")
        account = self._by_name[name] = Account(name, password_hash)
        self._names.append(name)
        for row in sessions:
            match row:
                case (bytes(token_hash), int(expires_at_ms)) if token_hash not in self._sessions:
                    self._sessions[token_hash] = Session(name, expires_at_ms)
                    account.tokens.append(token_hash)
                case _:
                    raise ValueError("a session of an unknown shape, or one that stands twice")
        return account


def verification(password_hash: str) -> bytes:
    """16 bytes that name exactly this password hash.

    A login is checked outside of `apply`, against the hash known then. It carries this,
    and is refused if the account was deleted and made again with another in between.
    """
    data = password_hash.encode("utf-8", "surrogatepass")
    return blake2b(data, digest_size=16, person=b"verification").digest()
