from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from bench.engines.etcd import command, put_request, rate_in, seen
from bench.engines.nodes import Seen

MEMBERS = {"a": "11", "b": "22", "c": "33"}


def status(name: str, leader: str | None, applied: int = 8, term: int = 2) -> dict[str, Any]:
    """What a member says; like etcd's JSON: numbers as text, and no zeros."""
    said: dict[str, Any] = {"header": {"member_id": MEMBERS[name]}, "version": "3.4.23"}
    if leader is not None:
        said["leader"] = MEMBERS[leader]
    if applied:
        said["raftAppliedIndex"] = str(applied)
    if term:
        said["raftTerm"] = str(term)
    return said


def put_message() -> Any:
    """The class of `PutRequest`, made from its description."""
    file = descriptor_pb2.FileDescriptorProto(name="put.proto", package="etcdserverpb")
    message = file.message_type.add(name="PutRequest")
    for number, name in enumerate(("key", "value"), 1):
        message.field.add(
            name=name,
            number=number,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
            label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
        )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("etcdserverpb.PutRequest"))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 16_383, 16_384, 100_000])
def test_a_put_is_what_protobuf_would_write(size: int) -> None:
    message = put_message()
    request = put_request(b"key", b"v" * size)
    assert message.FromString(request) == message(key=b"key", value=b"v" * size)
    if size:
        assert request == message(key=b"key", value=b"v" * size).SerializeToString()


def test_a_node_knows_all_and_keeps_the_defaults() -> None:
    words = command("b", {"a": 1, "b": 2, "c": 3}, {"a": 4, "b": 5, "c": 6})
    assert words[:2] == ["etcd", "--name=b"]
    assert "--listen-client-urls=http://127.0.0.1:2" in words
    assert "--listen-peer-urls=http://127.0.0.1:5" in words
    everybody = "a=http://127.0.0.1:4,b=http://127.0.0.1:5,c=http://127.0.0.1:6"
    assert f"--initial-cluster={everybody}" in words
    assert not any("heartbeat" in word or "election" in word or "fsync" in word for word in words)


def test_it_leads_whom_the_leader_is_itself() -> None:
    assert seen({"a": status("a", "b"), "b": status("b", "b", 9), "c": status("c", "b")}) == Seen(
        "b", {"a": 8, "b": 9, "c": 8}
    )


def test_who_does_not_answer_has_nothing() -> None:
    assert seen({"a": None, "b": status("b", "b"), "c": status("c", "b", 0)}) == Seen(
        "b", {"b": 8, "c": 0}
    )


def test_nobody_leads_while_it_is_not_known_who() -> None:
    assert seen({"a": None, "b": status("b", None), "c": status("c", None)}) is None
    assert seen({"a": None, "b": status("b", "a"), "c": status("c", "a")}) is None
    assert seen({"a": {"error": "starting"}, "b": None, "c": None}) is None


def test_of_two_who_lead_the_later_one_does_and_who_follows_the_other_is_not_with_it() -> None:
    statuses = {"a": status("a", "a", 8, 2), "b": status("b", "b", 9, 3), "c": status("c", "a", 8)}
    assert seen(statuses) == Seen("b", {"b": 9})


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        (" 60 / 60   100.00% 1m0s\nPASS: Throughput is 7943 writes/s\nPASS\n", 7943.0),
        ("Throughput too low: 2950 writes/s\nSlowest request took too long: 1.2s\nFAIL\n", 2950.0),
    ],
)
def test_the_rate_is_found_whether_it_passed_or_not(text: str, rate: float) -> None:
    assert rate_in(text) == rate


def test_without_a_rate_it_is_an_error() -> None:
    with pytest.raises(ValueError):
        rate_in("Error: context deadline exceeded")
