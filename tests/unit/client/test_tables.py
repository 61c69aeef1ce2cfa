"""The table of the replicas."""

from __future__ import annotations

from ringchat_client.tables import status_lines
from ringchat_client.values import ReplicaStatus, Status


def replica(replica_id: int, role: str, reason: str = "") -> ReplicaStatus:
    view = -1 if role == "unreachable" else 4
    return ReplicaStatus(
        replica_id, role, role == "master", 10, 12, "ab" * 16, view, f"r{replica_id}:1", reason
    )


def test_a_row_for_each_replica() -> None:
    lines = status_lines(Status(4, 1, "availability", (replica(0, "backup"), replica(1, "master"))))
    assert [line.split() for line in lines[1:]] == [
        ["0", "r0:1", "backup", "4", "no", "12", "10", "ababababab" + "ab"],
        ["1", "r1:1", "master", "4", "yes", "12", "10", "ababababab" + "ab"],
    ]
    assert lines[0].startswith("id  address")


def test_without_a_master_the_reasons_are_told() -> None:
    dead = replica(0, "unreachable", "r0:1: Connection\x1b refused")
    lines = status_lines(Status(4, -1, "availability", (dead, replica(1, "backup"))))
    assert lines[1].split() == ["0", "r0:1", "unreachable", "-", "-", "-", "-", "-"]
    assert lines[3:] == [
        "no master: nobody serves until a client asks for one",
        "replica 0: r0:1: Connection␛ refused",
    ]
