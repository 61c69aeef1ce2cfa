"""Short words for a session's frames, for its tests."""

from __future__ import annotations

from collections.abc import Iterator

from ringchat_client.session import Pending, Post, Send, Session
from ringchat_client.values import Receipt, time_of
from ringchat_proto import chat_pb2 as pb

CLIENT_ID = b"0123456789abcdef"
SENT_AT_MS = 1_700_000_000_123

Run = tuple[int, int, int]
"""Number and count of receipts, and the first one's message id."""


def send(session: Session, text: str = "hello", to: str = "bob") -> Pending:
    return session.submit(Send(to, text), write=True)


def sends(session: Session, count: int) -> list[Pending]:
    return [send(session, str(i)) for i in range(count)]


def create(session: Session, name: str = "carl") -> Pending:
    request = pb.Request(create_account=pb.CreateAccountRequest(name=name))
    return session.submit(request, write=True)


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


def frames_of(session: Session) -> list[pb.ClientFrame]:
    """All that can be written now."""

    def frames() -> Iterator[pb.ClientFrame]:
        while (frame := session.next_frame()) is not None:
            yield frame

    return list(frames())


def sent_numbers(frame: pb.ClientFrame) -> list[int]:
    """The numbers in the columns."""
    return [frame.sends.number + i for i in range(len(frame.sends.text))]


def numbers(frame: pb.ClientFrame) -> list[int]:
    """In the order in which a server takes them."""
    return sent_numbers(frame) + [request.number for request in frame.requests]


def all_numbers(session: Session) -> list[int]:
    return [number for frame in frames_of(session) for number in numbers(frame)]


def columns(frame: pb.ClientFrame) -> tuple[int, list[str], list[str]]:
    """The first number, the receivers and the texts."""
    return frame.sends.number, list(frame.sends.to), list(frame.sends.text)


def receipts(*runs: Run) -> pb.ServerFrame:
    return pb.ServerFrame(
        receipts=[
            pb.Receipts(number=number, count=count, message_id=message_id, sent_at_ms=SENT_AT_MS)
            for number, count, message_id in runs
        ]
    )


def answer(*answered: int) -> pb.ServerFrame:
    """A receipt for each message; its id is ten times its number."""
    return receipts(*((number, 1, 10 * number) for number in answered))


def created(*answered: int) -> pb.ServerFrame:
    """An answer to each other request."""
    return pb.ServerFrame(
        responses=[
            pb.Response(number=n, create_account=pb.CreateAccountResponse()) for n in answered
        ]
    )


def refused(number: int, code: int, message: str) -> pb.ServerFrame:
    error = pb.Error(code=code, message=message)
    return pb.ServerFrame(responses=[pb.Response(number=number, error=error)])


def receipt(message_id: int) -> Receipt:
    return Receipt(message_id, time_of(SENT_AT_MS))


def ids(pendings: list[Pending]) -> list[int | None]:
    """The message ids of the receipts; None where there is no answer yet."""

    def one(pending: Pending) -> int | None:
        if not pending.future.done():
            return None
        result = pending.future.result()
        assert isinstance(result, Receipt)
        assert result.sent_at == time_of(SENT_AT_MS)
        return result.message_id

    return [one(pending) for pending in pendings]


def post(session: Session, text: str = "hello", room: int = 12) -> Pending:
    return session.submit(Post(room, text), write=True)
