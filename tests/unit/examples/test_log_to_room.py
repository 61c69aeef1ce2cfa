"""The log that is read in a room."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from examples import log_to_room
from examples.log_to_room import POST_BYTES_MAX, appended, main
from ringchat_client import Client
from tests.unit.client.fake_cluster import FakeCluster, until

POLL_SECONDS = 0.001


def append(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def rotate(path: Path) -> None:
    path.rename(path.with_suffix(".1"))


class Followed:
    """The texts that come out of a file that is followed."""

    def __init__(self, path: Path) -> None:
        self.texts: list[str] = []
        self._task = asyncio.create_task(self._follow(appended(path, POLL_SECONDS)))

    async def _follow(self, texts: AsyncIterator[str]) -> None:
        async for text in texts:
            self.texts.append(text)

    async def has(self, text: str) -> None:
        """Until everything that came, in lines, is that."""
        await until(lambda: "\n".join(self.texts) == text)

    async def end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    path = tmp_path / "app.log"
    append(path, "old\n")
    return path


@pytest.fixture
async def followed(path: Path) -> AsyncIterator[Followed]:
    followed = Followed(path)
    await asyncio.sleep(0)  # it has looked for the end of the file
    yield followed
    await followed.end()


async def test_only_what_is_appended_and_only_whole_lines(path: Path, followed: Followed) -> None:
    append(path, "one\ntw")
    await followed.has("one")
    append(path, "o\nthree\n")
    await followed.has("one\ntwo\nthree")


async def test_a_new_file_of_that_name_is_read_from_its_beginning(
    path: Path, followed: Followed
) -> None:
    append(path, "one\n")
    await followed.has("one")
    append(path, "late\nunfinished")
    rotate(path)
    append(path, "two\n")
    await followed.has("one\nlate\nunfinished\ntwo")


async def test_a_file_that_is_cut_off_is_read_anew(path: Path, followed: Followed) -> None:
    append(path, "a rather long line\n")
    await followed.has("a rather long line")
    os.truncate(path, 0)
    append(path, "new\n")
    await followed.has("a rather long line\nnew")


async def test_while_the_name_stands_for_nothing_the_old_file_is_read_on(
    path: Path, followed: Followed
) -> None:
    append(path, "one\n")
    await followed.has("one")
    rotate(path)
    await asyncio.sleep(5 * POLL_SECONDS)
    append(path.with_suffix(".1"), "late\n")
    await followed.has("one\nlate")
    append(path, "two\n")
    await followed.has("one\nlate\ntwo")


async def test_a_file_may_come_later(tmp_path: Path) -> None:
    followed = Followed(tmp_path / "later.log")
    await asyncio.sleep(0)
    append(tmp_path / "later.log", "here\n")
    await followed.has("here")
    await followed.end()


async def test_no_post_is_too_large(path: Path, followed: Followed) -> None:
    text = "\n".join(f"{i:0100}" for i in range(2000)) + "\n" + "x" * 100_000
    append(path, text + "\n")
    whole = text.replace("\n", "")
    await until(lambda: "".join(followed.texts).replace("\n", "") == whole)
    assert max(map(len, followed.texts)) < 2 * POST_BYTES_MAX


async def follow(cluster: FakeCluster, room: int, path: Path) -> asyncio.Task[None]:
    """The whole program at work, once it has posted lines that say "x"."""
    file = path.with_name("cluster.yaml")
    append(file, cluster.cluster_file())
    following = asyncio.create_task(main(file, "ann", room, path))
    # It begins at the end of the file, and nobody is told when it has found that.
    async with asyncio.timeout(10):
        while room not in cluster.state.messages:
            append(path, "x\n")
            await asyncio.sleep(0.01)
    return following


async def test_a_failover_delays_lines_and_loses_none(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RINGCHAT_PASSWORD", "p")
    async with FakeCluster() as cluster, Client(master=cluster.addresses[0]) as client:
        await client.create_account("ann", "p")
        await client.log_in("ann", "p")
        room = await client.create_room("log")
        posting = await follow(cluster, room, path)
        for i in range(30):
            append(path, f"{i}\n")
            if i == 10:
                await cluster.kill(0)
            await asyncio.sleep(0)
        messages = cluster.state.messages
        await until(lambda: messages[room][-1].text.endswith("29"))
        lines = "\n".join(message.text for message in messages[room]).split("\n")
        assert [line for line in lines if line != "x"] == [str(i) for i in range(30)]
        posting.cancel()
        await asyncio.gather(posting, return_exceptions=True)


async def test_it_logs_in_and_follows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGCHAT_PASSWORD", "p")
    async with FakeCluster() as cluster, Client(master=cluster.addresses[0]) as client:
        await client.create_account("ann", "p")
        await client.log_in("ann", "p")
        room = await client.create_room("log")
        following = await follow(cluster, room, path)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert {line for m in cluster.state.messages[room] for line in m.text.split("\n")} == {"x"}


def test_it_is_read_in_one_go() -> None:
    assert len(Path(log_to_room.__file__).read_text().splitlines()) < 60
