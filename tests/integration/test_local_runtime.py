"""`make up` without containers: started again, killed, in somebody's way, taken down."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.cluster import PORTS, ROOT

pytestmark = pytest.mark.timeout(180)  # the first may have to make .venv

PEER_PORTS_ABOVE = 100


class Cluster:
    """The cluster of a folder, by its script as the Makefile calls it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port_base = _port_base()

    def __call__(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("RINGCHAT_", "RUNTIME"))}
        own = {"RINGCHAT_RUN": str(self.folder), "RUNTIME": "local", "YES": "1"}
        own["RINGCHAT_PORT_BASE"] = str(self.port_base)
        return subprocess.run(
            [ROOT / "deploy/cluster.sh", *words],
            env=plain | own | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self) -> str:
        """What it printed."""
        done = self("up")
        assert done.returncode == 0, done.stderr + self.logs()
        return done.stdout

    def wait_until_in_sync(self) -> None:
        """By what `status` prints; the test's timeout is the limit."""
        while [row.split()[4] for row in self("status").stdout.splitlines()[1:4]] != ["yes"] * 3:
            time.sleep(0.1)

    def logs(self) -> str:
        return "".join(file.read_text() for file in sorted(self.folder.glob("replica-*.log")))

    def pid(self, replica_id: int) -> int:
        return int((self.folder / f"replica-{replica_id}.pid").read_text())


def _port_base() -> int:
    """Six ports as the local runtime uses them, none of them in use."""
    while True:
        base = random.choice(PORTS)
        probes = [socket.socket() for _ in range(6)]
        try:
            for offset, probe in enumerate(probes):
                probe.bind(("127.0.0.1", base + offset % 3 + PEER_PORTS_ABOVE * (offset // 3)))
            return base
        except OSError:
            continue
        finally:
            for probe in probes:
                probe.close()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    it = Cluster(tmp_path / "run")
    yield it
    it("clean")


def test_a_life(cluster: Cluster) -> None:
    table = cluster.up().splitlines()
    assert table[0].split()[:4] == ["id", "address", "role", "view"]
    assert [row.split()[2] for row in table[1:4]] == ["master", "backup", "backup"]
    assert any("make chat NAME=ann" in line for line in table)
    assert (cluster.folder / "cluster.key").stat().st_mode & 0o777 == 0o600
    for replica_id in range(3):
        files = [path.name for path in (cluster.folder / f"data-{replica_id}").iterdir()]
        assert [name for name in files if "pickle" in name] == [f"replica-{replica_id}.pickle"]

    before = [cluster.pid(replica_id) for replica_id in range(3)]
    cluster.up()
    assert [cluster.pid(replica_id) for replica_id in range(3)] == before

    os.kill(before[0], signal.SIGKILL)
    assert "unreachable" in cluster("status").stdout
    cluster.up()
    cluster.wait_until_in_sync()
    assert cluster.pid(0) != before[0]
    assert [cluster.pid(1), cluster.pid(2)] == before[1:]

    assert cluster("down").returncode == 0
    assert not list(cluster.folder.glob("*.pid"))
    assert "the cluster is not up" in cluster("down").stdout
    assert "the cluster is not up" in cluster("status").stderr

    entries = [int(row.split()[5]) for row in table[1:4]]
    table = cluster.up().splitlines()
    assert all(int(row.split()[5]) >= n for row, n in zip(table[1:4], entries, strict=True))


def test_a_port_in_use_is_one_line_and_starts_nothing(cluster: Cluster) -> None:
    port = cluster.port_base + PEER_PORTS_ABOVE + 1
    with socket.create_server(("127.0.0.1", port)):
        done = cluster("up")
    assert done.returncode == 1
    assert done.stderr.startswith(f"ringchat: port {port} is in use")
    assert done.stderr.count("\n") == 1
    assert not list(cluster.folder.glob("*.pid"))


def test_the_number_of_a_dead_replica_given_to_another_process(cluster: Cluster) -> None:
    cluster.up()
    dead = cluster.pid(2)
    os.kill(dead, signal.SIGKILL)
    with subprocess.Popen(["sleep", "120"]) as innocent:
        try:
            (cluster.folder / "replica-2.pid").write_text(f"{innocent.pid}\n")
            cluster.up()
            assert cluster.pid(2) not in (dead, innocent.pid)
            os.kill(cluster.pid(1), signal.SIGKILL)
            (cluster.folder / "replica-1.pid").write_text(f"{innocent.pid}\n")
            cluster("down")
            assert innocent.poll() is None
        finally:
            innocent.kill()
