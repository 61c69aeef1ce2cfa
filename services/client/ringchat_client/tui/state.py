"""Everything that is known of the chat: events go in, the state changes, nothing else happens.

Pure: no clock, no waiting, no widgets; what time it is comes with each event.

Laws of a thread (one conversation's messages):
- `messages` is a stretch without holes that reaches to the newest message, in the order of ids.
- What was sent from here and is not confirmed is not in it: it is in `outgoing`, in the order
  in which it was sent, and is shown behind everything that is confirmed.
- A message is confirmed by its receipt. An event that tells of one like it, and comes first,
  hides it until then: mostly that is the same one, but another device may have said the same.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from ringchat_client.tui.mentions import mentioned
from ringchat_client.tui.ring_line import RingView
from ringchat_client.values import (
    Conversation,
    ConversationChanged,
    ConversationGone,
    ConversationName,
    Event,
    Marked,
    Member,
    Message,
    MessageChanged,
    NewMessage,
    Page,
    PresenceChanged,
    Receipt,
    Typing,
)

__all__ = ["Outgoing", "Stage", "State", "Thread"]

MESSAGES_MAX = 10_000
"""Of one conversation, in memory; the oldest go first and can be loaded again."""
TYPING_SECONDS = 6.0
"""Somebody who stops typing is not told of: the sign of it ends by itself."""


class Stage(Enum):
    """How far an outgoing message has come."""

    SENDING = "sending"
    AGAIN = "not confirmed yet; sending it again"
    FAILED = "not sent"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message that is not confirmed."""

    key: str
    conversation: ConversationName
    text: str
    reply_to: int
    at: datetime
    stage: Stage = Stage.SENDING
    reason: str = ""
    seen_as: int = 0
    """The id of the message in the thread that it is taken for; 0: it shows for itself."""


@dataclass
class Thread:
    """One conversation, as far as it is loaded."""

    name: ConversationName
    messages: list[Message] = field(default_factory=list)
    more: bool = True
    """Whether there are older ones than those that are loaded."""
    loaded: bool = False
    outgoing: list[Outgoing] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    typing: dict[str, float] = field(default_factory=dict)
    """Until when each is taken to be typing."""
    draft: str = ""
    new_from: int = 0
    """The read mark when the thread was opened: behind it stands the line "new"; 0: no line."""

    def find(self, message_id: int) -> Message | None:
        """A loaded message by its id."""
        i = bisect_left(self.messages, message_id, key=_id)
        found = i < len(self.messages) and self.messages[i].id == message_id
        return self.messages[i] if found else None

    def put(self, message: Message) -> None:
        """Put a message to its place, or in the place of its earlier version."""
        i = bisect_left(self.messages, message.id, key=_id)
        if i < len(self.messages) and self.messages[i].id == message.id:
            self.messages[i] = message
        elif i > 0 or not self.more or not self.messages:
            self.messages.insert(i, message)
        # else: older than what is loaded; it comes with its page
        if len(self.messages) > MESSAGES_MAX:
            del self.messages[: len(self.messages) - MESSAGES_MAX]
            self.more = True

    @property
    def waiting(self) -> list[Outgoing]:
        """What shows as not confirmed."""
        return [one for one in self.outgoing if not one.seen_as]

    def newest_id(self) -> int:
        """Of the loaded messages; 0 if there are none."""
        return self.messages[-1].id if self.messages else 0


def _id(message: Message) -> int:
    return message.id


class State:
    """The chat of one account."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.conversations: dict[ConversationName, Conversation] = {}
        self.threads: dict[ConversationName, Thread] = {}
        self.opened: ConversationName | None = None
        self.is_listed = False
        """Whether the conversations have been read at all."""
        self.ring = RingView()
        self.version = 0
        """Grows with every change: who shows the state sees whether it is still that."""

    # ------------------------------------------------------------- what is asked of it

    @property
    def thread(self) -> Thread | None:
        """The opened one."""
        return None if self.opened is None else self.thread_of(self.opened)

    @property
    def conversation(self) -> Conversation | None:
        """The opened one; None also for one that begins with its first message."""
        return None if self.opened is None else self.conversations.get(self.opened)

    def thread_of(self, name: ConversationName) -> Thread:
        """That thread; an empty one the first time."""
        if name not in self.threads:
            self.threads[name] = Thread(name)
        return self.threads[name]

    def title_of(self, name: ConversationName) -> str:
        """What a person calls a conversation."""
        known = self.conversations.get(name)
        return known.title if known is not None else str(name)

    def ordered(self) -> list[Conversation]:
        """Invitations first, then the conversation with the newest message first."""
        return sorted(self.conversations.values(), key=_place)

    def typing_in(self, name: ConversationName, now: float) -> list[str]:
        """Who is typing there."""
        typing = self.thread_of(name).typing
        return sorted(account for account, until in typing.items() if until > now)

    def unread_total(self) -> int:
        """Messages that wait, in all conversations."""
        return sum(conversation.unread for conversation in self.conversations.values())

    def own_last(self) -> Message | None:
        """The newest message of one's own in the opened thread that can still be edited."""
        thread = self.thread
        for message in reversed(thread.messages if thread else []):
            if message.sender == self.account and message.deleted_at is None:
                return message
        return None

    def newest_known(self) -> Message | None:
        """The newest message of all."""
        newest = (one.newest for one in self.conversations.values() if one.newest)
        return max(newest, default=None, key=_id)

    # ------------------------------------------------------------- what was read

    def listed(self, conversations: Iterable[Conversation]) -> None:
        """All conversations, as they are now."""
        self.conversations = {one.name: one for one in conversations}
        self.is_listed = True
        if isinstance(self.opened, int) and self.opened not in self.conversations:
            self.opened = None
        self._changed()

    def open(self, name: ConversationName) -> None:
        """Show that conversation from now on."""
        self.opened = name
        known = self.conversations.get(name)
        self.thread_of(name).new_from = known.read_up_to if known and known.unread else 0
        self._changed()

    def close(self) -> None:
        """Show none."""
        self.opened = None
        self._changed()

    def newest_page(self, name: ConversationName, page: Page) -> None:
        """The newest messages of a thread, read anew.

        Older ones stay only if no hole is between. Those that came after the page was read stay.
        """
        thread = self.thread_of(name)
        messages = list(page.messages)
        if messages:
            oldest, newest = messages[0].id, messages[-1].id
            older = [message for message in thread.messages if message.id < oldest]
            newer = [message for message in thread.messages if message.id > newest]
            touches = thread.loaded and thread.newest_id() >= oldest
            if touches and older and page.more:
                messages = older + messages
            else:
                thread.more = page.more
            messages += newer
        else:
            thread.more = page.more
        thread.messages = messages
        thread.loaded = True
        self._changed()

    def older_page(self, name: ConversationName, before: int, page: Page) -> None:
        """The messages before the oldest one; not if that is the oldest no more."""
        thread = self.thread_of(name)
        if thread.messages and thread.messages[0].id == before:
            thread.messages[:0] = page.messages
            thread.more = page.more
            self._changed()

    def members_read(self, name: ConversationName, members: Iterable[Member]) -> None:
        """Who is in a conversation, as it is now."""
        self.thread_of(name).members = {member.account: member for member in members}
        self._changed()

    def stale(self) -> None:
        """Something was missed: what is not open is read anew when it is opened."""
        for name, thread in self.threads.items():
            if name != self.opened:
                thread.messages, thread.loaded, thread.more = [], False, True

    # ------------------------------------------------------------- what is sent

    def sending(self, outgoing: Outgoing) -> None:
        """A message is on its way."""
        self.thread_of(outgoing.conversation).outgoing.append(outgoing)
        self._changed()

    def stage(self, name: ConversationName, key: str, stage: Stage, reason: str = "") -> None:
        """It has come so far."""
        thread = self.thread_of(name)
        for i, one in enumerate(thread.outgoing):
            if one.key == key:  # if it is refused, then what was seen was another one
                seen_as = 0 if stage is Stage.FAILED else one.seen_as
                thread.outgoing[i] = replace(one, stage=stage, reason=reason, seen_as=seen_as)
        self._changed()

    def confirmed(self, name: ConversationName, key: str, receipt: Receipt) -> None:
        """It is on the disk of every replica of the in-sync set."""
        thread = self.thread_of(name)
        outgoing = self.taken_back(name, key)
        thread.outgoing = [
            replace(one, seen_as=0) if one.seen_as == receipt.message_id else one
            for one in thread.outgoing
        ]
        if outgoing is not None and thread.find(receipt.message_id) is None:
            self._arrived(
                Message(
                    receipt.message_id,
                    self.account,
                    outgoing.text,
                    receipt.sent_at,
                    conversation=name,
                    reply_to=outgoing.reply_to,
                )
            )
        self._changed()

    def taken_back(self, name: ConversationName, key: str) -> Outgoing | None:
        """It is outgoing no more; None if it was not."""
        thread = self.thread_of(name)
        found = next((one for one in thread.outgoing if one.key == key), None)
        if found is not None:
            thread.outgoing.remove(found)
            self._changed()
        return found

    def read(self, name: ConversationName, up_to: int) -> None:
        """One has read that far oneself."""
        known = self.conversations.get(name)
        if known is not None and up_to > known.read_up_to:
            newest = known.newest.id if known.newest else 0
            rest = 0 if up_to >= newest else known.unread
            mentions = 0 if up_to >= newest else known.unread_mentions
            self.conversations[name] = replace(
                known, read_up_to=up_to, unread=rest, unread_mentions=mentions
            )
            self._changed()

    # ------------------------------------------------------------- what happened

    def apply(self, event: Event, now: float) -> None:
        """Take an event of the chat. `Attached` is for the desk: it reads again."""
        if isinstance(event, NewMessage):
            self._new_message(event.message)
        elif isinstance(event, MessageChanged):
            self._message_changed(event.message)
        elif isinstance(event, ConversationChanged):
            self.conversations[event.conversation.name] = event.conversation
        elif isinstance(event, ConversationGone):
            self.conversations.pop(event.name, None)
            self.threads.pop(event.name, None)
            if self.opened == event.name:
                self.opened = None
        elif isinstance(event, Marked):
            self._marked(event)
        elif isinstance(event, PresenceChanged):
            for thread in self.threads.values():
                if (member := thread.members.get(event.account)) is not None:
                    there = replace(member, presence=event.presence)
                    thread.members[event.account] = there
        elif isinstance(event, Typing) and event.account != self.account:
            until = now + TYPING_SECONDS
            self.thread_of(event.conversation).typing[event.account] = until
        self._changed()

    def _new_message(self, message: Message) -> None:
        thread = self.thread_of(message.conversation)
        thread.typing.pop(message.sender, None)
        if message.sender == self.account and thread.find(message.id) is None:
            # From here, and told before its receipt? That will show.
            for i, one in enumerate(thread.outgoing):
                same = one.text == message.text and one.reply_to == message.reply_to
                if same and not one.seen_as and one.stage is not Stage.FAILED:
                    thread.outgoing[i] = replace(one, seen_as=message.id)
                    break
        self._arrived(message)

    def _arrived(self, message: Message) -> None:
        name = message.conversation
        thread = self.thread_of(name)
        if thread.loaded:
            thread.put(message)
        known = self.conversations.get(name)
        if known is None:
            # The event that describes the conversation may come behind its first message.
            known = Conversation(name, None, "", None, 0, 0, 0, "", False)
        if known.newest is not None and message.id <= known.newest.id:
            return
        own = message.sender == self.account
        read_up_to = message.id if own else known.read_up_to
        mentions = known.unread_mentions + self.mentions_me(message)
        self.conversations[name] = replace(
            known,
            newest=message,
            unread=0 if own else known.unread + 1,
            unread_mentions=0 if own else mentions,
            read_up_to=read_up_to,
        )

    def mentions_me(self, message: Message) -> bool:
        """Whether a message in a room calls one by name."""
        return isinstance(message.conversation, int) and self.account in mentioned(message.text)

    def _message_changed(self, message: Message) -> None:
        thread = self.thread_of(message.conversation)
        if thread.find(message.id) is not None:
            thread.put(message)
        known = self.conversations.get(message.conversation)
        if known is not None and known.newest is not None and known.newest.id == message.id:
            self.conversations[message.conversation] = replace(known, newest=message)

    def _marked(self, event: Marked) -> None:
        everywhere = event.conversation is None
        threads = (
            list(self.threads.values())
            if event.conversation is None
            else [self.thread_of(event.conversation)]
        )
        for thread in threads:
            member = thread.members.get(event.account)
            if member is not None:
                thread.members[event.account] = replace(
                    member,
                    delivered_up_to=max(member.delivered_up_to, event.delivered_up_to),
                    read_up_to=max(member.read_up_to, 0 if everywhere else event.read_up_to),
                )
        if event.account == self.account and event.conversation is not None:
            self.read(event.conversation, event.read_up_to)

    def _changed(self) -> None:
        self.version += 1


def _place(conversation: Conversation) -> tuple[bool, int, str]:
    newest = conversation.newest.id if conversation.newest is not None else 0
    return (not conversation.invited_by, -newest, conversation.title)
