"""Replicas that cannot start: one line that says why, and the exit code that says what kind."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from ringchat_server.journal.frames import encode_frame
from ringchat_server.pickled import encode
from tests.integration.cluster import LocalCluster
from tests.integration.conftest import MakeCluster


async def _refusal(cluster: LocalCluster, replica_id: int = 0) -> tuple[int, str]:
    """The exit code of a start that fails, and its one line."""
    cluster.start(replica_id)
    code = await cluster.exit_code(replica_id)
    lines = [line for line in cluster.replicas[replica_id].log.splitlines() if " INFO " not in line]
    assert len(lines) == 1, lines
    assert lines[0].startswith("ringchat-server: ")
    return code, lines[0]


def _edited(old: str, new: str) -> Callable[[LocalCluster], None]:
    def edit(cluster: LocalCluster) -> None:
        text = cluster.file.read_text()
        assert old in text
        cluster.file.write_text(text.replace(old, new, 1))

    return edit


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda cluster: cluster.file.unlink(), ["cluster.yaml", "No such file"]),
        (_edited("prefer: availability", "prefer: luck"), ["cluster.yaml:1:", "luck"]),
        (_edited("replicas:", "replicas"), ["cluster.yaml:"]),
        (_edited("{id: 1", "{id: 0"), ["cluster.yaml:5:", "twice"]),
        (_edited("{id: 2", "{id: 7"), ["cluster.yaml:6:", "7"]),
        (_edited("{id: 1", "{idd: 1"), ["cluster.yaml:5:", "idd"]),
        (_edited("127.0.0.1:", "127.0.0.1"), ["cluster.yaml:4:"]),
        (lambda cluster: cluster.key_file.chmod(0o644), ["cluster.key", "chmod 600"]),
        (lambda cluster: cluster.key_file.unlink(), ["cluster.key"]),
    ],
)
async def test_wrong_configuration(
    make_cluster: MakeCluster, change: Callable[[LocalCluster], None], words: list[str]
) -> None:
    cluster = make_cluster()
    change(cluster)
    code, line = await _refusal(cluster)
    assert code == 2
    for word in words:
        assert word in line


async def test_an_unknown_replica_id(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    text = "\n".join(cluster.file.read_text().splitlines()[:-1])  # without replica 2
    cluster.file.write_text(text)
    code, line = await _refusal(cluster, 2)
    assert code == 2
    assert "no replica 2" in line


@pytest.mark.parametrize("which", ["client", "peer"])
async def test_a_port_in_use(make_cluster: MakeCluster, which: str) -> None:
    cluster = make_cluster()
    address = getattr(cluster.replicas[0], which)
    with socket.socket() as taken:
        host, _, port = address.rpartition(":")
        taken.bind((host, int(port)))
        taken.listen()
        code, line = await _refusal(cluster)
    assert code == 3
    assert address in line


async def test_a_data_folder_that_nobody_can_write_to(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    cluster.replicas[0].data_folder = Path("/proc")  # not even root can make a file there
    code, line = await _refusal(cluster)
    assert code == 3
    assert "/proc" in line


async def test_a_file_in_the_place_of_the_data_folder(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    folder = cluster.replicas[0].data_folder
    folder.write_text("")
    code, line = await _refusal(cluster)
    assert code == 3
    assert str(folder) in line


async def test_a_disk_that_is_full_from_the_start(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(
        prelude="import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))\n"
    )
    code, line = await _refusal(cluster)
    assert code == 3
    assert str(cluster.replicas[0].data_folder) in line


async def test_the_journal_of_another_replica(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    cluster.start()
    await cluster.ready()
    await cluster.promote(0)
    await cluster.alike()
    cluster.kill()
    one, two = cluster.replicas[1], cluster.replicas[2]
    two.journal.write_bytes(one.journal.read_bytes())
    two.log_file.unlink()
    code, line = await _refusal(cluster, 2)
    assert code == 3
    assert "replica 1" in line


async def test_a_journal_of_a_newer_format(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    replica = cluster.replicas[0]
    replica.data_folder.mkdir()
    newer = encode_frame(0, encode(("ringchat journal", 999, 0, "something new")), 0)
    replica.journal.write_bytes(newer)
    code, line = await _refusal(cluster)
    assert code == 3
    assert "999" in line
    assert replica.journal.read_bytes() == newer
