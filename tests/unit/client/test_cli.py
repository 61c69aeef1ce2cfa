"""The command `ringchat` as a process: what it prints, and how it exits."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from ringchat_client import Client
from tests.unit.client.fake_cluster import FakeCluster

LONG = "n" * 10_000


class Shell:
    """Runs `ringchat` with a config folder of its own."""

    def __init__(self, cluster: FakeCluster, folder: Path) -> None:
        self.cluster_file = folder / "cluster.yaml"
        self.cluster_file.write_text(cluster.cluster_file())
        path = os.pathsep.join(part for part in sys.path if part)
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": path,
            "XDG_CONFIG_HOME": str(folder / "config"),
            "RINGCHAT_CLUSTER": str(self.cluster_file),
        }

    async def start(self, *arguments: str, **environment: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ringchat_client",
            *arguments,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={**self.environment, **environment},
        )

    async def run(
        self, *arguments: str, stdin: bytes = b"", **environment: str
    ) -> tuple[int, str, str]:
        """Exit code, standard output, standard error (at most one line, never a traceback)."""
        process = await self.start(*arguments, **environment)
        out, err = await process.communicate(stdin)
        assert process.returncode is not None
        errors = err.decode()
        assert errors.count("\n") <= 1, errors
        assert len(errors) < 400
        assert "Traceback" not in errors
        return process.returncode, out.decode(), errors

    async def json(self, *arguments: str, stdin: bytes = b"") -> dict[str, object]:
        code, out, err = await self.run(*arguments, "--json", stdin=stdin)
        assert (code, err) == (0, "")
        value = json.loads(out)
        assert isinstance(value, dict)
        return value


@pytest.fixture
def shell(cluster: FakeCluster, tmp_path: Path) -> Shell:
    return Shell(cluster, tmp_path)


@pytest.mark.slow
async def test_a_day_of_ann(cluster: FakeCluster, shell: Shell) -> None:
    assert await shell.run("signup", "ann", stdin=b"pw\n") == (0, "logged in as ann\n", "")
    assert (await shell.json("send", "ann", "hello"))["message_id"] == 3
    assert await shell.run("send", "ann", stdin=b"two\nlines\x1b\n") == (0, "sent: 4\n", "")
    code, out, _ = await shell.run("inbox", "--keep")
    assert code == 0
    assert [line.partition(" ann: ")[2] or line for line in out.splitlines()] == [
        "hello",
        "two",
        "  | lines␛",
    ]
    code, out, _ = await shell.run("inbox", "--json")
    messages = [json.loads(line) for line in out.splitlines()]
    assert [(m["id"], m["sender"], m["text"]) for m in messages] == [
        (3, "ann", "hello"),
        (4, "ann", "two\nlines\x1b"),
    ]
    assert await shell.run("inbox") == (0, "", "")
    assert await shell.run("accounts", "a*") == (0, "ann\n", "")
    assert await shell.json("accounts", "x*") == {"accounts": []}
    exported = await shell.json("export")
    assert "hello" in str(exported["conversations"])
    assert json.loads((await shell.run("export"))[1]).keys() == exported.keys()
    assert await shell.run("logout") == (0, "logged out\n", "")
    assert await shell.run("logout") == (
        3,
        "",
        "ringchat: not logged in here: ringchat login NAME\n",
    )
    assert (await shell.json("login", "ann", stdin=b"pw\n"))["account"] == "ann"
    code, _, err = await shell.run("delete-account")
    assert (code, "--yes" in err) == (2, True)
    assert (await shell.run("delete-account", "--yes"))[0] == 0
    assert cluster.state.accounts == {}


@pytest.mark.slow
async def test_a_room_through_its_number(cluster: FakeCluster, shell: Shell) -> None:
    await shell.run("signup", "ann", stdin=b"pw\n")
    async with Client(master=cluster.addresses[0]) as client:
        await client.create_account("bob", "pw")
        await client.log_in("bob", "pw")
        room = await client.create_room("dogs", invite=["ann"])
        assert (await shell.run("send", f"#{room}", "hello"))[0] == 9, "not a member yet"
        await client.send_message(room, "two\nlines")
        async with Client(master=cluster.addresses[0]) as ann:
            await ann.log_in("ann", "pw")
            await ann.join_room(room)
        await client.send_message(room, "hello")
        code, out, _ = await shell.run("inbox", "--keep")
        assert (code, out.partition(" bob in ")[2]) == (0, f"#{room}: hello\n")
        message = await shell.json("inbox")
        assert (message["conversation"], message["edited_at"]) == (room, None)
        assert (await shell.run("send", f"#{room}", "good day"))[0] == 0
        [mine] = cluster.state.mailboxes["bob"]
        assert mine.text == "good day"
    assert (await shell.run("send", "#99", "hello"))[0] == 4


async def test_status(cluster: FakeCluster, shell: Shell) -> None:
    code, out, _ = await shell.run("status")
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["0", cluster.addresses[0], "master"],
        ["1", cluster.addresses[1], "backup"],
        ["2", cluster.addresses[2], "backup"],
    ]
    status = await shell.json("status")
    assert (status["view"], status["master_id"]) == (0, 0)
    await cluster.kill(0)
    cluster.replicas[1].refuses = cluster.replicas[2].refuses = "no majority"
    code, out, _ = await shell.run("status", "--master", cluster.addresses[1])
    assert code == 7
    assert "replica 2: no majority" in out


async def test_exit_codes_of_the_servers_errors(cluster: FakeCluster, shell: Shell) -> None:
    assert (await shell.run("signup", "ann", RINGCHAT_PASSWORD="pw"))[0] == 0
    for arguments, code in (
        (("signup", "ann"), 5),
        (("login", "ann"), 3),
        (("send", "nobody", "x"), 4),
        (("signup", LONG), 2),
        (("send", "ann", "x" * 65_537), 2),
    ):
        got, out, err = await shell.run(*arguments, RINGCHAT_PASSWORD="other")
        assert (got, out) == (code, ""), arguments[0]
        assert err.startswith("ringchat: ")
    assert (await shell.run("inbox", RINGCHAT_TOKEN="forged"))[0] == 3


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "COMMAND"),
        (("dance" + LONG,), "invalid choice"),
        (("send",), "to"),
        (("status", "--cluster", "a", "--master", "b"), "not allowed with"),
        (("status", "--cluster", "/missing/cluster.yaml"), "No such file"),
        (("status", "--master", "nonsense"), "host:port"),
        (("status", "--timeout", "-1"), "--timeout"),
        (("status", "--timeout", "nan"), "--timeout"),
        (("chat", "ann", "--json"), "inbox --follow"),
        (("login", "ann"), "no password"),
    ],
)
async def test_wrong_use_is_one_line_and_exit_code_2(
    shell: Shell, arguments: tuple[str, ...], part: str
) -> None:
    code, out, err = await shell.run(*arguments)
    assert (code, out) == (2, "")
    assert part in err


@pytest.mark.parametrize("command", ["signup", "login", "chat"])
async def test_a_long_name_is_refused_before_a_password_is_asked_for(
    shell: Shell, command: str
) -> None:
    line = "ringchat: a name has at most 32 characters\n"
    assert await shell.run(command, LONG) == (2, "", line)


async def test_no_cluster_named(shell: Shell) -> None:
    code, _, err = await shell.run("status", RINGCHAT_CLUSTER="")
    assert (code, "which cluster?" in err) == (2, True)


async def test_the_master_from_the_environment(cluster: FakeCluster, shell: Shell) -> None:
    master = cluster.addresses[2]
    assert (await shell.run("status", RINGCHAT_CLUSTER="", RINGCHAT_MASTER=master))[0] == 0


async def test_a_cluster_that_is_down(cluster: FakeCluster, shell: Shell) -> None:
    for replica_id in range(3):
        await cluster.kill(replica_id)
    code, _, err = await shell.run("send", "a", "b", "--timeout", "0.2", RINGCHAT_TOKEN="t")
    assert code == 7
    assert err.startswith("ringchat: certainly not done: ")


async def test_not_known(cluster: FakeCluster, shell: Shell) -> None:
    for replica in cluster.replicas:
        replica.swallow = True
    code, _, err = await shell.run("send", "a", "b", "--timeout", "3", RINGCHAT_TOKEN="t")
    assert code == 8
    assert err.startswith("ringchat: not known")


async def test_text_that_is_not_utf8(shell: Shell) -> None:
    assert (await shell.run("send", "a", stdin=b"\xff", RINGCHAT_TOKEN="t"))[0] == 2


async def test_following_until_ctrl_c(cluster: FakeCluster, shell: Shell) -> None:
    await shell.run("signup", "ann", stdin=b"pw\n")
    process = await shell.start("inbox", "--follow")
    await shell.run("send", "ann", "hello")
    assert process.stdout is not None
    async with asyncio.timeout(10):
        assert b"ann: hello" in await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = await process.communicate()
    assert (process.returncode, out, err) == (130, b"", b"ringchat: interrupted\n")
    assert cluster.state.mailboxes["ann"] == []


async def test_a_reader_that_goes_away_loses_nothing(cluster: FakeCluster, shell: Shell) -> None:
    await shell.run("signup", "ann", stdin=b"pw\n")
    for _ in range(3):
        await shell.run("send", "ann", "x" * 60_000)
    reader, writer = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ringchat_client",
        "inbox",
        stdout=writer,
        stderr=asyncio.subprocess.PIPE,
        env=shell.environment,
    )
    os.close(writer)
    os.close(reader)
    _, err = await process.communicate()
    assert (process.returncode, err) == (141, b"")
    assert len(cluster.state.mailboxes["ann"]) == 3


async def test_the_chat_through_pipes(cluster: FakeCluster, shell: Shell) -> None:
    chat = b"pw\n@ann hello\n/who\n"
    code, out, err = await shell.run("chat", "ann", stdin=chat)
    assert (code, err) == (0, "")
    assert out.splitlines()[0] == "welcome, ann; /help says what to type"
    assert "ann" in out.splitlines()
    code, out, _ = await shell.run("chat", "ann", stdin=b"pw\n/quit\n")
    assert out.splitlines()[0] == "welcome back, ann; /help says what to type"
    assert sum(kind == "send_message" for _, _, kind in cluster.state.log) == 1
