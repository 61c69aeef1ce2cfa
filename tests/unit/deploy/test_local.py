"""Which processes are ours, and which ports are free: before anything is started or ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import local
from deploy.local import Failed, Replica
from ringchat_server.settings import Member

SLEEP = "import sys, time; print('up', flush=True); time.sleep(60)"


@pytest.fixture(autouse=True)
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(local, "RUN", tmp_path)
    monkeypatch.setattr(local, "CLUSTER_FILE", tmp_path / "cluster.yaml")
    monkeypatch.setattr(local, "KEY_FILE", tmp_path / "cluster.key")
    monkeypatch.setattr(local, "PUBLISHED_FILE", tmp_path / "cluster.published.yaml")
    for name in [name for name in os.environ if name.startswith("RINGCHAT_")]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def replica() -> Replica:
    return Replica(Member(0, "127.0.0.1:1", "127.0.0.1:2"))


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def start(processes: list[subprocess.Popen[str]], *words: str) -> int:
    """A process that sleeps and has those arguments; its number."""
    argv = [sys.executable, "-c", SLEEP, *words]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    processes.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process.pid


class TestWhoseProcess:
    def test_ours_by_its_command_line(
        self, replica: Replica, processes: list[subprocess.Popen[str]]
    ) -> None:
        pid = start(processes, *replica.command[1:])
        replica.pid_file.write_text(f"{pid}\n")
        assert replica.pid() == pid

    def test_not_that_of_another_replica_or_another_folder(
        self, replica: Replica, processes: list[subprocess.Popen[str]]
    ) -> None:
        other = Replica(Member(1, "127.0.0.1:1", "127.0.0.1:2"))
        replica.pid_file.write_text(str(start(processes, *other.command[1:])))
        assert replica.pid() is None
        elsewhere = [word.replace("data-0", "data-00") for word in replica.command[1:]]
        replica.pid_file.write_text(str(start(processes, *elsewhere)))
        assert replica.pid() is None

    @pytest.mark.parametrize("text", ["", "x", "0", "-1", "999999999"])
    def test_a_pid_file_of_nobody(self, replica: Replica, text: str) -> None:
        replica.pid_file.write_text(text)
        assert replica.pid() is None

    def test_no_pid_file(self, replica: Replica) -> None:
        assert replica.pid() is None

    def test_a_corpse_that_nobody_has_collected(
        self, replica: Replica, processes: list[subprocess.Popen[str]]
    ) -> None:
        pid = start(processes, *replica.command[1:])
        replica.pid_file.write_text(str(pid))
        processes[0].kill()
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # dead, and still in the table
        assert replica.pid() is None


class TestDown:
    def test_somebody_elses_process_lives_on(
        self, replica: Replica, processes: list[subprocess.Popen[str]]
    ) -> None:
        replica.pid_file.write_text(str(start(processes)))
        local.down()
        assert processes[0].poll() is None
        assert not replica.pid_file.exists()

    def test_ours_is_ended_and_waited_for(
        self, replica: Replica, processes: list[subprocess.Popen[str]]
    ) -> None:
        replica.pid_file.write_text(str(start(processes, *replica.command[1:])))
        local.down()
        assert processes[0].poll() == -signal.SIGTERM
        assert not replica.pid_file.exists()

    def test_one_that_will_not_end_is_killed_and_that_is_said(
        self,
        replica: Replica,
        processes: list[subprocess.Popen[str]],
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(local, "STOP_SECONDS_MAX", 0.2)
        deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
        monkeypatch.setattr(sys.modules[__name__], "SLEEP", deaf)
        replica.pid_file.write_text(str(start(processes, *replica.command[1:])))
        local.down()
        assert processes[0].wait(10) == -signal.SIGKILL
        assert "replica 0 did not end by itself in time: killed" in capsys.readouterr().out


class TestPorts:
    def test_one_that_is_in_use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(local, "PORT_SECONDS_MAX", 0.0)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with pytest.raises(Failed, match=f"port {port} is in use by another program"):
                local._check_free(f"127.0.0.1:{port}")

    def test_one_that_is_free_again(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = listener.getsockname()
            with socket.create_connection(address), listener.accept()[0]:
                pass  # the side that closes first keeps the port in TIME_WAIT
        local._check_free(f"127.0.0.1:{address[1]}")


class TestTheClusterFiles:
    def test_loopback_ports_from_the_base(
        self, run_folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("RINGCHAT_PORT_BASE", "7001")
        members = local._write_cluster()
        assert members[2] == Member(2, "127.0.0.1:7003", "127.0.0.1:7103", "127.0.0.1:7003")
        assert "peer:" not in (run_folder / "cluster.published.yaml").read_text()

    def test_a_bad_choice_is_one_line(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RINGCHAT_PREFER", "speed")
        assert local.main(["up"]) == 1
        assert capsys.readouterr().err.count("\n") == 1

    @pytest.mark.parametrize(
        ("name", "value"), [("PORT_BASE", "x"), ("PORT_BASE", "65535"), ("REPLICAS", "many")]
    )
    def test_a_bad_number_is_one_line(
        self,
        name: str,
        value: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setenv(f"RINGCHAT_{name}", value)
        assert local.main(["up"]) == 1
        assert capsys.readouterr().err.count("\n") == 1
