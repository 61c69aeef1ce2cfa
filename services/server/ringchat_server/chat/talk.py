"""What people do in conversations: write, read, change what they wrote; and rooms.

Each method is one kind of request, applied. `Chat` has found out before who asks.

Of a handed-over request the master there vouches that it was confirmed. So nothing that
has changed on this side since is a reason to lose a message: not that its sender has
left, nor that there is no room.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple, cast

from ringchat_server.chat.accounts import Account, Accounts
from ringchat_server.chat.answers import (
    DELETED_ALREADY,
    DONE,
    MALFORMED,
    NO_MESSAGE,
    NOT_THE_AUTHOR,
    NOT_THE_OWNER,
    OK,
    ROOM_FULL,
    STORE_FULL,
    TOO_MANY_CONVERSATIONS,
    Answer,
    Answers,
    join_first,
    no_account,
    no_conversation,
    not_accepted,
    not_in_room,
)
from ringchat_server.chat.conversations import (
    Altered,
    Changed,
    Conversation,
    Direct,
    Invitation,
    Invited,
    Left,
    Marked,
    Member,
    News,
    Posted,
    Room,
    export_conversation,
    load_conversation,
)
from ringchat_server.chat.dedupe import Clients
from ringchat_server.chat.history import MESSAGE_BYTES
from ringchat_server.chat.requests import is_sound_name
from ringchat_server.records import Entry, message_id

CONVERSATIONS_MAX = 10_000
"""Of one account; as many invitations may wait for it."""
MEMBERS_MAX = 10_000
"""Of one room, the invited included."""
STORE_BYTES_MAX = 4 << 30
"""Of all messages, by their weight in a journal; a character of a text weighs as one byte."""

_MENTION = re.compile(r'@(?:"([^"]+)"|([^\s@"]+))', re.ASCII)
_PUNCTUATION = ".,;:!?)]}'"

Reference = int | tuple[bytes, int]


class Place(NamedTuple):
    """Where a message stands."""

    conversation: Conversation
    at: int


class Talk:
    """All conversations. Accounts hold those that they are in, too."""

    __slots__ = ("_accounts", "_clients", "_made_by", "news", "room_ids", "rooms", "stored_bytes")

    def __init__(self, accounts: Accounts, clients: Clients) -> None:
        self._accounts = accounts
        self._clients = clients
        self._made_by: dict[tuple[bytes, int], int] = {}
        """Rooms by their requests: the answers to those are forgotten, sooner or later."""
        self.rooms: dict[int, Room] = {}
        self.room_ids: list[int] = []
        """Sorted."""
        self.stored_bytes = 0
        """Of a journal, roughly, that all messages take."""
        self.news: list[News] = []

    # ------------------------------------------------------------------ messages

    def send(self, index: int, entry: Entry, start: int, stop: int) -> Answers:
        """Messages to accounts, those of the entry from `start` up to `stop`."""
        _, to, texts = cast("tuple[str, tuple[str, ...], tuple[str, ...]]", entry.request)
        if len(to) == 1:
            return (self._to_account(index, entry, to[0], texts[start:stop], start),)
        answers: list[tuple[int, int, Answer]] = []
        for receiver, positions in groupby(range(start, stop), to.__getitem__):
            first, *others = positions
            part = texts[first : first + 1 + len(others)]
            answers.append(self._to_account(index, entry, receiver, part, first))
        return tuple(answers)

    def post(self, index: int, entry: Entry, start: int, stop: int) -> Answers:
        """Messages to a room, or a reply."""
        _, where, texts, reply_to = cast("tuple[str, Any, tuple[str, ...], Any]", entry.request)
        part, reply_to_id = texts[start:stop], self._resolve(reply_to)
        if type(where) is str:
            return (self._to_account(index, entry, where, part, start, reply_to_id),)
        return (self._to_room(index, entry, self._resolve(where), part, start, reply_to_id),)

    def _to_account(
        self,
        index: int,
        entry: Entry,
        to: str,
        texts: tuple[str, ...],
        start: int,
        reply_to_id: int = 0,
    ) -> tuple[int, int, Answer]:
        number, count = entry.number + start, len(texts)
        sender, receiver = self._accounts.get(entry.account), self._accounts.get(to)
        conversation: Conversation | None = None
        if sender is not None:
            conversation = sender.conversations.get(to)
        elif receiver is not None:
            conversation = receiver.conversations.get(entry.account)
        if receiver is None and (entry.session or conversation is None):
            return (number, count, no_account(to))
        if receiver is not None and entry.session and entry.account in receiver.blocked:
            return (number, count, not_accepted(to))
        if conversation is None:
            assert receiver is not None
            if sender is None and not is_sound_name(entry.account):
                return (number, count, MALFORMED)
            if entry.session and (_is_busy(receiver) or sender is None or _is_busy(sender)):
                return (number, count, TOO_MANY_CONVERSATIONS)
            if reply_to_id and entry.session:
                return (number, count, NO_MESSAGE)
            name = entry.account if sender is None else sender.name
            conversation = self._begin_direct(message_id(index, start), name, receiver.name)
        return self._append(index, entry, conversation, texts, start, reply_to_id)

    def _to_room(
        self,
        index: int,
        entry: Entry,
        room_id: int,
        texts: tuple[str, ...],
        start: int,
        reply_to_id: int,
    ) -> tuple[int, int, Answer]:
        number, count = entry.number + start, len(texts)
        room: Conversation | Answer | None
        if entry.session:
            account = self._accounts.get(entry.account)
            room = no_conversation(room_id) if account is None else self.find(account, room_id)
        else:
            room = self.rooms.get(room_id) or no_conversation(room_id)
        if isinstance(room, tuple):
            return (number, count, room)
        answer = self._append(index, entry, room, texts, start, reply_to_id)
        if answer[2][0] == OK:
            for at, text in enumerate(texts, start):
                if "@" in text:
                    self._mention(room, entry.account, text, message_id(index, at))
        return answer

    def _append(
        self,
        index: int,
        entry: Entry,
        conversation: Conversation,
        texts: tuple[str, ...],
        start: int,
        reply_to_id: int,
    ) -> tuple[int, int, Answer]:
        history, count = conversation.history, len(texts)
        answer: Answer = (OK, message_id(index, start), entry.time_ms)
        if entry.session and self.stored_bytes >= STORE_BYTES_MAX:
            answer = STORE_FULL
        elif reply_to_id and history.place(reply_to_id) is None:
            reply_to_id = 0
            if entry.session:
                answer = NO_MESSAGE
        if answer[0] == OK:
            first_id = message_id(index, start)
            sender = self._accounts.get(entry.account)
            name = entry.account if sender is None else sender.name
            history.extend(first_id, name, texts, entry.time_ms)
            self.stored_bytes += sum(map(len, texts)) + MESSAGE_BYTES * count
            if reply_to_id:
                history.set_reply(first_id, reply_to_id)
            if (member := conversation.members.get(name)) is not None:
                member.read(first_id + count - 1)
            self.news.append(Posted(conversation, first_id, count))
        return (entry.number + start, count, answer)

    def adopt(self, to: str, sender: str, id_: int, text: str, sent_at_ms: int) -> None:
        """Takes in a message that waited in a mailbox; of its sender perhaps only the name is
        left."""
        receiver = self._accounts.get(to)
        assert receiver is not None
        conversation = receiver.conversations.get(sender)
        if conversation is None:
            conversation = self._begin_direct(id_, sender, to)
        if self._accounts.get(sender) is None:
            self._accounts.gone[sender] = None
        conversation.history.extend(id_, sender, (text,), sent_at_ms)
        self.stored_bytes += len(text) + MESSAGE_BYTES

    def _begin_direct(self, id_: int, one: str, other: str) -> Direct:
        conversation = Direct(id_)
        conversation.members = {name: Member() for name in (one, other)}
        self._link(conversation)
        self.news.append(Altered(conversation))
        return conversation

    def _link(self, conversation: Conversation) -> None:
        """Its members' accounts are told that they are in it."""
        for name in conversation.members:
            if (account := self._accounts.get(name)) is not None:
                account.conversations[conversation.name_for(name)] = conversation

    @staticmethod
    def _mention(room: Conversation, sender: str, text: str, id_: int) -> None:
        for name in dict.fromkeys(mentioned(text)):  # once, however often he is named
            if name != sender and (member := room.members.get(name)) is not None:
                member.mention(id_)

    def edit(self, index: int, entry: Entry, account: Account) -> Answer:
        """The author gives a message another text."""
        _, where, reference, text = cast("tuple[str, Any, Any, str]", entry.request)
        found = self._own_message(account, where, reference)
        if not isinstance(found, Place):
            return found
        conversation, at = found
        history, one = conversation.history, conversation.history.ids[at]
        if history.is_deleted(one):
            return DELETED_ALREADY
        if entry.session and self._is_blocked(conversation, account):
            return not_accepted(str(conversation.name_for(account.name)))
        if entry.session and self.stored_bytes >= STORE_BYTES_MAX:
            return STORE_FULL
        self.stored_bytes += len(text) - len(history.text(at))
        history.edit(at, text, entry.time_ms)
        self.news.append(Changed(conversation, one))
        return DONE

    def erase(self, index: int, entry: Entry, account: Account) -> Answer:
        """The author takes a message's text away."""
        _, where, reference = cast("tuple[str, Any, Any]", entry.request)
        found = self._own_message(account, where, reference)
        if not isinstance(found, Place):
            return found
        conversation, at = found
        history, one = conversation.history, conversation.history.ids[at]
        if not history.is_deleted(one):
            self.stored_bytes -= len(history.text(at))
            history.erase(at, entry.time_ms)
            self.news.append(Changed(conversation, one))
        return DONE

    def _own_message(self, account: Account, where: object, reference: Reference) -> Place | Answer:
        """A message that he has written; or why he may not change it."""
        conversation = self.find(account, where)
        if isinstance(conversation, tuple):
            return conversation
        at = conversation.history.place(self._resolve(reference))
        if at is None:
            return NO_MESSAGE
        if conversation.history.sender(at) != account.name:
            return NOT_THE_AUTHOR
        return Place(conversation, at)

    def _is_blocked(self, conversation: Conversation, account: Account) -> bool:
        """The other one of a direct conversation takes nothing from him."""
        if isinstance(conversation, Room):
            return False
        other = self._accounts.get(str(conversation.name_for(account.name)))
        return other is not None and account.name in other.blocked

    def read(self, index: int, entry: Entry, account: Account) -> Answer:
        """Somebody has read up to a message."""
        _, where, reference = cast("tuple[str, Any, Any]", entry.request)
        conversation = self.find(account, where)
        if isinstance(conversation, tuple):
            return conversation
        up_to = min(self._resolve(reference), conversation.history.newest_id)
        if conversation.members[account.name].read(up_to):
            self.news.append(Marked(conversation, account.name))
        return DONE

    def update(self, index: int, entry: Entry, account: Account) -> Answer:
        """Messages have arrived: up to an id, and those that were named."""
        _, up_to, named = cast("tuple[str, int, tuple[tuple[bytes, int], ...]]", entry.request)
        moved = account.deliver(min(up_to, message_id(index, 0)))
        apart = {self._resolve(name) for name in named}.union(account.apart)
        account.apart = sorted(one for one in apart if one > account.delivered_up_to)
        if moved:
            self.news.append(Marked(None, account.name))
        return DONE

    # --------------------------------------------------------------------- rooms

    def room(self, index: int, entry: Entry, account: Account) -> Answer:
        """Somebody makes a room."""
        _, title, topic, public, invited = cast(
            "tuple[str, str, str, bool, tuple[str, ...]]", entry.request
        )
        if entry.session and _is_busy(account):
            return TOO_MANY_CONVERSATIONS
        room = Room(message_id(index, 0), title, topic, public, entry.time_ms)
        room.owner = account.name
        names = [name for name in dict.fromkeys(invited) if name != account.name]
        if entry.session:
            for name in names:
                if (refusal := self._refuse_invitation(room, account.name, name)) is not None:
                    return refusal
        room.members[account.name] = Member()
        self.rooms[room.id] = room
        if entry.client:
            room.made_by = (entry.client, entry.number)
            if (older := self._made_by.get(room.made_by)) is not None:
                self.rooms[older].made_by = (b"", 0)  # by a client that was forgotten meanwhile
            self._made_by[room.made_by] = room.id
        self.room_ids.append(room.id)
        self._link(room)
        self.news.append(Altered(room))
        for name in names:
            if self._refuse_invitation(room, account.name, name) is None:
                self._invite(room, account.name, name, room.id)
        return (OK, room.id, entry.time_ms)

    def join(self, index: int, entry: Entry, account: Account) -> Answer:
        """Somebody enters a public room, or one that he is invited to."""
        room = self._visible_room(account, entry.request[1])
        if isinstance(room, tuple):
            return room
        if account.name in room.members:
            return DONE
        if entry.session and _is_busy(account):
            return TOO_MANY_CONVERSATIONS
        if room.invited.pop(account.name, None) is not None:
            del account.invitations[room.id]
        elif _is_full(room):
            return ROOM_FULL
        room.members[account.name] = Member(room.history.newest_id)
        account.conversations[room.id] = room
        self.news.append(Altered(room))
        return DONE

    def leave(self, index: int, entry: Entry, account: Account) -> Answer:
        """Somebody leaves a room, or declines."""
        room = self._visible_room(account, entry.request[1])
        if isinstance(room, tuple):
            return room
        self._put_out(room, account.name)
        return DONE

    def invite(self, index: int, entry: Entry, account: Account) -> Answer:
        """A member asks somebody in."""
        _, where, name = cast("tuple[str, Any, str]", entry.request)
        room = self._own_room(account, where)
        if isinstance(room, tuple):
            return room
        if name in room.members or name in room.invited:
            return DONE
        if (refusal := self._refuse_invitation(room, account.name, name)) is not None:
            return refusal
        self._invite(room, account.name, name, message_id(index, 0))
        return DONE

    def remove(self, index: int, entry: Entry, account: Account) -> Answer:
        """The owner puts somebody out."""
        _, where, name = cast("tuple[str, Any, str]", entry.request)
        room = self._own_room(account, where)
        if isinstance(room, tuple):
            return room
        if room.owner != account.name:
            return NOT_THE_OWNER
        if name not in room.members and name not in room.invited:
            return not_in_room(name, room.id)
        self._put_out(room, name)
        return DONE

    def change(self, index: int, entry: Entry, account: Account) -> Answer:
        """Another topic, by a member; another title or owner, by the owner."""
        _, where, title, topic, owner = cast("tuple[Any, ...]", entry.request)
        room = self._own_room(account, where)
        if isinstance(room, tuple):
            return room
        if room.owner != account.name and (title is not None or owner is not None):
            return NOT_THE_OWNER
        if owner is not None and owner not in room.members:
            return not_in_room(owner, room.id)
        room.title = room.title if title is None else title
        room.topic = room.topic if topic is None else topic
        room.owner = room.owner if owner is None else owner
        self.news.append(Altered(room))
        return DONE

    def _refuse_invitation(self, room: Room, by: str, name: str) -> Answer | None:
        invited = self._accounts.get(name)
        if invited is None:
            return no_account(name)
        if by in invited.blocked:
            return not_accepted(name)
        if len(invited.invitations) >= CONVERSATIONS_MAX:
            return TOO_MANY_CONVERSATIONS
        return ROOM_FULL if _is_full(room) else None

    def _invite(self, room: Room, by: str, name: str, id_: int) -> None:
        invited = self._accounts.get(name)
        assert invited is not None
        room.invited[name] = Invitation(by, id_)
        invited.invitations[room.id] = room
        self.news.append(Invited(room, name))

    def _put_out(self, room: Room, name: str) -> None:
        """He is neither a member nor invited any more. The last one takes the room along."""
        account = self._accounts.get(name)
        if room.invited.pop(name, None) is not None:
            if account is not None:
                account.invitations.pop(room.id, None)
            self.news.append(Left(room, name))
            return
        if room.members.pop(name, None) is None:
            return
        if account is not None:
            account.conversations.pop(room.id, None)
        self.news.append(Left(room, name))
        if room.members:
            if room.owner == name:
                room.owner = next(iter(room.members))
            self.news.append(Altered(room))
            return
        for invited in list(room.invited):
            self._put_out(room, invited)
        self.stored_bytes -= room.history.weight
        del self.rooms[room.id]
        self._made_by.pop(room.made_by, None)
        del self.room_ids[bisect_left(self.room_ids, room.id)]

    def forget(self, account: Account) -> None:
        """An account is deleted: it leaves its rooms; the others keep what it wrote to them."""
        for room in list(account.invitations.values()):
            self._put_out(room, account.name)
        for conversation in list(account.conversations.values()):
            if isinstance(conversation, Room):
                self._put_out(conversation, account.name)
                continue
            others = [name for name in conversation.members if name != account.name]
            if any(self._accounts.get(name) is not None for name in others):
                self.news.append(Altered(conversation))
            else:
                self.stored_bytes -= conversation.history.weight

    # ------------------------------------------------------------------- finding

    def find(self, account: Account, where: object) -> Conversation | Answer:
        """The conversation of that name that the account is in; or why he gets none."""
        if type(where) is str:
            found = account.conversations.get(where)
            return no_conversation(where) if found is None else found
        return self._own_room(account, where)

    def _own_room(self, account: Account, reference: object) -> Room | Answer:
        """A room that he is a member of."""
        room = self._visible_room(account, reference)
        if isinstance(room, tuple) or account.name in room.members:
            return room
        return join_first(room.id)

    def _visible_room(self, account: Account, reference: object) -> Room | Answer:
        """A room that he may know of."""
        room_id = self._resolve(cast("Reference", reference))
        room, name = self.rooms.get(room_id), account.name
        if room is None or not (room.public or name in room.members or name in room.invited):
            return no_conversation(room_id)
        return room

    def _resolve(self, reference: Reference) -> int:
        """An id as it is in this order; 0, which is none's, if it is not known (any more)."""
        if isinstance(reference, int):
            return reference
        if (room_id := self._made_by.get(reference)) is not None:
            return room_id
        match self._clients.answer_to(*reference):
            case (0, int(one), int()):
                return one
        return 0

    def all(self) -> Iterator[Conversation]:
        """Every conversation, once."""
        yield from self.rooms.values()
        for account in self._accounts:
            for conversation in account.conversations.values():
                if isinstance(conversation, Direct) and self._is_first(account, conversation):
                    yield conversation

    def _is_first(self, account: Account, conversation: Conversation) -> bool:
        """Of its members whose accounts there still are."""
        names = (name for name in sorted(conversation.members) if self._accounts.get(name))
        return next(names) == account.name

    # -------------------------------------------------------------- export, load

    def export(self) -> tuple[object, ...]:
        """All conversations in the order of their ids, in built-in values."""
        return tuple(export_conversation(one) for one in sorted(self.all(), key=lambda one: one.id))

    def load(self, rows: object, newest_id: int) -> None:
        """Takes the conversations that were exported.

        Raises:
            ValueError: if the value has another shape.
        """
        if type(rows) is not tuple:
            raise ValueError("conversations of an unknown shape")
        # Every message of a sender holds the same string object.
        same = {account.name: account.name for account in self._accounts}
        before = 0
        for row in rows:
            conversation = load_conversation(row, same)
            if not before < conversation.id <= newest_id >= conversation.newest_id:
                raise ValueError("a conversation that cannot stand there")
            before = conversation.id
            self.stored_bytes += conversation.history.weight
            self._link(conversation)
            if isinstance(conversation, Room):
                self.rooms[conversation.id] = conversation
                if conversation.made_by != (b"", 0):
                    self._made_by[conversation.made_by] = conversation.id
                self.room_ids.append(conversation.id)
                for name in conversation.invited:
                    if (account := self._accounts.get(name)) is None:
                        raise ValueError("an invitation of nobody")
                    account.invitations[conversation.id] = conversation


def mentioned(text: str) -> Iterator[str]:
    """Names that may be meant by `@name`, or `@"a name"`, in a text."""
    for match in _MENTION.finditer(text):
        name = match[1] or match[2]
        yield name
        if (bare := name.rstrip(_PUNCTUATION)) != name:
            yield bare


def _is_busy(account: Account) -> bool:
    return len(account.conversations) >= CONVERSATIONS_MAX


def _is_full(room: Room) -> bool:
    return len(room.members) + len(room.invited) >= MEMBERS_MAX
