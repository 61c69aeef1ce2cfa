"""What a client hears without asking: the messages for its account, and events.

Neither is queued for it. A receiver has a place in the order of messages, and reads on
from there when its stream has room; who watches has a list of where to look, each place
once, and looks when its stream has room. So one that is slow holds nothing up.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import (
    AccountChanged,
    Altered,
    Changed,
    Conversation,
    Invited,
    Left,
    Marked,
    Name,
    Posted,
)
from ringchat_server.newsroom import Attached, Told, Typing, Wake
from ringchat_server.records import message_id
from ringchat_server.transport.gate import Author, Gate, Refused, now_ms, page_of
from ringchat_server.transport.messages import (
    conversation_of,
    message_of,
    presence_of,
    state_of,
)

DELIVERY_MESSAGES_MAX = 256
DELIVERY_BYTES_MAX = 1 << 20
STIRRED_MAX = 256
"""Conversations that a receiver looks at apart; beyond it looks at all."""
EVENTS_MAX = 256
EVENTS_BYTES_MAX = 1 << 19
PLACES_MAX = 1_024
"""Places where one that watches has to look; beyond it is told that it missed some."""


class Guest(Protocol):
    """Who is served as long as this replica leads."""

    def moved(self, view: int, reason: str) -> None:
        """It does no longer."""
        ...


class Hub(Gate, Protocol):
    """A gate that also tells of new messages and of the end."""

    def attach(self, guest: Guest) -> None:
        """That guest will be told when this replica stops leading."""
        ...

    def detach(self, guest: Guest) -> None:
        """No longer."""
        ...

    def watch(self, account: str, wake: Wake) -> None:
        """Calls `wake` whenever that account has a new message."""
        ...

    def unwatch(self, account: str, wake: Wake) -> None:
        """No longer."""
        ...


class Mailbag:
    """One receiver's place in the order of the messages for its account."""

    def __init__(self, hub: Hub, author: Author, after_id: int, wake: Callable[[], None]) -> None:
        self._hub = hub
        self._author = author
        self._after_id = after_id
        self._wake = wake
        self._stirred: dict[Conversation, None] | None = None
        """Where there may be something behind `after_id`; None for anywhere."""
        hub.watch(author.account, self._told)

    def close(self) -> None:
        """No more messages."""
        self._hub.unwatch(self._author.account, self._told)

    def ended(self) -> bool:
        """The session has been logged out or has expired."""
        return self._hub.chat.account_of(self._author.session, now_ms()) != self._author.account

    def next(self) -> list[pb.Message]:
        """The messages that come next, as many as fit in a frame."""
        chat, account, stirred = self._hub.chat, self._author.account, self._stirred
        limits = (DELIVERY_MESSAGES_MAX, DELIVERY_BYTES_MAX)
        if stirred is None:
            messages = chat.undelivered(account, self._after_id, *limits)
        elif stirred:
            messages = chat.views.feed(account, self._after_id, *limits, only=stirred)
        else:
            return []
        if messages:
            self._after_id = messages[-1].id
        else:
            # All that there is has been seen: from here on it is told where there is more.
            self._stirred = {}
            self._after_id = max(self._after_id, message_id(chat.applied_index + 1, 0) - 1)
        return [message_of(message, self._hub.view_of(message.id)) for message in messages]

    def _told(self, conversation: Conversation | None) -> None:
        if conversation is not None and self._stirred is not None:
            self._stirred[conversation] = None
            if len(self._stirred) > STIRRED_MAX:
                self._stirred = None
        self._wake()


Look = Callable[[], list[pb.Event]]


class Watching:
    """One that watches, and where it has to look."""

    def __init__(self, hub: Hub, author: Author, wake: Callable[[], None]) -> None:
        self._hub = hub
        self._author = author
        self._wake = wake
        self._looks: dict[tuple[object, ...], Look] = {}
        self._unread: dict[Conversation, list[int]] = {}
        """The first and the last id of what is new in each."""
        self._missed = False
        hub.newsroom.watch(hub.chat, author.account, self)

    def close(self) -> None:
        """No more events."""
        self._hub.newsroom.watch_no_more(self._hub.chat, self._author.account, self)

    def ended(self) -> bool:
        """The session has been logged out or has expired."""
        return self._hub.chat.account_of(self._author.session, now_ms()) != self._author.account

    def told(self, news: Told) -> None:
        """Remembers where to look; what has a place already is looked at once, and last."""
        me = self._author.account
        match news:
            case Posted(conversation, first_id, size):
                span = self._unread.setdefault(conversation, [first_id, 0])
                span[1] = first_id + size - 1
                self._look(("new", conversation.id), partial(self._new, conversation), move=False)
            case Changed(conversation, one):
                where = conversation.name_for(me)
                self._look(("changed", one), partial(self._changed, where, one))
            case Altered(conversation) | Left(conversation) | Invited(conversation):
                self._look_at(conversation.name_for(me))
            case Marked(conversation, account):
                place = ("mark", account, conversation and conversation.id)
                self._look(place, partial(self._mark, conversation, account))
                if account == me and conversation is not None:
                    self._look_at(conversation.name_for(me))
            case AccountChanged(account):
                if account == me:
                    self._wake()  # the session may have ended
                else:
                    self._look(("account", account), partial(self._state, account, gone=False))
            case Attached(account):
                self._look(("presence", account), partial(self._presence, account))
            case Typing(where, account):
                self._look(("typing", where, account), partial(_typing, where, account))

    def next(self) -> list[pb.Event]:
        """The events that come next, as many as fit in a frame."""
        events: list[pb.Event] = []
        size = 0
        while (self._looks or self._missed) and len(events) < EVENTS_MAX:
            if size >= EVENTS_BYTES_MAX:
                break
            if self._missed:
                self._missed = False
                events.append(pb.Event(missed=True))
                continue
            place = next(iter(self._looks))
            found = self._looks.pop(place)()
            events += found
            size += sum(event.ByteSize() for event in found)
        return events

    def _look_at(self, where: Name) -> None:
        self._look(("conversation", where), partial(self._state, where, gone=True))

    def _look(self, place: tuple[object, ...], look: Look, *, move: bool = True) -> None:
        if move:
            self._looks.pop(place, None)
        self._looks.setdefault(place, look)
        if len(self._looks) > PLACES_MAX:
            self._looks.clear()
            self._unread.clear()
            self._missed = True
        self._wake()

    # ------------------------------------------------------------- what is there

    def _new(self, conversation: Conversation) -> list[pb.Event]:
        """A page of what is new in it; what is left over has a place again."""
        me, views = self._author.account, self._hub.chat.views
        first_id, last_id = self._unread.pop(conversation)
        where = conversation.name_for(me)
        try:
            messages, _ = page_of(views.history(me, where, 0, first_id - 1, EVENTS_MAX // 8))
        except Refused:
            return []  # not his any more: of that he is told
        events: list[pb.Event] = []
        size = 0
        for message in messages:
            if message.id > last_id or size >= EVENTS_BYTES_MAX:
                break
            events.append(pb.Event(message=message_of(message, self._hub.view_of(message.id))))
            size += len(message.text.encode())
            first_id = message.id + 1
        if events and first_id <= last_id:
            self._unread[conversation] = [first_id, last_id]
            self._looks["new", conversation.id] = partial(self._new, conversation)
        return events

    def _changed(self, where: Name, one: int) -> list[pb.Event]:
        message = self._hub.chat.views.message(self._author.account, where, one)
        if message is None:
            return []
        return [pb.Event(changed=message_of(message, self._hub.view_of(one)))]

    def _state(self, where: Name, *, gone: bool) -> list[pb.Event]:
        """The conversation as it is; if it is not, that is an event only with `gone`."""
        state = self._hub.chat.views.conversation(self._author.account, where)
        if state is not None:
            return [pb.Event(conversation=state_of(state, self._hub.view_of))]
        return [pb.Event(gone=conversation_of(where))] if gone else []

    def _mark(self, conversation: Conversation | None, account: str) -> list[pb.Event]:
        mark = pb.MemberMark(account=account)
        if conversation is None:
            mark.delivered_up_to = self._hub.chat.views.delivered_up_to(account)
        else:
            member = conversation.members.get(account)
            if member is None or self._author.account not in conversation.members:
                return []
            mark.read_up_to = member.read_up_to
            mark.conversation.CopyFrom(conversation_of(conversation.name_for(self._author.account)))
        return [pb.Event(mark=mark)]

    def _presence(self, account: str) -> list[pb.Event]:
        presence = presence_of(self._hub.newsroom.presence(account))
        return [pb.Event(presence=pb.AccountPresence(account=account, presence=presence))]


def _typing(where: Name, account: str) -> list[pb.Event]:
    return [pb.Event(typing=pb.Typing(conversation=conversation_of(where), account=account))]
