"""Messages to rooms: in columns too, and never in one with those to accounts."""

from __future__ import annotations

import pytest

from ringchat_client.errors import PermissionDenied
from ringchat_client.session import FRAME_BYTES_MAX, WINDOW, Session
from ringchat_proto import chat_pb2 as pb
from tests.unit.client.frames import (
    all_numbers,
    create,
    created,
    frame_of,
    frames_of,
    ids,
    numbers,
    opened,
    post,
    receipts,
    refused,
    send,
    sent_numbers,
)

Column = tuple[int, int, list[str], list[str]]


def room_columns(frame: pb.ClientFrame) -> Column:
    """The first number, the room, the receivers, the texts."""
    sends = frame.sends
    return sends.number, sends.room, list(sends.to), list(sends.text)


def written(session: Session) -> list[Column]:
    return [room_columns(frame) for frame in frames_of(session)]


async def test_messages_of_one_room_share_a_column() -> None:
    session = opened()
    pending = [post(session, text) for text in "abc"]
    assert written(session) == [(1, 12, [], ["a", "b", "c"])]
    assert session.take(receipts((1, 3, 71))) is None
    assert ids(pending) == [71, 72, 73]
    assert session.idle


async def test_another_room_begins_another_frame() -> None:
    session = opened()
    for room, text in ((12, "a"), (12, "b"), (13, "c"), (12, "d")):
        post(session, text, room)
    assert written(session) == [
        (1, 12, [], ["a", "b"]),
        (3, 13, [], ["c"]),
        (4, 12, [], ["d"]),
    ]


async def test_rooms_and_accounts_never_share_a_frame() -> None:
    session = opened()
    pending = [
        send(session, "a", "bob"),
        send(session, "b", "ann"),
        post(session, "c"),
        send(session, "d", "bob"),
        post(session, "e", 13),
        post(session, "f", 13),
        send(session, "g", "ann"),
    ]
    assert written(session) == [
        (1, 0, ["bob", "ann"], ["a", "b"]),
        (3, 12, [], ["c"]),
        (4, 0, ["bob"], ["d"]),
        (5, 13, [], ["e", "f"]),
        (7, 0, ["ann"], ["g"]),
    ]
    session.take(receipts((1, 7, 71)))
    assert ids(pending) == list(range(71, 78))


async def test_other_requests_follow_a_room_in_its_frame_and_none_goes_before() -> None:
    session = opened()
    post(session, "a")
    create(session)
    post(session, "b")
    frames = frames_of(session)
    assert [(sent_numbers(f), [r.number for r in f.requests]) for f in frames] == [
        ([1], [2]),
        ([3], []),
    ]


async def test_a_new_stream_repeats_them_with_holes_where_they_were_answered() -> None:
    session = opened()
    pending = [post(session, str(i)) for i in range(5)] + [send(session, "5"), post(session, "6")]
    frames_of(session)
    session.take(receipts((2, 1, 72)))
    session.abandon(pending[3])
    session.begin_stream()
    assert written(session) == [
        (1, 12, [], ["0"]),
        (3, 12, [], ["2"]),
        (5, 12, [], ["4"]),
        (6, 0, ["bob"], ["5"]),
        (7, 12, [], ["6"]),
    ]
    assert session.outstanding == 5


async def test_the_number_of_another_request_is_a_hole() -> None:
    session = opened()
    for submit in (post, create, post):
        submit(session)
    frames_of(session)
    session.take(created(2))
    session.begin_stream()
    assert [sent_numbers(frame) for frame in frames_of(session)] == [[1], [3]]


async def test_tokens_windows_and_sizes_hold_for_them_too() -> None:
    session = opened("ann")
    post(session, "a")
    session.token = "bob"
    post(session, "b")
    first, second = frames_of(session)
    assert (first.HasField("token"), second.token) == (False, "bob")
    session = opened()
    for _ in range(WINDOW + 1):
        post(session)
    assert len(numbers(frame_of(session))) == WINDOW
    assert session.next_frame() is None
    session.take(receipts((1, WINDOW, 1)))
    assert all_numbers(session) == [WINDOW + 1]
    session.take(receipts((WINDOW + 1, 1, 1)))
    for _ in range(3):
        post(session, "x" * (FRAME_BYTES_MAX // 8))
    assert [len(numbers(frame)) for frame in frames_of(session)] == [2, 1]


async def test_one_that_is_refused_is_one_error() -> None:
    session = opened()
    pending = [post(session, str(i)) for i in range(3)]
    frame_of(session)
    frame = receipts((1, 1, 71), (3, 1, 72))
    frame.MergeFrom(refused(2, 7, "join the room first"))
    session.take(frame)
    assert ids([pending[0], pending[2]]) == [71, 72]
    with pytest.raises(PermissionDenied, match="^join the room first$"):
        pending[1].future.result()
