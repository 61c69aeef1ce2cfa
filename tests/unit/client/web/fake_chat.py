"""A chat in this process with the methods of the SDK's `Client`, for a gateway in tests.

One `FakeChat` is the whole cluster. Its clients see it at once and without a wire. A write
under a name that was used before has no effect and gets the same answer, as in the replicas.
`holding` keeps answers back, after the write was done: then a gateway can die in between.
"""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self, cast

from ringchat_client import Client
from ringchat_client.errors import (
    AlreadyExists,
    NotFound,
    PermissionDenied,
    RingchatError,
    Unauthenticated,
)
from ringchat_client.values import (
    AccountSession,
    Attached,
    Connected,
    ConnectionEvent,
    Conversation,
    ConversationGone,
    ConversationName,
    Event,
    Login,
    Marked,
    Member,
    Message,
    MessageChanged,
    MessageName,
    Page,
    Presence,
    PresenceChanged,
    Profile,
    Receipt,
    ReplicaStatus,
    Room,
    Status,
    Typing,
)
from tests.unit.client.web.fake_house import Account, FakeHouse, Place

EXPIRES = datetime(2099, 1, 1, tzinfo=UTC)
_number: ContextVar[int] = ContextVar("number", default=0)


class FakeChat(FakeHouse):
    """All that the clients share."""

    def open(
        self,
        *,
        token: str = "",
        client_id: bytes | None = None,
        on_connection: Callable[[ConnectionEvent], None] | None = None,
    ) -> Client:
        return cast("Client", FakeClient(self, token, client_id, on_connection))


class FakeClient:
    """One client, with the methods that the gateway uses."""

    def __init__(
        self,
        chat: FakeHouse,
        token: str,
        client_id: bytes | None,
        heard: Callable[[ConnectionEvent], None] | None,
    ) -> None:
        self.chat = chat
        self.token = token
        self.client_id = client_id
        self.heard = heard or (lambda _: None)
        self._queue: asyncio.Queue[Event | None] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self.chat.clients.add(self)
        self.heard(Connected(self.chat.view % 3, self.chat.view % 3, self.chat.view, 0.01))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.chat.clients.discard(self)
        self.chat.watchers.pop(self, None)
        self._tell_presence(False)

    async def close(self) -> None:
        await self.__aexit__()

    def attached_again(self, view: int) -> None:
        self.heard(Connected(view % 3, view % 3, view, 0.01))
        if self in self.chat.watchers:
            self._queue.put_nowait(Attached())

    @property
    def me(self) -> str:
        if self.chat.errors:
            raise self.chat.errors.pop(0)
        if self.token not in self.chat.tokens:
            raise Unauthenticated("no such session")
        return self.chat.tokens[self.token]

    @contextmanager
    def numbered(self, number: int) -> Iterator[None]:
        before = _number.set(number)
        yield
        _number.reset(before)

    async def _once(self, write: Callable[[], Any]) -> Any:
        name = (self.client_id or b"", _number.get())
        assert name[1], "a page names its writes"
        if name not in self.chat.answers:
            try:
                self.chat.answers[name] = write()
            except RingchatError as error:
                self.chat.answers[name] = error
        await self.chat.answering.wait()
        answer = self.chat.answers[name]
        if isinstance(answer, RingchatError):
            raise answer
        return answer

    # ------------------------------------------------------------- accounts

    async def create_account(self, name: str, password: str, *, timeout: float = 30.0) -> None:
        if name in self.chat.accounts:
            raise AlreadyExists(f"the name '{name}' is taken")
        self.chat.accounts[name] = Account(name, password)

    async def log_in(self, name: str, password: str, *, timeout: float = 30.0) -> Login:
        account = self.chat.accounts.get(name)
        if account is None or account.password != password:
            raise Unauthenticated("wrong name or password")
        token = f"token-{len(self.chat.tokens)}-of-{name}"
        self.chat.tokens[token] = name
        return Login(name, token, EXPIRES)

    async def log_out(self, *, timeout: float = 30.0) -> None:
        assert self.me
        del self.chat.tokens[self.token]

    async def delete_account(self, *, timeout: float = 30.0) -> None:
        def delete() -> None:
            del self.chat.accounts[self.me]

        await self._once(delete)

    async def list_accounts(
        self, pattern: str = "*", *, limit: int | None = None, timeout: float = 30.0
    ) -> list[str]:
        self.chat.limits.append(limit)
        return sorted(fnmatch.filter(self.chat.accounts, pattern))[:limit]

    async def profile(self, account: str = "", *, timeout: float = 30.0) -> Profile:
        me = self.me
        one = self.chat.accounts.get(account or me)
        if one is None:
            raise NotFound(f"no account named '{account}'")
        blocked = tuple(sorted(one.blocked)) if one.name == me else ()
        return Profile(one.name, one.display_name, False, self._presence(one.name), blocked)

    async def change_profile(self, display_name: str, *, timeout: float = 30.0) -> None:
        def change() -> None:
            self.chat.accounts[self.me].display_name = display_name

        await self._once(change)

    async def change_password(self, old: str, new: str, *, timeout: float = 30.0) -> None:
        def change() -> None:
            account = self.chat.accounts[self.me]
            if account.password != old:
                raise Unauthenticated("wrong password")
            account.password = new

        await self._once(change)

    async def sessions(self, *, timeout: float = 30.0) -> list[AccountSession]:
        mine = [token for token, name in self.chat.tokens.items() if name == self.me]
        return [
            AccountSession(token.encode().hex(), EXPIRES, token == self.token) for token in mine
        ]

    async def end_session(self, session_id: str, *, timeout: float = 30.0) -> None:
        await self._once(lambda: self.chat.tokens.pop(bytes.fromhex(session_id).decode(), None))

    async def end_other_sessions(self, *, timeout: float = 30.0) -> None:
        def end() -> None:
            me = self.me
            for token, name in list(self.chat.tokens.items()):
                if name == me and token != self.token:
                    del self.chat.tokens[token]

        await self._once(end)

    async def block(self, account: str, *, timeout: float = 30.0) -> None:
        await self._once(lambda: self.chat.accounts[self.me].blocked.add(account))

    async def unblock(self, account: str, *, timeout: float = 30.0) -> None:
        await self._once(lambda: self.chat.accounts[self.me].blocked.discard(account))

    # ------------------------------------------------------------- messages

    async def send_message(
        self, to: ConversationName, text: str, *, reply_to: int = 0, timeout: float = 30.0
    ) -> Receipt:
        def send() -> Receipt:
            other = self.chat.accounts.get(to) if isinstance(to, str) else None
            if other is not None and self.me in other.blocked:
                raise PermissionDenied(f"{to} takes no messages from you")
            return self.chat.post(self.me, to, text, reply_to)

        receipt: Receipt = await self._once(send)
        return receipt

    async def acknowledge(self, message: MessageName, *, timeout: float = 30.0) -> None:
        message_id = _id_of(message)

        def mark() -> None:
            self.chat.acknowledged.append(message)
            account = self.chat.accounts[self.me]
            account.delivered = max(account.delivered, message_id)
            for place in self.chat.places:
                if account.name in place.members:
                    self.chat.tell(place, lambda _: Marked(account.name, None, message_id, 0))

        await self._once(mark)

    def _change(self, name: ConversationName, message_id: int, **changes: Any) -> None:
        place = self.chat.place_of(self.me, name)
        at = next((i for i, m in enumerate(place.messages) if m.id == message_id), None)
        if at is None:
            raise NotFound("no such message")
        if place.messages[at].sender != self.me:
            raise PermissionDenied("it is not yours")
        changed = place.messages[at] = replace(place.messages[at], **changes)
        self.chat.tell(
            place, lambda account: MessageChanged(self.chat.seen_by(changed, place, account))
        )

    async def edit_message(
        self,
        conversation: ConversationName,
        message: MessageName,
        text: str,
        *,
        timeout: float = 30.0,
    ) -> None:
        now, message_id = self.chat.now, _id_of(message)
        await self._once(lambda: self._change(conversation, message_id, text=text, edited_at=now))

    async def delete_message(
        self, conversation: ConversationName, message: MessageName, *, timeout: float = 30.0
    ) -> None:
        now, message_id = self.chat.now, _id_of(message)
        await self._once(lambda: self._change(conversation, message_id, text="", deleted_at=now))

    async def mark_read(
        self, conversation: ConversationName, message: MessageName, *, timeout: float = 30.0
    ) -> None:
        message_id = _id_of(message)

        def mark() -> None:
            me, place = self.me, self.chat.place_of(self.me, conversation)
            self.chat.marked.append(message_id)
            place.members[me] = max(place.members[me], message_id)
            self.chat.tell(
                place, lambda one: Marked(me, place.name_for(one), message_id, message_id)
            )

        await self._once(mark)

    async def history(
        self,
        conversation: ConversationName,
        *,
        before: int = 0,
        after: int = 0,
        limit: int = 50,
        timeout: float = 30.0,
    ) -> Page:
        self.chat.histories.append((conversation, before, after))
        place = self.chat.place_of(self.me, conversation)
        found = [self.chat.seen_by(m, place, self.me) for m in place.messages if m.id > after]
        if before:
            found = [m for m in found if m.id < before]
        page = found[:limit] if after else found[-limit:]
        return Page(tuple(page), len(found) > limit)

    async def search(
        self,
        query: str,
        conversation: ConversationName | None = None,
        *,
        before: int = 0,
        limit: int = 20,
        timeout: float = 30.0,
    ) -> Page:
        me, words = self.me, query.lower().split()
        found = [
            self.chat.seen_by(message, place, me)
            for place in self.chat.places
            if me in place.members and conversation in (None, place.name_for(me))
            for message in place.messages
            if all(word in message.text.lower() for word in words)
            and (not before or message.id < before)
        ]
        found.sort(key=lambda message: -message.id)
        return Page(tuple(found[:limit]), len(found) > limit)

    async def set_typing(self, conversation: ConversationName) -> None:
        me, place = self.me, self.chat.place_of(self.me, conversation)
        self.chat.tell(place, lambda one: None if one == me else Typing(place.name_for(one), me))

    async def events(self) -> AsyncGenerator[Event, None]:
        assert self.me
        self.chat.watchers[self] = self._queue
        self._tell_presence(True)
        yield Attached()
        while (event := await self._queue.get()) is not None:
            yield event

    # ---------------------------------------------------------------- rooms

    async def conversations(self, *, timeout: float = 30.0) -> list[Conversation]:
        me = self.me
        mine = [p for p in self.chat.places if me in p.members or me in p.invited]
        return [self.chat.state_of(place, me) for place in mine]

    async def members(
        self, conversation: ConversationName, *, timeout: float = 30.0
    ) -> list[Member]:
        place = self.chat.place_of(self.me, conversation)
        self.chat.members_read += 1
        found = []
        for name in sorted({*place.members, *place.invited}):
            account, read = self.chat.accounts[name], place.members.get(name, 0)
            delivered = max(account.delivered, read)
            invited, presence = name not in place.members, self._presence(name)
            found.append(Member(name, account.display_name, invited, delivered, read, presence))
        return found

    async def rooms(
        self, pattern: str = "*", *, limit: int | None = None, timeout: float = 30.0
    ) -> list[Room]:
        self.chat.limits.append(limit)
        every = [self.chat.room_of(place) for place in self.chat.places]
        return [
            room
            for room in every
            if room and room.public and fnmatch.fnmatch(room.title.lower(), pattern.lower())
        ][:limit]

    async def create_room(
        self,
        title: str,
        *,
        topic: str = "",
        public: bool = False,
        invite: list[str] | None = None,
        timeout: float = 30.0,
    ) -> int:
        def create() -> int:
            place = self.chat.make_room(self.me, title, topic, public)
            place.invited = dict.fromkeys(invite or [], self.me)
            self.chat.tell_state(place)
            assert place.room is not None
            return place.room.id

        room: int = await self._once(create)
        return room

    def _room(self, room: int) -> Place:
        for place in self.chat.places:
            if place.room is not None and place.room.id == room:
                return place
        raise NotFound("no such room")

    async def join_room(self, room: int, *, timeout: float = 30.0) -> None:
        def join() -> None:
            place = self._room(room)
            place.invited.pop(self.me, None)
            place.members[self.me] = 0
            self.chat.tell_state(place)

        await self._once(join)

    async def leave_room(self, room: int, *, timeout: float = 30.0) -> None:
        await self._once(lambda: self._put_out(room, self.me))

    async def remove(self, room: int, account: str, *, timeout: float = 30.0) -> None:
        await self._once(lambda: self._put_out(room, account))

    def _put_out(self, room: int, account: str) -> None:
        place = self._room(room)
        self.chat.tell(place, lambda one: ConversationGone(room) if one == account else None)
        place.members.pop(account, None)
        place.invited.pop(account, None)
        self.chat.tell_state(place)

    async def invite(self, room: int, account: str, *, timeout: float = 30.0) -> None:
        def invite() -> None:
            if account not in self.chat.accounts:
                raise NotFound(f"no account named '{account}'")
            self._room(room).invited[account] = self.me
            self.chat.tell_state(self._room(room))

        await self._once(invite)

    async def change_room(self, room: int, *, timeout: float = 30.0, **changes: str) -> None:
        stored: dict[str, Any] = {name: text.strip() for name, text in changes.items()}

        def change() -> None:
            place = self._room(room)
            assert place.room is not None
            place.room = replace(place.room, **stored)
            self.chat.tell_state(place)

        await self._once(change)

    # --------------------------------------------------------------- status

    async def status(self) -> Status:
        chat = self.chat
        chat.status_calls += 1
        master = chat.view % 3
        replicas = tuple(
            ReplicaStatus(i, "unreachable", False, 0, 0, "", -1, f"replica-{i}:50051", "no answer")
            if i in chat.down
            else ReplicaStatus(
                i,
                "master" if i == master else "backup",
                i not in chat.lagging,
                chat.next_id,
                chat.next_id,
                "0102ff",
                chat.view,
                f"replica-{i}:50051",
            )
            for i in range(3)
        )
        return Status(chat.view, master, "availability", replicas)

    def _presence(self, account: str) -> Presence:
        attached = any(
            self.chat.tokens.get(client.token) == account for client in self.chat.watchers
        )
        return Presence(attached, None if attached else self.chat.now)

    def _tell_presence(self, attached: bool) -> None:
        me = self.chat.tokens.get(self.token)
        if me is None:
            return
        news = PresenceChanged(me, Presence(attached, self.chat.now))
        for place in self.chat.places:
            if me in place.members:
                self.chat.tell(place, lambda one: None if one == me else news)


def _id_of(message: MessageName) -> int:
    return message.id if isinstance(message, Message) else message
