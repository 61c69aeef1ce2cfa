"""The chat as a whole: what an entry does, and that it does so everywhere alike."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringchat_server.chat import chat as chat_module
from ringchat_server.chat import talk as talk_module
from ringchat_server.chat.accounts import SESSION_LIFETIME_MS, verification
from ringchat_server.chat.answers import (
    ALREADY_EXISTS,
    BAD_NUMBER,
    DONE,
    FORGOTTEN,
    MALFORMED,
    NOT_LOGGED_IN,
    STORE_FULL,
    WRONG_PASSWORD,
    Answers,
    name_taken,
    no_account,
)
from ringchat_server.chat.chat import Chat
from ringchat_server.chat.conversations import Message
from ringchat_server.chat.dedupe import IDLE_MAX_MS
from ringchat_server.chat.kept import WINDOW
from ringchat_server.pickled import Unreadable, entry_of
from ringchat_server.records import NOOP, Entry, message_id
from tests.unit.server.chat.entries import any_entries, builtin_values, entries, some_sound_texts
from tests.unit.server.chat.room import (
    ANN,
    CY,
    NONCE,
    NOW_MS,
    TOKEN,
    Room,
    one_by_one,
    send,
)

# ------------------------------------------------------------------- each request


def test_a_message_is_named_by_its_index_and_dated_by_its_entry(room: Room) -> None:
    answer = room.ask(*send("bob", "hi"), account="ann")
    only = message_id(room.chat.applied_index, 0)
    assert answer == (0, only, NOW_MS)
    assert room.chat.undelivered("bob", 0, 9, 99) == [Message(only, "ann", "hi", NOW_MS, "ann")]
    assert room.chat.undelivered("bob", only, 9, 99) == []


def test_nobody_has_no_messages(room: Room) -> None:
    assert room.ask(*send("eve", "hi"), account="ann") == no_account("eve")
    assert room.chat.undelivered("eve", 0, 9, 99) == []


def test_a_full_store(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talk_module, "STORE_BYTES_MAX", 2 * len("one") + 2 * 12)
    first = room.ask(*send("bob", "one"), account="ann")
    assert room.ask(*send("bob", "two"), account="ann")[0] == 0
    assert room.ask(*send("bob", "four"), account="ann") == STORE_FULL
    assert room.ask("edit", "bob", first[1], "longer", account="ann") == STORE_FULL
    # Confirmed once, by a master that lost its view: let in all the same.
    assert room.ask(*send("bob", "five"), account="ann", session=b"")[0] == 0
    assert room.waiting("bob") == ["one", "two", "five"]


def test_a_handed_over_message_survives_its_sender(room: Room) -> None:
    assert room.ask("delete", account="ann") == DONE
    assert room.ask(*send("bob", "hi"), account="ann", session=b"")[0] == 0
    assert room.chat.undelivered("bob", 0, 9, 99)[0].sender == "ann"
    assert room.ask(*send("bob", "hi"), account="\ud800", session=b"") == MALFORMED


def test_an_update_removes_up_to_an_id(room: Room) -> None:
    ids = [room.ask(*send("bob", text), account="ann")[1] for text in "abc"]
    assert room.ask("update", ids[1], (), account="bob") == DONE
    assert room.waiting("bob") == ["c"]
    assert room.ask("update", ids[0], (), account="bob") == DONE
    assert room.ask("update", 10**30, (), account="bob") == DONE
    assert room.waiting("bob") == []
    assert room.ask("update", 1, (), account="ann") == DONE, "nothing ever came"
    room.ask(*send("bob", "d"), account="ann")
    assert room.waiting("bob") == ["d"], "what is to come has not arrived yet"


def test_a_name_is_taken_once(room: Room) -> None:
    assert room.ask("create", "ann", "another hash") == name_taken("ann")
    assert room.chat.password_hash("ann") == "hash of ann"
    assert room.chat.password_hash("eve") is None


def test_an_account_too_many(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_module, "ACCOUNTS_MAX", 3)
    assert room.ask("create", "cy", "hash") == DONE
    assert room.ask("create", "dan", "hash")[0] == 8
    assert room.chat.password_hash("dan") is None


def test_a_login_is_for_the_hash_it_was_checked_against(room: Room) -> None:
    token = b"T" * 32
    assert room.log_in("ann", token) == (0, NONCE, "ann", NOW_MS + SESSION_LIFETIME_MS)
    assert room.chat.account_of(token, NOW_MS) == "ann"
    verified = verification("hash of ann")
    assert room.ask("password", verified, "hash of another", account="ann") == DONE
    assert room.log_in("ann", token) == WRONG_PASSWORD
    assert room.log_in("eve", token) == WRONG_PASSWORD
    assert room.chat.account_of(token, NOW_MS) is None


def test_an_expired_session_does_not_stand_in_the_way_of_a_login(room: Room) -> None:
    room.now_ms += SESSION_LIFETIME_MS
    verified = verification("hash of ann")
    request = ("login", "ann", verified, b"T" * 32, NONCE)
    assert room.ask(*request, account="ann")[0] == 0


def test_who_is_deleted_is_gone_and_the_name_stays_taken(room: Room) -> None:
    room.ask(*send("bob", "hi"), account="ann")
    assert room.ask("delete", account="bob") == DONE
    assert room.chat.account_of(TOKEN["bob"], NOW_MS) is None
    assert room.chat.list_accounts("", "", 9) == (["ann"], "")
    assert room.ask("create", "bob", "hash") == name_taken("bob")
    assert room.ask(*send("bob", "still there?"), account="ann") == no_account("bob")
    assert room.waiting("bob") == []


def test_a_logout_ends_one_session(room: Room) -> None:
    room.log_in("ann", b"T" * 32)
    assert room.ask("logout", account="ann") == DONE
    assert room.chat.account_of(TOKEN["ann"], NOW_MS) is None
    assert room.chat.account_of(b"T" * 32, NOW_MS) == "ann"
    assert room.ask("logout", b"T" * 32, account="bob", session=b"") == DONE
    assert room.chat.account_of(b"T" * 32, NOW_MS) == "ann", "not bob's to end"
    assert room.ask("logout", b"T" * 32, account="ann", session=b"") == DONE
    assert room.chat.account_of(b"T" * 32, NOW_MS) is None


@pytest.mark.parametrize(
    "request_",
    [
        ("delete",),
        ("logout",),
        send("bob", "x"),
        ("update", 1, ()),
        ("post", "bob", ("x",), 0),
        ("read", "bob", 1),
        ("edit", "bob", 1, "y"),
        ("erase", "bob", 1),
        ("room", "title", "", True, ()),
        ("join", 1),
        ("leave", 1),
        ("invite", 1, "bob"),
        ("remove", 1, "bob"),
        ("change", 1, None, "topic", None),
        ("password", verification("hash of ann"), "hash"),
        ("profile", "Ann"),
        ("end", b""),
        ("block", "bob", True),
    ],
)
def test_who_may_not(room: Room, request_: tuple[object, ...]) -> None:
    assert room.ask(*request_) == NOT_LOGGED_IN, "nobody"
    assert room.ask(*request_, account="ann", session=b"?" * 32) == NOT_LOGGED_IN, "forged"
    assert room.ask(*request_, account="ann", session=TOKEN["bob"]) == NOT_LOGGED_IN, "bob's"
    assert room.ask(*request_, account="", session=TOKEN["ann"]) == NOT_LOGGED_IN
    room.now_ms += SESSION_LIFETIME_MS
    assert room.ask(*request_, account="ann") == NOT_LOGGED_IN, "expired"
    assert room.ask(*request_, account="ann", session=b"")[0] in (0, 5), "vouched for"


def test_names_page_by_page(room: Room) -> None:
    assert room.chat.list_accounts("*", "", 1) == (["ann"], "ann")
    assert room.chat.list_accounts("*", "ann", 1) == (["bob"], "")
    assert room.chat.list_accounts("c*", "", 1) == ([], "")


# ------------------------------------------------------------------- once


def test_a_duplicate_changes_nothing_and_gets_the_same_answer(room: Room) -> None:
    entry = room.entry(*send("bob", "hi"), account="ann")
    answer = room.apply(entry)
    room.ask("logout", account="ann")
    before = room.chat.export()[7:]
    # The session is over and the text is another: the name alone decides.
    assert room.apply(entry._replace(view=4, request=send("bob", "other"))) == answer
    assert room.chat.export()[7:] == before
    assert room.waiting("bob") == ["hi"]
    assert room.chat.recall(CY, entry.number) == answer


def test_errors_are_answers_too(room: Room) -> None:
    entry = room.entry(*send("eve", "hi"), account="ann")
    assert room.apply(entry) == no_account("eve")
    room.ask("create", "eve", "hash")
    assert room.apply(entry) == no_account("eve")
    assert room.waiting("eve") == []


def test_recall(room: Room) -> None:
    entry = room.entry(*send("bob", "hi"), account="ann")
    assert room.chat.recall(CY, entry.number) is None
    answer = room.apply(entry)
    assert room.chat.recall(CY, entry.number) == answer
    assert room.chat.recall(b"other", entry.number) is None
    assert room.chat.recall(CY, 0) is None
    for _ in range(WINDOW):
        room.ask("noop")
    assert room.chat.recall(CY, entry.number) == FORGOTTEN
    assert room.apply(entry)[0] == ALREADY_EXISTS
    assert room.waiting("bob") == ["hi"]


def test_a_client_idle_for_a_day_is_forgotten_by_the_time_of_the_entries(room: Room) -> None:
    entry = room.entry(*send("bob", "hi"), account="ann")
    room.apply(entry)
    room.now_ms += IDLE_MAX_MS + 1
    assert room.chat.recall(CY, entry.number) is not None
    room.apply(Entry(1, room.now_ms, b"", 0, "", b"", NOOP))
    assert room.chat.recall(CY, entry.number) is None


def test_without_a_client_nothing_is_remembered(room: Room) -> None:
    entry = Entry(0, NOW_MS, b"", 7, "ann", TOKEN["ann"], send("bob", "hi"))
    assert room.apply(entry) != room.apply(entry)
    assert room.chat.recall(b"", 7) is None
    assert room.waiting("bob") == ["hi", "hi"]


def test_a_name_is_refused_before_it_is_proposed(room: Room) -> None:
    assert room.chat.refuse_name(CY, 10**6) is None
    assert room.chat.refuse_name(CY, 0) == BAD_NUMBER
    assert room.chat.refuse_name(CY, 0, NOW_MS) == BAD_NUMBER


# ------------------------------------------------------------------- any entry at all


@settings(max_examples=400, deadline=None)
@given(st.lists(any_entries, min_size=1, max_size=8))
def test_apply_never_raises(history: list[Entry]) -> None:
    room = Room()
    for entry in history:
        try:
            readable = entry_of(tuple(entry))
        except Unreadable:
            continue
        answers = one_by_one(room.apply_all(readable))
        # Each number has one answer, in their order.
        assert [number for number, _ in answers] == [
            readable.number + at for at in range(len(answers))
        ]
        for _, answer in answers:
            assert type(answer[0]) is int
            assert answer[0] in (0, 3, 5, 6, 7, 8, 9, 16)
        if readable.client:
            again = one_by_one(room.apply_all(readable))
            assert len(again) == len(answers)
            for (number, answer), repeated in zip(answers, again, strict=True):
                assert repeated in ((number, answer), (number, FORGOTTEN))
    assert Chat.load(room.chat.export()).export() == room.chat.export()


def test_values_that_cannot_be_written_are_answered() -> None:
    chat = Chat()
    endless: list[object] = []
    endless.append(endless)
    deep: object = ()
    for _ in range(100_000):
        deep = (deep,)
    for value in [endless, deep, {1}, object]:
        for request in (
            ("send", ("bob",), ("x", value, "y")),
            ("send", ("bob", value), ("x", "y")),
            ("send", ("bob",), value),
            ("send", value, ("x",)),
        ):
            number = chat.applied_index + 1
            entry = Entry(0, 0, ANN, number, "ann", b"", request)
            assert chat.apply(number, entry) == ((number, 1, MALFORMED),)
    while deep:
        deep = deep[0] if isinstance(deep, tuple) else None  # freed layer by layer


@pytest.mark.parametrize(
    "change",
    [
        {"time_ms": -1},
        {"time_ms": 2**62 + 1},
        {"number": 0},
        {"number": 2**63 + 1},
        {"client": b"x" * 65},
    ],
)
def test_an_impossible_frame_is_malformed(room: Room, change: dict[str, Any]) -> None:
    entry = room.entry(*send("bob", "hi"), account="ann")._replace(**change)
    before = room.chat.export()[4:]
    assert room.apply(entry) == MALFORMED
    assert room.chat.export()[4:] == before


def test_entries_are_applied_one_after_the_other(room: Room) -> None:
    entry = room.entry("noop")
    for index in (room.chat.applied_index, room.chat.applied_index + 2):
        with pytest.raises(AssertionError):
            room.chat.apply(index, entry)


# ------------------------------------------------------------------- many in one entry


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 14), some_sound_texts, st.booleans(), st.booleans()), max_size=25
    ),
    st.data(),
)
def test_many_at_once_are_the_same_as_one_after_the_other(
    history: list[tuple[int, tuple[str, ...], bool, bool]], data: st.DataObject
) -> None:
    # Only the ids differ, for they tell the entry: what waits, its order, and what was refused
    # do not.
    together, apart = Room(), Room()
    for number, texts, handed_over, alike in history:
        who = st.sampled_from(["bob", "ann", "eve"])
        to = tuple(data.draw(who) for _ in range(1 if alike else len(texts)))
        session = b"" if handed_over else TOKEN["ann"]
        entry = Entry(0, NOW_MS, CY, 1_000 + number, "ann", session, send(to, *texts))
        answers = [answer for _, answer in one_by_one(together.apply_all(entry))]
        for at, text in enumerate(texts):
            one = send(to[at if len(to) > 1 else 0], text)
            alone = apart.apply(entry._replace(number=entry.number + at, request=one))
            assert (alone[0], alone[2:]) == (answers[at][0], answers[at][2:])
            if alone[0] != 0:
                assert alone == answers[at]
        for name in ("ann", "bob"):
            assert together.waiting(name) == apart.waiting(name)
    assert Chat.load(together.chat.export()).export() == together.chat.export()


# ------------------------------------------------------------------- alike everywhere


def run(chat: Chat, history: list[Entry]) -> Iterator[tuple[Answers, bytes]]:
    for entry in history:
        yield chat.apply(chat.applied_index + 1, entry), chat.digest


@settings(max_examples=200, deadline=None)
@given(st.lists(entries, max_size=30), st.lists(entries, max_size=30))
def test_a_loaded_chat_has_the_same_future(past: list[Entry], future: list[Entry]) -> None:
    room = Room()
    list(run(room.chat, past))
    state = pickle.loads(pickle.dumps(room.chat.export(), 5))
    loaded = Chat.load(state)
    assert loaded.export() == room.chat.export()
    assert loaded.stored_bytes == room.chat.stored_bytes
    assert list(run(loaded, future)) == list(run(room.chat, future))
    assert loaded.export() == room.chat.export()
    # It is kept entry by entry, and when loading counted.
    counted = Chat.load(room.chat.export()).stored_bytes
    assert loaded.stored_bytes == room.chat.stored_bytes == counted


@settings(max_examples=100, deadline=None)
@given(st.lists(entries, min_size=1, max_size=20), st.data())
def test_the_digest_tells_histories_apart(history: list[Entry], data: st.DataObject) -> None:
    one, same, other = Room().chat, Room().chat, Room().chat
    list(run(one, history))
    list(run(same, [Entry(*pickle.loads(pickle.dumps(tuple(e)))) for e in history]))
    assert one.digest == same.digest
    at = data.draw(st.integers(0, len(history) - 1))
    field = data.draw(st.sampled_from(["view", "number", "account"]))
    old = getattr(history[at], field)
    change: dict[str, Any] = {field: old + "x" if isinstance(old, str) else old + 1}
    list(run(other, [*history[:at], history[at]._replace(**change), *history[at + 1 :]]))
    assert one.digest != other.digest


def test_the_digest_covers_the_order_and_the_answers(room: Room) -> None:
    other = Room()
    first, second = (room.entry(*send("bob", text), account="ann") for text in "ab")
    for place, order in ((room, (first, second)), (other, (second, first))):
        for entry in order:
            place.apply(entry)
    assert room.chat.digest != other.chat.digest
    digests = set()
    for name in ("ann", "bob"):  # the same entry, answered differently
        alone = Chat()
        alone._accounts.create(name, "hash")
        alone.apply(1, Entry(0, 0, ANN, 1, "", b"", ("create", "ann", "hash")))
        digests.add(alone.digest)
    assert len(digests) == 2


SCRIPT = """
from ringchat_server.chat import Chat, verification
from ringchat_server.records import NOOP, Entry
chat = Chat()
chat.apply(1, Entry(0, 0, b"", 0, "", b"", NOOP))
for i in range(2, 400):
    name = f"n{i * 7 % 40}"
    request = [("create", name, "h"),
               ("login", name, verification("h"), bytes([i % 256]) * 32, bytes(32)),
               ("send", (name, "n14", name), ("é" * i, "x", "y")),
               ("update", 1024 * (i - 3) + 1, ((b"c3", i - 4),)),
               ("room", f"room {i}", "", True, ("n7", "n14", "n21")),
               ("post", 1024 * (i - 1), (f"hi @n7, @n{i}", "x"), 0)][i % 6]
    chat.apply(i, Entry(0, i, b"c%d" % (i % 5), i, name, b"", request))
print(chat.digest.hex(), repr(chat.export()))
"""


def test_another_process_with_another_hash_seed_arrives_at_the_same() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0]) > 1000


def test_the_digest_is_pinned(room: Room) -> None:
    # Replicas of two releases run side by side: a change of this value is a change of
    # the format of the state, never a detail.
    room.ask(*send("bob", "hi"), account="ann")
    assert room.chat.digest.hex() == "b93c16d7dd6d3c958a4e6c64eb7b7f35"
    room.apply_all(room.entry(*send(("bob", "bob", "eve", "ann"), *"abcd"), account="ann"))
    assert room.chat.digest.hex() == "96c6808c3b3210c1c1a98313e7a0c2ed"


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (0, "another program", "unknown format"),
        (1, 1, "unknown format"),
        (1, 4, "unknown format"),
        (2, -1, "impossible"),
        (2, "7", "not the state"),
        (3, b"short", "impossible"),
        (4, None, "not the state"),
        (5, None, "accounts"),
        (6, None, "clients"),
        (7, None, "accounts"),
        (8, None, "conversations"),
    ],
)
def test_a_state_of_another_shape_is_refused(room: Room, at: int, value: object, why: str) -> None:
    state = list(room.chat.export())
    state[at] = value
    with pytest.raises(ValueError, match=why) as refusal:
        Chat.load(tuple(state))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("value", [None, (), [], "x", (1, 2, 3)])
def test_what_is_no_state_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not the state"):
        Chat.load(value)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_state_damaged_anywhere_is_loaded_or_refused(data: st.DataObject) -> None:
    room = Room()
    room.ask(*send("bob", "hi"), account="ann")
    room.ask("update", 0, ((CY, 1),), account="bob")

    def damage(value: object) -> object:
        if isinstance(value, tuple) and value and data.draw(st.integers(0, 3)):
            at = data.draw(st.integers(0, len(value) - 1))
            return (*value[:at], damage(value[at]), *value[at + 1 :])
        return data.draw(builtin_values)

    try:
        loaded = Chat.load(damage(room.chat.export()))
    except ValueError:
        return
    assert isinstance(loaded.export(), tuple)
