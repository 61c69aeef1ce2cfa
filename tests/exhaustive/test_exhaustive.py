"""A modest depth for every change; `make explore` goes as deep as one likes.

And that it bites: on the product with a rule broken it finds the shortest way to harm.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.exhaustive.explore import Exploration
from tests.exhaustive.frozen import Freezer, Words, unknown_fields
from tests.exhaustive.model import Model
from tests.exhaustive.state import Bounds
from tests.mutants.mutants import ROOT, all_mutants

MODES = ("consistency", "availability")
EVENTS = frozenset(
    (
        "beat",
        "break",
        "connect",
        "crash",
        "deliver",
        "notice",
        "promote",
        "propose",
        "restart",
        "silence",
        "sync",
    )
)
CALM = Bounds(breaks=0, silences=0, beats=0)
"""Two requests, two views, one crash: small enough to follow each run to its end."""
BRANCHES = frozenset(
    (
        "a candidate stands",
        "a master confirms",
        "a master steps down",
        "a member joins the set",
        "a member leaves the set",
        "a view begins",
        "a view opens",
    )
)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("prefer", MODES)
def test_every_order_of_a_few_events_is_as_it_must_be(prefer: str) -> None:
    result = Exploration(prefer, Bounds()).by_events(5)
    assert not result.error, "\n".join([result.error, *result.path])
    assert result.rows[-1].states > 35_000
    assert {kind for kind, count in result.events.items() if count > 10} >= EVENTS
    assert not result.exhausted


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("prefer", MODES)
def test_every_run_with_one_surprise_ends_well(prefer: str) -> None:
    result = Exploration(prefer, CALM).by_surprises(1)
    assert not result.error, "\n".join([result.error, *result.path])
    assert result.rows[-1].states > 20_000
    assert set(result.branches) >= BRANCHES


@pytest.mark.parametrize("prefer", MODES)
def test_a_small_enough_model_is_exhausted(prefer: str) -> None:
    bounds = Bounds(requests=1, views=0, crashes=0, breaks=0, silences=0, beats=0)
    by_events = Exploration(prefer, bounds).by_events(100)
    by_surprises = Exploration(prefer, bounds).by_surprises(100)
    assert by_events.exhausted and by_surprises.exhausted
    assert not by_events.error and not by_surprises.error
    # Two ways through the same states.
    assert by_events.rows[-1].states == by_surprises.rows[-1].states > 10


@pytest.mark.parametrize("prefer", MODES)
def test_a_core_comes_back_from_its_tuple_as_it_was(prefer: str) -> None:
    """Forgetting a field would merge states that differ."""
    model, states = Model(prefer, Bounds()), []
    level = [model.initial]
    for _ in range(3):
        level = [after for state in level for _, after in model.successors(state)]
        states += level
    freezer = model.freezer
    for host in model.hosts_seen():
        if host.core is not None:
            core = freezer.thaw(host.core)
            assert unknown_fields(core) == []
            assert freezer.freeze(core) == host.core
    assert len(set(states)) > 1_000


def test_a_field_that_nobody_copies_is_found() -> None:
    core = Freezer("consistency", Words()).start(0, None)
    core.novel = 1  # type: ignore[attr-defined]
    assert unknown_fields(core) == ["Replica.novel"]


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("name", "options", "events", "check"),
    [
        ("promise-not-stored-first", "--depth 6 --prefer consistency", 5, "promise-not-durable"),
        ("ack-before-fsync", "--depth 3 --prefer consistency", 2, "claim-not-durable"),
        ("one-ack-is-enough", "--depth 6 --prefer consistency", 5, "confirmed-not-durable"),
        ("own-disk-not-awaited", "--surprises 1 {calm}", 8, "confirmed-not-durable"),
        ("in-sync-after-restart", "--surprises 0 {lonely}", 13, "confirmed-missing"),
        ("anyone-may-begin", "--surprises 0 {lonely}", 13, "confirmed-missing"),
    ],
)
def test_it_finds_what_is_broken(
    name: str, options: str, events: int, check: str, tmp_path: Path
) -> None:
    calm = "--breaks 0 --silences 0 --beats 0 --prefer availability"
    lonely = f"--crashes 3 --requests 1 {calm}"
    mutant = next(mutant for mutant in all_mutants() if mutant.name == name)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.exhaustive",
            *options.format(calm=calm, lonely=lonely).split(),
        ],
        cwd=ROOT,
        env=mutant.applied(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    assert f"{events} events to a violation" in done.stdout
    assert done.stdout.splitlines()[-1].startswith(check)
