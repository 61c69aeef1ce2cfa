"""What a node tells of what it applies, and what it does not even look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from ringchat_server.chat import Chat, Conversation, News, verification
from ringchat_server.records import Proposal
from tests.unit.server.test_node import FakeSink, alone, send, until


def login(number: int, name: str, token: bytes) -> Proposal:
    request = ("login", name, verification("hash"), token, b"n" * 32)
    return Proposal(b"y" * 16, number, "", b"", request)


async def test_whoever_loses_his_session_is_told_to_look(tmp_path: Path) -> None:
    async with alone(tmp_path) as rig:
        woken: list[Conversation | None] = []
        sink, count = FakeSink(), 0

        async def apply(proposal: Proposal) -> None:
            nonlocal count
            count += 1
            rig.node.submit(proposal, "", sink)
            await until(lambda: len(sink.answers) == count)
            assert sink.answers[-1][1][0] == 0

        await apply(Proposal(b"y" * 16, 1, "", b"", ("create", "eve", "hash")))
        one, two = b"1" * 32, b"2" * 32
        rig.node.watch("eve", woken.append)
        await apply(login(2, "eve", one))
        await apply(login(3, "eve", two))
        assert woken == [None, None], "a login may end the oldest session"
        woken.clear()
        for number, request in enumerate(
            (
                ("end", b""),
                ("password", verification("hash"), "another"),
                ("profile", "Eve"),
                ("logout",),
            ),
            4,
        ):
            await apply(Proposal(b"y" * 16, number, "eve", two, request))
            assert woken == [None], request
            woken.clear()


async def test_what_nobody_hears_is_not_even_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    take_news = Chat.take_news

    def counted(self: Chat) -> list[News]:
        taken.append(self.applied_index)
        return take_news(self)

    monkeypatch.setattr(Chat, "take_news", counted)
    async with alone(tmp_path) as rig:
        sink = FakeSink()
        rig.node.submit(send(1), "send_message", sink)
        await until(lambda: bool(sink.answers))
        assert taken == []
        assert await rig.node.find("text", [1], 0, 9) == []
        rig.node.submit(send(2), "send_message", sink)
        await until(lambda: len(sink.answers) == 2)
        assert len(taken) == 1, "of the index"
        rig.node.serving_changed(False)
        rig.node.submit(send(3), "send_message", sink)
        await until(lambda: len(sink.answers) == 3)
        assert len(taken) == 1
