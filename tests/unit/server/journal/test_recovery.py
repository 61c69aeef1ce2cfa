"""A journal cut, flipped, exchanged or hostile: found out, and never read as something else."""

from __future__ import annotations

import os
import pickle

import pytest

from ringchat_server.journal import Journal, JournalRefused, compact
from ringchat_server.journal.encoding import MAGIC, Founding, encode_founding, encode_record
from ringchat_server.journal.frames import HEAD_BYTES, FrameReader, Head, encode_frame
from ringchat_server.journal.recovery import SECTOR_BYTES
from ringchat_server.pickled import encode
from ringchat_server.records import Aside, Meta, Record, Truncate
from tests.simulator.disk import FakeDisk
from tests.simulator.journals import ListFold, Model, group, model_of, proposal

NAME = "replica-0.pickle"

FRAMES: list[list[Record]] = [
    [Meta(promised=1), group(1, 2)],
    [group(3, 2)],
    [Aside((proposal(1),)), Truncate(3), group(4, 1, view=2)],
    [Meta(promised=4, log_view=2)],
]


def small() -> tuple[bytes, list[Model]]:
    """A journal's bytes, and what it holds after each of its writes."""
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    models, model = [], Model()
    for records in FRAMES:
        journal.write(records, 0)
        model = model.after(records)
        models.append(model)
    return disk.content(NAME), models


def heads(data: bytes) -> list[Head]:
    disk = FakeDisk()
    disk.put(NAME, data)
    reader = FrameReader(disk.open(NAME), len(data))
    found, offset = [], 0
    while (head := reader.head(offset)) is not None:
        found.append(head)
        offset = head.end
    assert offset == len(data)
    return found


def opened_with(data: bytes) -> tuple[Model | None, FakeDisk]:
    """What a journal of these bytes gives back; `None`: it was put aside as damaged."""
    disk = FakeDisk()
    disk.put(NAME, data)
    journal, opened = Journal.open(disk, 0)
    if opened.recovered is None:
        assert opened.kept_aside == f"{NAME}.damaged-1"
        assert disk.content(opened.kept_aside) == data, "kept as it was"
        assert disk.listing() == [opened.kept_aside]
        assert "\n" not in opened.note and opened.kept_aside in opened.note
    else:
        assert journal.size_bytes == len(disk.content(NAME))
    return model_of(opened), disk


def test_cut_at_every_byte() -> None:
    data, models = small()
    ends = [head.end for head in heads(data)][2:]
    for size in range(len(data) + 1):
        whole = sum(end <= size for end in ends)
        found, disk = opened_with(data[:size])
        if whole == 0:
            assert found is None, "the founding part is never torn"
        else:
            assert found == models[whole - 1]
            assert len(disk.content(NAME)) == ends[whole - 1]


def test_a_bit_flipped_at_every_byte() -> None:
    data, _ = small()
    for position in range(len(data)):
        for bit in (0, 3, 7):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            assert opened_with(bytes(changed))[0] is None, (position, bit)


def test_a_last_frame_with_a_sector_missing_is_a_torn_write() -> None:
    data, models = small()
    long = encode_frame(len(data), encode(("x", "a long text " * 200)), 0)
    first = -len(data) % SECTOR_BYTES
    for at in range(first, len(long) - SECTOR_BYTES, SECTOR_BYTES):
        torn = long[:at] + bytes(SECTOR_BYTES) + long[at + SECTOR_BYTES :]
        assert opened_with(data + torn)[0] == models[-1], at
        almost = long[:at] + bytes(SECTOR_BYTES - 1) + long[at + SECTOR_BYTES - 1 :]
        assert opened_with(data + almost)[0] is None, at


def test_a_flipped_head_before_a_torn_write_is_damage() -> None:
    data, _ = small()
    *_, before, last = heads(data)
    for size in range(last.offset + HEAD_BYTES, len(data)):
        changed = bytearray(data[:size])
        changed[before.offset + 5] ^= 1
        assert opened_with(bytes(changed))[0] is None


def test_a_zeroed_block_in_the_middle_is_damage_and_at_the_end_is_not() -> None:
    data, models = small()
    *_, before, last = heads(data)
    middle = data[: before.offset] + bytes(last.offset - before.offset) + data[last.offset :]
    assert opened_with(middle)[0] is None
    assert opened_with(data[: last.offset] + bytes(len(data) - last.offset))[0] == models[-2]
    assert opened_with(data + bytes(5000))[0] == models[-1]


def test_frames_exchanged_repeated_or_left_out_are_damage() -> None:
    data, _ = small()
    frames = [data[head.offset : head.end] for head in heads(data)]
    first, state, a, b, c, d = frames
    assert opened_with(b"".join((first, state, a, c, b, d)))[0] is None
    assert opened_with(b"".join((first, state, a, c, d)))[0] is None
    assert opened_with(b"".join((first, state, a, b, b, c, d)))[0] is None
    assert opened_with(b"".join((first, state, a, d, b, c, d)))[0] is None


def test_a_frame_inside_a_message_is_not_taken_for_one() -> None:
    data, models = small()
    text = encode_frame(0, encode(("meta",)), 0)
    torn = encode_frame(len(data), encode(("x", text + text)), 0)
    for size in range(len(torn)):
        assert opened_with(data + torn[:size])[0] == models[-1]
    # Only if the frame's own head is lost: better rebuilt without need than cut in error.
    assert opened_with(data + bytes(HEAD_BYTES) + torn[HEAD_BYTES:])[0] is None


class Hostile:
    """Pickled as a call."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch /tmp/ringchat-was-here",)


PICKLES = {
    "a call": pickle.dumps(("meta", Hostile())),
    "no pickle": b"hello",
    "half a pickle": encode(("truncate", 1))[:-1],
    "another kind of record": encode(("weather", "fine")),
    "a group of no entries' shape": encode(("entries", 4, [(1, 2, 3)])),
    "a gap": encode(("entries", 9, [tuple(group(9, 1).entries[0])])),
    "a cut beyond the end": encode(("truncate", 1000)),
    "a cut below zero": encode(("truncate", -1)),
    "meta of another shape": encode(("meta", 1)),
    "meta with a text for a view": encode(("meta", "1", *Meta()[1:])),
    "put aside without a request": encode(("aside", [(b"", 1, "", b"", ())])),
    "not a tuple": encode({"entries": 1}),
    "a list that contains itself": b"\x80\x05]\x94h\x00a.",
    "four gigabytes announced": b"\x80\x05\x8e\x00\x00\x00\x00\x01\x00\x00\x00.",
    "nested without end": b"\x80\x05" + b"(" * 100_000 + b"t" * 100_000 + b".",
}


@pytest.mark.parametrize("name", PICKLES)
def test_a_senseless_record_under_a_valid_checksum_is_damage(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[object] = []
    monkeypatch.setattr(os, "system", calls.append)
    data, _ = small()
    found, _ = opened_with(data + encode_frame(len(data), PICKLES[name], 0))
    assert found is None
    assert calls == []


def test_entries_whose_views_go_back_are_damage() -> None:
    data, _ = small()
    for view, found in ((2, True), (1, False)):
        payload = encode_record(group(5, 1, view=view))
        model, _ = opened_with(data + encode_frame(len(data), payload, 0))
        assert (model is not None) == found


@pytest.mark.parametrize("name", ["a call", "no pickle", "not a tuple"])
def test_a_senseless_founding_part_is_damage(name: str) -> None:
    data, _ = small()
    first, state, *_ = heads(data)
    bad = encode_frame(0, PICKLES[name], 0)
    assert opened_with(bad + data[len(bad) :])[0] is None
    bad = encode_frame(state.offset, PICKLES[name], 0)
    assert opened_with(data[: first.end] + bad)[0] is None


@pytest.mark.parametrize("data", [b"", b"\x00" * 4096, os.urandom(5000), pickle.dumps([1, 2])])
def test_something_else_altogether_is_damage(data: bytes) -> None:
    assert opened_with(data)[0] is None


def test_a_state_that_is_not_the_labelled_one_is_damage() -> None:
    disk = FakeDisk()
    journal, _ = Journal.open(disk, 0)
    journal.write([Meta(), group(1, 3)], 3)
    compact(disk, 0, 2, ListFold)
    journal.switch()
    data = disk.content(NAME)
    first, state, *_ = heads(data)
    payload = data[state.payload_at : state.end - 2].replace(b"hello 1", b"HELLO 1")
    assert payload != data[state.payload_at : state.end - 2]
    forged = data[: first.end] + encode_frame(state.offset, payload, 2) + data[state.end :]
    assert opened_with(forged)[0] is None


def test_damaged_files_are_all_kept_and_the_loss_is_not_forgotten() -> None:
    data, _ = small()
    _, disk = opened_with(data[:50])
    _, opened = Journal.open(disk, 0)
    assert opened.recovered is None
    assert opened.kept_aside == f"{NAME}.damaged-1", "it is not a new replica"
    disk.put(NAME, data[:60])
    _, opened = Journal.open(disk, 0)
    assert opened.kept_aside == f"{NAME}.damaged-2"
    journal, opened = Journal.open(disk, 0)
    assert opened.kept_aside == f"{NAME}.damaged-2"
    journal.write([Meta(promised=3, rebuilding=True)], 0)
    _, opened = Journal.open(disk, 0)
    assert opened.kept_aside is None
    assert opened.recovered is not None and opened.recovered.meta.rebuilding


def refusal_of(data: bytes, replica_id: int = 0) -> str:
    disk = FakeDisk()
    name = f"replica-{replica_id}.pickle"
    disk.put(name, data)
    with pytest.raises(JournalRefused) as caught:
        Journal.open(disk, replica_id)
    assert disk.content(name) == data, "left alone"
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_the_journal_of_another_replica_is_refused() -> None:
    data, _ = small()
    line = refusal_of(data, replica_id=1)
    assert "replica 0" in line and "replica 1" in line and "data folder" in line


def test_a_newer_format_is_refused_whatever_else_it_holds() -> None:
    newer = encode((MAGIC, 3, 0, "something new"))
    line = refusal_of(encode_frame(0, newer, 0) + b"anything")
    assert "format version 3" in line and "reads version 2" in line
    assert refusal_of(encode_frame(0, encode_founding(Founding(99, 0)), 0))


def test_a_full_disk_is_refused_at_start() -> None:
    data, models = small()
    disk = FakeDisk()
    disk.put(NAME, data)
    disk.capacity_bytes = len(data) + 100
    with pytest.raises(JournalRefused, match="No space left"):
        Journal.open(disk, 0)
    disk.capacity_bytes = None
    assert model_of(Journal.open(disk, 0)[1]) == models[-1]
    assert disk.listing() == [NAME]


@pytest.mark.parametrize("with_journal", [True, False])
def test_a_folder_that_cannot_be_written_is_refused(with_journal: bool) -> None:
    disk = FakeDisk()
    if with_journal:
        disk.put(NAME, small()[0])
    disk.read_only = True
    with pytest.raises(JournalRefused, match="Permission denied"):
        Journal.open(disk, 0)
