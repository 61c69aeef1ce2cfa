"""The chat as one would tell it to a friend: what the real one is compared with.

Accounts, mailboxes, and for each request the first time that counts. Sessions, times
and limits are left out: what the log was given is authorised.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ringchat_server.chat import verification
from ringchat_server.records import Entry, message_id


class Model:
    """Entries in, mailboxes out."""

    def __init__(self) -> None:
        self.mailboxes: dict[str, dict[int, str]] = {}
        """Account -> message id -> text."""
        self.applied: dict[tuple[bytes, int], int] = {}
        """Request -> where it took effect: the id of its message, if it is one."""
        self.refused: set[tuple[bytes, int]] = set()
        """Applied, and without effect: another side of a split may have confirmed them."""
        self.repeated = 0
        self._made: dict[str, bytes] = {}
        """Account -> by which creation: a deletion that is handed over may name one."""
        self._sessions: dict[bytes, str] = {}
        self._sent: dict[tuple[bytes, int], tuple[str, int]] = {}
        """Request -> (receiver, message id), as an acknowledgement handed over names it."""

    def apply_all(self, entries: Iterable[Entry]) -> None:
        """All entries of a log, from the first on."""
        for index, entry in enumerate(entries, 1):
            if not entry.client:
                continue
            for position, request in enumerate(_one_by_one(entry.request)):
                name = (entry.client, entry.number + position)
                handed_over = entry.account and not entry.session
                if name in self.applied and not (handed_over and name in self.refused):
                    self.repeated += 1
                    continue
                place = self.applied[name] = message_id(index, position)
                self.refused.discard(name)
                if not self._apply(place, entry, request, name):
                    self.refused.add(name)

    def _apply(
        self, place: int, entry: Entry, request: tuple[Any, ...], name: tuple[bytes, int]
    ) -> bool:
        """Whether it was let."""
        boxes = self.mailboxes
        match request:
            case ("create", account, password_hash) if account not in boxes:
                boxes[account] = {}
                self._made[account] = verification(password_hash)
                return True
            case ("login", account, _, session, _) if account in boxes:
                self._sessions[session] = account
                return True
        if entry.session and self._sessions.get(entry.session) != entry.account:
            return False
        match request:
            case ("send", to, text) if to in boxes:
                boxes[to][place] = text
                self._sent[name] = (to, place)
                return True
            case ("update", up_to, delivered):
                self._remove(entry.account, up_to, delivered)
                return True
            case ("delete", made) if entry.account in boxes and made != self._made[entry.account]:
                return False  # somebody else's, of that name
            case ("delete", *_):
                boxes.pop(entry.account, None)
                for session in [s for s, a in self._sessions.items() if a == entry.account]:
                    del self._sessions[session]
                return True
        return False

    def _remove(self, account: str, up_to: int, delivered: tuple[tuple[bytes, int], ...]) -> None:
        named = {self._sent[one][1] for one in delivered if one in self._sent}
        box = self.mailboxes.get(account, {})
        for index in [i for i in box if i <= up_to or i in named]:
            del box[index]


def _one_by_one(request: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """A request, or each of the messages that came together."""
    match request:
        case ("send", to, texts):
            receivers = to if len(to) > 1 else to * len(texts)
            return [("send", *one) for one in zip(receivers, texts, strict=True)]
    return [request]
