"""The conversations of the fake cluster: what a faultless chat would keep, in the plainest way."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ringchat_proto import chat_pb2 as pb

INVALID_ARGUMENT, NOT_FOUND, PERMISSION_DENIED = 3, 5, 7
FAILED_PRECONDITION = 9
PAGE = 2
"""Small pages, so that paging is used."""

Key = int | frozenset[str]
"""A conversation: a room's id, or the two accounts of a direct one."""


@dataclass
class Conversations:
    """Rooms, messages, marks and profiles; `told` is what watchers hear."""

    accounts: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    mailboxes: dict[str, list[pb.Message]] = field(default_factory=dict)
    index: int = 0
    now_ms: int = 1_700_000_000_000
    rooms: dict[int, pb.Room] = field(default_factory=dict)
    members: dict[int, dict[str, str]] = field(default_factory=dict)
    """Of a room: names, each with who invited it, or "" for a member."""
    messages: dict[Key, list[pb.Message]] = field(default_factory=dict)
    read: dict[tuple[Key, str], int] = field(default_factory=dict)
    display_names: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, list[str]] = field(default_factory=dict)
    told: list[tuple[frozenset[str], pb.Event]] = field(default_factory=list)

    def _account(self, token: str) -> str:
        if token not in self.tokens:
            raise LookupError(16, "no such session")
        return self.tokens[token]

    # ------------------------------------------------------------------ helpers

    def _key(self, account: str, conversation: pb.Conversation, *, begins: bool = False) -> Key:
        """A conversation that the account may see, or a direct one that it may begin."""
        if not conversation.room:
            name = conversation.account
            if name not in self.accounts:
                raise LookupError(NOT_FOUND, f"no account named '{name}'")
            direct = frozenset((account, name))
            if direct not in self.messages and not begins:
                raise LookupError(NOT_FOUND, f"no conversation with '{name}'")
            return direct
        invited_by = self.members.get(conversation.room, {}).get(account)
        if invited_by is None:
            raise LookupError(NOT_FOUND, "no such room")
        if invited_by:
            raise LookupError(PERMISSION_DENIED, "join the room first")
        return conversation.room

    def _people(self, key: Key) -> frozenset[str]:
        return frozenset(self.members[key]) if isinstance(key, int) else key

    def _seen_by(self, key: Key, account: str, message: pb.Message) -> pb.Message:
        """The message under the name that its conversation has for the account."""
        seen = pb.Message()
        seen.CopyFrom(message)
        seen.conversation.CopyFrom(self._named_for(key, account))
        return seen

    def _named_for(self, key: Key, account: str) -> pb.Conversation:
        if isinstance(key, int):
            return pb.Conversation(room=key)
        return pb.Conversation(account=next(iter(key - {account}), account))

    def _tell(self, people: frozenset[str], event: pb.Event) -> None:
        self.told.append((people, event))

    def _tell_of(self, key: Key, message: pb.Message, *, new: bool) -> None:
        for name in self._people(key):
            seen = self._seen_by(key, name, message)
            event = pb.Event(message=seen) if new else pb.Event(changed=seen)
            self._tell(frozenset((name,)), event)

    def _put(self, account: str, request: pb.SendMessageRequest) -> pb.Message:
        """A message in its conversation and, for those who have not sent it, undelivered."""
        name = pb.Conversation(account=request.to)
        if request.room:
            name = pb.Conversation(room=request.room)
        key = self._key(account, name, begins=True)
        if account in self.blocked.get(request.to, ()):
            raise LookupError(PERMISSION_DENIED, f"'{request.to}' takes no messages from you")
        if request.reply_to:
            self._find(key, request.reply_to)
        message = pb.Message(
            id=self.index,
            sender=account,
            text=request.text,
            sent_at_ms=self.now_ms,
            reply_to=request.reply_to,
        )
        self.messages.setdefault(key, []).append(message)
        self.read[key, account] = message.id
        people = self._people(key)
        for one in people - {account} or people:
            if not isinstance(key, int) or not self.members[key][one]:
                self.mailboxes[one].append(self._seen_by(key, one, message))
        self._tell_of(key, message, new=True)
        return message

    def _find(self, key: Key, message_id: int) -> pb.Message:
        for message in self.messages.get(key, ()):
            if message.id == message_id:
                return message
        raise LookupError(NOT_FOUND, "no such message")

    def _own(self, account: str, request: Any) -> tuple[Key, pb.Message]:
        key = self._key(account, request.conversation)
        message = self._find(key, request.message_id)
        if request.HasField("view") and request.view != message.view:
            raise LookupError(FAILED_PRECONDITION, "it has another place in the order now")
        if message.sender != account:
            raise LookupError(PERMISSION_DENIED, "only its author may do that")
        return key, message

    def _state_of(self, key: Key, account: str) -> pb.ConversationState:
        messages = self.messages.get(key, [])
        state = pb.ConversationState(conversation=self._named_for(key, account))
        state.read_up_to = self.read.get((key, account), 0)
        if isinstance(key, int):
            room, members = self.rooms[key], self.members[key]
            room.members = sum(not invited_by for invited_by in members.values())
            state.room.CopyFrom(room)
            state.invited_by = members[account]
        else:
            state.display_name = self.display_names.get(state.conversation.account, "")
        if messages and not state.invited_by:
            state.newest.CopyFrom(self._seen_by(key, account, messages[-1]))
            state.unread = sum(message.id > state.read_up_to for message in messages)
        return state

    def _keys_of(self, account: str) -> list[Key]:
        rooms = [room for room, members in self.members.items() if account in members]
        direct = [key for key in self.messages if not isinstance(key, int) and account in key]
        keys: list[Key] = [*rooms, *direct]
        newest = {key: m[-1].id for key in keys if (m := self.messages.get(key))}
        return sorted(keys, key=lambda key: -newest.get(key, 0))

    # -------------------------------------------------------------------- reads

    def _page(self, request: Any, values: list[Any], into: Callable[[Any], object]) -> str:
        """The values of a page go into the answer; returns the token of the next."""
        start = int(request.page_token or "0")
        for value in values[start : start + PAGE]:
            into(value)
        return str(start + PAGE) if len(values) > start + PAGE else ""

    def _list_conversations(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, answer = self._account(token), response.list_conversations
        states = [self._state_of(key, account) for key in self._keys_of(account)]
        add = answer.conversations.append
        answer.next_page_token = self._page(request.list_conversations, states, add)

    def _list_rooms(self, request: pb.Request, response: pb.Response, token: str) -> None:
        self._account(token)
        pattern = request.list_rooms.pattern.lower() or "*"
        rooms = [
            room
            for room in self.rooms.values()
            if room.public and fnmatch.fnmatch(room.title.lower(), pattern)
        ]
        answer = response.list_rooms
        answer.next_page_token = self._page(request.list_rooms, rooms, answer.rooms.append)

    def _list_members(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, answer = self._account(token), response.list_members
        key = self._key(account, request.list_members.conversation)
        people = [
            pb.Member(
                account=name,
                display_name=self.display_names.get(name, ""),
                invited=isinstance(key, int) and bool(self.members[key][name]),
                read_up_to=self.read.get((key, name), 0),
                presence=pb.Presence(attached=True),
            )
            for name in sorted(self._people(key))
        ]
        answer.next_page_token = self._page(request.list_members, people, answer.members.append)

    def _read_history(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, ask, answer = self._account(token), request.read_history, response.read_history
        key = self._key(account, ask.conversation)
        answer.SetInParent()
        messages = self.messages.get(key, [])
        if ask.HasField("after_message_id"):
            messages = [m for m in messages if m.id > ask.after_message_id]
            page = messages[: ask.limit]
        else:
            before = ask.before_message_id or 1 << 63
            messages = [m for m in messages if m.id < before]
            page = messages[-ask.limit :]
        answer.messages.extend(self._seen_by(key, account, m) for m in page)
        answer.more = len(messages) > len(page)

    def _search_messages(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, ask = self._account(token), request.search_messages
        keys = self._keys_of(account)
        if ask.HasField("conversation"):
            keys = [self._key(account, ask.conversation)]
        words = set(ask.query.lower().split())
        found = [
            self._seen_by(key, account, message)
            for key in keys
            for message in self.messages.get(key, ())
            if words <= set(message.text.lower().split())
            and message.id < (ask.before_message_id or 1 << 63)
        ]
        found.sort(key=lambda message: -message.id)
        response.search_messages.messages.extend(found[: ask.limit])
        response.search_messages.more = len(found) > ask.limit

    def _get_profile(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account = self._account(token)
        name = request.get_profile.account or account
        if name not in self.accounts:
            raise LookupError(NOT_FOUND, f"no account named '{name}'")
        answer = response.get_profile
        answer.account, answer.display_name = name, self.display_names.get(name, "")
        answer.presence.last_seen_ms = self.now_ms
        answer.blocked.extend(self.blocked.get(name, ()) if name == account else ())

    def _list_sessions(self, _: pb.Request, response: pb.Response, token: str) -> None:
        account = self._account(token)
        for one in self._sessions(account):
            response.list_sessions.sessions.add(
                id=one.encode(), expires_at_ms=2_000_000_000_000, current=one == token
            )

    def _sessions(self, account: str) -> Iterator[str]:
        return (token for token, name in list(self.tokens.items()) if name == account)

    def _set_typing(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account = self._account(token)
        key = self._key(account, request.set_typing.conversation)
        response.set_typing.SetInParent()
        for name in self._people(key) - {account}:
            typing = pb.Typing(conversation=self._named_for(key, name), account=account)
            self._tell(frozenset((name,)), pb.Event(typing=typing))

    # ------------------------------------------------------------------- writes

    def _edit_message(self, request: pb.Request, response: pb.Response, token: str) -> None:
        key, message = self._own(self._account(token), request.edit_message)
        message.text, message.edited_at_ms = request.edit_message.text, self.now_ms
        self._tell_of(key, message, new=False)
        response.edit_message.SetInParent()

    def _delete_message(self, request: pb.Request, response: pb.Response, token: str) -> None:
        key, message = self._own(self._account(token), request.delete_message)
        message.text, message.deleted_at_ms = "", self.now_ms
        self._tell_of(key, message, new=False)
        response.delete_message.SetInParent()

    def _mark_read(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, ask = self._account(token), request.mark_read
        key = self._key(account, ask.conversation)
        mark = max(self.read.get((key, account), 0), ask.up_to_message_id)
        self.read[key, account] = mark
        for name in self._people(key):
            where = self._named_for(key, name)
            told = pb.MemberMark(conversation=where, account=account, read_up_to=mark)
            self._tell(frozenset((name,)), pb.Event(mark=told))
        response.mark_read.SetInParent()

    def _create_room(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, ask = self._account(token), request.create_room
        for name in ask.invite:
            if name not in self.accounts:
                raise LookupError(NOT_FOUND, f"no account named '{name}'")
        room = pb.Room(id=self.index, title=ask.title, topic=ask.topic, public=ask.public)
        room.owner, room.created_at_ms = account, self.now_ms
        self.rooms[room.id] = room
        self.members[room.id] = {account: "", **dict.fromkeys(ask.invite, account)}
        self._altered(room.id)
        response.create_room.room = room.id

    def _altered(self, room: int) -> None:
        for name in self.members[room]:
            state = self._state_of(room, name)
            self._tell(frozenset((name,)), pb.Event(conversation=state))

    def _join_room(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, room = self._account(token), request.join_room.room
        public = room in self.rooms and self.rooms[room].public
        if not public and account not in self.members.get(room, {}):
            raise LookupError(NOT_FOUND, "no such room")
        self.members[room][account] = ""
        self._altered(room)
        response.join_room.SetInParent()

    def _put_out(self, room: int, name: str) -> None:
        if name not in self.members.get(room, {}):
            raise LookupError(NOT_FOUND, "no such room, or nobody of that name in it")
        del self.members[room][name]
        self._tell(frozenset((name,)), pb.Event(gone=pb.Conversation(room=room)))
        self._altered(room)

    def _leave_room(self, request: pb.Request, response: pb.Response, token: str) -> None:
        self._put_out(request.leave_room.room, self._account(token))
        response.leave_room.SetInParent()

    def _invite_to_room(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, ask = self._account(token), request.invite_to_room
        self._key(account, pb.Conversation(room=ask.room))
        if ask.account not in self.members[ask.room]:
            self.members[ask.room][ask.account] = account
            self._altered(ask.room)
        response.invite_to_room.SetInParent()

    def _remove_from_room(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, ask = self._account(token), request.remove_from_room
        self._key(account, pb.Conversation(room=ask.room))
        if self.rooms[ask.room].owner != account:
            raise LookupError(PERMISSION_DENIED, "only the owner may do that")
        self._put_out(ask.room, ask.account)
        response.remove_from_room.SetInParent()

    def _change_room(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, ask = self._account(token), request.change_room
        self._key(account, pb.Conversation(room=ask.room))
        room = self.rooms[ask.room]
        if room.owner != account and (ask.HasField("title") or ask.HasField("owner")):
            raise LookupError(PERMISSION_DENIED, "only the owner may do that")
        for name in ("title", "topic", "owner"):
            if ask.HasField(name):
                setattr(room, name, getattr(ask, name))
        self._altered(ask.room)
        response.change_room.SetInParent()

    def _change_password(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, ask = self._account(token), request.change_password
        if self.accounts[account] != ask.old_password:
            raise LookupError(16, "wrong password")
        self.accounts[account] = ask.new_password
        self._end_sessions(account, keep=token)
        response.change_password.SetInParent()

    def _end_sessions(self, account: str, keep: str) -> None:
        for one in self._sessions(account):
            if one != keep:
                del self.tokens[one]

    def _change_profile(self, request: pb.Request, response: pb.Response, token: str) -> None:
        self.display_names[self._account(token)] = request.change_profile.display_name
        response.change_profile.SetInParent()

    def _end_session(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, session = self._account(token), request.end_session.session_id.decode()
        if not session:
            self._end_sessions(account, keep=token)
        elif self.tokens.get(session) != account:
            raise LookupError(NOT_FOUND, "no such session")
        else:
            del self.tokens[session]
        response.end_session.SetInParent()

    def _block_account(self, request: pb.Request, response: pb.Response, token: str) -> None:
        account, ask = self._account(token), request.block_account
        if ask.account not in self.accounts:
            raise LookupError(NOT_FOUND, f"no account named '{ask.account}'")
        blocked = self.blocked.setdefault(account, [])
        if ask.blocked != (ask.account in blocked):
            (blocked.append if ask.blocked else blocked.remove)(ask.account)
        response.block_account.SetInParent()
