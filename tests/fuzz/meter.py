"""What each input costs: a limit on its time and memory, and the worst so far.

The time that counts against the limit is the processor's, for this process, and the
limit is generous: a slow machine is no hang.
"""

from __future__ import annotations

import resource
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tests.fuzz.target import Finding, Target

HANG_SECONDS = 20.0
GROWTH_KIB_MAX = 192 << 10
"""How much one input may add to the greatest memory that the process has ever had."""


class Meter:
    """Counts and measures the inputs of one target."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.inputs = 0
        self.outcomes: Counter[str] = Counter()
        self.slowest_ms = 0.0
        self._peak_kib = peak_kib()

    def run(self, target: Target, data: bytes) -> str:
        """Run one input within the limits.

        Raises:
            Finding: for a hang or too much memory, and whatever `run` raises.
        """
        self.inputs += 1
        begin = time.perf_counter()
        try:
            with _limited():
                outcome = target.run(data)
        finally:
            self.slowest_ms = max(self.slowest_ms, (time.perf_counter() - begin) * 1000)
        peak = peak_kib()
        grown, self._peak_kib = peak - self._peak_kib, peak
        if grown > GROWTH_KIB_MAX:
            raise Finding(f"one input took {grown >> 10} MiB of memory")
        self.outcomes[outcome] += 1
        return outcome

    @property
    def per_second(self) -> float:
        """Inputs a second."""
        return self.inputs / max(time.monotonic() - self.began, 1e-9)

    @property
    def peak_mib(self) -> int:
        """The greatest memory of the process."""
        return peak_kib() >> 10

    def line(self, name: str, corpus: int) -> str:
        """How it stands."""
        return (
            f"{name:8} {self.inputs:>10,} inputs {self.per_second:>7,.0f}/s  "
            f"peak {self.peak_mib} MiB  corpus {corpus}  slowest {self.slowest_ms:.0f} ms"
        )


def peak_kib() -> int:
    """The greatest memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def _limited() -> Iterator[None]:
    def hang(number: int, frame: FrameType | None) -> None:
        raise Finding(f"no end after {HANG_SECONDS:g} s of work")

    before = signal.signal(signal.SIGVTALRM, hang)
    signal.setitimer(signal.ITIMER_VIRTUAL, HANG_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
