"""Logs that part, and what becomes of the one that is given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ringchat_server.chat.accounts import verification
from ringchat_server.chat.chat import Chat
from ringchat_server.chat.hand_over import hand_over
from ringchat_server.records import NOOP, SENDS_MAX, Entry, Proposal, message_id

ANN, BOB, CY, DAN = (name * 16 for name in (b"a", b"b", b"c", b"d"))
NAMES = {ANN: "ann", BOB: "bob", CY: "cy", DAN: "dan"}


def send(to: str | tuple[str, ...], *texts: str) -> tuple[object, ...]:
    """Texts for one receiver, or for one each."""
    return ("send", (to,) if isinstance(to, str) else to, texts)


def last_id(index: int) -> int:
    """The greatest id that a message of that entry can have."""
    return message_id(index, SENDS_MAX - 1)


class Order:
    """A log, and the chat that applied it. Forks stand for the sides of a partition."""

    def __init__(self, view: int = 0, entries: Sequence[Entry] = ()) -> None:
        self.view = view
        self.entries: list[Entry] = []
        self.chat = Chat()
        for entry in entries:
            self.append(entry)

    def append(self, entry: Entry) -> int:
        self.entries.append(entry)
        self.chat.apply(len(self.entries), entry)
        return len(self.entries)

    def ask(self, client: bytes, number: int, *request: object, account: str | None = None) -> int:
        """Gives the id that the message has, if it is one: the first one's of several."""
        who = NAMES[client] if account is None else account
        session = b"" if request[0] in ("create", "login") else client * 2
        entry = Entry(self.view, 1_000, client, number, who, session, request)
        return message_id(self.append(entry), 0)

    def propose(self, proposals: Sequence[Proposal]) -> None:
        for proposal in proposals:
            self.append(Entry(self.view, 1_000, *proposal))

    def fork(self, view: int) -> Order:
        other = Order(self.view, self.entries)
        other.view = view
        other.append(Entry(view, 1_000, b"", 0, "", b"", NOOP))
        return other

    def chat_after(self, index: int) -> Callable[[], Chat]:
        return lambda: Order(entries=self.entries[:index]).chat

    def history(self, account: str, conversation: str | int) -> list[str]:
        found = self.chat.views.history(account, conversation, 0, 0, 10**6)
        assert isinstance(found[0], list), found
        return [message.text for message in found[0]]

    def texts(self, account: str) -> list[str]:
        return [m.text for m in self.chat.undelivered(account, 0, 10**6, 10**9)]


def everybody() -> Order:
    """Four accounts, each logged in with a token of its client's bytes."""
    order = Order()
    order.append(Entry(0, 1_000, b"", 0, "", b"", NOOP))
    for client, name in NAMES.items():
        order.ask(client, 1, "create", name, f"hash of {name}", account="")
        verified = verification(f"hash of {name}")
        order.ask(client, 2, "login", name, verified, client * 2, bytes(32), account="")
    return order


def nine_entries() -> Chat:
    """The same accounts and tokens, made by somebody else, so that every number is free."""
    order = everybody()
    other = Order()
    for number, entry in enumerate(order.entries, 1):
        other.append(entry._replace(client=b"somebody else", number=number))
    assert len(other.entries) == 9
    return other.chat


def after_healing(lost: Order, kept: Order, common: int) -> tuple[Proposal, ...]:
    proposals = hand_over(lost.entries[common:], common + 1, common, lost.chat_after(common))
    kept.propose(proposals)
    return proposals
