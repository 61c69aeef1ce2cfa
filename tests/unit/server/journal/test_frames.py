"""The layout of a frame, and reading it back."""

from __future__ import annotations

import io
import pickle

import pytest

from ringchat_server.journal import frames
from ringchat_server.journal.frames import (
    FOOT,
    HEAD_BYTES,
    PAYLOAD_BYTES_MAX,
    WINDOW_BYTES,
    FrameReader,
    Head,
    checksum,
    decode_head,
    encode_frame,
    encode_head,
)
from tests.simulator.disk import FakeDisk


def reader_of(data: bytes) -> FrameReader:
    disk = FakeDisk()
    disk.put("f", data)
    return FrameReader(disk.open("f"), len(data))


def test_a_file_of_frames_is_a_pickle_stream() -> None:
    first = encode_frame(0, b"one", 1)
    stream = io.BytesIO(first + encode_frame(len(first), b"two", 2))
    assert pickle.load(stream)[1] == b"one"
    assert pickle.load(stream)[1] == b"two"
    assert stream.read() == b""


def test_a_head_tells_all_about_its_frame() -> None:
    frame = encode_frame(7, b"payload", 1 << 40)
    head = decode_head(frame)
    assert head == Head(7, 7, 1 << 40, checksum(b"payload"))
    assert head.payload_at == 7 + HEAD_BYTES
    assert head.end == 7 + len(frame)
    assert frame[HEAD_BYTES:] == b"payload" + FOOT


def test_a_head_with_any_bit_changed_is_none() -> None:
    data = encode_head(Head(0, 3, 1, 2))
    for position in range(HEAD_BYTES):
        for bit in range(8):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            assert decode_head(bytes(changed)) is None
    assert decode_head(data[:-1]) is None


def test_a_frame_at_another_place_is_not_good_there() -> None:
    assert reader_of(encode_frame(1, b"x", 0)).head(0) is None


def test_a_payload_over_the_limit_is_refused_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="at most"):
        encode_head(Head(0, PAYLOAD_BYTES_MAX + 1, 0, 0))
    data = encode_head(Head(0, 100, 0, 0))
    monkeypatch.setattr(frames, "PAYLOAD_BYTES_MAX", 99)
    assert decode_head(data) is None


@pytest.mark.parametrize("size", [0, 1, WINDOW_BYTES - 50, WINDOW_BYTES, 3 * WINDOW_BYTES])
def test_payloads_larger_and_smaller_than_the_window(size: int) -> None:
    payload = bytes(range(251)) * (size // 251) + bytes(size % 251)
    first = encode_frame(0, payload, 0)
    data = first + encode_frame(len(first), b"next", 0)
    reader = reader_of(data)
    head = reader.head(0)
    assert head is not None and reader.payload(head) == payload
    following = reader.head(head.end)
    assert following is not None and reader.payload(following) == b"next"
    for changed_at in (HEAD_BYTES, (HEAD_BYTES + len(first)) // 2, len(first) - 1):
        changed = bytearray(data)
        changed[changed_at] ^= 16
        assert reader_of(bytes(changed)).payload(head) is None
    assert reader_of(first[:-1]).payload(head) is None


def test_a_head_is_found_wherever_it_stands() -> None:
    for before in (0, 1, 5000, WINDOW_BYTES - 1, WINDOW_BYTES - 2, WINDOW_BYTES + 7):
        data = b"\x80\x05C" * (before // 3) + bytes(before % 3) + encode_frame(before, b"x", 0)
        assert reader_of(data).next_head_at(0) == before
        assert reader_of(data).next_head_at(before + 1) is None


def test_small_frames_cost_no_read_each() -> None:
    data = b""
    for _ in range(500):
        data += encode_frame(len(data), b"x" * 100, 0)
    disk = FakeDisk()
    disk.put("f", data)
    reader, offset = FrameReader(disk.open("f"), len(data)), 0
    while offset < len(data):
        head = reader.head(offset)
        assert head is not None and reader.payload(head) is not None
        offset = head.end
    assert disk.log.count("read") == 1
