"""The status of a cluster as a table for a person."""

from __future__ import annotations

from ringchat_client.plain_text import harmless, one_harmless_line
from ringchat_client.values import ReplicaStatus, Status

__all__ = ["status_lines"]

HEAD = ("id", "address", "role", "view", "in sync", "entries", "committed", "state")
HASH_DIGITS = 12


def status_lines(status: Status) -> list[str]:
    """The table, and under it what the replicas that do not serve say."""
    rows = [HEAD, *map(_row, status.replicas)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if status.master_id < 0:
        lines.append("no master: nobody serves until a client asks for one")
        lines += [
            f"replica {r.id}: {one_harmless_line(r.reason)}" for r in status.replicas if r.reason
        ]
    return lines


def _row(replica: ReplicaStatus) -> tuple[str, ...]:
    known = replica.role != "unreachable"
    return (
        str(replica.id),
        harmless(replica.address),
        harmless(replica.role),
        str(replica.view) if known else "-",
        ("yes" if replica.in_sync else "no") if known else "-",
        str(replica.entries) if known else "-",
        str(replica.commit_index) if known else "-",
        replica.state_hash[:HASH_DIGITS] if known else "-",
    )
