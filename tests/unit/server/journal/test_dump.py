"""A journal in words."""

from __future__ import annotations

from ringchat_server.journal import Journal, compact, describe
from ringchat_server.journal.frames import encode_frame
from ringchat_server.records import Aside, Entry, Group, HandedOverRecord, Meta, Truncate
from tests.simulator.disk import FakeDisk
from tests.simulator.journals import ListFold, group, proposal

NAME = "replica-0.pickle"


def filled() -> FakeDisk:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    journal.write([Meta(promised=41), group(1, 2)], 1)
    secret = ("create", "ann", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA")
    journal.write([Group(3, [Entry(2, 5, b"", 1, "", b"", secret)]), Truncate(2)], 2)
    journal.write([Aside((proposal(1),)), HandedOverRecord()], 2)
    return disk


def test_a_line_for_every_record_and_no_secret() -> None:
    lines = list(describe(filled(), NAME))
    text = "\n".join(lines)
    assert lines[0].startswith("byte 0: journal of replica 0, format 2")
    for part in (
        "state after entry 0",
        "promised 41",
        "  entry 2: view 1",
        "'hello 2 of view 1'",
        "(password hash)",
        "entries after 2 dropped",
        "put aside: 1 requests",
        "aside 1",
        "handed over",
        "committed up to entry 2",
    ):
        assert part in text, part
    assert "argon2" not in text
    assert (b"s" * 32).hex() not in text


def test_damage_is_a_line_and_what_follows_is_shown() -> None:
    disk = filled()
    data = bytearray(disk.content(NAME))
    at = data.find(b"hello 1")
    data[at] ^= 1
    head_of_last = data.rfind(b"\x80\x05C\x20")
    disk.put(NAME, bytes(data))
    text = "\n".join(describe(disk, NAME))
    assert "does not match its checksum" in text and "handed over" in text
    data[at] ^= 1
    data[head_of_last] ^= 1
    disk.put(NAME, bytes(data))
    assert "no frame can be read here" in "\n".join(describe(disk, NAME))
    disk.put(NAME, b"\x00" * 50 + encode_frame(50, b"garbage", 0))
    assert next(iter(describe(disk, NAME))) == "byte 0: no frame can be read here"


def test_a_compacted_journal_and_one_of_another_format() -> None:
    disk = filled()
    journal, _ = Journal.open(disk, 0)
    compact(disk, 0, 2, ListFold)
    journal.switch()
    assert "state after entry 2, 1 runs" in list(describe(disk, NAME))[1]
