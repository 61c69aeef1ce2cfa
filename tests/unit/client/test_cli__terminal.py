"""The command `ringchat` at a terminal: which of its two chats a person gets."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.client.fake_cluster import FakeCluster

CTRL_Q = b"\x11"
FULL_SCREEN = b"\x1b[?1049h"
"""How an app takes the whole screen."""


class Terminal:
    """A process at a terminal of its own."""

    def __init__(self, cluster: FakeCluster, folder: Path, **environment: str) -> None:
        self._cluster_file = folder / "cluster.yaml"
        self._cluster_file.write_text(cluster.cluster_file())
        self._environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(part for part in sys.path if part),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "RINGCHAT_CLUSTER": str(self._cluster_file),
            "RINGCHAT_PASSWORD": "pw",
            "TERM": "xterm-256color",
            **environment,
        }
        self.shown = b""
        self._more = asyncio.Event()
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    async def run(self, *arguments: str) -> None:
        asyncio.get_running_loop().add_reader(self._master, self._read)
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ringchat_client", *arguments),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env=self._environment,
            start_new_session=True,
        )

    def _read(self) -> None:
        self.shown += os.read(self._master, 1 << 16)
        self._more.set()

    async def sees(self, part: bytes) -> None:
        async with asyncio.timeout(30):
            while part not in self.shown:
                self._more.clear()
                await self._more.wait()

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    async def ended(self) -> int:
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def close(self) -> None:
        if hasattr(self, "process") and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        asyncio.get_running_loop().remove_reader(self._master)
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
async def terminal(cluster: FakeCluster, tmp_path: Path) -> AsyncIterator[Terminal]:
    terminal = Terminal(cluster, tmp_path)
    yield terminal
    await terminal.close()


@pytest.mark.slow
async def test_at_a_capable_terminal_the_app_opens_and_ends(terminal: Terminal) -> None:
    await terminal.run("chat", "ann")
    await terminal.sees(FULL_SCREEN)
    await terminal.sees(b"leads")
    terminal.press(CTRL_Q)
    assert await terminal.ended() == 0


@pytest.mark.slow
async def test_with_plain_there_are_lines(terminal: Terminal) -> None:
    await terminal.run("chat", "ann", "--plain")
    await terminal.sees(b"welcome, ann")
    terminal.press(b"/quit\r")
    assert await terminal.ended() == 0
    assert FULL_SCREEN not in terminal.shown


@pytest.mark.slow
async def test_at_a_dumb_terminal_there_are_lines(cluster: FakeCluster, tmp_path: Path) -> None:
    terminal = Terminal(cluster, tmp_path, TERM="dumb")
    await terminal.run("chat", "ann")
    await terminal.sees(b"welcome, ann")
    await terminal.close()
    assert FULL_SCREEN not in terminal.shown


@pytest.mark.slow
async def test_ringchat_alone_is_the_chat_of_who_is_logged_in(
    cluster: FakeCluster, tmp_path: Path, terminal: Terminal
) -> None:
    first = Terminal(cluster, tmp_path)
    await first.run("signup", "ann")
    assert await first.ended() == 0
    await first.close()
    await terminal.run()
    await terminal.sees(FULL_SCREEN)
    await terminal.sees(b"leads")
    terminal.press(CTRL_Q)
    assert await terminal.ended() == 0
