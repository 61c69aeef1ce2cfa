from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ringchat_server import compactor
from ringchat_server.chat import Chat
from ringchat_server.journal import FolderDisk, Journal
from ringchat_server.records import Entry, Group, Meta


def _run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["compactor", *map(str, words)])
    monkeypatch.setattr("os.nice", lambda increment: increment)  # these tests stay as they are
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


def test_the_empty_chat_is_where_it_begins() -> None:
    assert compactor.fold_from(None).export() == Chat().export()
