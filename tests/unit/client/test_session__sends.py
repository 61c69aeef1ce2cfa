"""Messages of a session in columns, and their receipts in runs."""

from __future__ import annotations

import pytest

from ringchat_client.errors import NotFound, ResourceExhausted
from ringchat_client.session import FIRST_READ_TAG, FRAME_BYTES_MAX, WINDOW, Send, Session
from ringchat_proto import chat_pb2 as pb
from tests.unit.client.frames import (
    CLIENT_ID,
    all_numbers,
    columns,
    create,
    created,
    frame_of,
    frames_of,
    ids,
    numbers,
    opened,
    read,
    receipt,
    receipts,
    refused,
    send,
    sends,
    sent_numbers,
)


async def test_a_message_given_up_in_the_queue_leaves_the_columns_whole() -> None:
    session = opened()
    first, given_up, cancelled, last = (send(session, text) for text in "abcd")
    session.abandon(given_up)
    cancelled.future.cancel()
    [frame] = frames_of(session)
    assert columns(frame) == (1, ["bob"], ["a", "d"])
    session.take(receipts((1, 2, 71)))
    assert ids([first, last]) == [71, 72]


# -------------------------------------------------------------------------- resends


async def test_what_was_given_up_is_a_hole_between_columns_that_are_sent_again() -> None:
    session = opened()
    written = sends(session, 7)
    frame_of(session)
    session.abandon(written[2])
    written[5].future.cancel()
    send(session, "new")
    session.begin_stream()
    frames = frames_of(session)
    assert [columns(frame) for frame in frames] == [
        (1, ["bob"], ["0", "1"]),
        (4, ["bob"], ["3", "4"]),
        (7, ["bob"], ["6", "new"]),
    ]
    assert session.outstanding == 6
    session.take(receipts((7, 2, 77), (1, 2, 71), (4, 2, 74)))
    assert ids(written[:2] + written[3:5] + written[6:]) == [71, 72, 74, 75, 77]
    assert session.outstanding == 0


async def test_what_was_answered_is_a_hole_too() -> None:
    session = opened()
    sends(session, 6)
    frame_of(session)
    session.take(receipts((1, 1, 1), (3, 2, 3)))
    session.begin_stream()
    assert [columns(frame) for frame in frames_of(session)] == [
        (2, ["bob"], ["1"]),
        (5, ["bob"], ["4", "5"]),
    ]


async def test_the_number_of_another_request_is_a_hole_between_columns() -> None:
    session = opened()
    for submit in (send, create, send, send, create, send):
        submit(session)
    frames_of(session)
    session.take(created(2))
    session.begin_stream()
    frames = frames_of(session)
    assert [(sent_numbers(f), [r.number for r in f.requests]) for f in frames] == [
        ([1], []),
        ([3, 4], [5]),
        ([6], []),
    ]


async def test_given_up_between_two_frames_of_a_resend_it_is_left_out() -> None:
    session = opened()
    written = sends(session, 6)
    frame_of(session)
    session.abandon(written[1])
    session.begin_stream()
    assert columns(frame_of(session)) == (1, ["bob"], ["0"])
    session.abandon(written[3])
    assert [columns(frame) for frame in frames_of(session)] == [
        (3, ["bob"], ["2"]),
        (5, ["bob"], ["4", "5"]),
    ]


async def test_every_new_stream_repeats_all_that_is_unanswered() -> None:
    session = opened()
    written = sends(session, 4)
    frame_of(session)
    for _ in range(3):
        session.begin_stream()
        [frame] = frames_of(session)
        assert frame.client_id == CLIENT_ID
        assert columns(frame) == (1, ["bob"], ["0", "1", "2", "3"])
        assert session.outstanding == 4
    session.take(receipts((1, 4, 1)))
    assert ids(written) == [1, 2, 3, 4]


async def test_messages_sent_again_later_share_columns_only_where_their_numbers_are_in_a_row() -> (
    None
):
    session = opened()
    one, two, three, four = sends(session, 4)
    frame_of(session)
    for pending in (one, two, three, four):
        session.abandon(pending)
    repeated = [session.submit_again(pending) for pending in (two, three, one, four)]
    send(session, "new")
    assert [columns(frame) for frame in frames_of(session)] == [
        (2, ["bob"], ["1", "2"]),
        (1, ["bob"], ["0"]),
        (4, ["bob"], ["3", "new"]),
    ]
    session.take(receipts((1, 4, 71)))
    assert ids(repeated) == [72, 73, 71, 74]


# --------------------------------------------------------------------------- window


async def test_at_most_a_window_of_messages_is_unanswered() -> None:
    session = opened()
    sends(session, WINDOW + 10)
    assert numbers(frame_of(session)) == list(range(1, WINDOW + 1))
    assert session.next_frame() is None
    assert session.outstanding == WINDOW
    session.take(receipts((1, 4, 1)))
    assert numbers(frame_of(session)) == list(range(WINDOW + 1, WINDOW + 5))
    assert session.next_frame() is None


async def test_messages_and_reads_share_the_window() -> None:
    session = opened()
    for _ in range(WINDOW - 3):
        read(session)
    sends(session, 10)
    assert [len(numbers(frame)) for frame in frames_of(session)] == [WINDOW - 3, 3]
    session.take(pb.ServerFrame(responses=[pb.Response(number=FIRST_READ_TAG + 1)]))
    assert all_numbers(session) == [4]


async def test_a_window_begins_anew_with_a_stream() -> None:
    session = opened()
    sends(session, WINDOW + 10)
    frame_of(session)
    session.take(receipts((1, 6, 1)))
    session.begin_stream()
    [frame] = frames_of(session)
    assert numbers(frame) == list(range(7, WINDOW + 7))
    assert session.outstanding == WINDOW


async def test_the_oldest_unanswered_message_ends_a_column_before_the_number_out_of_reach() -> None:
    session = opened()
    sends(session, 2 * WINDOW)
    frame_of(session)
    session.take(receipts((1, 1, 1), (3, WINDOW - 2, 3)))  # all but number 2
    assert numbers(frame_of(session)) == [WINDOW + 1]
    assert session.next_frame() is None
    assert session.outstanding == 2
    session.take(receipts((2, 1, 2)))
    assert numbers(frame_of(session)) == list(range(WINDOW + 2, 2 * WINDOW + 1))


async def test_the_numbers_of_a_new_stream_stay_within_reach_of_the_oldest() -> None:
    session = opened()
    sends(session, WINDOW + 10)
    frame_of(session)
    session.take(receipts((2, WINDOW - 1, 2)))  # all but number 1
    session.begin_stream()
    assert all_numbers(session) == [1]
    session.take(receipts((1, 1, 1)))
    assert all_numbers(session) == list(range(WINDOW + 1, WINDOW + 11))


async def test_a_cancelled_caller_holds_back_no_number_of_a_new_stream() -> None:
    session = opened()
    written = sends(session, WINDOW + 10)
    frame_of(session)
    session.take(receipts((2, WINDOW - 1, 2)))
    written[0].future.cancel()
    session.begin_stream()
    assert all_numbers(session) == list(range(WINDOW + 1, WINDOW + 11))


async def test_a_read_goes_on_where_a_message_is_out_of_reach() -> None:
    session = opened()
    sends(session, WINDOW)
    frame_of(session)
    session.take(receipts((2, WINDOW - 1, 2)))
    read(session)
    send(session, "out of reach")
    assert all_numbers(session) == [FIRST_READ_TAG + 1]


# ---------------------------------------------------------------------- frame sizes


def text_of(size_bytes: int, to: str = "bob") -> str:
    """A text with which a message is counted as that many bytes: four to a character."""
    return "x" * (size_bytes // 4 - len(to))


async def test_a_frame_is_full_at_its_size_and_not_before() -> None:
    session = opened()
    quarter = text_of(FRAME_BYTES_MAX // 4)
    for _ in range(8):
        send(session, quarter)
    send(session, quarter + "x")
    for _ in range(4):
        send(session, quarter)
    assert [numbers(frame) for frame in frames_of(session)] == [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10, 11],
        [12, 13],
    ]


async def test_the_names_of_receivers_count() -> None:
    session = opened()
    send(session, "x", to="n" * (FRAME_BYTES_MAX // 4 - 1))
    send(session, "", to="n")
    assert [numbers(frame) for frame in frames_of(session)] == [[1], [2]]


async def test_a_message_larger_than_a_frame_has_one_of_its_own() -> None:
    session = opened()
    send(session, "before")
    send(session, text_of(FRAME_BYTES_MAX + 4))
    send(session, "after")
    assert [numbers(frame) for frame in frames_of(session)] == [[1], [2], [3]]


async def test_messages_and_requests_share_the_size_of_a_frame() -> None:
    session = opened()
    send(session, text_of(FRAME_BYTES_MAX - 40))
    create(session, "n" * 40)
    send(session, text_of(FRAME_BYTES_MAX - 40))
    create(session, "n" * 4)
    assert [numbers(frame) for frame in frames_of(session)] == [[1], [2], [3, 4]]


async def test_no_text_makes_a_frame_much_larger_than_its_size() -> None:
    session = opened()
    for character in ("x", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\N{CJK UNIFIED IDEOGRAPH-4E00}"):
        for to in ("bob", "\N{GRINNING FACE}" * 32):
            for _ in range(20):
                send(session, character * 21_000, to)
                send(session, "\N{GRINNING FACE}" * 16_384, to)
    frames = frames_of(session)
    assert max(frame.ByteSize() for frame in frames) <= FRAME_BYTES_MAX + 4096
    assert [n for frame in frames for n in numbers(frame)] == list(range(1, 241))


# ------------------------------------------------------------------------- receipts


async def test_a_run_of_receipts_answers_each_of_its_messages() -> None:
    session = opened()
    written = sends(session, 6)
    frame_of(session)
    assert session.take(receipts((2, 3, 70))) is None
    assert ids(written) == [None, 70, 71, 72, None, None]
    assert session.outstanding == 3
    assert session.take(receipts((5, 2, 90), (1, 1, 5))) is None
    assert ids(written) == [5, 70, 71, 72, 90, 91]
    assert session.outstanding == 0
    assert session.idle


async def test_a_receipt_for_one_that_was_given_up_is_ignored_and_frees_its_place() -> None:
    session = opened()
    written = sends(session, WINDOW)
    frame_of(session)
    session.abandon(written[0])
    session.abandon(written[2])
    written[3].future.cancel()  # it is not abandoned: nobody has told the session yet
    send(session, "next")
    assert session.next_frame() is None, "the server still counts those that were given up"
    session.take(receipts((1, 5, 71)))
    assert session.outstanding == WINDOW - 5
    assert ids([written[1], written[4]]) == [72, 75]
    assert all(written[i].future.cancelled() for i in (0, 2, 3))
    assert numbers(frame_of(session)) == [WINDOW + 1]
    session.begin_stream()
    assert all_numbers(session) == list(range(6, WINDOW + 2))


async def test_of_a_run_partly_unknown_the_known_have_their_receipts() -> None:
    session = opened()
    written = sends(session, 5)
    frame_of(session)
    session.take(receipts((2, 1, 50)))
    session.abandon(written[2])
    assert session.take(receipts((1, 8, 71))) is None  # 2 has one, 3 is given up, 6 to 8 nobody's
    assert ids([*written[:2], *written[3:]]) == [71, 50, 74, 75]
    assert session.idle
    send(session, "six")
    assert numbers(frame_of(session)) == [6]


async def test_a_receipt_that_comes_twice_changes_nothing() -> None:
    session = opened()
    written = sends(session, 2)
    frame_of(session)
    session.take(receipts((1, 1, 71)))
    session.take(receipts((1, 1, 99)))
    assert ids(written) == [71, None]


async def test_an_error_to_one_of_several_messages_is_its_own() -> None:
    session = opened()
    written = sends(session, 5)
    frame_of(session)
    frame = receipts((1, 1, 71), (3, 2, 72))
    frame.MergeFrom(refused(2, 5, "no account named 'bob'"))
    frame.MergeFrom(refused(5, 8, "the mailbox is full"))
    assert session.take(frame) is None
    assert ids([written[0], *written[2:4]]) == [71, 72, 73]
    with pytest.raises(NotFound, match="^no account named 'bob'$"):
        written[1].future.result()
    with pytest.raises(ResourceExhausted, match="^the mailbox is full$"):
        written[4].future.result()
    assert session.outstanding == 0
    session.begin_stream()
    assert all_numbers(session) == []


async def test_an_unavailable_master_leaves_one_of_several_messages_unanswered() -> None:
    session = opened()
    written = sends(session, 4)
    frame_of(session)
    frame = receipts((1, 1, 71), (3, 1, 72))
    frame.MergeFrom(refused(2, 14, "no majority"))
    assert session.take(frame) == "no majority"
    assert ids(written) == [71, None, 72, None]
    session.begin_stream()
    assert [columns(frame) for frame in frames_of(session)] == [
        (2, ["bob"], ["1"]),
        (4, ["bob"], ["3"]),
    ]


async def test_receipts_and_other_answers_share_a_frame() -> None:
    session = opened()
    message, account = send(session), create(session)
    frame_of(session)
    frame = receipts((1, 1, 71))
    frame.MergeFrom(created(2))
    assert session.take(frame) is None
    assert message.future.result() == receipt(71)
    result = account.future.result()
    assert isinstance(result, pb.Response)
    assert result.number == 2
    assert session.outstanding == 0


# --------------------------------------------------------------------------- tokens


async def test_messages_under_different_tokens_stand_in_different_frames() -> None:
    session = opened("ann")
    for token, text in (("ann", "a1"), ("ann", "a2"), ("bob", "b1"), ("ann", "a3"), ("", "n1")):
        session.token = token
        send(session, text)
    frames = frames_of(session)
    assert [columns(frame) for frame in frames] == [
        (1, ["bob"], ["a1", "a2"]),
        (3, ["bob"], ["b1"]),
        (4, ["bob"], ["a3"]),
        (5, ["bob"], ["n1"]),
    ]
    tokens = [frame.token if frame.HasField("token") else None for frame in frames]
    assert tokens == [None, "bob", "ann", ""]


async def test_messages_that_are_sent_again_are_sent_under_their_old_tokens() -> None:
    session = opened("ann")
    written = sends(session, 3)
    session.token = "bob"
    sends(session, 2)
    frames_of(session)
    session.abandon(written[1])
    session.begin_stream()
    frames = frames_of(session)
    assert [numbers(frame) for frame in frames] == [[1], [3], [4, 5]]
    tokens = [frame.token if frame.HasField("token") else None for frame in frames]
    assert tokens == ["ann", None, "bob"]


async def test_a_message_sent_again_later_is_sent_under_its_old_token() -> None:
    session = opened("ann")
    old = send(session, "from ann")
    frame_of(session)
    session.abandon(old)
    session.token = "bob"
    send(session, "from bob")
    session.submit_again(old)
    first, second = frames_of(session)
    assert (first.token, columns(first)) == ("bob", (2, ["bob"], ["from bob"]))
    assert (second.token, columns(second)) == ("ann", (1, ["bob"], ["from ann"]))


async def test_a_message_that_is_held_back_takes_its_token_along_when_it_goes() -> None:
    session = Session(CLIENT_ID, "ann")
    pending = [session.submit(Send("bob", "x"), write=True) for _ in range(WINDOW)]
    assert session.next_frame() is not None
    session.take(pb.ServerFrame(receipts=[pb.Receipts(number=2, count=WINDOW - 1, message_id=2)]))
    session.token = "eve"
    pending.append(session.submit(Send("bob", "y"), write=True))
    assert session.next_frame() is None, "its number is out of reach"
    session.take(pb.ServerFrame(receipts=[pb.Receipts(number=1, count=1, message_id=1)]))
    frame = session.next_frame()
    assert frame is not None
    assert (frame.sends.number, frame.token) == (WINDOW + 1, "eve")
    session.abandon_all()
