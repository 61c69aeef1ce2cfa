"""The log as one would tell of it to a friend: what the real chat is compared with.

For each request the first time that counts, and what it does: see `conversations_model.py`.
"""

from __future__ import annotations

from typing import Any

from ringchat_server.records import Entry, message_id
from tests.simulator.conversations_model import NOT_LOGGED_IN, OK, Answer, Conversations


class Model:
    """Entries in, answers out."""

    def __init__(self) -> None:
        self.conversations = Conversations()
        self.applied: dict[tuple[bytes, int], Answer] = {}
        """Request -> how it was answered."""
        self.repeated = 0

    def apply(self, index: int, entry: Entry) -> list[Answer]:
        """The next entry of a log; an answer for each of its numbers."""
        if not entry.client:
            return [(OK,)]
        answers: list[Answer] = []
        for position, request in enumerate(_one_by_one(entry.request)):
            name = (entry.client, entry.number + position)
            known = self.applied.get(name)
            handed_over = entry.account and not entry.session
            # Of what it refused another side of a split may have confirmed the contrary.
            if known is not None and not (handed_over and known[0] != OK):
                self.repeated += 1
                answers.append(known)
                continue
            answer = self.applied[name] = self._apply(message_id(index, position), entry, request)
            if request[0] == "room" and handed_over and answer[0] != OK:
                self.conversations.closed.add(name)
            if len(answer) == 3:
                self.conversations.ids[name] = answer[1]
            answers.append(answer)
        return answers

    def _apply(self, place: int, entry: Entry, request: tuple[Any, ...]) -> Answer:
        talk = self.conversations
        match request:
            case ("create", name, password_hash):
                return talk.create(name, password_hash)
            case ("login", name, verified, session, _):
                return talk.log_in(name, verified, session)
        if not talk.may(entry.account, entry.session):
            return (NOT_LOGGED_IN,)
        match request:
            case ("delete", *made):
                return talk.delete(entry.account, made[0] if made else None)
        return talk.apply(place, entry.time_ms, entry.account, entry.session, request)


def _one_by_one(request: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """A request, or each of the messages that came together."""
    match request:
        case ("send", to, texts):
            receivers = to if len(to) > 1 else to * len(texts)
            return [("send", *one) for one in zip(receivers, texts, strict=True)]
        case ("post", where, texts, reply_to):
            return [("post", where, text, reply_to) for text in texts]
    return [request]
