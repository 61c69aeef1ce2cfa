"""Replicas as processes of their own, on free loopback ports, in a folder of their own.

What happens to them is real: `SIGKILL`, `SIGSTOP`, damaged files. Waiting is always for
a condition, never for a time; one that does not come true in time raises `NotInTime`
with what was last seen and the ends of the logs.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
import grpc.aio

from ringchat_proto import chat_pb2 as pb
from ringchat_proto.chat_pb2_grpc import ChatStub

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("proto", "services/server", "services/client")
KEY = "integration-tests-cluster-key-0123456789"
# Below the ports that the system gives to outgoing connections: none of ours is taken by one.
PORTS = range(20_000, 32_000)
POLL_SECONDS = 0.01
WAIT_SECONDS = 60.0
LOG_TAIL_CHARS = 6_000

OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    # Tests also send what is too large.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
)


class NotInTime(AssertionError):
    """What was waited for did not come true."""


@dataclass(slots=True)
class Process:
    """One replica's addresses and files, and its process if it runs."""

    id: int
    client: str
    peer: str
    data_folder: Path
    log_file: Path
    popen: subprocess.Popen[bytes] | None = None

    @property
    def journal(self) -> Path:
        """Its one pickle file."""
        return self.data_folder / f"replica-{self.id}.pickle"

    @property
    def running(self) -> bool:
        """Its process is there."""
        return self.popen is not None and self.popen.poll() is None

    @property
    def log(self) -> str:
        """Everything that it has said, in all its lives."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody listens on."""
    found: list[int] = []
    held: list[socket.socket] = []
    try:
        while len(found) < count:
            port = random.choice(PORTS)
            probe = socket.socket()
            held.append(probe)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    finally:
        for probe in held:
            probe.close()
    return found


def environment() -> dict[str, str]:
    """The environment of a child that runs this tree's packages and hears no proxy."""
    path = os.pathsep.join(str(ROOT / package) for package in PACKAGES)
    # GRPC_VERBOSITY: gRPC's own complaints would pass for ours.
    return {"PATH": os.environ["PATH"], "PYTHONPATH": path, "GRPC_VERBOSITY": "NONE"}


async def until(
    condition: Callable[[], bool | Awaitable[bool]],
    what: str,
    seconds: float = WAIT_SECONDS,
    seen: Callable[[], object] = lambda: "",
) -> None:
    """Returns as soon as the condition holds.

    Raises:
        NotInTime: with `what` and `seen()`, if it does not hold within that time.
    """
    deadline = time.monotonic() + seconds
    while True:
        held = condition()
        if held if isinstance(held, bool) else await held:
            return
        if time.monotonic() > deadline:
            raise NotInTime(f"not within {seconds:g} s: {what}\n{seen()}")
        await asyncio.sleep(POLL_SECONDS)


class LocalCluster:
    """N replicas; as a context manager, it ends those that still run."""

    def __init__(
        self,
        folder: Path,
        *,
        replicas: int = 3,
        prefer: str = "availability",
        suspect_after_seconds: float = 1.0,
        prelude: str = "",
    ) -> None:
        """
        Args:
            prelude: Python that each process runs first, to change a constant, say.
        """
        self.folder = folder
        self.prefer = prefer
        self.suspect_after_seconds = suspect_after_seconds
        self.prelude = prelude
        folder.mkdir(parents=True, exist_ok=True)
        ports = free_ports(2 * replicas)
        self.replicas = [
            Process(
                i,
                f"127.0.0.1:{ports[2 * i]}",
                f"127.0.0.1:{ports[2 * i + 1]}",
                folder / f"data-{i}",
                folder / f"replica-{i}.log",
            )
            for i in range(replicas)
        ]
        self.key_file = folder / "cluster.key"
        self.key_file.write_text(KEY)
        self.key_file.chmod(0o600)
        self.file = folder / "cluster.yaml"
        lines = [f"prefer: {prefer}", f"suspect_after_seconds: {suspect_after_seconds:g}"]
        lines.append("replicas:")
        lines += [
            f'  - {{id: {r.id}, client: "{r.client}", peer: "{r.peer}"}}' for r in self.replicas
        ]
        self.file.write_text("\n".join(lines) + "\n")
        self._channels: dict[int, grpc.aio.Channel] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends every process that this object started."""
        for replica in self.replicas:
            if replica.running:
                self.kill(replica.id)

    # ---------------------------------------------------------------- processes

    def command(self, replica_id: int) -> list[str]:
        """The command that runs a replica."""
        replica = self.replicas[replica_id]
        start = "from ringchat_server.__main__ import main; import sys; sys.exit(main())"
        program = ["-c", f"{self.prelude}\n{start}"] if self.prelude else ["-m", "ringchat_server"]
        options = {
            "--cluster": self.file,
            "--id": replica_id,
            "--data": replica.data_folder,
            "--key-file": self.key_file,
        }
        words = [str(word) for option in options.items() for word in option]
        return [sys.executable, *program, "run", *words]

    def start(self, *ids: int, limit: Callable[[], None] | None = None) -> None:
        """Starts replicas, all of them by default.

        Args:
            limit: called in the child before it becomes the replica.
        """
        for replica_id in ids or range(len(self.replicas)):
            replica = self.replicas[replica_id]
            assert not replica.running
            if not replica.data_folder.exists():
                replica.data_folder.mkdir()
            with replica.log_file.open("ab") as log:
                replica.popen = subprocess.Popen(
                    self.command(replica_id),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=environment(),
                    preexec_fn=limit,
                )

    def kill(self, *ids: int) -> None:
        """`kill -9`, all of them by default; returns when they are gone."""
        processes = [self._popen(i) for i in ids or self.running()]
        for process in processes:
            process.send_signal(signal.SIGKILL)
        for process in processes:
            process.wait(WAIT_SECONDS)

    def terminate(self, *ids: int) -> None:
        """SIGTERM; see `exit_code`."""
        for replica_id in ids or self.running():
            self._popen(replica_id).send_signal(signal.SIGTERM)

    def hang(self, replica_id: int) -> None:
        """SIGSTOP: the process stands still, its connections stay open."""
        self._popen(replica_id).send_signal(signal.SIGSTOP)

    def go_on(self, replica_id: int) -> None:
        """SIGCONT."""
        self._popen(replica_id).send_signal(signal.SIGCONT)

    async def exit_code(self, replica_id: int, seconds: float = WAIT_SECONDS) -> int:
        """How that process ended; waits until it has."""
        process = self._popen(replica_id)
        what = f"replica {replica_id} ends"
        await until(lambda: process.poll() is not None, what, seconds, self.logs)
        return process.returncode

    def running(self) -> list[int]:
        """Whose process is there."""
        return [replica.id for replica in self.replicas if replica.running]

    def _popen(self, replica_id: int) -> subprocess.Popen[bytes]:
        process = self.replicas[replica_id].popen
        assert process is not None
        return process

    # ------------------------------------------------------------------ watching

    def logs(self) -> str:
        """The end of what each replica said."""
        return "\n".join(
            f"--- replica {replica.id}\n{replica.log[-LOG_TAIL_CHARS:]}"
            for replica in self.replicas
        )

    async def said(self, replica_id: int, text: str, times: int = 1) -> None:
        """Waits until a replica has said that."""
        replica = self.replicas[replica_id]
        what = f"replica {replica_id} says {text!r}"
        await until(lambda: replica.log.count(text) >= times, what, seen=self.logs)

    async def heartbeat(
        self, replica_id: int, view: int | None = None, seconds: float = 5.0
    ) -> pb.SendHeartbeatResponse | None:
        """What that replica answers; None if it cannot be reached."""
        request = pb.SendHeartbeatRequest()
        if view is not None:
            request.view = view
        address = self.replicas[replica_id].client
        async with grpc.aio.insecure_channel(address, options=OPTIONS) as channel:
            try:
                return await ChatStub(channel).SendHeartbeat(request, timeout=seconds)
            except grpc.aio.AioRpcError:
                return None

    async def ready(self, ids: Iterable[int] = ()) -> None:
        """Waits until those replicas answer; all by default."""
        for replica_id in [*ids] or range(len(self.replicas)):

            async def answers(replica_id: int = replica_id) -> bool:
                assert self.replicas[replica_id].running, f"ended\n{self.logs()}"
                return await self.heartbeat(replica_id) is not None

            await until(answers, f"replica {replica_id} answers", seen=self.logs)

    async def promote(self, replica_id: int, seconds: float = WAIT_SECONDS) -> int:
        """Asks a replica for views until it leads one; returns that view."""
        led = -1
        refusal = ""

        async def leads() -> bool:
            nonlocal led, refusal
            known = await self.heartbeat(replica_id)
            if known is None:
                return False
            if known.serving and known.master_id == replica_id:
                led = known.view
                return True
            count = len(self.replicas)
            view = known.view + 1
            view += (replica_id - view) % count
            answer = await self.heartbeat(replica_id, view)
            refusal = "no answer" if answer is None else answer.reason
            return False

        await until(
            leads,
            f"replica {replica_id} leads",
            seconds,
            lambda: f"it says: {refusal}\n{self.logs()}",
        )
        return led

    async def alike(
        self, ids: Sequence[int] = (), seconds: float = WAIT_SECONDS
    ) -> list[pb.SendHeartbeatResponse]:
        """Waits until those replicas (all by default) are in sync and the same in everything.

        That is view, commit index, length of the log and hash of the state.
        """
        chosen = [*ids] or [replica.id for replica in self.replicas]
        answers: list[pb.SendHeartbeatResponse | None] = []

        async def same() -> bool:
            answers[:] = [await self.heartbeat(replica_id) for replica_id in chosen]
            found = {
                a and (a.view, a.status.commit_index, a.status.entries, a.status.state_hash)
                for a in answers
            }
            return (
                self._linked(chosen)
                and len(found) == 1
                and None not in found
                and all(a is not None and a.serving and a.status.in_sync for a in answers)
            )

        await until(same, "all alike", seconds, lambda: f"{answers}\n{self.logs()}")
        return [answer for answer in answers if answer is not None]

    async def linked(self) -> None:
        """Waits until the replicas that run all have links with each other.

        Before that, the death of a master can look like a partition to them.
        """
        await until(lambda: self._linked(self.running()), "all links stand", seen=self.logs)

    def _linked(self, ids: Sequence[int]) -> bool:
        """Goes by what each has said last of its link with each other."""
        for replica_id in ids:
            lines = self.replicas[replica_id].log.splitlines()
            for peer_id in ids:
                about = [line for line in lines if f"link with replica {peer_id} " in line]
                if peer_id != replica_id and not (about and about[-1].endswith("stands")):
                    return False
        return True

    async def master(self) -> int:
        """The id of the replica that serves; waits until there is one."""
        found = -1

        async def serves() -> bool:
            nonlocal found
            for replica_id in self.running():
                answer = await self.heartbeat(replica_id)
                if answer is not None and answer.serving and answer.master_id == replica_id:
                    found = replica_id
                    return True
            return False

        await until(serves, "somebody serves", seen=self.logs)
        return found
