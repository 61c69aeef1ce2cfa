"""The people of a run, seen from outside: their containers, what they write, the last reads."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import tarfile
import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

from chaos.cluster import DockerCluster
from chaos.containers import Container
from chaos.history import CREATE, DONE, SEND, UNKNOWN, Call, Letters
from chaos.workload import KEPT_NOTE, Person, Setting

FOLDER = "/home/ringchat"
FILES = ("__init__.py", "history.py", "workload.py")
END_SECONDS_MAX = 120.0
LAST_READS_AT_ONCE = 4
LAST_READ_TRIES = 10


@dataclass(frozen=True, slots=True)
class Event:
    """Somebody's connection changed."""

    at: float
    client: str
    kind: str
    """"connected" or "lost"."""
    view: int
    master: int


@dataclass(slots=True)
class Record:
    """All that people have written, for the last reads to add to. A diary."""

    calls: list[Call] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    confirmed: int = 0
    """Sends that were."""
    unknown: int = 0
    """Calls of which it is not known whether they took effect."""
    newest: Event | None = None
    """Of the connections, the one in the newest view."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def call(self, call: Call) -> None:
        """A call has ended."""
        with self._lock:
            self.calls.append(call)
            self.confirmed += call.kind == SEND and call.outcome == DONE
            self.unknown += call.outcome == UNKNOWN

    def event(self, at: float, client: str, kind: str, view: int, master: int) -> None:
        """A connection has changed."""
        event = Event(at, client, kind, view, master)
        with self._lock:
            self.events.append(event)
            if self.newest is None or view > self.newest.view:
                self.newest = event

    def line(self, line: str) -> None:
        """One that `workload.Printed` has printed."""
        row: dict[str, Any] = json.loads(line)
        if "call" in row:
            fields = row["call"]
            if isinstance(fields["result"], list):
                fields["result"] = tuple(
                    (message_id, text) for message_id, text in fields["result"]
                )
            self.call(Call(**fields))
        else:
            self.event(**row["event"])


class People:
    """Client containers on a cluster's network; a context that removes them in any case."""

    def __init__(self, cluster: DockerCluster, containers: int, seed: int) -> None:
        self.record = Record()
        self.prefix = uuid.uuid4().hex[:6]
        """Of the accounts, so that many may work on one cluster, one after another."""
        self._cluster = cluster
        self._settings = [
            Setting(
                cluster="/cluster/cluster.yaml",
                prefix=self.prefix,
                number=number,
                people=containers,
                seed=seed,
                strict=cluster.prefer == "consistency",
            )
            for number in range(containers)
        ]
        self._readers: list[threading.Thread] = []
        self._read_to_the_end: set[str] = set()
        """The containers whose diaries are whole."""

    def __enter__(self) -> People:
        try:
            for setting in self._settings:
                self._start(setting)
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()

    def _start(self, setting: Setting) -> None:
        project = self._cluster.project
        name = f"{project}-people-{setting.number}"
        container = self._cluster.engine.containers.create(
            f"{project}-client",
            entrypoint=["python", "-m", "chaos.workload"],
            command=[json.dumps(dataclasses.asdict(setting))],
            name=name,
            network=f"{project}_default",
            volumes={f"{project}_cluster": {"bind": "/cluster", "mode": "ro"}},
            cap_drop=["ALL"],
            security_opt=["no-new-privileges:true"],
        )
        self._cluster.people.append(Container(self._cluster.engine, name, f"{project}_default"))
        container.put_archive(FOLDER, _program())
        container.start()
        reader = threading.Thread(target=self._follow, args=(container,), daemon=True)
        reader.start()
        self._readers.append(reader)

    def _follow(self, container: Any) -> None:
        rest = b""
        for piece in container.logs(stream=True, follow=True, stdout=True, stderr=False):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                self.record.line(line.decode())
        assert not rest
        self._read_to_the_end.add(container.name)

    def finish(self) -> list[str]:
        """Has everybody finish what they have begun; returns what went wrong, a line for each.

        The cluster has to serve.
        """
        wrong: list[str] = []
        containers = [one.container for one in self._cluster.people]
        for container in containers:
            if container.status == "running":
                container.kill("SIGTERM")
        for container in containers:
            try:
                exit_code = container.wait(timeout=END_SECONDS_MAX)["StatusCode"]
            except (OSError, docker.errors.DockerException) as error:  # a time-out is an OSError
                wrong.append(f"{container.name} does not end: {error}")
                continue
            said = container.logs(stdout=False, stderr=True).decode(errors="replace").strip()
            if exit_code != 0 or said:
                wrong.append(f"{container.name} ended with {exit_code}: {said[-2000:]}")
        for reader in self._readers:
            reader.join(END_SECONDS_MAX)
        # Of a call that is in no diary nobody could say that it was lost.
        names = {one.name for one in self._cluster.people}
        unread = sorted(names - self._read_to_the_end)
        return wrong + [f"what {name} wrote was not read to its end" for name in unread]

    def remove(self) -> None:
        """Removes the containers, whatever they do."""
        for one in self._cluster.people:
            try:
                one.container.remove(force=True)
            except docker.errors.NotFound:
                pass  # it was never made
        self._cluster.people.clear()

    async def last_reads(self) -> dict[str, Letters]:
        """What every mailbox holds that was made or sent to; accounts that are gone are left out.

        These reads are calls, too, and are added to the record.

        Raises:
            RuntimeError: a mailbox could not be read.
        """
        setting = dataclasses.replace(
            self._settings[0], cluster=str(self._cluster.cluster_file), seed=-1
        )
        limit = asyncio.Semaphore(LAST_READS_AT_ONCE)
        finals: dict[str, Letters] = {}

        async def read(name: str) -> None:
            async with limit, Person(setting, name, self.record, "judge") as person:
                for _ in range(LAST_READ_TRIES):  # a machine under load keeps nobody's deadline
                    there = await person.exists(name)
                    if there.outcome != DONE:
                        continue
                    if not there.result:
                        return
                    await person.sign_in()
                    if KEPT_NOTE in name:
                        if (await person.read_note()).outcome == DONE:
                            finals[name] = ()
                            return
                        continue
                    letters = await person.read()
                    if letters is not None:
                        finals[name] = letters
                        return
            raise RuntimeError(f"the mailbox of {name} cannot be read")

        names = sorted({call.key for call in self.record.calls if call.kind in (CREATE, SEND)})
        await asyncio.gather(*map(read, names))
        return finals


def _program() -> bytes:
    """The files of the workload, as a tar archive."""
    here = Path(__file__).parent
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in FILES:
            data = (here / name).read_bytes()
            member = tarfile.TarInfo(f"chaos/{name}")
            member.size = len(data)
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(data))
    return packed.getvalue()
