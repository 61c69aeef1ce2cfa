from __future__ import annotations

import dataclasses
import io
import json
import math
import tarfile

import pytest

from chaos.history import DONE, READ, SEND, UNKNOWN, Call
from chaos.people import Event, Record, _program
from chaos.workload import Printed

CALLS = [
    Call("ann", SEND, "bob", 1.0, "hi", 1.5, DONE, 7),
    Call("ann", SEND, "bob", 2.0, "never answered"),
    Call("bob", READ, "bob", 2.0, None, 2.5, DONE, ((7, "hi"), (8, "ho"))),
    Call("bob", READ, "bob", 3.0, None, 3.5, DONE, ()),
]


def test_what_is_printed_inside_is_read_outside_as_it_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = Printed()
    for call in CALLS:
        printed.call(call)
    printed.event(4.0, "ann", "connected", 5, 2)
    record = Record()
    for line in capsys.readouterr().out.splitlines():
        record.line(line)
    assert record.calls == CALLS
    assert record.calls[1].end == math.inf
    assert record.events == [Event(4.0, "ann", "connected", 5, 2)]
    assert (record.confirmed, record.unknown) == (1, 1)
    assert CALLS[1].outcome == UNKNOWN


def test_the_newest_view_is_remembered_whoever_says_it() -> None:
    record = Record()
    record.event(1.0, "ann", "connected", 5, 2)
    record.event(2.0, "bob", "connected", 4, 1)
    record.event(3.0, "bob", "lost", -1, -1)
    assert record.newest == Event(1.0, "ann", "connected", 5, 2)


def test_a_line_that_is_no_row_is_an_error() -> None:
    with pytest.raises(json.JSONDecodeError):
        Record().line("Traceback (most recent call last):")
    with pytest.raises(TypeError):
        Record().line(json.dumps({"call": {**dataclasses.asdict(CALLS[0]), "mood": "good"}}))


def test_the_program_that_goes_into_a_container_is_whole() -> None:
    with tarfile.open(fileobj=io.BytesIO(_program())) as archive:
        names = archive.getnames()
        workload = archive.extractfile("chaos/workload.py")
        assert workload is not None
        source = workload.read().decode()
    imported = {line.split()[1] for line in source.splitlines() if line.startswith("from chaos.")}
    assert imported == {"chaos.history"}
    assert {name.replace("/", ".").removesuffix(".py") for name in names} >= imported
