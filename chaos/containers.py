"""The containers of a cluster, through the Docker SDK: what can be done to each, and undone."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker

INSIDE = Path(__file__).with_name("inside.py")
STOP_SECONDS_MAX = 10
PAUSE_TRIES = 5
"""On a busy machine runc gives up before all threads stand still."""
SMALL_VOLUME_BYTES = 128 << 20
"""The size of the volume that may be filled; see `small-volume.yml`."""

FILL = f"""
import errno, os
volume = os.statvfs("/data")
assert volume.f_blocks * volume.f_frsize <= {SMALL_VOLUME_BYTES}, "this is not the small volume"
with open("/data/filler", "wb", buffering=0) as filler:
    try:
        while True:
            filler.write(bytes(1 << 20))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
"""

HELPERS_MAX = 3


class Container:
    """A container on the cluster's network, through the Docker SDK."""

    def __init__(self, engine: Any, name: str, network: str) -> None:
        """
        Args:
            engine: a `docker.DockerClient`.
        """
        self.name = name
        self._engine = engine
        self._network = network
        self._is_bent = False

    @property
    def container(self) -> Any:
        """The container as it is now."""
        return self._engine.containers.get(self.name)

    @property
    def address(self) -> str:
        """Its address on the cluster's network; empty if it does not run or is cut off."""
        networks = self.container.attrs["NetworkSettings"]["Networks"]
        return str(networks[self._network]["IPAddress"]) if self._network in networks else ""

    @property
    def running(self) -> bool:
        """It runs, paused or not."""
        return bool(self.container.status in ("running", "paused"))

    def network(self, *words: str) -> dict[str, list[str]]:
        """Bends its network, or tells how it is bent: the words are those of `inside.py`.

        That needs a capability which the container itself does not have. A helper with that
        one alone joins its network for a moment.

        Raises:
            docker.errors.ContainerError: the kernel refuses.
            RuntimeError: it is done, but how it is bent now the engine does not say.
        """
        self._is_bent = self._is_bent or words[0] != "state"
        container = self.container
        for _ in range(HELPERS_MAX):
            printed = self._engine.containers.run(
                container.image.id,
                entrypoint=["python3", "-c", INSIDE.read_text(encoding="utf-8"), *words],
                command=[],
                network_mode=f"container:{container.id}",
                user="0",
                cap_drop=["ALL"],
                cap_add=["NET_ADMIN"],
                healthcheck={"test": ["NONE"]},
                remove=True,
            )
            # A busy engine has lost what a helper printed. To do it again does no harm.
            if printed:
                state: dict[str, list[str]] = json.loads(printed)
                return state
        raise RuntimeError(f"{self.name}: {' '.join(words)} was done, but what it says is lost")

    def straighten(self) -> None:
        """Undoes whatever `network` did. A network that ended with its process has nothing."""
        if self._is_bent and self.running:
            self.network("straighten")
        self._is_bent = False

    def run(self, *command: str) -> str:
        """Runs a command inside; returns what it prints.

        Raises:
            RuntimeError: if it fails.
        """
        exit_code, output = self.container.exec_run(list(command))
        text = bytes(output).decode(errors="replace")
        if exit_code != 0:
            raise RuntimeError(f"{self.name}: {' '.join(command)} failed: {text}")
        return text

    def log(self) -> str:
        """Everything that it has said."""
        return bytes(self.container.logs()).decode(errors="replace")


class Replica(Container):
    """One replica's container."""

    def __init__(self, engine: Any, project: str, replica_id: int) -> None:
        super().__init__(engine, f"{project}-replica-{replica_id}", f"{project}_default")
        self.id = replica_id
        self.journal = f"/data/replica-{replica_id}.pickle"
        self.is_full = False
        self.is_damaged = False

    def kill(self) -> None:
        """SIGKILL: nothing is finished, the sockets close at once."""
        self.container.kill()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if it has not left after ten seconds."""
        self.container.stop(timeout=STOP_SECONDS_MAX)

    def start(self) -> None:
        """Starts it again on the same volume; nothing if it runs."""
        container = self.container
        if container.status == "restarting":  # Docker would wait longer each time
            container.stop(timeout=STOP_SECONDS_MAX)
        container.start()

    def restart(self) -> None:
        """`stop` and `start` at once, as Docker does it."""
        self.container.restart(timeout=STOP_SECONDS_MAX)

    def pause(self) -> None:
        """It keeps its name and its sockets, and says nothing."""
        for _ in range(PAUSE_TRIES - 1):
            try:
                self.container.pause()
                return
            except docker.errors.APIError as error:
                if "unable to freeze" not in str(error):
                    raise
        self.container.pause()

    def resume(self) -> None:
        """Undoes `pause`."""
        self.container.unpause()

    def disconnect(self) -> None:
        """Takes it off the network: clients and peers lose it, it lives on."""
        self._engine.networks.get(self._network).disconnect(self.name, force=True)

    def reconnect(self) -> None:
        """Undoes `disconnect`; the name that the others know comes back with it."""
        network = self._engine.networks.get(self._network)
        network.connect(self.name, aliases=[f"replica-{self.id}"])

    def slow(self) -> None:
        """Slows what it sends, by whatever the kernel has. Undone by `straighten`.

        Raises:
            docker.errors.ContainerError: the kernel has nothing for it.
        """
        self.network("slow")

    # ---------------------------------------------------------------- its disk

    def files(self) -> list[str]:
        """The names of the files on its volume. It must run."""
        return self.run("ls", "-A", "/data").split()

    def flip_a_bit(self) -> None:
        """Changes one bit in the middle of its journal. It must not run."""

        def flip(data: bytearray) -> None:
            data[len(data) // 2] ^= 0x10

        self._rewrite(flip)

    def cut_short(self) -> None:
        """Cuts its journal off in the middle of a frame. It must not run."""

        def cut(data: bytearray) -> None:
            end = data[-1]
            del data[len(data) // 2 :]
            # Between two frames nobody could tell the cut: no frame ends but as the last one does.
            while data[-1] == end:
                del data[-1]

        self._rewrite(cut)

    def _rewrite(self, change: Callable[[bytearray], None]) -> None:
        container = self.container
        container.wait(timeout=STOP_SECONDS_MAX)
        pieces, _ = container.get_archive(self.journal)
        with tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as archive:
            member = archive.getmembers()[0]
            file = archive.extractfile(member)
            assert file is not None
            data = bytearray(file.read())
        self.is_damaged = True
        change(data)
        member.size = len(data)
        changed = io.BytesIO()
        with tarfile.open(fileobj=changed, mode="w") as archive:
            archive.addfile(member, io.BytesIO(data))
        container.put_archive(str(Path(self.journal).parent), changed.getvalue())

    def fill(self) -> None:
        """Fills its volume, which has to be the small one.

        Raises:
            docker.errors.ContainerError: it is not.
        """
        self.is_full = True
        self._on_volume("python3", "-c", FILL)

    def empty(self) -> None:
        """Undoes `fill`."""
        self._on_volume("rm", "-f", "/data/filler")
        self.is_full = False

    def forget_damage(self) -> None:
        """Deletes the journals that it has kept because they were damaged.

        Only when it is in sync again: until then they say that it has lost something.
        """
        self._on_volume("sh", "-c", f"rm -f {self.journal}.damaged-*")
        self.is_damaged = False

    def _on_volume(self, *command: str) -> None:
        """Runs a command that sees its volume, whether it runs or not."""
        container = self.container
        self._engine.containers.run(
            container.image.id,
            entrypoint=list(command),
            command=[],
            volumes_from=[container.id],
            network_mode="none",
            healthcheck={"test": ["NONE"]},
            remove=True,
        )
