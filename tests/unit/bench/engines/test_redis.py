from __future__ import annotations

from typing import Any

import pytest

from bench.engines.nodes import Seen
from bench.engines.redis import Redis, attached, rate_in, seen, sentinel_config, server_config

PORTS = {"a": 1, "b": 2, "c": 3}
Said = tuple[dict[str, Any], list[dict[str, Any]]]


def primary(offset: int = 9) -> dict[str, Any]:
    return {"role": "master", "master_repl_offset": offset, "connected_slaves": 2}


def replica(of: str = "a", offset: int = 9, link: str = "up") -> dict[str, Any]:
    return {
        "role": "slave",
        "master_port": PORTS[of],
        "master_link_status": link,
        "slave_repl_offset": offset,
    }


def sentinel(
    name: str = "a", *, flags: str = "master", others: int = 2, replicas: tuple[str, ...] = ()
) -> Said:
    said = {"port": PORTS[name], "flags": flags, "num-other-sentinels": others}
    return said, [{"flags": each} for each in replicas or ("slave", "slave")]


# -------------------------------------------------------------------- the files


def test_every_write_is_synced_and_a_primary_alone_takes_none() -> None:
    lines = server_config("a", PORTS).splitlines()
    assert {"port 1", "appendonly yes", "appendfsync always", "min-replicas-to-write 1"} <= {*lines}
    assert not any(line.startswith("replicaof") for line in lines)


def test_the_others_follow_the_first_one() -> None:
    assert "replicaof 127.0.0.1 1" in server_config("c", PORTS).splitlines()
    assert "port 3" in server_config("c", PORTS).splitlines()


def test_two_sentinels_must_agree() -> None:
    lines = sentinel_config(7, 1, 1.5).splitlines()
    assert "port 7" in lines
    assert "sentinel monitor bench 127.0.0.1 1 2" in lines
    assert "sentinel down-after-milliseconds bench 1500" in lines


def test_what_is_not_the_default_is_in_the_name() -> None:
    assert Redis().name == "redis"
    assert Redis(down_after_seconds=1.0).name == "redis, down after 1 s"


# -------------------------------------------------------------------- who leads


def test_it_leads_who_says_so_and_is_named_by_the_sentinels() -> None:
    servers = {"a": primary(9), "b": replica(offset=7), "c": replica(offset=9)}
    assert seen(servers, PORTS, [sentinel()] * 3) == Seen("a", {"a": 9, "b": 7, "c": 9})


def test_who_comes_back_as_a_primary_does_not_lead() -> None:
    servers = {"a": primary(5), "b": primary(9), "c": replica("b")}
    assert seen(servers, PORTS, [sentinel("b")] * 3) == Seen("b", {"b": 9, "c": 9})


def test_one_sentinel_is_not_enough() -> None:
    servers = {"a": None, "b": primary(), "c": replica("b")}
    assert seen(servers, PORTS, [sentinel("a"), sentinel("a"), sentinel("b")]) is None
    assert seen(servers, PORTS, [sentinel("b")]) is None
    assert seen({**servers, "b": replica("a")}, PORTS, [sentinel("b")] * 3) is None


@pytest.mark.parametrize(
    "odd",
    [
        sentinel("b"),
        sentinel(others=1),
        sentinel(flags="master,failover_in_progress"),
        sentinel(flags="s_down,master"),
        sentinel(replicas=("slave",)),
        sentinel(replicas=("slave", "s_down,slave")),
    ],
)
def test_the_others_are_seen_when_all_sentinels_have_found_all(odd: Said) -> None:
    servers = {"a": primary(), "b": replica(), "c": replica()}
    assert seen(servers, PORTS, [sentinel(), sentinel(), odd]) == Seen("a", {"a": 9})
    assert seen(servers, PORTS, [sentinel(), sentinel()]) == Seen("a", {"a": 9})


def test_a_replica_without_its_link_or_of_another_is_not_with_it() -> None:
    servers = {"a": primary(), "b": replica(link="down"), "c": replica("b")}
    assert seen(servers, PORTS, [sentinel()] * 3) == Seen("a", {"a": 9})


def test_a_replica_counts_when_it_is_online() -> None:
    online, loading = {"state": "online"}, {"state": "wait_bgsave"}
    assert attached({"connected_slaves": 2, "slave0": online, "slave1": online}) == 2
    assert attached({"connected_slaves": 2, "slave0": loading, "slave1": online}) == 1
    assert attached({"connected_slaves": 0}) == 0


# -------------------------------------------------------------------- the tool


def test_the_tools_figure_is_read() -> None:
    text = (
        '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms"\n'
        '"SET","61728.39","7.804","0.952","7.671"\n'
    )
    assert rate_in(text) == 61_728.39


@pytest.mark.parametrize("text", ["", "ERROR: refused\n", '"test","rps"\n'])
def test_a_tool_that_tells_nothing_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        rate_in(text)
