"""A journal in words, one line a record, for people who want to see what is in it."""

from __future__ import annotations

import io
from collections.abc import Iterator

from ringchat_server.journal.disk import Disk
from ringchat_server.journal.encoding import (
    FORMAT_VERSION,
    LABEL_BYTES_MAX,
    decode_founding,
    decode_label,
    decode_records,
)
from ringchat_server.journal.frames import FrameReader, Head
from ringchat_server.pickled import Unreadable
from ringchat_server.records import Aside, Entry, Group, HandedOverRecord, Meta, Record, Truncate

TEXT_CHARACTERS_MAX = 60


def describe(disk: Disk, name: str) -> Iterator[str]:
    """The lines of that file, whosever journal it is; damage is a line like any other.

    Raises:
        OSError: if the disk cannot read it.
    """
    file = disk.open(name)
    try:
        reader = FrameReader(file, file.size())
        offset = number = 0
        while offset < reader.size:
            head = reader.head(offset)
            if head is None:
                yield f"byte {offset}: no frame can be read here"
                following = reader.next_head_at(offset + 1)
                if following is None:
                    return
                offset = following
                continue
            yield from _frame_lines(reader, head, number)
            offset = head.end
            number += 1
    finally:
        file.close()


def _frame_lines(reader: FrameReader, head: Head, number: int) -> Iterator[str]:
    place = f"byte {head.offset}: "
    try:
        if number == 1:  # not the whole state: it may be larger than the memory
            label = decode_label(io.BytesIO(reader.piece(head.payload_at, LABEL_BYTES_MAX)))
            yield (
                f"{place}state after entry {label.index}, {len(label.runs)} runs, "
                f"{head.payload_bytes} bytes"
            )
            return
        payload = reader.payload(head)
        if payload is None:
            yield f"{place}a frame of {head.payload_bytes} bytes that does not match its checksum"
        elif number == 0:
            founding = decode_founding(payload)
            yield f"{place}journal of replica {founding.replica_id}, format {founding.version}"
            if founding.version != FORMAT_VERSION:
                yield f"{place}this program knows format {FORMAT_VERSION}: the rest may be wrong"
        else:
            yield f"{place}synced together, committed up to entry {head.commit_index}"
            for record in decode_records(payload):
                yield from _record_lines(record)
    except Unreadable as error:
        yield f"{place}{error}"


def _record_lines(record: Record) -> Iterator[str]:
    match record:
        case Group():
            for index, entry in enumerate(record.entries, record.first_index):
                yield f"  entry {index}: {_entry_line(entry)}"
        case Meta():
            fields = record._asdict().items()
            words = ", ".join(f"{name} {value}" for name, value in fields if name != "cluster_id")
            yield f"  meta: cluster {record.cluster_id.hex() or 'none'}, {words}"
        case Aside(proposals):
            yield f"  put aside: {len(proposals)} requests"
            for proposal in proposals:
                yield f"    {_name(proposal.client, proposal.number)} {_short(proposal.request)}"
        case HandedOverRecord():
            yield "  what was put aside is handed over"
        case Truncate(length):
            yield f"  entries after {length} dropped"


def _entry_line(entry: Entry) -> str:
    words = f"view {entry.view}, {entry.time_ms} ms, {_name(entry.client, entry.number)}"
    return f"{words}, account {_short(entry.account)}, {_short(entry.request)}"


def _name(client: bytes, number: int) -> str:
    return f"client {client.hex()[:8] or '-'} number {number}"


def _short(value: object) -> str:
    match value:
        case bytes():
            return f"{value.hex()[:8]}… ({len(value)} bytes)"
        case str() if value.startswith("$argon2"):
            return "(password hash)"
        case str() if len(value) > TEXT_CHARACTERS_MAX:
            return f"{value[:TEXT_CHARACTERS_MAX]!r}… ({len(value)} characters)"
        case tuple():
            return f"({', '.join(map(_short, value))})"
    return repr(value)
