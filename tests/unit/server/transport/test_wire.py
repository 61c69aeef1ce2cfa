from __future__ import annotations

import pytest

from ringchat_proto import replica_pb2 as pb
from ringchat_server.pickled import Unreadable, encode
from ringchat_server.records import Entry, Group, Proposal
from ringchat_server.replica import values as v
from ringchat_server.transport import wire

ENTRY = Entry(4, 1_000, b"c" * 16, 7, "ann", b"s" * 32, ("send", "bob", "hello"))
SUMMARY = v.Summary(3, 20, 5, (v.Run(1, 0), v.Run(6, 3)))
PROPOSAL = Proposal(b"c" * 16, 7, "ann", b"", ("send", "bob", "hello"))

MESSAGES: list[v.Message] = [
    v.Ping(4, True, b"id", 1),
    v.Probe(9, True, 4, False),
    v.Prepare(4, True),
    v.Promise(4, SUMMARY, True, False, True),
    v.Refusal(4, 7, "no", True),
    v.Fetch(4, v.NEEDS_STATE, 3),
    v.Ack(4, 20, 2),
    v.Mismatch(4, SUMMARY),
    v.StateChunk(4, 6, SUMMARY.runs, 3, 1 << 18, b"bytes", True),
    v.HandOver(4, (PROPOSAL, PROPOSAL)),
    v.HandedOver(4),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda m: type(m).__name__)
def test_there_and_back(message: v.Message) -> None:
    data = wire.encode_message(message).SerializeToString()
    assert wire.decode_message(pb.LinkMessage.FromString(data)) == message


@pytest.mark.parametrize("entries", [[], [ENTRY, ENTRY]])
def test_an_append_there_and_back(entries: list[Entry]) -> None:
    append = v.Append(4, 19, 3, Group(20, entries), 18, (0, 2), 12, 5, 11, b"id", 1)
    data = wire.encode_message(append).SerializeToString()
    back = wire.decode_message(pb.LinkMessage.FromString(data))
    assert isinstance(back, v.Append)
    assert (back.group.first_index, list(back.group.entries)) == (20, entries)
    for name in ("view", "previous_index", "previous_view", "commit_index", "in_sync"):
        assert getattr(back, name) == getattr(append, name)
    for name in ("start_index", "round", "all_have", "cluster_id", "birth_view"):
        assert getattr(back, name) == getattr(append, name)


def test_fetched_there_and_back() -> None:
    data = wire.encode_message(v.Fetched(4, Group(20, [ENTRY]), 33)).SerializeToString()
    back = wire.decode_message(pb.LinkMessage.FromString(data))
    assert isinstance(back, v.Fetched)
    assert (back.view, back.group.first_index, list(back.group.entries)) == (4, 20, [ENTRY])
    assert back.length == 33


def test_every_message_of_the_rules_is_known() -> None:
    assert set(wire._ENCODERS) == set(v.Message.__args__)
    kinds = {field.name for field in pb.LinkMessage.DESCRIPTOR.fields}
    assert set(wire._DECODERS) == kinds - {"hello"}


def test_the_hello() -> None:
    hello = v.Hello(2, 3, "availability", b"id", 1, 4, True)
    assert wire.decode_hello(wire.encode_hello(hello)) == hello
    with pytest.raises(Unreadable, match="hello"):
        wire.decode_hello(wire.encode_message(MESSAGES[0]))
    with pytest.raises(Unreadable, match="hello"):
        wire.decode_message(wire.encode_hello(hello))


@pytest.mark.parametrize(
    "message",
    [
        pb.LinkMessage(),
        pb.LinkMessage(append=pb.Append(previous_index=5, group=b"garbage")),
        pb.LinkMessage(append=pb.Append(previous_index=5, group=encode(("entries", 9, [])))),
        pb.LinkMessage(fetched=pb.Fetched(group=b"")),
        pb.LinkMessage(hand_over=pb.HandOver(entries=b"garbage")),
        pb.LinkMessage(hand_over=pb.HandOver(entries=encode({}))),
        pb.LinkMessage(hand_over=pb.HandOver(entries=encode([(1, 2)]))),
        pb.LinkMessage(hand_over=pb.HandOver(entries=encode([tuple(PROPOSAL)] * 4097))),
        pb.LinkMessage(hand_over=pb.HandOver(entries=encode([(*PROPOSAL[:4], ("x", []))]))),
        pb.LinkMessage(prepare=pb.Prepare(view=-1)),
        pb.LinkMessage(prepare=pb.Prepare(view=1 << 62)),
        pb.LinkMessage(ping=pb.Ping(view=-2)),
        pb.LinkMessage(ack=pb.Ack(length=1 << 62)),
        pb.LinkMessage(fetch=pb.Fetch(after_index=-2)),
        pb.LinkMessage(refusal=pb.Refusal(promised=1 << 62)),
    ],
)
def test_what_no_replica_sends_is_refused(message: pb.LinkMessage) -> None:
    with pytest.raises(Unreadable):
        wire.decode_message(message)


@pytest.mark.parametrize(
    "changes",
    [
        {"view": 2},  # older than its entries
        {"previous_view": -1},
        {"previous_view": 5, "view": 5},  # newer than the entry that follows
        {"previous_index": 1 << 62},
        {"commit_index": 1 << 63},
        {"all_have": 1 << 63},
        {"start_index": 0},
        {"cluster_id": b""},
        {"birth_view": -1},
    ],
)
def test_an_append_that_contradicts_itself_is_refused(changes: dict[str, object]) -> None:
    append = v.Append(4, 19, 3, Group(20, [ENTRY, ENTRY]), 18, (0, 2), 12, 5, 11, b"id", 1)
    message = wire.encode_message(append)
    wire.decode_message(message)
    for name, value in changes.items():
        setattr(message.append, name, value)
    with pytest.raises(Unreadable):
        wire.decode_message(message)


@pytest.mark.parametrize(
    "summary",
    [
        v.Summary(3, 20, 21, SUMMARY.runs),
        v.Summary(3, 20, 5, ()),
        v.Summary(3, 0, 0, SUMMARY.runs),
        v.Summary(3, 5, 5, SUMMARY.runs),
        v.Summary(3, 20, 5, SUMMARY.runs[::-1]),
        v.Summary(3, 20, 5, (v.Run(1, 0), v.Run(1, 3))),
        v.Summary(3, 20, 5, (v.Run(0, 0), v.Run(6, 3))),
        v.Summary(3, 20, 5, (v.Run(1, 3), v.Run(6, 3))),
        v.Summary(3, 20, 5, (v.Run(1, -1), v.Run(6, 3))),
        v.Summary(3, 1 << 62, 5, SUMMARY.runs),
        v.Summary(-2, 20, 5, SUMMARY.runs),
    ],
)
def test_a_summary_that_is_of_no_log_is_refused(summary: v.Summary) -> None:
    with pytest.raises(Unreadable):
        wire.decode_message(wire.encode_message(v.Mismatch(4, summary)))


@pytest.mark.parametrize(
    "fetched",
    [
        v.Fetched(4, Group(20, []), 33),
        v.Fetched(4, Group(20, [ENTRY, ENTRY]), 20),
        v.Fetched(3, Group(20, [ENTRY]), 33),
    ],
)
def test_a_piece_of_no_log_is_refused(fetched: v.Fetched) -> None:
    with pytest.raises(Unreadable):
        wire.decode_message(wire.encode_message(fetched))
