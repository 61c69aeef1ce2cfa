"""What can be done to one replica's container, and how it is undone."""

from __future__ import annotations

from typing import Any


class Replica:
    """One replica's container, through the Docker SDK."""

    def __init__(self, engine: Any, project: str, replica_id: int) -> None:
        """
        Args:
            engine: a `docker.DockerClient`.
        """
        self.id = replica_id
        self._engine = engine
        self._network = f"{project}_default"
        self.name = f"{project}-replica-{replica_id}"

    @property
    def container(self) -> Any:
        """The container as it is now."""
        return self._engine.containers.get(self.name)

    @property
    def running(self) -> bool:
        """It runs, paused or not."""
        return bool(self.container.status in ("running", "paused"))

    def kill(self) -> None:
        """SIGKILL: nothing is finished, the sockets close at once."""
        self.container.kill()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL if it has not left after ten seconds."""
        self.container.stop(timeout=10)

    def start(self) -> None:
        """Starts it again on the same volume."""
        self.container.start()

    def pause(self) -> None:
        """It keeps its name and its sockets, and says nothing."""
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
