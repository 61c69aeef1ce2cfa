"""Numbers, frames and windows, without a stream."""

from __future__ import annotations

import asyncio

import pytest

from ringchat_client.errors import NotFound
from ringchat_client.session import FIRST_READ_TAG, FRAME_BYTES_MAX, WINDOW, Pending, Session
from ringchat_proto import chat_pb2 as pb

CLIENT_ID = b"0123456789abcdef"


def send(session: Session, text: str = "hello") -> Pending:
    return session.submit(
        pb.Request(send_message=pb.SendMessageRequest(to="bob", text=text)), write=True
    )


def read(session: Session) -> Pending:
    return session.submit(pb.Request(list_accounts=pb.ListAccountsRequest()), write=False)


def opened(token: str = "t") -> Session:
    session = Session(CLIENT_ID, token)
    session.begin_stream()
    assert session.next_frame() is not None
    return session


def frame_of(session: Session) -> pb.ClientFrame:
    frame = session.next_frame()
    assert frame is not None
    return frame


def numbers(frame: pb.ClientFrame) -> list[int]:
    return [request.number for request in frame.requests]


def answer(*answered: int) -> pb.ServerFrame:
    return pb.ServerFrame(
        responses=[
            pb.Response(number=n, send_message=pb.SendMessageResponse(message_id=n))
            for n in answered
        ]
    )


async def test_the_first_frame_names_the_client_and_its_token_even_without_requests() -> None:
    session = Session(CLIENT_ID, "t")
    session.begin_stream()
    frame = frame_of(session)
    assert (frame.client_id, frame.token, len(frame.requests)) == (CLIENT_ID, "t", 0)
    assert session.next_frame() is None


async def test_what_is_queued_goes_into_one_frame_in_order() -> None:
    session = opened()
    for i in range(256):
        send(session, str(i))
    frame = frame_of(session)
    assert numbers(frame) == list(range(1, 257))
    assert [r.send_message.text for r in frame.requests] == [str(i) for i in range(256)]
    assert not frame.client_id
    assert not frame.HasField("token")
    assert session.next_frame() is None


async def test_answers_go_to_those_who_wait() -> None:
    session = opened()
    first, second = send(session), send(session)
    frame_of(session)
    assert session.take(answer(2)) is None
    assert second.future.result().send_message.message_id == 2
    assert not first.future.done()
    assert session.outstanding == 1


async def test_an_error_becomes_an_exception_of_its_kind() -> None:
    session = opened()
    pending = send(session)
    frame_of(session)
    error = pb.Error(code=5, message="no account\nnamed 'x'")
    session.take(pb.ServerFrame(responses=[pb.Response(number=1, error=error)]))
    with pytest.raises(NotFound, match="^no account named 'x'$"):
        pending.future.result()


async def test_at_most_a_window_of_requests_is_unanswered() -> None:
    session = opened()
    for _ in range(WINDOW + 10):
        read(session)
    assert len(frame_of(session).requests) == WINDOW
    assert session.next_frame() is None
    session.take(pb.ServerFrame(responses=[pb.Response(number=FIRST_READ_TAG + 5)]))
    assert len(frame_of(session).requests) == 1


async def test_no_number_runs_further_than_a_window_ahead_of_the_oldest_unanswered() -> None:
    session = opened()
    for _ in range(WINDOW + 10):
        send(session)
    frame_of(session)
    session.take(answer(*range(2, 12)))  # all but the first: room, but not for a higher number
    assert session.next_frame() is None
    session.take(answer(1))
    assert numbers(frame_of(session)) == list(range(WINDOW + 1, WINDOW + 11))


async def test_after_a_failover_the_unanswered_go_first_with_their_numbers_in_order() -> None:
    session = opened()
    for i in range(5):
        send(session, str(i))
    frame_of(session)
    session.take(answer(2, 4))
    send(session, "new")
    session.begin_stream()
    frame = frame_of(session)
    assert frame.client_id == CLIENT_ID
    assert numbers(frame) == [1, 3, 5, 6]
    assert [r.send_message.text for r in frame.requests] == ["0", "2", "4", "new"]
    assert session.outstanding == 4


async def test_what_was_given_up_in_the_queue_takes_no_number() -> None:
    session = opened()
    given_up = send(session, "given up")
    send(session, "kept")
    session.abandon(given_up)
    frame = frame_of(session)
    assert numbers(frame) == [1]
    assert frame.requests[0].send_message.text == "kept"


async def test_what_was_given_up_after_writing_is_not_sent_again() -> None:
    session = opened()
    given_up, kept = send(session), send(session)
    frame_of(session)
    session.abandon(given_up)
    session.begin_stream()
    assert numbers(frame_of(session)) == [2]
    assert not kept.future.done()


async def test_what_was_given_up_holds_back_nobody() -> None:
    session = opened()
    given_up = send(session)
    for _ in range(WINDOW):
        send(session)
    assert len(frame_of(session).requests) == WINDOW
    session.take(answer(*range(2, WINDOW + 1)))
    assert session.next_frame() is None
    session.abandon(given_up)
    assert numbers(frame_of(session)) == [WINDOW + 1]


async def test_a_cancelled_caller_is_not_sent_again_and_its_late_answer_is_ignored() -> None:
    session = opened()
    cancelled = send(session)
    frame_of(session)
    cancelled.future.cancel()
    assert session.take(answer(1)) is None
    assert session.idle
    session.begin_stream()
    assert numbers(frame_of(session)) == []


async def test_a_request_can_be_sent_again_later_under_its_number() -> None:
    session = opened()
    old = send(session, "again")
    frame_of(session)
    session.abandon(old)
    send(session)
    repeated = session.submit_again(old)
    assert numbers(frame_of(session)) == [2, 1]
    session.take(answer(1))
    assert repeated.future.result().number == 1


async def test_reads_have_tags_that_no_write_ever_has() -> None:
    session = opened()
    read(session)
    send(session)
    read(session)
    assert numbers(frame_of(session)) == [FIRST_READ_TAG + 1, 1, FIRST_READ_TAG + 2]


async def test_a_request_acts_under_the_token_of_its_submission_whenever_it_is_written() -> None:
    session = Session(CLIENT_ID, "ann")
    send(session, "from ann")
    session.token = "bob"
    send(session, "from bob")
    session.begin_stream()
    first, second = frame_of(session), frame_of(session)
    assert (first.token, numbers(first)) == ("ann", [1])
    assert (second.token, numbers(second)) == ("bob", [2])
    session.begin_stream()
    assert [frame_of(session).token, frame_of(session).token] == ["ann", "bob"]


async def test_logging_out_is_written_as_an_empty_token() -> None:
    session = opened("ann")
    session.token = ""
    read(session)
    frame = frame_of(session)
    assert frame.HasField("token")
    assert frame.token == ""


async def test_large_requests_are_spread_over_frames() -> None:
    session = opened()
    text = "x" * 65_536
    for _ in range(40):
        send(session, text)
    frames = []
    while (frame := session.next_frame()) is not None:
        assert frame.ByteSize() <= FRAME_BYTES_MAX + 4096
        frames.append(frame)
    assert sum(len(frame.requests) for frame in frames) == 40
    assert len(frames) == 3


async def test_an_unavailable_master_leaves_the_request_unanswered() -> None:
    session = opened()
    pending = send(session)
    frame_of(session)
    error = pb.Error(code=14, message="no majority")
    useless = session.take(pb.ServerFrame(responses=[pb.Response(number=1, error=error)]))
    assert useless == "no majority"
    assert not pending.future.done()
    session.begin_stream()
    assert numbers(frame_of(session)) == [1]


async def test_an_answer_that_nobody_asked_for_is_ignored() -> None:
    session = opened()
    assert session.take(answer(77)) is None


async def test_giving_up_everything_names_who_waits() -> None:
    session = opened()
    written = send(session)
    frame_of(session)
    queued = send(session)
    assert session.abandon_all() == [written, queued]
    assert session.idle
    assert isinstance(written.future, asyncio.Future)
