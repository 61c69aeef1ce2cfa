"""The bot that answers."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from examples.echo_bot import answer_to, run
from ringchat_client import Client, ConversationName, Message
from tests.unit.client.fake_cluster import FakeCluster, until

AT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("sender", "where", "text", "answer"),
    [
        ("ann", "ann", "hello", "hello"),
        ("ann", "ann", "@bot hello", "@bot hello"),
        ("bot", "bot", "hello", None),
        ("ann", 12, "hello", None),
        ("ann", 12, "hello @bot, there", "hello there"),
        ("ann", 12, "@bot: who?", "who?"),
        ("ann", 12, "@bot", "yes?"),
        ("ann", 12, "@bottle or mail@bot", None),
        ("bot", 12, "I am @bot", None),
    ],
)
def test_it_answers_who_speaks_to_it(
    sender: str, where: ConversationName, text: str, answer: str | None
) -> None:
    assert answer_to(Message(1, sender, text, AT, where), "bot") == answer


def test_it_says_nothing_to_what_was_taken_back() -> None:
    assert answer_to(Message(1, "ann", "", AT, "ann", deleted_at=AT), "bot") is None


async def test_it_answers_in_the_conversation_and_once_across_a_failover() -> None:
    async with (
        FakeCluster() as cluster,
        Client(master=cluster.addresses[0]) as bot,
        Client(master=cluster.addresses[0]) as ann,
    ):
        for name in ("ann", "bot", "eve"):
            await ann.create_account(name, "p")
        await ann.log_in("ann", "p")
        await bot.log_in("bot", "p")
        room = await ann.create_room("dogs", invite=["bot"])
        await bot.join_room(room)
        answering = asyncio.create_task(run(bot, "bot"))
        await ann.send_message("bot", "direct")
        question = await ann.send_message(room, "@bot in a room")
        await cluster.kill(0)
        await ann.send_message(room, "not for the bot")
        await ann.send_message("bot", "after")
        await until(lambda: len(cluster.state.mailboxes["ann"]) >= 3)
        await until(lambda: not cluster.state.mailboxes["bot"])
        texts = [(m.text, m.conversation.room) for m in cluster.state.mailboxes["ann"]]
        assert texts == [("direct", 0), ("in a room", room), ("after", 0)]
        assert cluster.state.mailboxes["ann"][1].reply_to == question.message_id
        await ann.block("bot")
        await ann.send_message("bot", "and now?")
        await until(lambda: not cluster.state.mailboxes["bot"])
        await bot.sessions()  # answered after the acknowledgement: the bot waits again by then
        assert not answering.done(), "a refusal is not its end"
        await bot.close()
        await answering
