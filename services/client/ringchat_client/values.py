"""The values that the SDK hands out. Immutable; times are aware `datetime`s in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

__all__ = [
    "AccountSession",
    "Asking",
    "Attached",
    "Connected",
    "ConnectionEvent",
    "Conversation",
    "ConversationChanged",
    "ConversationGone",
    "ConversationName",
    "Event",
    "Login",
    "Lost",
    "Marked",
    "Member",
    "Message",
    "MessageChanged",
    "MessageName",
    "NewMessage",
    "Page",
    "Presence",
    "PresenceChanged",
    "Profile",
    "Receipt",
    "Refused",
    "ReplicaStatus",
    "Room",
    "Status",
    "Typing",
    "time_of",
    "time_or_none",
]

ConversationName = str | int
"""A conversation, to one who is in it: the other account's name, or the id of a room."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message that is on the disk of every replica of the in-sync set."""

    message_id: int
    """Its place in the total order."""
    sent_at: datetime
    """By the master's clock, which never goes back."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a conversation of the account that is logged in."""

    id: int
    sender: str
    text: str
    """As it was sent, control characters included: clean it before a terminal sees it."""
    sent_at: datetime
    conversation: ConversationName = ""
    reply_to: int = 0
    """The id of a message of the same conversation; 0 for none."""
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    """If it was deleted: since when; its text is empty then."""
    view: int = field(default=-1, compare=False)
    """The view that ordered it: with the id it names this message for ever. -1: not known."""


MessageName = int | Message
"""A message, or its id alone."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages of a conversation, or of a search."""

    messages: tuple[Message, ...]
    """In the order of the call that gave them."""
    more: bool
    """Whether there are others further on, in the direction that was asked for."""


# ------------------------------------------------------------- conversations


@dataclass(frozen=True, slots=True)
class Room:
    """A conversation of any number of accounts."""

    id: int
    title: str
    """Need not be the only one of its sort."""
    topic: str
    public: bool
    """Anybody may find and join it."""
    owner: str
    members: int
    """How many; who is only invited does not count."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation, as the account that is logged in has it."""

    name: ConversationName
    room: Room | None
    """Of a room; None of a direct conversation."""
    display_name: str
    """Of the other account, in a direct conversation; may be empty."""
    newest: Message | None
    unread: int
    """Messages behind the read mark."""
    unread_mentions: int
    read_up_to: int
    """The read mark: a message's id."""
    invited_by: str
    """Not empty: not a member yet, and sees no messages."""
    gone: bool
    """The other account of a direct conversation is deleted."""

    @property
    def title(self) -> str:
        """What to call it: a room's title, or what the other account calls itself, or its name."""
        if self.room is not None:
            return self.room.title
        return self.display_name or str(self.name)


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether somebody is there, as far as the master knows."""

    attached: bool
    last_seen: datetime | None
    """None: not since this master leads."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody in a conversation."""

    account: str
    display_name: str
    """May be empty."""
    invited: bool
    """And not a member yet."""
    delivered_up_to: int
    """Every message up to this id has arrived there."""
    read_up_to: int
    presence: Presence


# ------------------------------------------------------------------ accounts


@dataclass(frozen=True, slots=True)
class Login:
    """A session of an account; it works on every replica."""

    name: str
    """The account's name as it is stored (NFKC)."""
    token: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Profile:
    """What is known of an account."""

    account: str
    display_name: str
    """May be empty."""
    gone: bool
    """It is deleted; its name stays taken."""
    presence: Presence
    blocked: tuple[str, ...]
    """Whose direct messages and invitations are refused; of one's own account only."""


@dataclass(frozen=True, slots=True)
class AccountSession:
    """A login of one's own that has not ended."""

    id: str
    """Hexadecimal; it is not the token, and of no use as one."""
    expires_at: datetime
    current: bool
    """Whether it is the one that asked."""


# -------------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Attached:
    """What happens from now on is told. What happened before is not: read what is shown."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """Somebody has said something; oneself, on another device, included."""

    message: Message


@dataclass(frozen=True, slots=True)
class MessageChanged:
    """A message was edited or deleted."""

    message: Message


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """A conversation is new to one, or its title, its members or one's marks have changed."""

    conversation: Conversation


@dataclass(frozen=True, slots=True)
class ConversationGone:
    """One is not in it any more."""

    name: ConversationName


@dataclass(frozen=True, slots=True)
class Marked:
    """How far somebody has received, or read; a mark that has not moved is 0."""

    account: str
    conversation: ConversationName | None
    """None: `delivered_up_to` counts in every conversation."""
    delivered_up_to: int
    read_up_to: int


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """Somebody with whom one shares a conversation has come or gone."""

    account: str
    presence: Presence


@dataclass(frozen=True, slots=True)
class Typing:
    """Somebody is writing."""

    conversation: ConversationName
    account: str


Event = (
    Attached
    | NewMessage
    | MessageChanged
    | ConversationChanged
    | ConversationGone
    | Marked
    | PresenceChanged
    | Typing
)


# ------------------------------------------------------------------- cluster


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


def time_or_none(unix_ms: int) -> datetime | None:
    """The same, where 0 means that it has not happened."""
    return time_of(unix_ms) if unix_ms else None
