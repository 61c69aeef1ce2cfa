"""Accounts, each with its password's hash, its sessions and what it is in."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from hashlib import blake2b
from typing import NamedTuple

from ringchat_server.chat.conversations import Conversation, Name, Room
from ringchat_server.chat.mailbox import Mailbox
from ringchat_server.chat.names import literal_prefix, matcher

ACCOUNTS_MAX = 1_000_000
LOOKED_AT_MAX = 10_000
"""Names, or titles, for one page of those that match."""
SESSIONS_MAX = 64
"""Sessions that one account may have; a further login ends the oldest."""
SESSION_LIFETIME_MS = 30 * 24 * 60 * 60 * 1000


class Session(NamedTuple):
    """Who holds a token, and until when."""

    account: str
    expires_at_ms: int


class Account:
    """One account."""

    __slots__ = (
        "apart",
        "blocked",
        "conversations",
        "delivered_up_to",
        "display_name",
        "invitations",
        "mailbox",
        "name",
        "password_hash",
        "tokens",
    )

    def __init__(self, name: str, password_hash: str) -> None:
        self.name = name
        self.password_hash = password_hash
        self.display_name = ""
        self.tokens: list[bytes] = []  # hashes of its sessions' tokens, oldest first
        self.blocked: dict[str, None] = {}
        self.conversations: dict[Name, Conversation] = {}
        """Those it is in, by what they are called to it."""
        self.invitations: dict[int, Room] = {}
        self.delivered_up_to = 0
        """Messages up to that id have arrived."""
        self.apart: list[int] = []
        """Ids behind that mark of messages that have arrived, too: after a hand-over."""
        self.mailbox: Mailbox | None = None
        """Used by the chat of before conversations only."""

    def deliver(self, up_to: int) -> bool:
        """Moves the mark; whether it moved. It never goes back."""
        if up_to <= self.delivered_up_to:
            return False
        self.delivered_up_to = up_to
        if self.apart:
            self.apart = [one for one in self.apart if one > up_to]
        return True


class Accounts:
    """All accounts by name, and all sessions by the hash of their token."""

    __slots__ = ("_by_name", "_names", "_sessions", "get", "gone")

    def __init__(self) -> None:
        self._by_name: dict[str, Account] = {}
        self.gone: dict[str, None] = {}
        """Names of deleted accounts: nobody can pose as somebody who has left."""
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

    def __iter__(self) -> Iterator[Account]:
        """All, in the order of their names."""
        return map(self._by_name.__getitem__, self._names)

    def delete(self, name: str) -> None:
        """Remove an account with its sessions."""
        account = self._by_name.pop(name)
        for token_hash in account.tokens:
            del self._sessions[token_hash]
        del self._names[bisect_left(self._names, name)]

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

    def sessions(self, account: Account, now_ms: int) -> list[tuple[bytes, int]]:
        """Those that are not over, oldest first: the hash of its token, and its end."""
        ends = ((one, self._sessions[one].expires_at_ms) for one in account.tokens)
        return [(one, at_ms) for one, at_ms in ends if at_ms > now_ms]

    def holder(self, token_hash: bytes, now_ms: int) -> str | None:
        """Name of the account whose session that is, if it is not over."""
        session = self._sessions.get(token_hash)
        if session is None or session.expires_at_ms <= now_ms:
            return None
        return session.account

    def matching(self, pattern: str, after: str, limit: int) -> tuple[list[str], str]:
        """Names greater than `after` that match, in order.

        At most `limit`, of at most `LOOKED_AT_MAX` that are looked at.

        Returns:
            And the name to go on after; empty if none is left.
        """
        matches, prefix, names = matcher(pattern), literal_prefix(pattern), self._names
        at = max(bisect_right(names, after), bisect_left(names, prefix))
        stop = min(at + LOOKED_AT_MAX, len(names))
        found: list[str] = []
        while at < stop and len(found) < limit and names[at].startswith(prefix):
            if matches(names[at]):
                found.append(names[at])
            at += 1
        more = at < len(names) and names[at].startswith(prefix)
        return found, names[at - 1] if more else ""

    def export(self) -> tuple[object, ...]:
        """All accounts in the order of their names, in built-in values."""
        return tuple(
            (
                account.name,
                account.password_hash,
                account.display_name,
                self.export_sessions(account),
                tuple(account.blocked),
                account.delivered_up_to,
                tuple(account.apart),
            )
            for account in self
        )

    def export_sessions(self, account: Account) -> tuple[tuple[bytes, int], ...]:
        """One's, oldest first."""
        return tuple((one, self._sessions[one].expires_at_ms) for one in account.tokens)

    @classmethod
    def load(cls, rows: object, gone: object) -> Accounts:
        """The accounts that were exported, and the names that are gone.

        Raises:
            ValueError: if the values have another shape.
        """
        if type(rows) is not tuple or type(gone) is not tuple or not _all_are(gone, str):
            raise ValueError("accounts of an unknown shape")
        accounts = cls()
        for row in rows:
            match row:
                case (
                    str(name),
                    str(password_hash),
                    str(display_name),
                    tuple(sessions),
                    tuple(blocked),
                    int(delivered_up_to),
                    tuple(apart),
                ) if _all_are(blocked, str) and _all_are(apart, int):
                    account = accounts.load_account(name, password_hash, sessions)
                    account.display_name = display_name
                    account.blocked = dict.fromkeys(blocked)
                    account.delivered_up_to = delivered_up_to
                    account.apart = list(apart)
                case _:
                    raise ValueError("an account of an unknown shape")
        accounts.gone = dict.fromkeys(gone)
        if any(name in accounts._by_name for name in gone):
            raise ValueError("an account that is gone and is not")
        return accounts

    def load_account(self, name: str, password_hash: str, sessions: tuple[object, ...]) -> Account:
        """The next one of those that were exported.

        Raises:
            ValueError: if it cannot be.
        """
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


def _all_are(values: tuple[object, ...], kind: type) -> bool:
    return all(type(value) is kind for value in values)


def verification(password_hash: str) -> bytes:
    """16 bytes that name exactly this password hash.

    A login is checked outside of `apply`, against the hash known then. It carries this,
    and is refused if the account was deleted and made again with another in between.
    """
    data = password_hash.encode("utf-8", "surrogatepass")
    return blake2b(data, digest_size=16, person=b"verification").digest()
