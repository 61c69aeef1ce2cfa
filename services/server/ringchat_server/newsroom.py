"""Who is to hear of what the log has done: receivers of messages, and those who watch.

Of one replica, and only while it leads: nothing here is replicated. Telling costs the
smaller of who is concerned and who listens, never more than what is bounded below; what
is told is where to look, and whoever is told looks when it has the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from ringchat_server.chat import (
    AccountChanged,
    Altered,
    Changed,
    Chat,
    Conversation,
    Invited,
    Left,
    Marked,
    Name,
    News,
    Posted,
)

T = TypeVar("T")

MARKS_MEMBERS_MAX = 50
"""How far somebody has read, or that he types, is told in conversations of no more members."""
ACQUAINTANCES_MAX = 1_000
"""So many of those whom an account knows (`Views.acquaintances`) are told of it."""
LAST_SEEN_MAX = 100_000
"""So many accounts are remembered after they have gone."""
TYPING_PAUSE_MS = 1_000
TYPISTS_MAX = 10_000


class Attached(NamedTuple):
    """Somebody has come, or gone."""

    account: str


class Typing(NamedTuple):
    """Somebody writes."""

    conversation: Name
    """As whoever is told calls it."""
    account: str


Told = News | Attached | Typing

Wake = Callable[[Conversation | None], None]
"""Called with a conversation that has new messages; without one, if it is the session or all
of them that has to be looked at."""


class Watcher(Protocol):
    """Who watches. What it is told concerns it when it is told; it may not any more later."""

    def told(self, news: Told) -> None:
        """Something has happened that it may want to see."""
        ...


class Presence(NamedTuple):
    """Whether somebody is there."""

    attached: bool
    last_seen_ms: int
    """0: not since this replica leads."""


class Newsroom:
    """Who is there, and who is told what."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._receivers: dict[str, dict[Wake, None]] = {}
        self._watchers: dict[str, dict[Watcher, None]] = {}
        self._attached: dict[str, int] = {}
        self._last_seen_ms: dict[str, int] = {}
        self._typed_at_ms: dict[tuple[str, Name], int] = {}
        self._reader: Callable[[Sequence[News]], None] | None = None

    @property
    def wants_news(self) -> bool:
        """Somebody would hear of it."""
        return bool(self._receivers or self._watchers) or self._reader is not None

    # ------------------------------------------------------------- who is there

    def receive(self, chat: Chat, account: str, wake: Wake) -> None:
        """Calls `wake` whenever that account has new messages, or may have lost its session."""
        receivers = self._receivers.setdefault(account, {})
        if wake not in receivers:
            receivers[wake] = None
            self._came(chat, account)

    def receive_no_more(self, chat: Chat, account: str, wake: Wake) -> None:
        """No longer."""
        if _taken_out(self._receivers, account, wake):
            self._went(chat, account)

    def watch(self, chat: Chat, account: str, watcher: Watcher) -> None:
        """Tells that one whatever concerns the account from now on."""
        watchers = self._watchers.setdefault(account, {})
        if watcher not in watchers:
            watchers[watcher] = None
            self._came(chat, account)

    def watch_no_more(self, chat: Chat, account: str, watcher: Watcher) -> None:
        """No longer."""
        if _taken_out(self._watchers, account, watcher):
            self._went(chat, account)

    def read_all(self, reader: Callable[[Sequence[News]], None] | None) -> None:
        """That one hears of all that happens in conversations."""
        self._reader = reader

    def presence(self, account: str) -> Presence:
        """Whether that account is there, and when it was last."""
        return Presence(account in self._attached, self._last_seen_ms.get(account, 0))

    def forget_presence(self) -> None:
        """This replica begins to lead: what it saw when it led before is old."""
        self._last_seen_ms.clear()
        self._typed_at_ms.clear()

    def _came(self, chat: Chat, account: str) -> None:
        count = self._attached.get(account, 0)
        self._attached[account] = count + 1
        if not count:
            self._tell_acquaintances(chat, account, Attached(account))

    def _went(self, chat: Chat, account: str) -> None:
        count = self._attached[account] - 1
        if count:
            self._attached[account] = count
            return
        del self._attached[account]
        self._last_seen_ms.pop(account, None)
        if len(self._last_seen_ms) >= LAST_SEEN_MAX:
            del self._last_seen_ms[next(iter(self._last_seen_ms))]
        self._last_seen_ms[account] = self._now_ms()
        self._tell_acquaintances(chat, account, Attached(account))

    # ------------------------------------------------------------- what is told

    def tell(self, chat: Chat, news: Sequence[News]) -> None:
        """The log has done that."""
        if self._reader is not None:
            self._reader(news)
        marked: dict[str, None] = {}
        for one in news:
            match one:
                case Posted(conversation, first_id):
                    self._wake_receivers(conversation, first_id)
                    self._tell_members(conversation, one)
                case Changed(conversation) | Altered(conversation):
                    self._tell_members(conversation, one)
                case Left(conversation, account) | Invited(conversation, account):
                    self._tell_account(account, one)
                    self._tell_members(conversation, Altered(conversation))
                case Marked(None, account):
                    marked[account] = None
                case Marked(conversation, account) if conversation is not None:
                    self._tell_account(account, one)
                    if len(conversation.members) <= MARKS_MEMBERS_MAX:
                        self._tell_members(conversation, one)
                case AccountChanged(account):
                    self.look_again(account)
                    self._tell_acquaintances(chat, account, one)
        for account in marked:
            self._tell_acquaintances(chat, account, Marked(None, account))

    def look_again(self, account: str) -> None:
        """A session of that account may have ended."""
        for wake in self._receivers.get(account, ()):
            wake(None)
        self._tell_account(account, AccountChanged(account))

    def types(self, account: str, where: Name, members: Iterable[str]) -> None:
        """Somebody writes in that conversation, which he calls `where`; once a second is enough."""
        now_ms, typed_at_ms = self._now_ms(), self._typed_at_ms
        if now_ms - typed_at_ms.get((account, where), 0) < TYPING_PAUSE_MS:
            return
        typed_at_ms.pop((account, where), None)
        if len(typed_at_ms) >= TYPISTS_MAX:
            del typed_at_ms[next(iter(typed_at_ms))]
        typed_at_ms[account, where] = now_ms
        called = where if isinstance(where, int) else account
        for member in members:
            if member != account:
                self._tell_account(member, Typing(called, account))

    def _wake_receivers(self, conversation: Conversation, first_id: int) -> None:
        if not self._receivers:
            return
        history = conversation.history
        sender = history.sender(history.behind(first_id - 1))
        for account in _among(self._receivers, conversation.members):
            if conversation.is_fed_to(account, sender):
                for wake in self._receivers[account]:
                    wake(conversation)

    def _tell_account(self, account: str, news: Told) -> None:
        for watcher in self._watchers.get(account, ()):
            watcher.told(news)

    def _tell_members(self, conversation: Conversation, news: Told) -> None:
        if self._watchers:
            for account in _among(self._watchers, conversation.members):
                self._tell_account(account, news)

    def _tell_acquaintances(self, chat: Chat, account: str, news: Told) -> None:
        """Those who share a conversation with him, and himself, unless it is his being there."""
        if not self._watchers:
            return
        others = chat.views.acquaintances(account, MARKS_MEMBERS_MAX)
        known: dict[str, None] = {}
        for one in others:
            known[one] = None
            if len(known) > ACQUAINTANCES_MAX:
                break
        known[account] = None
        if isinstance(news, Attached):
            for one in (account, *chat.blocked(account)):
                known.pop(one, None)
        for one in _among(self._watchers, known):
            self._tell_account(one, news)


def _among(table: Mapping[str, object], names: Mapping[str, object]) -> list[str]:
    """Those names that stand in both, found by way of whichever is shorter."""
    if len(table) < len(names):
        return [name for name in table if name in names]
    return [name for name in names if name in table]


def _taken_out(table: dict[str, dict[T, None]], account: str, one: T) -> bool:
    """Whether it was in there."""
    row = table.get(account, {})
    if one not in row:
        return False
    del row[one]
    if not row:
        del table[account]
    return True
