"""What the pictures and the tests of the screen look at."""

from __future__ import annotations

from datetime import timedelta

from tests.unit.client.tui.fake_client import NOON, FakeClient, conversation, member, message

__all__ = ["a_busy_day"]


def a_busy_day(client: FakeClient) -> None:
    """Conversations of every sort."""
    day = timedelta(days=1)
    said = [
        ("bob", "morning! did the ring survive the night?", NOON - day - timedelta(hours=1), 0),
        ("ann", "it did: two masters died, nobody noticed", NOON - day - timedelta(minutes=58), 0),
        ("bob", "how long did the walk take", NOON - timedelta(hours=3, minutes=5), 0),
        ("bob", "asking for the paper", NOON - timedelta(hours=3, minutes=4), 0),
        ("ann", "12 ms, measured from kill -9 to the next confirmed write", NOON - 2 * day / 24, 3),
        (
            "ann",
            "the numbers, once more:\n  kill -9   13 ms\n  SIGSTOP   1.0 s\n  docker    26 ms",
            NOON - timedelta(minutes=118),
            0,
        ),
        ("bob", "see https://example.org/ring for the figure", NOON - timedelta(minutes=9), 0),
    ]
    direct = [
        message(i, who, text, "bob", sent_at=at, reply_to=reply)
        for i, (who, text, at, reply) in enumerate(said, 1)
    ]
    client.add(
        conversation("bob", display_name="Bob Baker", read_up_to=7),
        direct,
        member("ann"),
        member("bob", 7, 5),
    )
    room_said = [
        message(20, "cleo", "deploy at four?", 9, sent_at=NOON - timedelta(minutes=50)),
        message(21, "dan", "@ann can you watch the ring?", 9, sent_at=NOON - timedelta(minutes=40)),
        message(22, "cleo", "fine by me", 9, sent_at=NOON - timedelta(minutes=3)),
    ]
    client.add(
        conversation(
            9, title="operations", topic="who is on call", unread=3, unread_mentions=1, read_up_to=1
        ),
        room_said,
        *(member(name, 22, 20) for name in ("ann", "cleo", "dan")),
    )
    client.add(conversation(11, title="book club", invited_by="dan"), ())
    dan = message(15, "dan", "lunch?", "dan", sent_at=NOON - timedelta(minutes=70))
    client.add(conversation("dan", unread=1, read_up_to=1), [dan])
    note = message(14, "ann", "buy milk", "ann", sent_at=NOON - day * 3)
    client.add(conversation("ann"), [note])
