"""The chat of before conversations, for journals that begin with it.

There a message was in its receiver's mailbox until it was acknowledged, and then nowhere.
A log says itself from where on its requests mean something else: at the first entry that
opens a view of `CHAT_VERSION`. Up to there every replica does what it did then, whatever it
has compacted; at that entry what still waits moves into conversations (`adopt`).
"""

from __future__ import annotations

from itertools import groupby
from typing import cast

from ringchat_server.chat.accounts import Accounts
from ringchat_server.chat.answers import (
    DONE,
    MALFORMED,
    OK,
    RESOURCE_EXHAUSTED,
    Answer,
    Answers,
    no_account,
)
from ringchat_server.chat.dedupe import Clients
from ringchat_server.chat.mailbox import EMPTY, Mailbox, Message
from ringchat_server.chat.requests import is_sound_name
from ringchat_server.chat.talk import Talk
from ringchat_server.records import Entry, index_of, message_id

VERSION = 2
"""Of its state, as it is exported."""
UNDELIVERED_MAX = 65_536
"""Messages that could wait in one mailbox."""
MAILBOX_FULL: Answer = (RESOURCE_EXHAUSTED, "the receiver's queue of undelivered messages is full")


class Earlier:
    """Its requests on accounts, as they were applied."""

    __slots__ = ("_accounts", "_clients")

    def __init__(self, accounts: Accounts, clients: Clients) -> None:
        self._accounts = accounts
        self._clients = clients

    def send(self, index: int, entry: Entry, start: int, stop: int) -> Answers:
        """Those of the entry's messages from `start` up to `stop`."""
        sender = self._accounts.get(entry.account)
        if sender is None and not is_sound_name(entry.account):
            return ((entry.number + start, stop - start, MALFORMED),)
        name = entry.account if sender is None else sender.name
        _, to, texts = cast("tuple[str, tuple[str, ...], tuple[str, ...]]", entry.request)
        if len(to) == 1:
            return tuple(self._queue(index, entry, name, to[0], texts[start:stop], start))
        answers: list[tuple[int, int, Answer]] = []
        for receiver, positions in groupby(range(start, stop), to.__getitem__):
            first, *others = positions
            part = texts[first : first + 1 + len(others)]
            answers += self._queue(index, entry, name, receiver, part, first)
        return tuple(answers)

    def _queue(
        self, index: int, entry: Entry, sender: str, to: str, texts: tuple[str, ...], start: int
    ) -> list[tuple[int, int, Answer]]:
        receiver, number = self._accounts.get(to), entry.number + start
        if receiver is None:
            return [(number, len(texts), no_account(to))]
        mailbox = receiver.mailbox
        if mailbox is None:
            mailbox = receiver.mailbox = Mailbox()
        answers: list[tuple[int, int, Answer]] = []
        room = max(0, UNDELIVERED_MAX - len(mailbox)) if entry.session else len(texts)
        if fitting := texts[:room]:
            first_id = message_id(index, start)
            mailbox.extend(first_id, sender, fitting, entry.time_ms)
            answers.append((number, len(fitting), (OK, first_id, entry.time_ms)))
        if left := len(texts) - len(fitting):
            answers.append((number + len(fitting), left, MAILBOX_FULL))
        return answers

    def update(self, entry: Entry) -> Answer:
        """Messages are acknowledged, and gone."""
        _, up_to, delivered = cast("tuple[str, int, tuple[tuple[bytes, int], ...]]", entry.request)
        account = self._accounts.get(entry.account)
        mailbox = None if account is None else account.mailbox
        if mailbox is None:
            return DONE
        mailbox.remove_through(up_to)
        for client, number in delivered:
            match self._clients.answer_to(client, number):
                case (0, int(one), int()):
                    mailbox.remove(one)
        return DONE

    def adopt(self, talk: Talk) -> None:
        """What waits moves into conversations, unread."""
        waiting: list[tuple[str, Message]] = []
        for account in self._accounts:
            if account.mailbox is not None:
                found = account.mailbox.after(0, len(account.mailbox), 1 << 62)
                waiting += [(account.name, message) for message in found]
                account.mailbox = None
        for to, message in sorted(waiting, key=lambda one: one[1].id):
            talk.adopt(to, message.sender, message.id, message.text, message.sent_at_ms)

    # ------------------------------------------------------------- export, load

    def export(self) -> tuple[object, ...]:
        """All accounts in the order of their names, in built-in values."""
        return tuple(
            (
                account.name,
                account.password_hash,
                self._accounts.export_sessions(account),
                EMPTY if account.mailbox is None else account.mailbox.export(),
            )
            for account in self._accounts
        )


def load(rows: object, applied_index: int) -> Accounts:
    """The accounts that were exported when that index was the last applied.

    Raises:
        ValueError: if the value has another shape.
    """
    if type(rows) is not tuple:
        raise ValueError("accounts of an unknown shape")
    accounts = Accounts()
    columns_of: list[object] = []
    for row in rows:
        match row:
            case (str(name), str(password_hash), tuple(sessions), columns):
                accounts.load_account(name, password_hash, sessions)
                columns_of.append(columns)
            case _:
                raise ValueError("an account of an unknown shape")
    same = {account.name: account.name for account in accounts}
    for account, columns in zip(accounts, columns_of, strict=True):
        if columns != EMPTY:
            account.mailbox = Mailbox.load(columns, same)
            if index_of(account.mailbox.newest_id) > applied_index:
                raise ValueError("a message that is newer than the state it stands in")
    return accounts
