from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ringchat_server import compactor
from ringchat_server.chat import Chat
from ringchat_server.journal import FolderDisk, Journal
from ringchat_server.records import Entry, Group, Meta

REPLICA = """
import os, signal, sys, time
from pathlib import Path
from ringchat_server import compactor
folder, is_late = Path(sys.argv[1]), sys.argv[2] == "late"
pid = compactor.start(folder, 0, 7).pid
(folder / "pid").write_text(str(pid))
while is_late and os.getpriority(os.PRIO_PROCESS, pid) < compactor.NICENESS:
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""


def _run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["compactor", *map(str, (*words, os.getpid()))])
    # These tests stay as they are.
    monkeypatch.setattr("os.nice", lambda increment: increment)
    monkeypatch.setattr(compactor, "_end_with", lambda parent: None)
    return compactor.main()


def test_the_side_file_holds_the_state_after_an_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, _ = Journal.open(FolderDisk(tmp_path), 0)
    entries = [
        Entry(0, 1, b"c" * 16, number, "", b"", ("create", f"ann{number}", "a hash"))
        for number in range(1, 11)
    ]
    journal.write((Meta(promised=0), Group(1, entries)), 10)
    assert _run(monkeypatch, tmp_path, 0, 7) == 0
    while journal.copy_tail():
        pass
    journal.switch()
    journal.close()
    _, opened = Journal.open(FolderDisk(tmp_path), 0)
    expected = Chat()
    for index, entry in enumerate(entries[:7], 1):
        expected.apply(index, entry)
    assert compactor.fold_from(opened.state).export() == expected.export()
    assert opened.recovered is not None
    assert opened.recovered.entries == entries[7:]


def test_what_cannot_be_compacted_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, tmp_path, 0, 7) == 1
    assert capsys.readouterr().err.startswith("no compaction: ")


@pytest.mark.parametrize("when", ["at once", "late"])
def test_it_ends_with_its_replica(tmp_path: Path, when: str) -> None:
    """At once, too: before the compactor could ask to be told."""
    os.mkfifo(tmp_path / "replica-0.pickle")  # it waits for ever for what to read
    words = [sys.executable, "-c", REPLICA, str(tmp_path), when]
    replica = subprocess.run(words, stderr=subprocess.DEVNULL, check=False, timeout=30)
    assert replica.returncode == -signal.SIGKILL
    pid = int((tmp_path / "pid").read_text())
    try:
        deadline = time.monotonic() + 10
        while _is_running(pid):
            assert time.monotonic() < deadline, "it goes on without its replica"
            time.sleep(0.01)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_the_empty_chat_is_where_it_begins() -> None:
    assert compactor.fold_from(None).export() == Chat().export()
