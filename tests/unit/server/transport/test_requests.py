from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field

import pytest

from ringchat_proto import chat_pb2 as pb
from ringchat_server.chat import Answer, Answers, Chat, verification
from ringchat_server.newsroom import Newsroom
from ringchat_server.records import SENDS_MAX, Entry, Proposal, message_id
from ringchat_server.transport import secrets
from ringchat_server.transport.gate import NOBODY, Author, NotServing, author_of, now_ms
from ringchat_server.transport.requests import SENDS, Desk, response_of
from tests.unit.server.transport.fake_host import empty_chat

KEY = b"a cluster key"
ANN = Author("ann", b"h" * 32)
CLIENT = b"c" * 16


@dataclass
class FakeGate:
    """A log of one replica, applied at once unless `held`."""

    chat: Chat = field(default_factory=empty_chat)
    newsroom: Newsroom = field(default_factory=lambda: Newsroom(now_ms))
    cluster_key: bytes = KEY
    held: list[tuple[Proposal, str, FakeSink]] = field(default_factory=list)
    proposals: list[Proposal] = field(default_factory=list)
    hold: bool = False
    crowded: bool = False
    gone: str = ""

    def submit(self, proposal: Proposal, kind: str, sink: FakeSink) -> None:
        self.held.append((proposal, kind, sink))
        if not self.hold:
            self.apply()

    def apply(self) -> None:
        for proposal, kind, sink in self.held:
            self.proposals.append(proposal)
            entry = Entry(0, now_ms(), *proposal)
            sink.answered(kind, self.chat.apply(self.chat.applied_index + 1, entry))
        self.held.clear()

    def full(self) -> bool:
        return self.crowded

    def view_of(self, message_id: int) -> int:
        return 3

    async def confirm_read(self) -> None:
        if self.gone:
            raise NotServing(self.gone)


class FakeSink:
    """Keeps the responses; messages that came in columns have one each, too."""

    def __init__(self) -> None:
        self.responses: list[pb.Response] = []
        self.runs: list[tuple[str, int, int, int]] = []
        """(kind, first number, how many, status code) of what came from the log, or its memory."""

    def answered(self, kind: str, answers: Answers) -> None:
        for number, count, answer in answers:
            self.runs.append((kind, number, count, int(answer[0])))
            for at in range(count):
                match kind, answer:
                    case "sends", (0, int(first_id), int(sent_at_ms)):
                        one: Answer = (0, first_id + at, sent_at_ms)
                        self.responded(response_of(number + at, "send_message", one, KEY))
                    case _:
                        self.responded(response_of(number + at, kind, answer, KEY))

    def responded(self, response: pb.Response) -> None:
        self.responses.append(response)

    async def one(self) -> pb.Response:
        while not self.responses:
            await asyncio.sleep(0)
        return self.responses.pop(0)


@pytest.fixture
def gate() -> FakeGate:
    gate = FakeGate()
    gate.chat.apply(1, Entry(0, 1, b"x" * 16, 1, "", b"", ("create", "ann", "not a hash")))
    return gate


@pytest.fixture
def desk(gate: FakeGate) -> Desk:
    return Desk(gate, secrets.Passwords())  # type: ignore[arg-type]


def vouched(gate: FakeGate) -> Author:
    """A session of ann's that the chat knows."""
    gate.chat.apply(
        gate.chat.applied_index + 1,
        Entry(
            0,
            now_ms(),
            os.urandom(16),
            1,
            "",
            b"",
            ("login", "ann", verification("not a hash"), ANN.session, b"n" * 32),
        ),
    )
    return ANN


def test_each_answer_becomes_the_response_of_its_kind() -> None:
    sent = response_of(3, "send_message", (0, 17, 99), KEY)
    assert (sent.number, sent.send_message.message_id, sent.send_message.sent_at_ms) == (3, 17, 99)
    login = response_of(4, "log_in", (0, b"n" * 32, "ann", 5), KEY).log_in
    assert (login.token, login.name) == (secrets.token_of(b"n" * 32, KEY), "ann")
    for kind in ("create_account", "delete_account", "log_out", "update_message"):
        assert response_of(1, kind, (0,), KEY).WhichOneof("kind") == kind
    refused = response_of(5, "send_message", (5, "no account"), KEY)
    assert (refused.error.code, refused.error.message) == (5, "no account")


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("send_message", (0,)),
        ("send_message", (0, b"n" * 32, "ann", 5)),
        ("log_in", (0,)),
        ("log_in", (0, 17, 99)),
        ("update_message", (0, 17, 99)),
        ("create_account", (0, b"n" * 32, "ann", 5)),
    ],
)
def test_a_number_used_for_another_kind_is_told_and_never_raised(kind: str, answer: Answer) -> None:
    response = response_of(1, kind, answer, KEY)
    assert response.error.code == 3
    assert "another request" in response.error.message


async def test_two_requests_under_one_number_at_once(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    gate.hold = True
    update = pb.UpdateMessageRequest(up_to_message_id=1)
    desk.take(CLIENT, 1, "update_message", update, author, sink)
    send = pb.SendMessageRequest(to="ann", text="x")
    desk.take(CLIENT, 1, "send_message", send, author, sink)
    gate.apply()
    assert (await sink.one()).WhichOneof("kind") == "update_message"
    assert (await sink.one()).error.code == 3


async def test_a_write_repeated_has_its_answer_without_the_log(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    send = pb.SendMessageRequest(to="ann", text="x")
    desk.take(CLIENT, 1, "send_message", send, author, sink)
    first = await sink.one()
    # With its session, without it, and with a token that ended meanwhile.
    for later in (author, NOBODY, None):
        desk.take(CLIENT, 1, "send_message", send, later, sink)
        assert await sink.one() == first
    assert len(gate.proposals) == 1


async def test_without_a_session_nothing_is_sent(desk: Desk, gate: FakeGate) -> None:
    sink = FakeSink()
    send = pb.SendMessageRequest(to="ann", text="x")
    for author, words in ((NOBODY, "log in first"), (None, "not valid")):
        desk.take(CLIENT, 1, "send_message", send, author, sink)
        refused = await sink.one()
        assert refused.error.code == 16
        assert words in refused.error.message
    assert gate.proposals == []


async def test_bad_input_never_reaches_the_log(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    for kind, message in (
        ("send_message", pb.SendMessageRequest(to="x" * 10_000, text="x")),
        ("send_message", pb.SendMessageRequest(to="ann", text="x" * 65_537)),
        ("send_message", pb.SendMessageRequest(to="ann")),
        ("create_account", pb.CreateAccountRequest(name="a*", password="x")),
        ("create_account", pb.CreateAccountRequest(name="bob", password="x" * 1025)),
        ("log_in", pb.LogInRequest(name="ann")),
        ("list_accounts", pb.ListAccountsRequest(page_size=1001)),
        ("list_accounts", pb.ListAccountsRequest(pattern="x" * 10_000)),
        ("", None),
    ):
        desk.take(CLIENT, 1, kind, message, author, sink)
        assert (await sink.one()).error.code == 3, kind
    assert gate.proposals == []


async def test_requests_without_a_name_are_numbered_when_they_reach_the_log(
    desk: Desk, gate: FakeGate
) -> None:
    author, sink = vouched(gate), FakeSink()
    for text in ("one", "", "x" * 70_000, "two"):
        message = pb.SendMessageRequest(to="ann", text=text)
        desk.take(b"", 0, "send_message", message, author, sink)
        await sink.one()
    assert [proposal.number for proposal in gate.proposals] == [1, 2]
    assert len({proposal.client for proposal in gate.proposals}) == 1
    assert len(gate.proposals[0].client) == 16


async def test_an_acknowledgement_of_another_order_is_refused(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    # The gate says that view 3 ordered it; who names no view takes what stands there.
    for number, view, code in ((1, 2, 9), (2, 3, 0), (3, None, 0), (4, 0, 9)):
        update = pb.UpdateMessageRequest(up_to_message_id=1, view=view)
        desk.take(CLIENT, number, "update_message", update, author, sink)
        response = await sink.one()
        assert response.error.code == code, view
        assert ("another place in the order" in response.error.message) == (code == 9)
    assert [proposal.number for proposal in gate.proposals] == [2, 3]
    assert {proposal.request for proposal in gate.proposals} == {("update", 1, ())}


async def test_a_crowded_replica_refuses(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    gate.crowded = True
    send = pb.SendMessageRequest(to="ann", text="x")
    desk.take(CLIENT, 1, "send_message", send, author, sink)
    assert (await sink.one()).error.code == 8


# ------------------------------------------------------------------- messages in columns


def codes(sink: FakeSink) -> dict[int, int]:
    """Number -> status code; each number has been answered once."""
    found = {response.number: response.error.code for response in sink.responses}
    assert len(found) == len(sink.responses)
    return found


def test_columns_are_one_proposal_with_normal_names(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    index = gate.chat.applied_index + 1
    desk.take_sends(CLIENT, 7, ("ａｎｎ",), ("a", "b", "c"), author, sink)
    desk.take_sends(CLIENT, 10, ("ann", "bob", "ａｎｎ"), ("d", "e", "f"), author, sink)
    assert [(p.client, p.number, p.account, p.session, p.request) for p in gate.proposals] == [
        (CLIENT, 7, *ANN, ("send", ("ann",), ("a", "b", "c"))),
        (CLIENT, 10, *ANN, ("send", ("ann", "bob", "ann"), ("d", "e", "f"))),
    ]
    assert sink.runs == [
        (SENDS, 7, 3, 0),
        (SENDS, 10, 1, 0),
        (SENDS, 11, 1, 5),
        (SENDS, 12, 1, 0),
    ]
    ids = [response.send_message.message_id for response in sink.responses]
    first, second = message_id(index, 0), message_id(index + 1, 0)
    assert ids == [first, first + 1, first + 2, second, 0, second + 2]
    waiting = gate.chat.undelivered("ann", 0, 99, 999)
    assert [message.text for message in waiting] == ["a", "b", "c", "d", "f"]


def test_as_many_as_there_may_be_are_one_proposal(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    desk.take_sends(CLIENT, 1, ("ann",), ("x",) * SENDS_MAX, author, sink)
    assert sink.runs == [(SENDS, 1, SENDS_MAX, 0)]


@pytest.mark.parametrize(
    ("to", "texts"),
    [
        (("ann",), ("one", "", "three")),
        (("ann",), ("one", "a\0b", "three")),
        (("ann",), ("one", "x" * 65_537, "three")),
        (("ann",), ("one", "\ud800", "three")),
        (("ann", "a*", "ann"), ("one", "two", "three")),
        (("ann", "x" * 10_000, "ann"), ("one", "two", "three")),
        (("ann", "ann", "ann"), ("one", "", "three")),
    ],
)
def test_a_bad_one_among_others_is_refused_alone(
    desk: Desk, gate: FakeGate, to: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    author, sink = vouched(gate), FakeSink()
    desk.take_sends(CLIENT, 1, to, texts, author, sink)
    assert codes(sink) == {1: 0, 2: 3, 3: 0}
    assert [message.text for message in gate.chat.undelivered("ann", 0, 9, 99)] == ["one", "three"]
    # Its number is free: nothing of it has reached the log.
    assert gate.chat.recall(CLIENT, 2) is None
    desk.take_sends(CLIENT, 2, ("ann",), ("two",), author, sink)
    assert [message.text for message in gate.chat.undelivered("ann", 0, 9, 99)] == [
        "one",
        "three",
        "two",
    ]


def test_a_bad_receiver_of_all_refuses_each(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    desk.take_sends(CLIENT, 1, ("a?",), ("one", "two"), author, sink)
    assert codes(sink) == {1: 3, 2: 3}
    assert gate.proposals == []


def test_columns_repeated_have_their_answers_without_the_log(desk: Desk, gate: FakeGate) -> None:
    author, first = vouched(gate), FakeSink()
    columns = (("ann", "bob", "ann"), ("one", "two", "three"))
    desk.take_sends(CLIENT, 1, *columns, author, first)
    assert codes(first) == {1: 0, 2: 5, 3: 0}
    # With its session, without it, and with a token that ended meanwhile.
    for later in (author, NOBODY, None):
        sink = FakeSink()
        desk.take_sends(CLIENT, 1, *columns, later, sink)
        assert sink.responses == first.responses
    assert len(gate.proposals) == 1


def test_columns_of_which_some_were_applied(desk: Desk, gate: FakeGate) -> None:
    author, first, sink = vouched(gate), FakeSink(), FakeSink()
    desk.take_sends(CLIENT, 1, ("ann",), ("one", "two"), author, first)
    desk.take_sends(CLIENT, 6, ("ann",), ("six",), author, first)
    desk.take_sends(CLIENT, 2, ("ann",), ("two", "three", "four", "five", "six"), author, sink)
    assert codes(sink) == {2: 0, 3: 0, 4: 0, 5: 0, 6: 0}
    assert sink.responses[0] == first.responses[1]
    assert sink.responses[-1] == first.responses[2]
    assert [message.text for message in gate.chat.undelivered("ann", 0, 99, 999)] == [
        "one",
        "two",
        "six",
        "three",
        "four",
        "five",
    ]
    nobodys = FakeSink()
    desk.take_sends(CLIENT, 5, ("ann",), ("five", "six", "seven"), NOBODY, nobodys)
    assert codes(nobodys) == {5: 0, 6: 0, 7: 16}


def test_columns_that_come_again_before_they_are_applied(desk: Desk, gate: FakeGate) -> None:
    author, sink, again = vouched(gate), FakeSink(), FakeSink()
    gate.hold = True
    desk.take_sends(CLIENT, 1, ("ann",), ("one", "two", "three"), author, sink)
    desk.take_sends(CLIENT, 2, ("ann",), ("two", "three", "four"), author, again)
    gate.apply()
    assert codes(sink) == {1: 0, 2: 0, 3: 0}
    assert codes(again) == {2: 0, 3: 0, 4: 0}
    assert again.responses[:2] == sink.responses[1:]
    waiting = gate.chat.undelivered("ann", 0, 99, 999)
    assert [message.text for message in waiting] == ["one", "two", "three", "four"]


def test_a_number_of_columns_that_belongs_to_another_request_is_told(
    desk: Desk, gate: FakeGate
) -> None:
    author, sink = vouched(gate), FakeSink()
    desk.take(CLIENT, 2, "update_message", pb.UpdateMessageRequest(), author, FakeSink())
    desk.take_sends(CLIENT, 1, ("ann",), ("one", "two", "three"), author, sink)
    assert codes(sink) == {1: 0, 2: 3, 3: 0}
    assert "another request" in sink.responses[1].error.message


def test_without_a_session_each_of_the_columns_is_refused(desk: Desk, gate: FakeGate) -> None:
    for author in (NOBODY, None):
        sink = FakeSink()
        desk.take_sends(CLIENT, 1, ("ann",), ("one", "", "three"), author, sink)
        assert codes(sink) == {1: 16, 2: 3, 3: 16}
        sink = FakeSink()
        desk.take_sends(CLIENT, 1, ("ann",), ("one", "two"), author, sink)
        assert codes(sink) == {1: 16, 2: 16}
    assert gate.proposals == []


def test_a_crowded_replica_refuses_all_of_the_columns(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    gate.crowded = True
    desk.take_sends(CLIENT, 1, ("ann",), ("one", "two", "three"), author, sink)
    assert codes(sink) == {1: 8, 2: 8, 3: 8}
    assert gate.proposals == []
    gate.crowded = False
    again = FakeSink()
    desk.take_sends(CLIENT, 1, ("ann",), ("one", "two", "three"), author, again)
    assert codes(again) == {1: 0, 2: 0, 3: 0}


def test_columns_stop_where_the_numbers_stop(desk: Desk, gate: FakeGate) -> None:
    author, sink = vouched(gate), FakeSink()
    desk.take_sends(CLIENT, 2**63 - 1, ("ann",), ("one", "two", "three"), author, sink)
    assert codes(sink) == {2**63 - 1: 3, 2**63: 3, 2**63 + 1: 3}
    assert gate.proposals == []
    sink = FakeSink()
    desk.take_sends(CLIENT, 2**63 - 1, ("ann",), ("one", "two"), author, sink)
    assert codes(sink) == {2**63 - 1: 0, 2**63: 0}


async def test_pages_of_accounts(desk: Desk, gate: FakeGate) -> None:
    for index, name in enumerate(("bob", "cid"), 2):
        gate.chat.apply(
            index, Entry(0, 1, b"x" * 16, index, "", b"", ("create", name, "not a hash"))
        )
    sink = FakeSink()
    names: list[str] = []
    token = ""
    while not names or token:
        page = pb.ListAccountsRequest(page_size=2, page_token=token)
        desk.take(CLIENT, 1, "list_accounts", page, NOBODY, sink)
        answer = (await sink.one()).list_accounts
        names += answer.names
        token = answer.next_page_token
    assert names == ["ann", "bob", "cid"]
    gate.gone = "it leads no more"
    desk.take(CLIENT, 1, "list_accounts", pb.ListAccountsRequest(), NOBODY, sink)
    lost = await sink.one()
    assert (lost.error.code, lost.error.message) == (14, "it leads no more")


async def test_passwords_never_reach_the_log(desk: Desk, gate: FakeGate) -> None:
    sink = FakeSink()
    create = pb.CreateAccountRequest(name="bob", password="very secret")
    desk.take(CLIENT, 1, "create_account", create, NOBODY, sink)
    assert (await sink.one()).WhichOneof("kind") == "create_account"
    log_in = pb.LogInRequest(name="bob", password="very secret")
    desk.take(CLIENT, 2, "log_in", log_in, NOBODY, sink)
    token = (await sink.one()).log_in.token
    assert author_of(gate.chat, token) == Author("bob", secrets.token_hash(token) or b"")
    log_in.password = "very wrong"
    desk.take(CLIENT, 3, "log_in", log_in, NOBODY, sink)
    assert (await sink.one()).error.code == 16
    assert "secret" not in repr(gate.proposals)
    assert token not in repr(gate.proposals)


def test_whose_token_it_is() -> None:
    chat = Chat()
    assert author_of(chat, "") == NOBODY
    assert author_of(chat, "A" * 43) is None
    assert author_of(chat, "é" * 43) is None
