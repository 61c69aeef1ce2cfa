"""The simulator's disk, for a million journals: without the weight of the probe file."""

from __future__ import annotations

from tests.simulator.disk import FakeDisk


class QuickDisk(FakeDisk):
    """Of what is only written to find out whether there is room, it keeps one byte."""

    def append(self, name: str, data: bytes | memoryview) -> None:
        """As any other."""
        super().append(name, data[:1] if name.endswith(".probe") else data)
