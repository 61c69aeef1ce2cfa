"""What people see of the conversations. Nothing changes here.

All of it is asked for by an account, and shows it no conversation that it is not in. What
may not be seen is refused with an answer, as a write is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from heapq import merge, nlargest
from operator import attrgetter
from typing import NamedTuple

from ringchat_server.chat.accounts import LOOKED_AT_MAX, Account, Accounts
from ringchat_server.chat.answers import NOT_LOGGED_IN, Answer
from ringchat_server.chat.conversations import Conversation, Message, Name, Room
from ringchat_server.chat.names import matcher, utf8_length
from ringchat_server.chat.talk import Talk


class Profile(NamedTuple):
    """What is known of an account."""

    name: str
    display_name: str
    gone: bool


class RoomState(NamedTuple):
    """A room, as whoever may know of it sees it."""

    id: int
    title: str
    topic: str
    public: bool
    owner: str
    members: int
    created_at_ms: int


class ConversationState(NamedTuple):
    """A conversation, as somebody in it, or invited, sees it."""

    conversation: Name
    room: RoomState | None
    display_name: str
    newest: Message | None
    unread: int
    unread_mentions: int
    read_up_to: int
    invited_by: str
    """Not empty: he is invited and sees no message."""
    gone: bool
    """The other account is deleted."""


class MemberState(NamedTuple):
    """Somebody in a conversation."""

    account: str
    display_name: str
    invited: bool
    delivered_up_to: int
    read_up_to: int


class Views:
    """All that can be asked."""

    __slots__ = ("_accounts", "_talk")

    def __init__(self, accounts: Accounts, talk: Talk) -> None:
        self._accounts = accounts
        self._talk = talk

    # ------------------------------------------------------------------ delivery

    def delivered_up_to(self, account: str) -> int:
        """Messages up to that id have arrived there; 0 without an account."""
        found = self._accounts.get(account)
        return 0 if found is None else found.delivered_up_to

    def feed(
        self,
        account: str,
        after_id: int,
        limit: int,
        bytes_max: int,
        only: Iterable[Conversation] | None = None,
    ) -> list[Message]:
        """The oldest messages for that account with a greater id, in their order.

        At most `limit`, and at most `bytes_max` bytes of text unless one alone is longer.
        Empty if there is no such account.

        Args:
            only: of these conversations; of all without. Those that it is not in are left out.
        """
        found = self._accounts.get(account)
        if found is None:
            return []
        conversations = found.conversations.values() if only is None else only
        feeds = [
            one.feed(account, after_id)
            for one in conversations
            if one.history.newest_id > after_id and account in one.members
        ]
        messages: list[Message] = []
        bytes_left = bytes_max
        for message in feeds[0] if len(feeds) == 1 else merge(*feeds, key=attrgetter("id")):
            bytes_left -= utf8_length(message.text) or 0
            if len(messages) >= limit or (bytes_left < 0 and messages):
                break
            messages.append(message)
        return messages

    def undelivered(self, account: str, limit: int, bytes_max: int) -> list[Message]:
        """The oldest messages that have not arrived there."""
        found = self._accounts.get(account)
        if found is None:
            return []
        apart = set(found.apart)
        limit += len(apart)
        messages = self.feed(account, found.delivered_up_to, limit, bytes_max)
        return [message for message in messages if message.id not in apart]

    # ------------------------------------------------------------- conversations

    def conversations(
        self, account: str, before: int, limit: int
    ) -> tuple[list[ConversationState], int]:
        """Those that it is in or invited to, the one with the newest message first.

        Args:
            before: what the page before gave; 0 for the first.

        Returns:
            At most `limit`; and what to ask for the next page with, 0 if there is none.
        """
        found = self._accounts.get(account)
        if found is None:
            return [], 0
        ranked: list[tuple[int, Conversation]] = [
            *((one.newest_id, one) for one in found.conversations.values()),
            *((room.invited[account].id, room) for room in found.invitations.values()),
        ]
        ranked = [(rank, one) for rank, one in ranked if not before or rank < before]
        # The ids of two conversations differ; one may be older than the messages of another.
        page = nlargest(limit + 1, ranked, key=lambda pair: pair[0])
        states = [self._state(found, one) for _, one in page[:limit]]
        return states, page[limit - 1][0] if len(page) > limit else 0

    def conversation(self, account: str, name: Name) -> ConversationState | None:
        """That one; None if it is neither in it nor invited."""
        found = self._accounts.get(account)
        if found is None:
            return None
        conversation = found.conversations.get(name)
        if conversation is None and isinstance(name, int):
            conversation = found.invitations.get(name)
        return None if conversation is None else self._state(found, conversation)

    def _state(self, account: Account, conversation: Conversation) -> ConversationState:
        name, history = conversation.name_for(account.name), conversation.history
        room = _room_state(conversation) if isinstance(conversation, Room) else None
        member = conversation.members.get(account.name)
        if member is None:
            assert isinstance(conversation, Room)
            by = conversation.invited[account.name].by
            return ConversationState(name, room, "", None, 0, 0, 0, by, False)
        newest = conversation.message_at(len(history) - 1, account.name) if history else None
        other = self._accounts.get(name) if isinstance(name, str) else None
        return ConversationState(
            name,
            room,
            other.display_name if other is not None else "",
            newest,
            conversation.unread(member),
            sum(not history.is_deleted(one) for one in member.mentions),
            member.read_up_to,
            "",
            isinstance(name, str) and other is None,
        )

    def members(
        self, account: str, name: Name, after: str, limit: int
    ) -> tuple[list[MemberState], bool] | Answer:
        """Who is in it or invited, in the order of names, and whether more follow."""
        conversation = self._find(account, name)
        if not isinstance(conversation, Conversation):
            return conversation
        invited = conversation.invited if isinstance(conversation, Room) else {}
        names = sorted(one for one in (*conversation.members, *invited) if one > after)
        states = [self._member(conversation, one) for one in names[:limit]]
        return states, len(names) > limit

    def _member(self, conversation: Conversation, name: str) -> MemberState:
        account, member = self._accounts.get(name), conversation.members.get(name)
        return MemberState(
            name,
            account.display_name if account is not None else "",
            member is None,
            account.delivered_up_to if account is not None and member is not None else 0,
            member.read_up_to if member is not None else 0,
        )

    def rooms(self, pattern: str, after_id: int, limit: int) -> tuple[list[RoomState], int]:
        """Public rooms behind that id whose title matches, whatever its case.

        At most `limit`, of at most `LOOKED_AT_MAX` that are looked at.

        Args:
            pattern: what `check_pattern` gave.

        Returns:
            And the id to go on behind; 0 if no room is left.
        """
        matches = matcher(pattern.casefold())
        found: list[RoomState] = []
        ids = self._talk.room_ids
        first = bisect_right(ids, after_id)
        for at in range(first, min(first + LOOKED_AT_MAX, len(ids))):
            room = self._talk.rooms[ids[at]]
            if room.public and matches(room.title.casefold()):
                found.append(_room_state(room))
            if len(found) == limit:
                break
        else:
            at = first + LOOKED_AT_MAX - 1
        return found, ids[at] if at + 1 < len(ids) else 0

    # ------------------------------------------------------------------ messages

    def history(
        self, account: str, name: Name, before: int, after: int, limit: int
    ) -> tuple[list[Message], bool] | Answer:
        """A page of messages, oldest first, and whether more follow in that direction.

        Args:
            before: the page ends before that id; 0 with `after`, or for the newest page.
            after: the page begins behind that id, if it is not 0.
        """
        conversation = self._find(account, name)
        if not isinstance(conversation, Conversation):
            return conversation
        history = conversation.history
        if after:
            start = history.behind(after)
            stop = min(start + limit, len(history))
            more = stop < len(history)
        else:
            stop = history.before(before) if before else len(history)
            start = max(0, stop - limit)
            more = start > 0
        return [conversation.message_at(at, account) for at in range(start, stop)], more

    def message(self, account: str, name: Name, message_id: int) -> Message | None:
        """That message, if it is to be seen by that account."""
        conversation = self._find(account, name)
        if not isinstance(conversation, Conversation):
            return None
        at = conversation.history.place(message_id)
        return None if at is None else conversation.message_at(at, account)

    def conversation_ids(self, account: str, name: Name | None) -> list[int] | Answer:
        """Of those that it is in, or of the one of that name."""
        if name is None:
            found = self._accounts.get(account)
            return [] if found is None else [one.id for one in found.conversations.values()]
        conversation = self._find(account, name)
        return [conversation.id] if isinstance(conversation, Conversation) else conversation

    def seen(self, account: str, hits: Iterable[tuple[int, int]]) -> list[Message]:
        """Of (conversation, message) ids what that account may see and is not deleted."""
        found = self._accounts.get(account)
        if found is None:
            return []
        by_id = {one.id: one for one in found.conversations.values()}
        messages: list[Message] = []
        for conversation_id, message_id in hits:
            conversation = by_id.get(conversation_id)
            at = None if conversation is None else conversation.history.place(message_id)
            if conversation is not None and at is not None:
                message = conversation.message_at(at, account)
                if not message.deleted_at_ms:
                    messages.append(message)
        return messages

    def every_conversation(self) -> Iterator[Conversation]:
        """Each, once: for an index. Until the next entry is applied."""
        return self._talk.all()

    def acquaintances(self, account: str, members_max: int) -> Iterator[str]:
        """Those with whom it has direct conversations, then those in its rooms of no more members;
        some more than once."""
        found = self._accounts.get(account)
        if found is None:
            return
        rooms: list[Room] = []
        for conversation in found.conversations.values():
            if isinstance(conversation, Room):
                rooms.append(conversation)
            else:
                yield from conversation.members
        for room in rooms:
            if len(room.members) <= members_max:
                yield from room.members

    def few_members(self, account: str, name: Name, members_max: int) -> list[str] | Answer:
        """Who is in that conversation; nobody, if they are more than that."""
        conversation = self._find(account, name)
        if not isinstance(conversation, Conversation):
            return conversation
        return list(conversation.members) if len(conversation.members) <= members_max else []

    def _find(self, account: str, name: Name) -> Conversation | Answer:
        found = self._accounts.get(account)
        return NOT_LOGGED_IN if found is None else self._talk.find(found, name)


def _room_state(room: Room) -> RoomState:
    return RoomState(
        room.id,
        room.title,
        room.topic,
        room.public,
        room.owner,
        len(room.members),
        room.created_at_ms,
    )
