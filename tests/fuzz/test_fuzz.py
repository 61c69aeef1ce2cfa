"""The corpus again, some new inputs of a fixed seed, and whether the limits bite."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pytest

from tests.fuzz import meter
from tests.fuzz.corpus import FOLDER, load_corpus, minimised
from tests.fuzz.pickles import HOSTILE
from tests.fuzz.session import Session, fresh, known
from tests.fuzz.target import NAMES, Finding, load, one_line

FRESH_INPUTS = 2_500
CORPUS_BYTES_MAX = 300 << 10


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_does_no_harm(name: str) -> None:
    target = load(name)
    session = Session(name, target, keeping=False)
    inputs = known(name, target)
    for data in inputs:
        session.take(data)
    assert list(session.findings.values()) == []
    assert session.meter.inputs == len(inputs) > 0
    assert len(session.meter.outcomes) > 1, "they reach more than the first check"


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_nor_does_what_is_new(name: str) -> None:
    target = load(name)
    session = Session(name, target, keeping=False)
    for data in islice(fresh(target, known(name, target), random.Random(7)), FRESH_INPUTS):
        session.take(data)
    assert list(session.findings.values()) == []
    assert sum(session.meter.outcomes.values()) == FRESH_INPUTS


@pytest.mark.parametrize("name", NAMES)
def test_a_seed_gives_the_same_inputs_again(name: str) -> None:
    target = load(name)
    once, again = (
        list(islice(fresh(target, target.seeds(), random.Random(3)), 50)) for _ in range(2)
    )
    assert once == again
    assert len(set(once)) > 25
    assert max(map(len, once)) <= target.bytes_max


def test_the_corpus_is_small_and_each_input_has_its_own_name() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file() and path.parent != FOLDER]
    assert {path.parent.name for path in files} <= set(NAMES)
    assert sum(path.stat().st_size for path in files) <= CORPUS_BYTES_MAX


class Fake:
    """A reader that is wrong in many ways, each for one first byte."""

    bytes_max = 8

    def __init__(self) -> None:
        self.memory: list[bytes] = []

    def seeds(self) -> Sequence[bytes]:
        return [b"a", b"b"]

    def mutate(self, data: bytes, chance: random.Random) -> bytes:
        return bytes((chance.choice(b"abcdef"),))

    def run(self, data: bytes) -> str:
        if data == b"c":
            raise ValueError("not promised")
        if data == b"d":
            one_line("two\nlines")
        if data == b"e":
            while True:
                pass
        if data == b"f":
            self.memory.append(b"x" * (4 << 20))
        if data in (b"a", b"g"):
            return "refused"
        return "taken"


@pytest.mark.parametrize(
    ("data", "found"), [(b"c", "ValueError"), (b"d", "one line"), (b"e", "no end"), (b"f", "MiB")]
)
def test_each_kind_of_finding(
    data: bytes, found: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(meter, "HANG_SECONDS", 0.05)
    peaks = iter((100, 100 + (4 << 10)))
    monkeypatch.setattr(meter, "GROWTH_KIB_MAX", 2 << 10)
    monkeypatch.setattr(meter, "peak_kib", lambda: next(peaks, 1 << 20) if data == b"f" else 100)
    session = Session("fake", Fake(), keeping=False)
    assert session.take(data) is None
    [finding] = session.findings.values()
    assert found in finding
    assert finding in capsys.readouterr().out
    assert session.take(data) is None
    assert len(session.findings) == 1, "told once"


def test_a_finding_is_kept_and_can_be_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.fuzz.corpus.FOLDER", tmp_path)
    monkeypatch.setattr("tests.fuzz.session.ROOT", tmp_path)
    session = Session("fake", Fake())
    session.take(b"c")
    [kept] = load_corpus("fake")
    assert kept == b"c"
    [finding] = session.findings.values()
    assert "python -m tests.fuzz fake --replay fake/" in finding


def test_of_inputs_that_do_the_same_the_shortest_is_kept() -> None:
    target = load("records")
    inputs = [b"\x04" + HOSTILE[0], b"\x04" + HOSTILE[0] + b"and more", b"\x04\x80\x05N."]
    kept = minimised(target, inputs, 1_000)
    assert kept == sorted(inputs[::2], key=len)
    assert minimised(target, inputs, 4) == []


@pytest.mark.parametrize("text", ["", "a\nb", "a\x1b[31m", "x" * 1_001])
def test_what_is_no_line_for_a_person(text: str) -> None:
    with pytest.raises(Finding):
        one_line(text)
    one_line("cluster.yaml:3: the key 'prefer' is missing")
