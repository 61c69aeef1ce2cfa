"""Lines from a pipe or a file; passwords from wherever they come."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringchat_client.errors import InvalidArgument
from ringchat_client.terminal import LINE_BYTES_MAX, ask_password, piped_lines, write_line


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)


async def test_lines_of_a_pipe_come_as_they_are_written(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    lines = piped_lines(reader)
    os.write(writer, b"one\r\ntw")
    assert await anext(lines) == "one"
    waiting = asyncio.ensure_future(anext(lines))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    os.write(writer, b"o\nlast")
    assert await waiting == "two"
    os.close(writer)
    assert [line async for line in lines] == ["last"]


async def test_lines_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\ntwo \xff\n")
    with path.open("rb") as file:
        assert [line async for line in piped_lines(file.fileno())] == ["one", "two \ufffd"]


async def test_a_line_without_an_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"x" * (LINE_BYTES_MAX + 100_000))
    with path.open("rb") as file, pytest.raises(InvalidArgument, match="longer than 1 MiB"):
        [line async for line in piped_lines(file.fileno())]


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Put what this file holds in the place of standard input."""
    path = tmp_path / "stdin"
    path.touch()
    saved = os.dup(0)
    descriptor = os.open(path, os.O_RDONLY)
    os.dup2(descriptor, 0)
    os.close(descriptor)
    monkeypatch.setattr("sys.stdin", os.fdopen(os.dup(0)))
    yield path
    os.dup2(saved, 0)
    os.close(saved)


def test_a_password_from_the_environment(stdin: Path) -> None:
    assert ask_password("?", {"RINGCHAT_PASSWORD": "pw"}) == "pw"


def test_a_password_is_the_first_line_and_the_rest_is_left(stdin: Path) -> None:
    stdin.write_bytes(b"pw\r\n@bob hello\n")
    assert ask_password("?", {}) == "pw"
    assert os.read(0, 100) == b"@bob hello\n"


@pytest.mark.parametrize(
    ("data", "line"), [(b"", "no password"), (b"\xff\n", "UTF-8"), (b"x" * 9999, "too long")]
)
def test_what_is_no_password(stdin: Path, data: bytes, line: str) -> None:
    stdin.write_bytes(data)
    with pytest.raises(InvalidArgument, match=line):
        ask_password("?", {})


def test_a_remark_is_plain_where_no_terminal_is(capsys: pytest.CaptureFixture[str]) -> None:
    write_line("a remark", True)
    assert capsys.readouterr().out == "a remark\n"
