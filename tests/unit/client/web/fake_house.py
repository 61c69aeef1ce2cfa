"""What a `FakeChat` keeps: accounts, conversations, who watches, who is down."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from ringchat_client.errors import (
    NotFound,
    RingchatError,
)
from ringchat_client.values import (
    Conversation,
    ConversationChanged,
    ConversationName,
    Event,
    Message,
    MessageName,
    NewMessage,
    Receipt,
    Room,
)

EXPIRES = datetime(2099, 1, 1, tzinfo=UTC)
_number: ContextVar[int] = ContextVar("number", default=0)


@dataclass
class Account:
    name: str
    password: str
    display_name: str = ""
    delivered: int = 0
    blocked: set[str] = field(default_factory=set)


@dataclass
class Place:
    """A conversation."""

    room: Room | None
    members: dict[str, int]  # and how far each has read
    invited: dict[str, str] = field(default_factory=dict)  # who, by whom
    messages: list[Message] = field(default_factory=list)

    def name_for(self, account: str) -> ConversationName:
        if self.room is not None:
            return self.room.id
        return next((name for name in self.members if name != account), account)


class Watcher(Protocol):
    """A client, as the house knows it."""

    token: str

    def attached_again(self, view: int) -> None: ...


class FakeHouse:
    """All that the clients share."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, str] = {}
        self.places: list[Place] = []
        self.answers: dict[tuple[bytes, int], object] = {}
        self.watchers: dict[Watcher, asyncio.Queue[Event | None]] = {}
        self.clients: set[Watcher] = set()
        self.answering = asyncio.Event()
        self.answering.set()
        self.errors: list[RingchatError] = []
        """Each is raised by one call, before it does anything."""
        self.now = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
        self.next_id = 1
        self.view = 0
        self.down: set[int] = set()
        self.lagging: set[int] = set()
        self.status_calls = 0
        # what was asked for
        self.limits: list[int | None] = []
        self.members_read = 0
        self.acknowledged: list[MessageName] = []
        self.marked: list[int] = []
        self.histories: list[tuple[ConversationName, int, int]] = []

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Within, writes are done, but nobody gets an answer."""
        self.answering.clear()
        try:
            yield
        finally:
            self.answering.set()

    def sign_up(self, name: str, password: str = "a password") -> str:
        """An account and a token."""
        self.accounts[name] = Account(name, password)
        token = f"token-{len(self.tokens)}-of-{name}"
        self.tokens[token] = name
        return token

    def tell(self, place: Place, event: Callable[[str], Event | None]) -> None:
        for client, queue in self.watchers.items():
            account = self.tokens.get(client.token, "")
            inside = account in place.members or account in place.invited
            if inside and (told := event(account)) is not None:
                queue.put_nowait(told)

    def tell_state(self, place: Place) -> None:
        self.tell(place, lambda account: ConversationChanged(self.state_of(place, account)))

    def place_of(self, account: str, name: ConversationName, *, make: bool = False) -> Place:
        for place in self.places:
            inside = account in place.members or account in place.invited
            if inside and place.name_for(account) == name:
                return place
        if isinstance(name, str) and name in self.accounts and make:
            place = Place(None, {account: 0, name: 0})
            self.places.append(place)
            return place
        raise NotFound(f"no conversation {name!r} of yours")

    def state_of(self, place: Place, account: str) -> Conversation:
        name = place.name_for(account)
        other = self.accounts.get(name) if isinstance(name, str) else None
        read = place.members.get(account, 0)
        inside = account in place.members
        unread = [m for m in place.messages if m.id > read] if inside else []
        mentions = [m for m in unread if place.room and re.search(rf"@{account}\b", m.text)]
        newest = place.messages[-1] if place.messages and inside else None
        return Conversation(
            name=name,
            room=self.room_of(place),
            display_name=other.display_name if other else "",
            newest=self.seen_by(newest, place, account) if newest else None,
            unread=len(unread),
            unread_mentions=len(mentions),
            read_up_to=read,
            invited_by=place.invited.get(account, ""),
            gone=isinstance(name, str) and other is None,
        )

    def room_of(self, place: Place) -> Room | None:
        return replace(place.room, members=len(place.members)) if place.room else None

    def seen_by(self, message: Message, place: Place, account: str) -> Message:
        return replace(message, conversation=place.name_for(account))

    def post(
        self, account: str, to: ConversationName, text: str, reply_to: int = 0, **more: Any
    ) -> Receipt:
        place = self.place_of(account, to, make=True)
        new = not place.messages
        self.now += timedelta(seconds=more.pop("seconds", 20))
        message = Message(self.next_id, account, text, self.now, reply_to=reply_to, view=self.view)
        self.next_id += 1
        place.messages.append(message)
        place.members[account] = message.id
        self.tell(place, lambda one: NewMessage(self.seen_by(message, place, one)))
        if new:
            self.tell_state(place)
        return Receipt(message.id, message.sent_at)

    def make_room(self, owner: str, title: str, topic: str = "", public: bool = False) -> Place:
        room = Room(self.next_id, title, topic, public, owner, 1, self.now)
        self.next_id += 1
        place = Place(room, {owner: 0})
        self.places.append(place)
        return place

    def fail_over(self) -> None:
        """The master dies, and the next one takes the view."""
        self.down = {self.view % 3}
        self.view += 1
        for client in self.clients:
            client.attached_again(self.view)
