"""The list of mutants, and that the search for them is an honest one.

All of them are searched for by `make mutants`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.mutants.mutants import ROOT, Mutant, all_mutants, run

MUTANTS = {mutant.name: mutant for mutant in all_mutants()}
QUICK_RUNS = 40
QUICK = (
    "ack-before-fsync",
    "duplicates-applied",
    "one-ack-is-enough",
    "promise-not-stored-first",
    "time-goes-back",
)
"""Of those that are caught at once, some."""


def test_there_is_one_for_every_rule() -> None:
    assert len(MUTANTS) >= 90
    assert {mutant.rule for mutant in MUTANTS.values()} == set(range(16)), "0: of the chat itself"


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=lambda mutant: mutant.name)
def test_it_fits_the_product(mutant: Mutant, tmp_path: Path) -> None:
    mutant.applied(tmp_path)


def test_a_patch_that_does_not_fit_is_an_error(tmp_path: Path) -> None:
    patch = tmp_path / "old.patch"
    patch.write_text(
        MUTANTS["ack-before-fsync"].patch.read_text().replace("-        ", "-       x")
    )
    with pytest.raises(ValueError, match="old does not apply"):
        Mutant("old", 3, "", patch).applied(tmp_path / "copy")


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", QUICK)
def test_the_simulator_catches_it(name: str, tmp_path: Path) -> None:
    caught = run(MUTANTS[name], tmp_path, QUICK_RUNS)
    assert caught.check, f"{name} survives {caught.runs} runs"


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_breaks_nothing_is_not_caught(tmp_path: Path) -> None:
    patch = tmp_path / "comment.patch"
    name = "services/server/ringchat_server/records.py"
    first, *rest = (ROOT / name).read_text().splitlines()[:4]
    hunk = [f" {first}", "+# nothing", *(f" {line}" for line in rest)]
    patch.write_text("\n".join([f"--- a/{name}", f"+++ b/{name}", "@@ -1,4 +1,5 @@", *hunk, ""]))
    caught = run(Mutant("comment", 1, "", patch), tmp_path / "copy", 4)
    assert (caught.check, caught.runs, caught.seed) == ("", 4, None)


def test_a_simulator_that_fails_is_no_catch(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the simulator failed on time-goes-back"):
        run(MUTANTS["time-goes-back"], tmp_path, 1, (sys.executable, "-c", "raise SystemExit(3)"))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_chance_does_not_find_is_told_as_a_story(tmp_path: Path) -> None:
    caught = run(MUTANTS["names-what-was-not-delivered"], tmp_path, 1)
    assert caught.check == "story rule-6-what-was-refused-was-not-read"
