from __future__ import annotations

from typing import Any

from bench.engines.nats import config, seen, seen_without_stream
from bench.engines.nodes import Seen


def replica(name: str, *, current: bool = True, offline: bool = False) -> dict[str, Any]:
    said: dict[str, Any] = {"name": name, "current": current, "active": 1_000}
    return {**said, "offline": True} if offline else said


def status(
    leader: str, *replicas: dict[str, Any], last: int = 3, stream: str = "bench"
) -> dict[str, Any]:
    """What a server says at /jsz, as far as it is read."""
    detail = {
        "name": stream,
        "cluster": {"name": "ringchat-bench", "leader": leader, "replicas": [*replicas]},
        "state": {"messages": last, "last_seq": last},
    }
    return {
        "meta_cluster": {"leader": leader, "replicas": [*replicas], "cluster_size": 3},
        "account_details": [{"name": "$SYS"}, {"name": "$G", "stream_detail": [detail]}],
    }


def test_a_server_knows_all_and_keeps_the_defaults() -> None:
    text = config("b", {"a": 1, "b": 2, "c": 3}, {"a": 4, "b": 5, "c": 6}, {"a": 7, "b": 8, "c": 9})
    routes = 'routes: ["nats://127.0.0.1:4", "nats://127.0.0.1:5", "nats://127.0.0.1:6"] }'
    assert text.splitlines() == [
        'server_name: "b"',
        'listen: "127.0.0.1:2"',
        'http: "127.0.0.1:8"',
        'jetstream { store_dir: "b.data" }',
        'cluster { name: "ringchat-bench", listen: "127.0.0.1:5", ' + routes,
    ]


def test_it_leads_who_says_so_itself() -> None:
    statuses = {
        "a": status("a", replica("b"), replica("c"), last=5),
        "b": status("a", replica("a"), replica("c", current=False)),
        "c": status("a", replica("a"), replica("b", current=False), last=4),
    }
    assert seen(statuses) == Seen("a", {"a": 5, "b": 3, "c": 4})


def test_an_election_that_others_have_not_heard_of_counts() -> None:
    statuses = {
        "a": None,
        "b": status("b", replica("c"), replica("a", current=False, offline=True)),
        "c": status("a", replica("a"), replica("b")),
    }
    assert seen(statuses) == Seen("b", {"b": 3, "c": 3})


def test_whom_the_leader_does_not_find_current_is_not_with_it() -> None:
    statuses = {
        "a": status("a", replica("b", current=False), replica("c", offline=True)),
        "b": status("a", replica("a"), replica("c")),
        "c": status("a", replica("a"), replica("b")),
    }
    assert seen(statuses) == Seen("a", {"a": 3})


def test_nobody_leads_a_stream_that_is_led_by_the_dead_or_by_nobody() -> None:
    other = status("", replica("b"))
    assert seen({"a": None, "b": status("a", replica("a")), "c": other}) is None
    assert seen({"a": None, "b": None, "c": {"account_details": []}}) is None


def test_another_stream_does_not_count() -> None:
    assert seen({"a": status("a", stream="else"), "b": None, "c": None}) is None


def test_without_a_stream_the_cluster_itself_has_a_leader() -> None:
    follower = {"meta_cluster": {"leader": "a", "cluster_size": 3}}
    whole = status("a", replica("b"), replica("c"))
    assert seen_without_stream({"a": whole, "b": follower, "c": follower}) == Seen(
        "a", {"a": 0, "b": 0, "c": 0}
    )
    part = status("a", replica("b"), replica("c", current=False))
    assert seen_without_stream({"a": part, "b": follower, "c": None}) == Seen("a", {"a": 0, "b": 0})
    assert seen_without_stream({"a": {"meta_cluster": {}}, "b": follower, "c": None}) is None
