"""Journals of before conversations."""

from __future__ import annotations

import pytest

from ringchat_server.chat import earlier
from ringchat_server.chat.accounts import verification
from ringchat_server.chat.answers import ALREADY_EXISTS, DONE, MALFORMED, OK, Answer
from ringchat_server.chat.chat import Chat
from ringchat_server.records import NOOP, SENDS_MAX, Entry, message_id

OLD_NOOP = ("noop",)
TOKEN = {name: name.encode().ljust(32, b"_") for name in ("ann", "bob", "cy")}
NO_MESSAGES = ((), (), (), ())


class Log:
    """Entries, and the chat that applies them."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.chat = Chat()
        self.ask(*OLD_NOOP)
        for name, token in TOKEN.items():
            self.ask("create", name, f"hash of {name}")
            self.ask("login", name, verification(f"hash of {name}"), token, b"n" * 32)

    def ask(self, *request: object, account: str = "") -> Answer:
        number = len(self.entries) + 1
        client = b"" if request[0] == "noop" else b"c" * 16
        session = TOKEN.get(account, b"")
        self.entries.append(Entry(0, 1_000 + number, client, number, account, session, request))
        return self.chat.apply(number, self.entries[-1])[0][2]


@pytest.fixture
def log() -> Log:
    log = Log()
    log.ask("send", ("bob",), ("had",), account="ann")
    log.ask("update", message_id(len(log.entries), 0), (), account="bob")
    log.ask("send", ("bob",), ("waits",), account="ann")
    log.ask("send", ("ann",), ("from cy",), account="cy")
    log.ask("delete", account="cy")
    return log


def test_what_waited_stands_in_conversations_and_waits_still(log: Log) -> None:
    assert log.ask(*NOOP) == DONE
    views = log.chat.views
    [waiting] = log.chat.undelivered("bob", 0, 9, 999)
    assert (waiting.text, waiting.conversation) == ("waits", "ann")
    assert views.history("ann", "bob", 0, 0, 9) == ([waiting._replace(conversation="bob")], False)
    [state] = views.conversations("bob", 0, 9)[0]
    assert (state.unread, state.newest) == (1, waiting)
    assert log.ask("send", ("bob",), ("new",), account="ann")[0] == OK
    assert [message.text for message in log.chat.undelivered("bob", 0, 9, 999)] == ["waits", "new"]


def test_a_sender_who_had_left_stays_gone(log: Log) -> None:
    log.ask(*NOOP)
    [state] = log.chat.views.conversations("ann", 0, 1)[0]
    assert (state.conversation, state.gone) == ("cy", True)
    assert log.ask("create", "cy", "of somebody else")[0] == ALREADY_EXISTS


def test_before_a_name_that_is_given_up_is_free(log: Log) -> None:
    assert log.ask("create", "cy", "of somebody else") == DONE


@pytest.mark.parametrize("compacted_at", range(1, 17))
def test_it_does_not_matter_what_was_compacted(log: Log, compacted_at: int) -> None:
    log.ask(*NOOP)
    log.ask("room", "hall", "", True, (), account="ann")
    log.ask("send", ("bob",), ("new",), account="ann")
    replica = Chat()
    for index, entry in enumerate(log.entries, 1):
        replica.apply(index, entry)
        if index == compacted_at:
            replica = Chat.load(replica.export())
    assert replica.export() == log.chat.export()


def test_what_it_did_not_know_is_malformed(log: Log) -> None:
    for request in (
        ("post", "bob", ("x",), 0),
        ("room", "hall", "", True, ()),
        ("read", "bob", 1),
        ("profile", "Ann"),
    ):
        assert log.ask(*request, account="ann") == MALFORMED


def test_a_full_mailbox_and_a_named_message(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    number = len(log.entries)
    log.ask("update", 0, ((b"c" * 16, number - 2),), account="bob")
    monkeypatch.setattr(earlier, "UNDELIVERED_MAX", 1)
    assert log.ask("send", ("bob",), ("one",), account="ann")[0] == OK
    assert log.ask("send", ("bob",), ("two",), account="ann") == earlier.MAILBOX_FULL
    log.ask(*NOOP)
    assert [message.text for message in log.chat.undelivered("bob", 0, 9, 999)] == ["one"]


@pytest.mark.parametrize(
    "rows",
    [
        None,
        (7,),
        (("ann", "hash", ()),),
        (("ann", "hash", (), None),),
        (("ann", "hash", (), ((message_id(11, 0),), (0,), ("bob",), ("x",))),),  # applied: 10
        (("bob", "hash", (), NO_MESSAGES), ("ann", "hash", (), NO_MESSAGES)),
    ],
)
def test_accounts_of_another_shape_are_refused(rows: object) -> None:
    with pytest.raises(ValueError, match=r"account|mailbox|newer"):
        earlier.load(rows, 10)


def test_the_newest_message_may_be_any_of_the_last_entry() -> None:
    columns = ((message_id(10, SENDS_MAX - 1),), (0,), ("bob",), ("x",))
    [account] = earlier.load((("ann", "hash", (), columns),), 10)
    assert account.mailbox is not None
    assert account.mailbox.export() == columns
