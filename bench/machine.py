"""The machine that a measurement ran on: absolute figures say nothing without it."""

from __future__ import annotations

import os
import platform
import re
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

SYNCS = 200
SYNC_BYTES = 4_096


def cpu_model(cpuinfo: str) -> str:
    """From the text of `/proc/cpuinfo`."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def sync_seconds() -> float:
    """Median time of an `fdatasync` after an append, where the engines keep their data."""
    seconds = []
    with tempfile.NamedTemporaryFile(prefix="ringchat-bench-", buffering=0) as file:
        for _ in range(SYNCS):
            file.write(bytes(SYNC_BYTES))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def described() -> str:
    """One line."""
    cpu = cpu_model(Path("/proc/cpuinfo").read_text())
    today = datetime.now(UTC).date().isoformat()
    return (
        f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"fdatasync {sync_seconds() * 1e3:.2f} ms, Python {platform.python_version()}, {today}"
    )
