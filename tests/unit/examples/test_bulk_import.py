"""The file that is sent."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from examples import bulk_import
from examples.bulk_import import IN_FLIGHT, main, run
from ringchat_client import Client, Unauthenticated
from tests.unit.client.fake_cluster import FakeCluster, until


@pytest.fixture
async def cluster() -> AsyncIterator[FakeCluster]:
    async with FakeCluster() as cluster:
        yield cluster
        assert cluster.violations == []


@pytest.fixture
async def client(cluster: FakeCluster) -> AsyncIterator[Client]:
    async with Client(master=cluster.addresses[0]) as client:
        for name in ("ann", "bob"):
            await client.create_account(name, "p")
        await client.log_in("ann", "p")
        yield client


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def written(folder: Path, *messages: object) -> Path:
    lines = (json.dumps(message) + "\n" for message in messages)
    return write(folder / "messages.jsonl", "".join(lines))


def numbered(count: int) -> list[dict[str, str]]:
    return [{"to": "bob", "text": str(i)} for i in range(count)]


def texts_of_bob(cluster: FakeCluster) -> list[str]:
    return [message.text for message in cluster.state.mailboxes["bob"]]


async def test_all_are_sent_in_their_order_and_once_though_a_master_dies(
    cluster: FakeCluster, client: Client, tmp_path: Path
) -> None:
    count = 3 * IN_FLIGHT
    importing = asyncio.create_task(run(client, written(tmp_path, *numbered(count))))
    await until(lambda: len(texts_of_bob(cluster)) >= IN_FLIGHT)
    await cluster.kill(0)
    assert await importing == count
    assert texts_of_bob(cluster) == [str(i) for i in range(count)]


async def test_the_next_run_begins_where_the_last_one_ended(
    cluster: FakeCluster, client: Client, tmp_path: Path
) -> None:
    path = written(tmp_path, *numbered(10))
    assert await run(client, path) == 10
    assert await run(client, path) == 0
    with path.open("a") as file:
        file.write('{"to": "bob", "text": "10"}\n')
    assert await run(client, path) == 1
    assert texts_of_bob(cluster) == [str(i) for i in range(11)]


async def test_an_interruption_repeats_at_most_what_was_under_way(
    cluster: FakeCluster, client: Client, tmp_path: Path
) -> None:
    count = 4 * IN_FLIGHT
    path = written(tmp_path, *numbered(count))
    importing = asyncio.create_task(run(client, path))
    await until(lambda: len(texts_of_bob(cluster)) >= 2 * IN_FLIGHT)
    importing.cancel()
    await asyncio.gather(importing, return_exceptions=True)
    await run(client, path)
    texts = texts_of_bob(cluster)
    assert list(dict.fromkeys(texts)) == [str(i) for i in range(count)]
    assert len(texts) - count <= IN_FLIGHT


async def test_a_line_that_is_refused_is_named_and_the_rest_is_sent(
    cluster: FakeCluster, client: Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = await client.create_room("dogs")
    path = written(
        tmp_path,
        {"to": "bob", "text": "one"},
        {"to": "nobody", "text": "two"},
        ["bob", "three"],
        {"to": "bob"},
        {"to": "bob", "text": 5},
        {"to": room, "text": "six"},
        {"to": 1.5, "text": "seven"},
    )
    assert await run(client, path) == 2
    assert texts_of_bob(cluster) == ["one"]
    assert [m.text for m in cluster.state.messages[room]] == ["six"]
    complaints = capsys.readouterr().err.splitlines()
    assert [line.partition(":")[0] for line in complaints] == [f"line {i}" for i in (3, 4, 5, 7, 2)]


async def test_who_is_not_logged_in_sends_nothing_and_hears_of_it(
    cluster: FakeCluster, client: Client, tmp_path: Path
) -> None:
    path = written(tmp_path, *numbered(3))
    cluster.state.tokens.clear()
    with pytest.raises(Unauthenticated):
        await run(client, path)
    assert texts_of_bob(cluster) == []


async def test_it_logs_in_and_says_how_fast_it_was(
    cluster: FakeCluster,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RINGCHAT_PASSWORD", "p")
    file = write(tmp_path / "cluster.yaml", cluster.cluster_file())
    await main(file, "ann", written(tmp_path, *numbered(7)))
    assert re.fullmatch(r"7 messages in \d+\.\d s: \d+/s\n", capsys.readouterr().out)


def test_it_is_read_in_one_go() -> None:
    assert len(Path(bulk_import.__file__).read_text().splitlines()) < 60
