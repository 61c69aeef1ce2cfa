"""Processes of one engine in a temporary folder: started, killed, started again, ended."""

from __future__ import annotations

import asyncio
import http.client
import importlib.util
import itertools
import json
import os
import re
import secrets
import shutil
import signal
import stat
import statistics
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.integration.cluster import NotInTime

HOST = "127.0.0.1"
NAMES = ("a", "b", "c")
"""Of the three nodes."""
ATTEMPT_SECONDS = 0.5
"""So long a client waits for an answer in a failover before it tries again."""
PAUSE_SECONDS = 0.01
"""Between two tries."""
WAIT_SECONDS = 90.0
POLL_SECONDS = 0.02
STATUS_SECONDS = 2.0
LOG_TAIL_CHARS = 2_000
BLOCK_BYTES = 512
"""Of `st_blocks`, whatever the file system."""
ENDS = (signal.SIGKILL, signal.SIGTERM)
"""Signals after which a process is not there any more."""
# Where Debian puts daemons, for those who do not have it in their PATH.
DAEMON_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/sbin")


def program(name: str) -> str | None:
    """Its path, if it is installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *DAEMON_FOLDERS])
    return shutil.which(name, path=path)


def missing(programs: Mapping[str, str], packages: tuple[str, ...] = ()) -> str | None:
    """What is not installed, in one line; None if nothing is missing.

    Args:
        programs: each with the Debian package that brings it.
        packages: Python packages by the name to import.
    """
    for name, package in programs.items():
        if program(name) is None:
            return f"no program {name} here: apt-get install {package}"
    for name in packages:
        if importlib.util.find_spec(name) is None:
            return f"no Python package {name} here: pip install -r requirements-bench.txt"
    return None


def version_in(text: str) -> str:
    """The first "1.2.3" of what `--version` says.

    Raises:
        ValueError: there is none.
    """
    found = re.search(r"\d+\.\d+\.\d+", text)
    if found is None:
        raise ValueError(f"no version in {text!r}")
    return found[0]


def asked_version(name: str) -> str:
    """The version that a program says it has."""
    found = subprocess.run(
        [program(name) or name, "--version"], capture_output=True, text=True, check=True
    )
    return version_in(found.stdout)


def new_keys() -> Iterator[str]:
    """Keys without an end that no other call yields."""
    prefix = secrets.token_hex(4)
    return (f"bench/{prefix}/{number}" for number in itertools.count())


def http_json(port: int, path: str, body: Any = None) -> dict[str, Any] | None:
    """What a node answers to a GET, or with a body to a POST; None if it does not."""
    connection = http.client.HTTPConnection(HOST, port, timeout=STATUS_SECONDS)
    try:
        if body is None:
            connection.request("GET", path)
        else:
            connection.request("POST", path, json.dumps(body))
        answer = json.load(connection.getresponse())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if isinstance(answer, dict) else None


class Usage(NamedTuple):
    """What one node takes, the median of the three."""

    memory_bytes: float
    disk_bytes: float


def memory_bytes(pid: int) -> int:
    """What a process has in memory (resident set)."""
    return resident_bytes(Path(f"/proc/{pid}/status").read_text())


def resident_bytes(status: str) -> int:
    """VmRSS of the text of `/proc/PID/status`.

    Raises:
        ValueError: the kernel does not tell: the process has ended.
    """
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise ValueError("no VmRSS")
    return int(found[1]) * 1024


def disk_bytes(folder: Path) -> int:
    """What the files of a folder take; one that goes meanwhile counts as nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            found = path.stat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(found.st_mode):
            total += found.st_blocks * BLOCK_BYTES
    return total


@dataclass(frozen=True, slots=True)
class Seen:
    """What the nodes say of themselves."""

    leader: str
    has: dict[str, int]
    """How far each node has come, the leader included: a number that only grows."""

    def all_have(self, count: int) -> bool:
        """Whether all three are there and have come so far."""
        return len(self.has) == len(NAMES) and min(self.has.values()) >= count


class _Leader:
    """A condition: somebody leads. Who, is kept."""

    def __init__(self, look: Callable[[], Seen | None]) -> None:
        self._look = look
        self.name = ""

    def __call__(self) -> bool:
        seen = self._look()
        self.name = "" if seen is None else seen.leader
        return seen is not None


@dataclass(slots=True)
class Process:
    """One program with its log, in a process group of its own."""

    name: str
    command: list[str]
    log_file: Path
    popen: subprocess.Popen[bytes] | None = None
    was_killed: bool = False
    """It was told to end."""

    def start(self, *more: str) -> None:
        """Starts it; `more` is added to the command, this time only."""
        with self.log_file.open("ab") as log:
            self.popen = subprocess.Popen(
                [*self.command, *more],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log_file.parent,
                start_new_session=True,
            )
        self.was_killed = False

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to it and its children; does not wait."""
        if self.popen is not None and self.popen.poll() is None:
            os.killpg(self.popen.pid, how)
            self.was_killed = self.was_killed or how in ENDS

    def has_failed(self) -> bool:
        """Whether it has ended and was not killed."""
        return self.popen is not None and not self.was_killed and self.popen.poll() is not None

    def is_dead(self) -> bool:
        """Whether it has ended; waits for one that was killed."""
        assert self.popen is not None
        if self.was_killed:
            self.popen.wait()
        return self.popen.poll() is not None


@dataclass(slots=True)
class Processes:
    """All of an engine, and their folder."""

    folder: Path
    all: dict[str, Process] = field(default_factory=dict)

    def start(self, name: str, *command: str) -> None:
        """Starts a program for the first time.

        Args:
            command: its first word is a program's name; PATH need not have it.
        """
        words = [program(command[0]) or command[0], *command[1:]]
        self.all[name] = Process(name, words, self.folder / f"{name}.log")
        self.all[name].start()

    def pid(self, name: str) -> int:
        """Of the process of that name, as it was started last."""
        popen = self.all[name].popen
        assert popen is not None
        return popen.pid

    def kill(self, pid: int, how: signal.Signals) -> None:
        """Sends a signal to one, with its children; it is sent when this returns.

        Raises:
            ValueError: it is none of these.
        """
        for process in self.all.values():
            if process.popen is not None and process.popen.pid == pid:
                process.kill(how)
                return
        raise ValueError(f"{pid} is none of ours")

    def dead(self) -> list[Process]:
        """Those that have ended."""
        return [process for process in self.all.values() if process.is_dead()]

    def logs(self) -> str:
        """The end of what each has said."""
        return "\n".join(
            f"--- {name}\n{process.log_file.read_text(errors='replace')[-LOG_TAIL_CHARS:]}"
            for name, process in self.all.items()
        )

    def end(self) -> None:
        """Ends all and waits for it."""
        for process in self.all.values():
            process.kill()
        for process in self.all.values():
            if process.popen is not None:
                process.popen.wait()


class InFolder(ABC):
    """What runs as long as a `with`, with its data in a temporary folder."""

    def __init__(self) -> None:
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    @property
    def _folder(self) -> Path:
        assert self._temporary is not None, "only inside of `with`"
        return Path(self._temporary.name)

    def another(self) -> Self:
        """One that is set up alike, and not started."""
        return type(self)()

    @abstractmethod
    def _begin(self) -> None:
        """Starts all of it; what has begun when it fails is ended."""

    @abstractmethod
    def _end(self) -> None:
        """Ends what has begun."""

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(prefix="ringchat-engine-")
        try:
            self._begin()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


class ThreeNodes(InFolder):
    """What the engines share; each says how it starts and how to see who leads."""

    def __init__(self) -> None:
        super().__init__()
        self._entered: Processes | None = None

    @abstractmethod
    def _start(self) -> None:
        """Starts the processes, those that can be killed as leaders by the names of `NAMES`."""

    @abstractmethod
    def _seen(self) -> Seen | None:
        """What is seen now; None without a leader. It may block for `STATUS_SECONDS`."""

    @property
    def _processes(self) -> Processes:
        assert self._entered is not None, "only inside of `with`"
        return self._entered

    def _begin(self) -> None:
        self._entered = Processes(self._folder)
        self._start()
        self._wait(self._in_sync())

    def _end(self) -> None:
        if self._entered is not None:
            self._entered.end()
            self._entered = None

    async def leader_pid(self) -> int:
        """The process that leads now; waits for one.

        Raises:
            NotInTime: nobody leads.
        """
        return self._processes.pid(await self._leader())

    def kill(self, pid: int, how: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal to one of these processes: it is sent when this returns.

        Raises:
            ValueError: it is none of these.
        """
        self._processes.kill(pid, how)

    def wait_for_dead(self) -> None:
        """Returns when those that were told to end have ended; blocks."""
        self._processes.dead()

    def restart_dead(self) -> None:
        """Starts again, with their data, those that have ended."""
        for process in self._processes.dead():
            process.start()

    async def settled(self) -> None:
        """Returns when there is a leader and all have what it had when first asked.

        Raises:
            NotInTime: they do not get there.
        """
        await self._until(self._in_sync())

    def usage(self) -> Usage:
        """Of one node, the median."""
        folder = self._processes.folder
        return Usage(
            statistics.median(memory_bytes(self._processes.pid(name)) for name in NAMES),
            statistics.median(disk_bytes(folder / f"{name}.data") for name in NAMES),
        )

    def tool_figures(self) -> dict[str, float]:
        """Nothing: there is no load tool to compare with."""
        return {}

    async def _leader(self) -> str:
        """The name of the node that leads now; waits for one."""
        found = _Leader(self._seen)
        await self._until(found)
        return found.name

    def _leader_now(self) -> str:
        """The same for those that may block."""
        found = _Leader(self._seen)
        self._wait(found)
        return found.name

    def _in_sync(self) -> Callable[[], bool]:
        """A condition: all have what the leader had when there was one for the first time."""
        target: int | None = None

        def reached() -> bool:
            nonlocal target
            seen = self._seen()
            if seen is None:
                return False
            if target is None:
                target = seen.has[seen.leader]
            return seen.all_have(target)

        return reached

    def _wait(self, condition: Callable[[], bool]) -> None:
        """Returns when the condition holds; blocks.

        Raises:
            NotInTime: it does not hold in time, or a process has ended by itself.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            self._check(deadline)
            time.sleep(POLL_SECONDS)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """The same without blocking the event loop; the condition is asked in a thread."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not await asyncio.to_thread(condition):
            self._check(deadline)
            await asyncio.sleep(POLL_SECONDS)

    def _check(self, deadline: float) -> None:
        ended = [process.name for process in self._processes.all.values() if process.has_failed()]
        if ended or time.monotonic() > deadline:
            what = f"ended: {', '.join(ended)}" if ended else f"not within {WAIT_SECONDS:g} s"
            raise NotInTime(f"{what}\n{self._processes.logs()}")
