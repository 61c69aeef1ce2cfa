"""Somebody who only hears the news of a chat, and has to know as much as who looks.

So the search index and those who watch are told of everything: what is kept here is what
each of them keeps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ringchat_server.chat import Chat
from ringchat_server.chat.conversations import (
    AccountChanged,
    Altered,
    Changed,
    Conversation,
    Invited,
    Left,
    Marked,
    News,
    Posted,
)

PAGE = 1_000


class Follower:
    """News in, nothing else."""

    def __init__(self) -> None:
        self._texts: dict[int, dict[int, str]] = {}
        """Conversation -> message -> text: what the index is made of."""
        self._in: dict[str, set[Any]] = {}
        """Account -> the names of the conversations that it is in or invited to."""
        self._marks: dict[tuple[int, str], int] = {}
        self._profiles: dict[str, tuple[str, bool]] = {}
        """What accounts are called, and whether they are gone."""

    def hear(self, chat: Chat, news: Iterable[News]) -> None:
        """What an entry did."""
        for one in news:
            match one:
                case Posted(conversation, first_id, count):
                    for message_id in range(first_id, first_id + count):
                        self._read(conversation, message_id)
                    self._look_at_marks(conversation)
                case Changed(conversation, message_id):
                    self._read(conversation, message_id)
                case Altered(conversation):
                    for name in conversation.members:
                        self._in.setdefault(name, set()).add(conversation.name_for(name))
                    self._look_at_marks(conversation)
                case Invited(conversation, account):
                    self._in.setdefault(account, set()).add(conversation.name_for(account))
                case Left(conversation, account):
                    self._in[account].discard(conversation.name_for(account))
                case AccountChanged(account):
                    self._profiles[account] = _profile(chat, account)
                case Marked(Conversation() as conversation, account):
                    mark = conversation.members[account].read_up_to
                    self._marks[conversation.id, account] = mark

    def _read(self, conversation: Conversation, message_id: int) -> None:
        at = conversation.history.place(message_id)
        assert at is not None
        texts = self._texts.setdefault(conversation.id, {})
        texts[message_id] = conversation.history.text(at)

    def _look_at_marks(self, conversation: Conversation) -> None:
        """Who posts has read, and who comes begins somewhere: nobody says so besides."""
        for name, member in conversation.members.items():
            self._marks[conversation.id, name] = member.read_up_to

    def complaint(self, chat: Chat) -> str:
        """What was not told; nothing if all was."""
        for one in chat.views.every_conversation():
            history = one.history
            texts = {message_id: history.text(at) for at, message_id in enumerate(history.ids)}
            if self._texts.get(one.id, {}) != texts:
                return f"texts of conversation {one.id}: {self._texts.get(one.id)}, not {texts}"
            for name, member in one.members.items():
                if self._marks[one.id, name] != member.read_up_to:
                    return f"{name} has read conversation {one.id} up to {member.read_up_to}"
        for name, known in self._profiles.items():
            if known != _profile(chat, name):
                return f"{name} is called {_profile(chat, name)}, and was {known}"
        for name in chat.list_accounts("*", "", PAGE)[0]:
            states, _ = chat.views.conversations(name, 0, PAGE)
            if name not in self._profiles and _profile(chat, name) != ("", False):
                return f"{name} is called {_profile(chat, name)}"
            seen = {state.conversation for state in states}
            if self._in.get(name, set()) != seen:
                return f"{name} is in {seen}, and was told of {self._in.get(name)}"
        return ""


def _profile(chat: Chat, name: str) -> tuple[str, bool]:
    found = chat.profile(name)
    assert found is not None
    return found.display_name, found.gone
