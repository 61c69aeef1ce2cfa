"""A client without a cluster: one account's conversations in memory, events by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ringchat_client.errors import NotFound, RingchatError
from ringchat_client.values import (
    AccountSession,
    Attached,
    Conversation,
    ConversationChanged,
    ConversationGone,
    ConversationName,
    Event,
    Member,
    Message,
    MessageChanged,
    MessageName,
    NewMessage,
    Page,
    Presence,
    Profile,
    Receipt,
    ReplicaStatus,
    Room,
    Status,
)

__all__ = ["NOON", "FakeClient", "conversation", "member", "message", "status"]

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def message(
    message_id: int,
    sender: str = "bob",
    text: str = "hello",
    conversation: ConversationName = "bob",
    **more: Any,
) -> Message:
    """A message, sent so many minutes after noon."""
    at = more.pop("sent_at", NOON + timedelta(minutes=message_id))
    return Message(message_id, sender, text, at, conversation=conversation, **more)


def room(room_id: int, title: str, topic: str = "", owner: str = "ann", members: int = 3) -> Room:
    return Room(room_id, title, topic, True, owner, members, NOON)


def conversation(
    name: ConversationName, newest: Message | None = None, **more: Any
) -> Conversation:
    """A conversation in which nothing waits, unless told otherwise."""
    title = more.pop("title", f"room {name}")
    about = room(name, title, more.pop("topic", "")) if isinstance(name, int) else None
    read = newest.id if newest is not None else 0
    values: dict[str, Any] = {
        "display_name": "",
        "newest": newest,
        "unread": 0,
        "unread_mentions": 0,
        "read_up_to": read,
        "invited_by": "",
        "gone": False,
        **more,
    }
    return Conversation(name, about, **values)


def member(account: str, delivered: int = 0, read: int = 0, *, attached: bool = True) -> Member:
    return Member(account, "", False, delivered, read, Presence(attached, None))


def status(master: int = 0, view: int = 3, in_sync: Sequence[int] = (0, 1, 2)) -> Status:
    replicas = tuple(
        ReplicaStatus(
            i,
            "master" if i == master else "backup",
            i in in_sync,
            9,
            9,
            "ab" * 16,
            view,
            f"127.0.0.1:5005{i}",
        )
        for i in range(3)
    )
    return Status(view, master, "availability", replicas)


class FakeClient:
    """Answers at once, unless `hold` is cleared; raises `refusals` first, in their order."""

    def __init__(self, account: str = "ann") -> None:
        self.account = account
        self.known: dict[ConversationName, Conversation] = {}
        self.messages: dict[ConversationName, list[Message]] = {}
        self.people: dict[ConversationName, list[Member]] = {}
        self.accounts = ["ann", "bob", "cleo", "dan"]
        self.public: list[Room] = []
        self.calls: list[tuple[Any, ...]] = []
        self.refusals: list[RingchatError] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.ring = status()
        self.next_id = 1000
        self._events: asyncio.Queue[Event | RingchatError] = asyncio.Queue()
        self._events.put_nowait(Attached())

    def add(self, of: Conversation, messages: Sequence[Message] = (), *people: Member) -> None:
        """A conversation with what was said in it."""
        newest = messages[-1] if messages else of.newest
        self.known[of.name] = replace(of, newest=newest)
        self.messages[of.name] = list(messages)
        self.people[of.name] = list(people) or [member("ann"), member(str(of.name))]

    def tell(self, event: Event | RingchatError) -> None:
        """Something happens."""
        self._events.put_nowait(event)

    def called(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of each call of that name."""
        return [call[1:] for call in self.calls if call[0] == name]

    async def _do(self, *call: Any) -> None:
        self.calls.append(call)
        await self.hold.wait()
        if self.refusals:
            raise self.refusals.pop(0)

    async def events(self) -> AsyncGenerator[Event, None]:
        while True:
            event = await self._events.get()
            if isinstance(event, RingchatError):
                raise event
            yield event

    async def status(self, *, timeout: float = 1.0) -> Status:
        return self.ring

    async def list_accounts(
        self, pattern: str = "*", *, limit: int | None = None, timeout: float = 30.0
    ) -> list[str]:
        await self._do("list_accounts", pattern, limit)
        return [name for name in self.accounts if pattern in {"*", name}][:limit]

    async def send_message(
        self, to: ConversationName, text: str, *, reply_to: int = 0, timeout: float = 30.0
    ) -> Receipt:
        await self._do("send_message", to, text, reply_to)
        if isinstance(to, str) and to not in self.accounts:
            raise NotFound(f"no account {to}")
        return self.stored(to, text, reply_to)

    def stored(self, to: ConversationName, text: str, reply_to: int = 0) -> Receipt:
        """What the cluster does with a message: keeps it, and tells everybody."""
        self.next_id += 1
        sent = message(self.next_id, self.account, text, to, reply_to=reply_to, sent_at=NOON)
        sent = replace(sent, sent_at=datetime.now(UTC))
        self.messages.setdefault(to, []).append(sent)
        self.tell(NewMessage(sent))
        return Receipt(sent.id, sent.sent_at)

    async def acknowledge(self, message: MessageName, *, timeout: float = 30.0) -> None:
        await self._do("acknowledge", _id_of(message))

    async def delete_account(self, *, timeout: float = 30.0) -> None:
        await self._do("delete_account")

    async def export(self, *, timeout: float = 600.0) -> dict[str, Any]:
        await self._do("export")
        return {"profile": {"account": self.account}, "sessions": [], "conversations": []}

    async def log_out(self, *, timeout: float = 30.0) -> None:
        await self._do("log_out")

    async def conversations(self, *, timeout: float = 30.0) -> list[Conversation]:
        await self._do("conversations")
        return list(self.known.values())

    async def members(
        self, conversation: ConversationName, *, timeout: float = 30.0
    ) -> list[Member]:
        await self._do("members", conversation)
        return self.people.get(conversation, [])

    async def history(
        self,
        conversation: ConversationName,
        *,
        before: int = 0,
        after: int = 0,
        limit: int = 50,
        timeout: float = 30.0,
    ) -> Page:
        await self._do("history", conversation, before, limit)
        older = [m for m in self.messages[conversation] if not before or m.id < before]
        return Page(tuple(older[-limit:]), len(older) > limit)

    async def search(
        self,
        query: str,
        conversation: ConversationName | None = None,
        *,
        before: int = 0,
        limit: int = 20,
        timeout: float = 30.0,
    ) -> Page:
        await self._do("search", query, conversation)
        found = [
            one
            for name, messages in self.messages.items()
            for one in messages
            if query in one.text and conversation in {None, name}
        ]
        found.sort(key=lambda one: -one.id)
        return Page(tuple(found[:limit]), len(found) > limit)

    async def edit_message(
        self,
        conversation: ConversationName,
        message: MessageName,
        text: str,
        *,
        timeout: float = 30.0,
    ) -> None:
        message_id = _id_of(message)
        await self._do("edit_message", conversation, message_id, text)
        self._change(conversation, message_id, text=text, edited_at=NOON)

    async def delete_message(
        self, conversation: ConversationName, message: MessageName, *, timeout: float = 30.0
    ) -> None:
        message_id = _id_of(message)
        await self._do("delete_message", conversation, message_id)
        self._change(conversation, message_id, text="", deleted_at=NOON)

    def _change(self, name: ConversationName, message_id: int, **values: Any) -> None:
        messages = self.messages[name]
        for i, one in enumerate(messages):
            if one.id == message_id:
                messages[i] = replace(one, **values)
                self.tell(MessageChanged(messages[i]))

    async def mark_read(
        self, conversation: ConversationName, message: MessageName, *, timeout: float = 30.0
    ) -> None:
        await self._do("mark_read", conversation, _id_of(message))

    async def create_room(
        self,
        title: str,
        *,
        topic: str = "",
        public: bool = False,
        invite: Sequence[str] = (),
        timeout: float = 30.0,
    ) -> int:
        await self._do("create_room", title, public, *invite)
        self.next_id += 1
        self.add(conversation(self.next_id, title=title), (), member("ann"))
        self.tell(ConversationChanged(self.known[self.next_id]))
        return self.next_id

    async def join_room(self, room: int, *, timeout: float = 30.0) -> None:
        await self._do("join_room", room)
        known = self.known.get(room) or conversation(room)
        self.known[room] = replace(known, invited_by="")
        self.messages.setdefault(room, [])
        self.tell(ConversationChanged(self.known[room]))

    async def leave_room(self, room: int, *, timeout: float = 30.0) -> None:
        await self._do("leave_room", room)
        self.known.pop(room)
        self.tell(ConversationGone(room))

    async def invite(self, room: int, account: str, *, timeout: float = 30.0) -> None:
        await self._do("invite", room, account)

    async def remove(self, room: int, account: str, *, timeout: float = 30.0) -> None:
        await self._do("remove", room, account)

    async def change_room(
        self,
        room: int,
        *,
        title: str | None = None,
        topic: str | None = None,
        owner: str | None = None,
        timeout: float = 30.0,
    ) -> None:
        await self._do("change_room", room, title, topic, owner)

    async def rooms(
        self, pattern: str = "*", *, limit: int | None = None, timeout: float = 30.0
    ) -> list[Room]:
        await self._do("rooms", pattern, limit)
        return [one for one in self.public if pattern in {"*", one.title}][:limit]

    async def profile(self, account: str = "", *, timeout: float = 30.0) -> Profile:
        await self._do("profile", account)
        return Profile(account or self.account, "Somebody", False, Presence(True, None), ("eve",))

    async def change_password(self, old: str, new: str, *, timeout: float = 30.0) -> None:
        await self._do("change_password", old, new)

    async def change_profile(self, display_name: str, *, timeout: float = 30.0) -> None:
        await self._do("change_profile", display_name)

    async def block(self, account: str, *, timeout: float = 30.0) -> None:
        await self._do("block", account)

    async def unblock(self, account: str, *, timeout: float = 30.0) -> None:
        await self._do("unblock", account)

    async def sessions(self, *, timeout: float = 30.0) -> list[AccountSession]:
        await self._do("sessions")
        return [AccountSession("ab" * 32, NOON, True), AccountSession("cd" * 32, NOON, False)]

    async def end_session(self, session_id: str, *, timeout: float = 30.0) -> None:
        await self._do("end_session", session_id)

    async def end_other_sessions(self, *, timeout: float = 30.0) -> None:
        await self._do("end_other_sessions")

    async def set_typing(self, conversation: ConversationName, *, timeout: float = 1.0) -> None:
        self.calls.append(("set_typing", conversation))


def _id_of(message: MessageName) -> int:
    return message.id if isinstance(message, Message) else message
