"""The replicas as processes of this machine: `local.py up`, `web`, `down`.

Everything is under `.run/` (or RINGCHAT_RUN): `cluster.yaml`, `cluster.key` (made by
deploy/cluster.sh), and for each replica N `replica-N.pid`, `replica-N.log` and the
folder `data-N` with its one pickle file; for each web gateway `web-PORT.pid` and its log.

A pid file may be old, and its number may be another program's by now. So a process is
touched only if its command line is that of our replica N with our data folder, or of our
gateway with that port.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ringchat_server import settings
from ringchat_server.settings import Member, SettingsError

RUN = Path(os.environ.get("RINGCHAT_RUN") or ".run").absolute()
CLUSTER_FILE = RUN / "cluster.yaml"
PUBLISHED_FILE = RUN / "cluster.published.yaml"
KEY_FILE = RUN / "cluster.key"
PORT_BASE_DEFAULT = 50051
WEB_PORT_DEFAULT = 8080
PEER_PORTS_ABOVE = 100
"""The peer port of replica N is PORT_BASE + 100 + N."""
GATEWAYS_MAX = 8
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
PORT_SECONDS_MAX = 1.0
"""A replica that was killed this very moment may still hold its ports."""
POLL_SECONDS = 0.05


class Failed(Exception):
    """What was asked cannot be done; the text is one line for a person."""


class Program(ABC):
    """A program that we started, by the files it leaves."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """What its files are called after."""

    @property
    @abstractmethod
    def command(self) -> list[str]:
        """How it is started, and recognised."""

    @property
    def pid_file(self) -> Path:
        """Holds the number of its process, while it runs."""
        return RUN / f"{self.name}.pid"

    @property
    def log_file(self) -> Path:
        """What it says; appended to."""
        return RUN / f"{self.name}.log"

    def pid(self) -> int | None:
        """The number of its running process, if it has one."""
        try:
            pid = int(self.pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if pid > 0 and self._is_ours(pid) else None

    def _is_ours(self, pid: int) -> bool:
        words = _command_line(pid)
        # Not the interpreter: it may have been started under another name of the same file.
        return words[-len(self.command) + 1 :] == self.command[1:]


@dataclass(frozen=True, slots=True)
class Replica(Program):
    """One replica's process and files."""

    member: Member

    @property
    def name(self) -> str:
        """By its number."""
        return f"replica-{self.member.id}"

    @property
    def data_folder(self) -> Path:
        """Holds its pickle file."""
        return RUN / f"data-{self.member.id}"

    @property
    def command(self) -> list[str]:
        """How it is started, and recognised."""
        options = {
            "--cluster": CLUSTER_FILE,
            "--id": self.member.id,
            "--data": self.data_folder,
            "--key-file": KEY_FILE,
        }
        words = [str(word) for option in options.items() for word in option]
        return [sys.executable, "-m", "ringchat_server", "run", *words]


@dataclass(frozen=True, slots=True)
class Gateway(Program):
    """One web gateway's process and files."""

    port: int

    @property
    def name(self) -> str:
        """By its port."""
        return f"web-{self.port}"

    @property
    def command(self) -> list[str]:
        """How it is started, and recognised."""
        words = ["--cluster", str(PUBLISHED_FILE), "--port", str(self.port)]
        return [sys.executable, "-m", "ringchat_client", "web", *words]


def _command_line(pid: int) -> list[str]:
    """The arguments of a process; none if there is no such process, or only its corpse."""
    if Path("/proc/self").exists():
        try:
            text = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
        except OSError:
            return []
        return text.removesuffix("\0").split("\0")
    listing = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listing.stdout.split()


# ------------------------------------------------------------------------- verbs


def up() -> None:
    """Starts the replicas that do not run, and waits until all serve."""
    replicas = [Replica(member) for member in _write_cluster()]
    missing = [replica for replica in replicas if replica.pid() is None]
    for replica in missing:  # all of them before the first is started
        _check_free(replica.member.client)
        _check_free(replica.member.peer)
    for replica in missing:
        replica.data_folder.mkdir(mode=0o700, exist_ok=True)
        _start(replica)
    deadline = time.monotonic() + START_SECONDS_MAX
    for replica in replicas:
        _wait_until_healthy(replica, deadline)


def web() -> None:
    """Starts the web gateways anew; pages that are open come back by themselves."""
    count = _number("GATEWAYS", 1, 1, GATEWAYS_MAX)
    first = _number("RINGCHAT_WEB_PORT", WEB_PORT_DEFAULT, 1, 65_536 - count)
    ports = range(first, first + count)
    _end(_known_gateways())
    gateways = [Gateway(port) for port in ports]
    for gateway in gateways:
        _check_free(f"127.0.0.1:{gateway.port}", "make web RINGCHAT_WEB_PORT=9080")
    for gateway in gateways:
        _start(gateway, {"RINGCHAT_WEB_SIBLINGS": ",".join(map(str, ports))})
    deadline = time.monotonic() + START_SECONDS_MAX
    for gateway in gateways:
        _wait_until_serving(gateway, deadline)
        print(f"http://localhost:{gateway.port}/", flush=True)


def down() -> None:
    """Ends gateways and replicas in order, and waits until they are gone."""
    _end([*_known_gateways(), *_known_replicas()])


def _end(programs: Sequence[Program]) -> None:
    running: list[tuple[Program, int]] = []
    for program in programs:
        if (pid := program.pid()) is None:
            program.pid_file.unlink(missing_ok=True)
        else:
            os.kill(pid, signal.SIGTERM)
            running.append((program, pid))
    deadline = time.monotonic() + STOP_SECONDS_MAX
    for program, pid in running:
        name = program.name.replace("-", " ")
        if not _ends(pid, deadline):
            print(f"{name} did not end by itself in time: killed")
            os.kill(pid, signal.SIGKILL)
            if not _ends(pid, time.monotonic() + STOP_SECONDS_MAX):
                raise Failed(f"{name}, process {pid}, cannot be ended")
        program.pid_file.unlink(missing_ok=True)


# ------------------------------------------------------------------------- parts


def _write_cluster() -> tuple[Member, ...]:
    """cluster.yaml and its form for clients, on loopback; gives the members."""
    count = settings.replica_count(os.environ)
    base_text = os.environ.get("RINGCHAT_PORT_BASE") or str(PORT_BASE_DEFAULT)
    if not base_text.isdecimal():
        raise SettingsError(f"RINGCHAT_PORT_BASE: {base_text!r} is not a port")
    base = int(base_text)
    client_ports = ",".join(str(base + id_) for id_ in range(count))
    peer_ports = ",".join(str(base + PEER_PORTS_ABOVE + id_) for id_ in range(count))
    cluster = settings.cluster_from(
        {
            **os.environ,
            "RINGCHAT_HOST": "127.0.0.1",
            "RINGCHAT_CLIENT_PORTS": client_ports,
            "RINGCHAT_PEER_PORTS": peer_ports,
            "RINGCHAT_PUBLISHED_HOST": "127.0.0.1",
            "RINGCHAT_PUBLISHED_PORTS": client_ports,
        }
    )
    changed = settings.write_if_changed(CLUSTER_FILE, settings.cluster_text(cluster))
    settings.write_if_changed(PUBLISHED_FILE, settings.published_text(cluster))
    if changed and any(replica.pid() is not None for replica in map(Replica, cluster.members)):
        print(f"{CLUSTER_FILE.name} has changed: what runs heeds it after make down")
    return cluster.members


def _known_replicas() -> list[Replica]:
    """Those that have a pid file, whatever cluster.yaml says now."""
    ids = [file.stem.removeprefix("replica-") for file in RUN.glob("replica-*.pid")]
    return [Replica(Member(int(id_), "", "")) for id_ in sorted(ids) if id_.isdecimal()]


def _known_gateways() -> list[Gateway]:
    """Those that have a pid file."""
    ports = [file.stem.removeprefix("web-") for file in RUN.glob("web-*.pid")]
    return [Gateway(int(port)) for port in sorted(ports) if port.isdecimal()]


def _number(name: str, default: int, least: int, most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not least <= int(text) <= most:
        raise SettingsError(f"{name}: {text!r} is not a number from {least} to {most}")
    return int(text)


def _check_free(address: str, other: str = "make up RINGCHAT_PORT_BASE=51051") -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + PORT_SECONDS_MAX
    while True:
        with socket.socket() as probe:
            # So that connections of a replica that has ended do not count; a listener does.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, int(port)))
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise Failed(
                        f"port {port} is in use by another program ({error.strerror}); "
                        f"take others: {other}"
                    ) from error
            else:
                return
        time.sleep(POLL_SECONDS)


def _start(program: Program, environ: Mapping[str, str] | None = None) -> None:
    with program.log_file.open("ab") as log:
        process = subprocess.Popen(
            program.command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **(environ or {})},
            start_new_session=True,  # an interrupt of this terminal is not for it
        )
    side = program.pid_file.with_suffix(".pid.new")
    side.write_text(f"{process.pid}\n")
    side.replace(program.pid_file)


def _wait_until_healthy(replica: Replica, deadline: float) -> None:
    health = [sys.executable, "-m", "ringchat_server", "health"]
    health += ["--address", replica.member.client, "--wait", "1"]
    while True:
        answer = subprocess.run(health, capture_output=True, text=True, check=False)
        if replica.pid() is None:
            replica.pid_file.unlink(missing_ok=True)
            raise Failed(f"replica {replica.member.id} has ended: {_last_line(replica.log_file)}")
        if answer.returncode == 0:
            return
        if time.monotonic() >= deadline:
            reason = answer.stderr.strip()
            raise Failed(f"replica {replica.member.id} does not become healthy: {reason}")


def _wait_until_serving(gateway: Gateway, deadline: float) -> None:
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{gateway.port}/health", timeout=1):
                return
        except (urllib.error.URLError, OSError) as error:
            reason = str(error)
        if gateway.pid() is None:
            gateway.pid_file.unlink(missing_ok=True)
            raise Failed(f"the gateway has ended: {_last_line(gateway.log_file)}")
        if time.monotonic() >= deadline:
            raise Failed(f"the gateway at port {gateway.port} does not serve: {reason}")
        time.sleep(POLL_SECONDS)


def _last_line(file: Path) -> str:
    lines = file.read_text(errors="replace").splitlines()
    return lines[-1] if lines else f"{file} says nothing"


def _ends(pid: int, deadline: float) -> bool:
    """Whether a process has gone before the deadline, and let go of its ports and files."""
    while not _has_gone(pid):
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)  # somebody else's child: there is nothing to wait on
    return True


def _has_gone(pid: int) -> bool:
    """A corpse counts as gone, but only when the last of its threads is one too.

    A process loses its command line first and its sockets last.
    """
    process = Path(f"/proc/{pid}")
    if not Path("/proc/self").exists():
        listing = ["ps", "-o", "stat=", "-p", str(pid)]
        state = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.strip()
        return not state or state.startswith("Z")
    try:
        state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        return state in "ZX" and len(list((process / "task").iterdir())) == 1
    except (FileNotFoundError, ProcessLookupError):
        return True


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two of us at once would start a replica twice."""
    with (RUN / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(argv: list[str]) -> int:
    """Runs one verb; returns the exit code."""
    verbs = {"up": up, "web": web, "down": down}
    if len(argv) != 1 or argv[0] not in verbs:
        print("local.py: up, web or down", file=sys.stderr)
        return 2
    try:
        with _alone():
            verbs[argv[0]]()
    except (Failed, SettingsError) as error:
        print(f"ringchat: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
