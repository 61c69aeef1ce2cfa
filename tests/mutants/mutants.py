"""Mutants: the product with one rule broken, and the simulator let loose on each.

A mutant is a patch in `patches/`, applied to a copy of the product. The copy stands
first on the path of the simulator's process; the product itself has no switch.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.stage import Story, all_stories

ROOT = Path(__file__).resolve().parents[2]
PATCHES = Path(__file__).parent / "patches"
SOURCES = ("services/server", "services/client")
BLUNDERS = frozenset(
    ("AttributeError", "ImportError", "NameError", "SyntaxError", "TypeError", "UnboundLocalError")
)
"""They catch a patch that was badly made, and no broken rule."""
RUN_SECONDS_MAX = 3_600.0
SIMULATOR = (sys.executable, "-m", "tests.simulator", "--first")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One way to break a rule."""

    name: str
    rule: int
    text: str
    patch: Path

    def applied(self, folder: Path) -> dict[str, str]:
        """Makes a broken copy of the product there; the environment in which it is run.

        Raises:
            ValueError: if the patch does not fit the product any more.
        """
        for source in SOURCES:
            shutil.copytree(
                ROOT / source,
                folder / source,
                ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
            )
        done = subprocess.run(
            ["git", "apply", str(self.patch)],
            cwd=folder,
            env={**os.environ, "GIT_CEILING_DIRECTORIES": str(folder.parent)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ValueError(f"{self.name} does not apply: {done.stderr.strip()}")
        path = [*(str(folder / source) for source in SOURCES), str(ROOT / "proto"), str(ROOT)]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


@dataclass(frozen=True, slots=True)
class Caught:
    """What the simulator made of a mutant."""

    check: str
    """Which check caught it; empty if none did."""
    runs: int
    seed: int | None
    error: str = ""


def all_mutants() -> list[Mutant]:
    """By rule, then by name."""
    found = [_read(path) for path in PATCHES.glob("*.patch")]
    return sorted(found, key=lambda mutant: (mutant.rule, mutant.name))


def _read(path: Path) -> Mutant:
    text = path.read_text(encoding="utf-8")
    head = re.match(r"Rule: (\d+)\nMutant: (.+)\n\n", text)
    if head is None:
        raise ValueError(f"{path.name} does not begin with its rule and what it breaks")
    return Mutant(path.stem, int(head[1]), head[2], path)


def run(mutant: Mutant, folder: Path, runs: int, simulator: Sequence[str] = SIMULATOR) -> Caught:
    """Lets the simulator look for a mutant for so many runs; then it plays the mutant's story.

    A story that goes wrong counts, and is named: there the chance that random events make
    it is too small, and the events are written down instead.
    """
    environment = mutant.applied(folder)
    found = _search(mutant, environment, runs, simulator)
    if found.check:
        return found
    for story in all_stories():
        if story.forgotten == mutant.name and _goes_wrong(story, environment):
            return Caught(f"story {story.name}", found.runs + 1, None)
    return found


def _goes_wrong(story: Story, environment: dict[str, str]) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "tests.scenarios", story.name],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode == 1 and done.stdout.startswith(f"{story.name}:")


def _search(
    mutant: Mutant, environment: dict[str, str], runs: int, simulator: Sequence[str]
) -> Caught:
    done = subprocess.run(
        [*simulator, "--runs", str(runs)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS_MAX,
    )
    lines = done.stdout.splitlines()
    if not lines or done.returncode not in (0, 1):
        raise RuntimeError(f"the simulator failed on {mutant.name}:\n{done.stderr[-2000:]}")
    found = json.loads(lines[-1])
    if found["seed"] is None:
        return Caught("", int(found["runs"]), None)
    if found["check"] in BLUNDERS:
        raise RuntimeError(f"{mutant.name} is no working program: {found['error']}")
    return Caught(found["check"], int(found["runs"]), int(found["seed"]), found["error"])
