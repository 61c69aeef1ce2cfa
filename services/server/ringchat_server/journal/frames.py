r"""One frame: what was synced together, as one pickled tuple `(header, payload)`.

    bytes  what
        2  \x80\x05      the pickle begins, protocol 5
        2  C\x20         a bytes value of 32 bytes follows: the header
        8    where in the file the frame begins
        8    bytes of payload
        8    commit index known then (a lower bound)
        4    checksum of the payload
        4    checksum of the 28 bytes above
        1  \x8e          a bytes value of as many bytes as the next 8 bytes say
        8    bytes of payload, again: pickle's own
        n    the payload: the pickles of the records, one after another
        2  \x86.         make a tuple of the two; the pickle ends

Numbers are little-endian, checksums CRC-32. No byte is left uncovered: each is
constant, or under a checksum, or compared with one that is. The header stands at a
fixed place and has a checksum of its own, so a length is never believed before it
is checked. It says where it belongs, so a frame that the disk returns from another
place is not taken for the one that was written here.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from ringchat_server.journal.disk import OpenFile

HEADER_BYTES = 32
HEAD_BYTES = 45
"""All that stands before the payload."""
FOOT = b"\x86."
"""All that stands behind it."""
PAYLOAD_BYTES_MAX = 1 << 32
WINDOW_BYTES = 1 << 20
"""Frames are read out of a window of this size: small ones cost no system call each."""

_PREFIX = b"\x80\x05C" + bytes([HEADER_BYTES])
_BINBYTES8 = b"\x8e"
_FIELDS = struct.Struct("<QQQI")
_HEAD = struct.Struct("<4sQQQIIcQ")
_FIELDS_AT = len(_PREFIX)
_FIELDS_END = _FIELDS_AT + _FIELDS.size
assert _HEAD.size == HEAD_BYTES


class Head(NamedTuple):
    """The checked head of a frame."""

    offset: int
    """Where in the file the frame begins."""
    payload_bytes: int
    commit_index: int
    payload_sum: int

    @property
    def payload_at(self) -> int:
        """Where in the file the payload begins."""
        return self.offset + HEAD_BYTES

    @property
    def end(self) -> int:
        """Where in the file the next frame begins."""
        return self.payload_at + self.payload_bytes + len(FOOT)


def checksum(data: bytes | memoryview, before: int = 0) -> int:
    """CRC-32 of the data; of several pieces, if each is given the sum `before` it."""
    return zlib.crc32(data, before)


def encode_head(head: Head) -> bytes:
    """The bytes before a payload.

    Raises:
        ValueError: for a payload of more than `PAYLOAD_BYTES_MAX`.
    """
    if head.payload_bytes > PAYLOAD_BYTES_MAX:
        raise ValueError(f"{head.payload_bytes} bytes in one frame, at most {PAYLOAD_BYTES_MAX}")
    offset, size, commit_index, payload_sum = head
    fields = _FIELDS.pack(offset, size, commit_index, payload_sum)
    end = (_BINBYTES8, size)
    return _HEAD.pack(_PREFIX, offset, size, commit_index, payload_sum, checksum(fields), *end)


def encode_frame(offset: int, payload: bytes, commit_index: int) -> bytes:
    """The whole frame that is to stand at that offset."""
    head = Head(offset, len(payload), commit_index, checksum(payload))
    return b"".join((encode_head(head), payload, FOOT))


def decode_head(data: bytes | memoryview) -> Head | None:
    """The head in the first `HEAD_BYTES` of data, wherever it belongs; `None`: no such thing."""
    if len(data) < HEAD_BYTES:
        return None
    prefix, offset, size, commit_index, payload_sum, head_sum, opcode, again = _HEAD.unpack_from(
        data
    )
    if prefix != _PREFIX or opcode != _BINBYTES8 or size != again or size > PAYLOAD_BYTES_MAX:
        return None
    if head_sum != checksum(data[_FIELDS_AT:_FIELDS_END]):
        return None
    return Head(offset, size, commit_index, payload_sum)


class FrameReader:
    """Reads the frames of a file, up to the size that it had at the beginning."""

    def __init__(self, file: OpenFile, size: int) -> None:
        self.size = size
        self._file = file
        self._window = memoryview(b"")
        self._window_at = 0

    def head(self, offset: int) -> Head | None:
        """The head that stands there; `None` if there is no good one that belongs there."""
        head = decode_head(self._bytes(offset, HEAD_BYTES))
        return head if head is not None and head.offset == offset else None

    def payload(self, head: Head) -> bytes | None:
        """The frame's payload; `None` if it is not whole, or not what the head says."""
        offset, size, _, payload_sum = head
        at = offset + HEAD_BYTES
        if at + size + len(FOOT) > self.size:
            return None
        if size > WINDOW_BYTES:  # a state, mostly: held in memory once only
            payload = self._file.read(at, size)
            foot = self._bytes(at + size, len(FOOT))
        else:
            data = self._bytes(at, size + len(FOOT))
            payload, foot = bytes(data[:size]), data[size:]
        return payload if foot == FOOT and checksum(payload) == payload_sum else None

    def piece(self, offset: int, size: int) -> bytes:
        """Bytes of the file, checked by nobody; fewer than `size` only at its end."""
        return bytes(self._bytes(offset, size))

    def next_head_at(self, offset: int) -> int | None:
        """Where, at or behind the offset, the first good head stands, wherever it belongs."""
        while offset < self.size:
            data = self.piece(offset, WINDOW_BYTES)
            at = data.find(_PREFIX)
            while at >= 0:
                if decode_head(self._bytes(offset + at, HEAD_BYTES)) is not None:
                    return offset + at
                at = data.find(_PREFIX, at + 1)
            if offset + len(data) >= self.size:
                break
            offset += len(data) - len(_PREFIX) + 1  # one may stand across the border
        return None

    def _bytes(self, offset: int, size: int) -> memoryview:
        size = max(0, min(size, self.size - offset))
        at = offset - self._window_at
        if at < 0 or at + size > len(self._window):
            wanted = min(max(size, WINDOW_BYTES), self.size - offset)
            self._window = memoryview(self._file.read(offset, wanted))
            self._window_at = offset
            at = 0
        return self._window[at : at + size]
