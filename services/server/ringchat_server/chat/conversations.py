"""Conversations: direct ones of two accounts (or of one with itself), and rooms.

To one who is in it a conversation has a name: the other account's for a direct one,
the id for a room. Its id is that of the entry it began with, so it is like no other's.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

from ringchat_server.chat.history import History

Name = str | int
"""Of a conversation, to a member: another account, or a room's id."""

MENTIONS_MAX = 1_000
"""Unread ones that are counted; older ones are not."""


class Message(NamedTuple):
    """A message, as one who is in its conversation sees it."""

    id: int
    sender: str
    text: str
    sent_at_ms: int
    conversation: Name
    reply_to: int = 0
    edited_at_ms: int = 0
    deleted_at_ms: int = 0


class Member:
    """What a conversation knows of somebody in it."""

    __slots__ = ("fed_from", "mentions", "read_up_to")

    def __init__(self, fed_from: int = 0) -> None:
        self.fed_from = fed_from
        """Messages up to that id were there before he was: they are not delivered."""
        self.read_up_to = fed_from
        self.mentions: list[int] = []
        """Ids of messages behind `read_up_to` that name him."""

    def read(self, up_to: int) -> bool:
        """Moves the mark; whether it moved. It never goes back."""
        if up_to <= self.read_up_to:
            return False
        self.read_up_to = up_to
        if self.mentions:
            self.mentions = [one for one in self.mentions if one > up_to]
        return True

    def mention(self, message_id: int) -> None:
        """A message names him."""
        self.mentions.append(message_id)
        del self.mentions[:-MENTIONS_MAX]


class Conversation(ABC):
    """What direct ones and rooms have alike."""

    __slots__ = ("history", "id", "members")

    def __init__(self, id_: int) -> None:
        self.id = id_
        self.members: dict[str, Member] = {}
        """By account, in the order in which they came."""
        self.history = History()

    @property
    def newest_id(self) -> int:
        """What conversations are ordered by: the newest message, or the beginning."""
        return self.history.newest_id or self.id

    @abstractmethod
    def name_for(self, account: str) -> Name:
        """What it is called by one who is in it."""

    def is_fed_to(self, account: str, sender: str) -> bool:
        """Whether a message of that sender is to be delivered to him: not his own."""
        return account != sender

    def message_at(self, at: int, account: str) -> Message:
        """The message at that place, as that account sees it."""
        history = self.history
        one = history.ids[at]
        return Message(
            one,
            history.sender(at),
            history.text(at),
            history.sent_at_ms(at),
            self.name_for(account),
            *history.marks(one),
        )

    def feed(self, account: str, after_id: int) -> Iterator[Message]:
        """What is to be delivered to that member behind that id, oldest first."""
        history = self.history
        start = history.behind(max(after_id, self.members[account].fed_from))
        for at in range(start, len(history)):
            if self.is_fed_to(account, history.sender(at)) and not history.is_deleted(
                history.ids[at]
            ):
                yield self.message_at(at, account)

    def unread(self, member: Member) -> int:
        """Messages behind his mark."""
        return len(self.history) - self.history.behind(member.read_up_to)


class Direct(Conversation):
    """Two accounts, or one that keeps notes. It is named by the other one's name."""

    __slots__ = ()

    def name_for(self, account: str) -> Name:
        """The other one's name."""
        return next((name for name in self.members if name != account), account)

    def is_fed_to(self, account: str, sender: str) -> bool:
        """Notes to oneself are, too."""
        return account != sender or len(self.members) == 1


class Invitation(NamedTuple):
    """Somebody was asked into a room."""

    by: str
    id: int
    """Of the entry that did it."""


class Room(Conversation):
    """Many accounts."""

    __slots__ = ("created_at_ms", "invited", "made_by", "owner", "public", "title", "topic")

    def __init__(self, id_: int, title: str, topic: str, public: bool, created_at_ms: int) -> None:
        super().__init__(id_)
        self.made_by: tuple[bytes, int] = (b"", 0)
        """The request that made it, by which a hand-over names it."""
        self.title = title
        self.topic = topic
        self.public = public
        self.created_at_ms = created_at_ms
        self.owner = ""
        self.invited: dict[str, Invitation] = {}

    def name_for(self, account: str) -> Name:
        """Its id."""
        return self.id


def export_conversation(conversation: Conversation) -> tuple[object, ...]:
    """All of it, in built-in values."""
    members = tuple(
        (name, one.fed_from, one.read_up_to, tuple(one.mentions))
        for name, one in conversation.members.items()
    )
    row = (conversation.id, members, conversation.history.export())
    if not isinstance(conversation, Room):
        return row
    room = conversation
    invited = tuple((name, *one) for name, one in room.invited.items())
    label = (room.title, room.topic, room.public, room.created_at_ms, room.owner)
    return (*row, *label, invited, *room.made_by)


def load_conversation(row: object, same: dict[str, str]) -> Conversation:
    """The conversation that was exported. `same` maps names to the one object to keep of each.

    Raises:
        ValueError: if the value has another shape.
    """
    match row:
        case (int(id_), tuple(members), history):
            conversation: Conversation = Direct(id_)
            if not 1 <= len(members) <= 2:
                raise ValueError("a direct conversation that is none")
        case (
            int(id_),
            tuple(members),
            history,
            str(title),
            str(topic),
            bool(public),
            int(created_at_ms),
            str(owner),
            tuple(invited),
            bytes(client),
            int(number),
        ):
            conversation = room = Room(id_, title, topic, public, created_at_ms)
            room.owner, room.made_by = owner, (client, number)
            for one in invited:
                match one:
                    case (str(name), str(by), int(at_id)):
                        room.invited[same.get(name, name)] = Invitation(by, at_id)
                    case _:
                        raise ValueError("an invitation of an unknown shape")
        case _:
            raise ValueError("a conversation of an unknown shape")
    for one in members:
        match one:
            case (str(name), int(fed_from), int(read_up_to), tuple(mentions)) if all(
                type(mention) is int for mention in mentions
            ):
                member = Member(fed_from)
                member.read_up_to = read_up_to
                member.mentions = list(mentions)
                conversation.members[same.get(name, name)] = member
            case _:
                raise ValueError("a member of an unknown shape")
    if len(conversation.members) != len(members) or not members:
        raise ValueError("a conversation without members, or with one twice")
    if isinstance(conversation, Room) and conversation.owner not in conversation.members:
        raise ValueError("a room whose owner is not in it")
    conversation.history = History.load(history, same)
    return conversation


class Posted(NamedTuple):
    """New messages, with ids one behind the other."""

    conversation: Conversation
    first_id: int
    size: int
    """How many."""


class Changed(NamedTuple):
    """A message was edited or deleted."""

    conversation: Conversation
    message_id: int


class Altered(NamedTuple):
    """It has begun, or its title, topic, owner or members are others."""

    conversation: Conversation


class Left(NamedTuple):
    """Somebody is not in it any more, nor invited."""

    conversation: Conversation
    account: str


class Invited(NamedTuple):
    """Somebody is asked into a room."""

    conversation: Conversation
    account: str


class Marked(NamedTuple):
    """Somebody has read further; without a conversation, received further."""

    conversation: Conversation | None
    account: str


class AccountChanged(NamedTuple):
    """Another display name, another password, ended sessions; or it is gone."""

    account: str


News = Posted | Changed | Altered | Left | Invited | Marked | AccountChanged
"""What an entry did, for those who watch."""
