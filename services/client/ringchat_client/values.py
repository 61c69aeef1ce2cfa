"""The values that the SDK hands out. Immutable; times are aware `datetime`s in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = [
    "Asking",
    "Connected",
    "ConnectionEvent",
    "Login",
    "Lost",
    "Message",
    "Receipt",
    "Refused",
    "ReplicaStatus",
    "Status",
    "time_of",
]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message that is on the disk of every replica of the in-sync set."""

    message_id: int
    """Its place in the total order."""
    sent_at: datetime
    """By the master's clock, which never goes back."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message for the account that is logged in."""

    id: int
    sender: str
    text: str
    """As it was sent, control characters included: clean it before a terminal sees it."""
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Login:
    """A session of an account; it works on every replica."""

    name: str
    """The account's name as it is stored (NFKC)."""
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """What one replica says about itself."""

    id: int
    role: str
    """"master", "candidate", "backup", "rebuilding", "new", or "unreachable"."""
    in_sync: bool
    commit_index: int
    entries: int
    """Length of its log, compacted entries included."""
    state_hash: str
    """Hexadecimal, of everything applied up to `commit_index`."""
    view: int
    """The highest view that it has promised; -1 before the first."""
    address: str
    reason: str = ""
    """Why it does not serve or cannot be reached, for a person; may be empty."""


@dataclass(frozen=True, slots=True)
class Status:
    """The cluster as its replicas describe it, each asked directly."""

    view: int
    """The newest view that any replica told; -1 if none answered, or before the first."""
    master_id: int
    """The replica that serves as the master of the newest such view; -1 if none does."""
    prefer: str
    """"availability" or "consistency"; empty if no replica answered."""
    replicas: tuple[ReplicaStatus, ...]
    """In the order of the ids."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection to the master broke or fell silent, or it said that it leads no more."""

    replica_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Asking:
    """A replica is asked: to take `view`, or only what it knows if that is None."""

    replica_id: int | None
    address: str
    view: int | None


@dataclass(frozen=True, slots=True)
class Refused:
    """That replica was of no help: it refused, or did not answer."""

    replica_id: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Connected:
    """Attached again, or for the first time; what was not confirmed has been sent again."""

    replica_id: int
    """Who is spoken to: the master, or one that relays to it."""
    master_id: int
    view: int
    seconds: float
    """Since the connection was lost, or since the start."""


ConnectionEvent = Lost | Asking | Refused | Connected


def time_of(unix_ms: int) -> datetime:
    """A server's Unix time in milliseconds; one out of range is cut to what a date can hold."""
    seconds, milliseconds = divmod(min(max(unix_ms, 0), 253_402_300_799_999), 1000)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=milliseconds * 1000)
