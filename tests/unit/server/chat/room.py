"""A chat with two people in it, for its tests."""

from __future__ import annotations

from ringchat_server.chat.accounts import verification
from ringchat_server.chat.answers import (
    DONE,
    OK,
    Answer,
    Answers,
)
from ringchat_server.chat.chat import Chat
from ringchat_server.chat.views import ConversationState
from ringchat_server.records import NOOP, Entry, count_of

NOW_MS = 1_700_000_000_000
ANN, BOB, CY = b"a" * 16, b"b" * 16, b"c" * 16
TOKEN = {"ann": b"A" * 32, "bob": b"B" * 32}
NONCE = b"n" * 32


def send(to: str | tuple[str, ...], *texts: str) -> tuple[object, ...]:
    """Texts for one receiver, or for one each."""
    return ("send", (to,) if isinstance(to, str) else to, texts)


def one_by_one(answers: Answers) -> list[tuple[int, Answer]]:
    """Each number and its answer."""
    found: list[tuple[int, Answer]] = []
    for first, count, answer in answers:
        for at in range(count):
            match answer:
                case (0, int(first_id), int(sent_at_ms)):
                    found.append((first + at, (0, first_id + at, sent_at_ms)))
                case _:
                    found.append((first + at, answer))
    return found


class Room:
    """A chat with ann and bob in it, both logged in, and short words for entries."""

    def __init__(self) -> None:
        self.chat = Chat()
        self.now_ms = NOW_MS
        self.numbers = iter(range(1, 10**9))
        self.ask(*NOOP)
        for name in ("ann", "bob"):
            assert self.ask("create", name, f"hash of {name}") == DONE
            assert self.log_in(name, TOKEN[name])[0] == 0

    def entry(self, *request: object, account: str = "", session: bytes | None = None) -> Entry:
        token = TOKEN.get(account, b"") if session is None else session
        number, *_ = (next(self.numbers) for _ in range(count_of(request)))
        return Entry(0, self.now_ms, CY, number, account, token, request)

    def apply_all(self, entry: Entry) -> Answers:
        return self.chat.apply(self.chat.applied_index + 1, entry)

    def apply(self, entry: Entry) -> Answer:
        """The answer to the one number that the entry takes."""
        [(number, count, answer)] = self.apply_all(entry)
        assert (number, count) == (entry.number, 1)
        return answer

    def ask(self, *request: object, account: str = "", session: bytes | None = None) -> Answer:
        return self.apply(self.entry(*request, account=account, session=session))

    def log_in(self, name: str, token_hash: bytes) -> Answer:
        return self.ask("login", name, verification(f"hash of {name}"), token_hash, NONCE)

    def waiting(self, name: str) -> list[str]:
        return [m.text for m in self.chat.undelivered(name, 0, 10**6, 10**9)]


PEOPLE = ("ann", "bob", "cy", "dan", "eve")


class House(Room):
    """The chat with five people in it."""

    def __init__(self) -> None:
        super().__init__()
        for name in PEOPLE[2:]:
            TOKEN.setdefault(name, name.encode().ljust(32, b"_"))
            self.ask("create", name, f"hash of {name}")
            self.log_in(name, TOKEN[name])

    def says(self, account: str, *request: object) -> Answer:
        return self.ask(*request, account=account)

    def id_of(self, account: str, *request: object) -> int:
        answer = self.says(account, *request)
        assert answer[0] == OK, answer
        assert isinstance(answer[1], int)
        return answer[1]

    def state(self, account: str, name: str | int) -> ConversationState:
        state = self.chat.views.conversation(account, name)
        assert state is not None
        return state

    def texts(self, account: str, name: str | int) -> list[str]:
        found = self.chat.views.history(account, name, 0, 0, 500)
        assert isinstance(found[0], list), found
        return [message.text for message in found[0]]
