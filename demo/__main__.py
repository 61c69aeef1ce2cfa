"""`make demo`: three replicas, two bots, and a master that is killed every few seconds."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import docker
import docker.errors
from rich.console import Console
from rich.live import Live

from demo.bots import Bot
from demo.ring import Containers, Processes, Ring
from demo.screen import picture
from ringchat_client import Client, Status

DOWN_SECONDS = 2.0
"""So long a killed replica stays away."""
STATUS_SECONDS = 0.2
FRAMES_PER_SECOND = 10
LAST_SECONDS = 10.0
"""At the end, for what is still on its way."""
NARROW_SECONDS = 2.0
"""Between lines, where there is no screen to draw on."""


class Demo:
    """Everything that goes on at the same time."""

    def __init__(self, ring: Ring, every_seconds: float) -> None:
        self._ring = ring
        self._every_seconds = every_seconds
        self._kills = 0
        self._status: Status | None = None
        ann, bob = Bot("ann", "bob", ring.cluster_file), Bot("bob", "ann", ring.cluster_file)
        ann.reader, bob.reader = bob.sent, ann.sent
        self._bots = (ann, bob)

    async def run(self, seconds: float | None) -> bool:
        """Goes on for so long, or until Ctrl-C; whether nothing was lost or doubled."""
        ending = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ending.set)
        async with contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as background:
            for bot in self._bots:
                await stack.enter_async_context(bot)
            tasks = [
                background.create_task(work)
                for work in (self._watch(), self._show(), *(bot.listen() for bot in self._bots))
            ]
            talks = [asyncio.create_task(bot.talk(ending)) for bot in self._bots]
            kills = asyncio.create_task(self._kill(ending))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await ending.wait()
            ending.set()
            await asyncio.gather(*talks, kills)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    while any(bot.sent.on_their_way for bot in self._bots):
                        await asyncio.sleep(STATUS_SECONDS)
            for task in tasks:
                task.cancel()
        return self._says_the_end()

    async def _kill(self, ending: asyncio.Event) -> None:
        while not await self._ends_within(self._every_seconds, ending):
            if self._status is None or (master_id := self._status.master_id) < 0:
                continue
            await asyncio.to_thread(self._ring.kill, master_id)
            self._kills += 1
            await self._ends_within(DOWN_SECONDS, ending)
            await asyncio.to_thread(self._ring.start, master_id)

    @staticmethod
    async def _ends_within(seconds: float, ending: asyncio.Event) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ending.wait()
        return ending.is_set()

    async def _watch(self) -> None:
        async with Client(cluster=self._ring.cluster_file) as client:
            while True:
                self._status = await client.status()
                await asyncio.sleep(STATUS_SECONDS)

    async def _show(self) -> None:
        console = Console()
        if not console.is_terminal:
            while True:
                await asyncio.sleep(NARROW_SECONDS)
                print(self._counts(), flush=True)
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(
                    picture(self._bots, self._status, self._kills, console.height), refresh=True
                )
                await asyncio.sleep(1 / FRAMES_PER_SECOND)

    def _counts(self) -> str:
        confirmed, lost, doubled = (
            sum(getattr(bot.sent, what) for bot in self._bots)
            for what in ("confirmed", "lost", "doubled")
        )
        return (
            f"{self._kills} masters killed, {confirmed} messages confirmed, "
            f"{lost} lost, {doubled} doubled"
        )

    def _says_the_end(self) -> bool:
        missing = sum(bot.sent.lost + bot.sent.on_their_way for bot in self._bots)
        print(self._counts() + (f", {missing} not there" if missing else ""))
        return not missing and not any(bot.sent.doubled for bot in self._bots)


def main(arguments: Sequence[str]) -> int:
    """Runs the demo; 1 if a message was lost or doubled."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--every", type=float, default=5.0, metavar="SECONDS")
    parser.add_argument("--seconds", type=float, metavar="SECONDS", help="end by itself")
    parser.add_argument("--local", action="store_true", help="processes, not containers")
    options = parser.parse_args(arguments)
    local = options.local
    if not local:
        try:
            docker.from_env().ping()
        except docker.errors.DockerException:
            print("no Docker engine answers: the three replicas run as processes", flush=True)
            local = True
    print("starting three replicas", flush=True)
    with tempfile.TemporaryDirectory(prefix="ringchat-demo-") as folder:
        ring: Ring = Processes(Path(folder)) if local else Containers(Path(folder))
        try:
            good = asyncio.run(Demo(ring, options.every).run(options.seconds))
        finally:
            ring.close()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
