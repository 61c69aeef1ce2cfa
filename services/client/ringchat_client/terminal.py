"""The terminal, or the pipe that stands in for one: lines in, lines out, passwords."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext

from ringchat_client.errors import InvalidArgument

__all__ = [
    "Show",
    "ask_password",
    "is_capable",
    "is_interactive",
    "piped_lines",
    "typed_lines",
    "write_line",
    "write_remark",
]

LINE_BYTES_MAX = 1 << 20
PASSWORD_BYTES_MAX = 4096
READ_BYTES = 1 << 16
PASSWORD_VARIABLE = "RINGCHAT_PASSWORD"  # noqa: S105 -- the name of a variable
DIM, NORMAL = "\x1b[2m", "\x1b[0m"

Show = Callable[[str, bool], None]
"""Shows one line; the second argument: whether it is dim, a remark and not a message."""


def is_interactive() -> bool:
    """Whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def is_capable(environment: Mapping[str, str]) -> bool:
    """Whether this is a terminal that an app can fill; else there are lines."""
    return is_interactive() and environment.get("TERM", "") not in {"", "dumb", "unknown"}


def ask_password(prompt: str, environment: Mapping[str, str], *, twice: bool = False) -> str:
    """From RINGCHAT_PASSWORD, from the terminal without showing it, or a line of standard input.

    Raises InvalidArgument.
    """
    if (password := environment.get(PASSWORD_VARIABLE)) is not None:
        return password
    if not sys.stdin.isatty():
        return _first_line_of_input()
    try:
        password = getpass.getpass(prompt)
        if twice and getpass.getpass("again: ") != password:
            raise InvalidArgument("the two passwords differ")
    except EOFError:
        raise InvalidArgument("no password was given") from None
    return password


def _first_line_of_input() -> str:
    """Byte by byte: what follows the line belongs to somebody else."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in {b"", b"\n"}:
        line += byte
        if len(line) > PASSWORD_BYTES_MAX:
            raise InvalidArgument("the password is too long")
    if not line:
        raise InvalidArgument("no password on standard input, nor in RINGCHAT_PASSWORD")
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise InvalidArgument("the password is not valid UTF-8") from None


def write_line(line: str, dim: bool = False) -> None:
    """Print a line at once; a character that the terminal cannot show becomes its code."""
    if dim and sys.stdout.isatty():
        line = f"{DIM}{line}{NORMAL}"
    print(line, flush=True)


def write_remark(line: str, dim: bool = True) -> None:
    """Print a remark; if nobody reads any more, the next message will find that out."""
    try:
        write_line(line, dim)
    except BrokenPipeError:
        pass


async def piped_lines(descriptor: int = 0) -> AsyncIterator[str]:
    """Lines of a pipe, a file or a plain terminal, without blocking the event loop."""
    buffer = b""
    while True:
        await _readable(descriptor)
        data = os.read(descriptor, READ_BYTES)
        *lines, buffer = (buffer + data).split(b"\n")
        if not data and buffer:
            lines, buffer = [buffer], b""
        for line in lines:
            yield line.removesuffix(b"\r").decode(errors="replace")
        if not data:
            return
        if len(buffer) > LINE_BYTES_MAX:
            raise InvalidArgument("a line of the input is longer than 1 MiB")


async def _readable(descriptor: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(descriptor, _set, ready)
    except PermissionError:
        return  # a regular file is always readable, and epoll will not have it
    try:
        await ready
    finally:
        loop.remove_reader(descriptor)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


def typed_lines(
    prompt: Callable[[], str],
) -> tuple[AbstractContextManager[object], AsyncIterator[str]]:
    """Lines typed at a terminal, with editing and history.

    Within the context manager whatever is printed appears above the line being typed.
    Without prompt_toolkit, a plain terminal: then it appears in the middle of the line.
    """
    try:
        from prompt_toolkit import PromptSession  # noqa: PLC0415 -- slow, and only for people
        from prompt_toolkit.patch_stdout import patch_stdout  # noqa: PLC0415
    except ImportError:
        return nullcontext(), piped_lines()
    session: PromptSession[str] = PromptSession()

    async def lines() -> AsyncIterator[str]:
        while True:
            try:
                yield await session.prompt_async(prompt)
            except (EOFError, KeyboardInterrupt):
                return

    return patch_stdout(raw=True), lines()
