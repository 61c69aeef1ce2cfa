"""The stories of this folder, each told by the product, and by one that has forgotten a rule."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.mutants import ROOT, all_mutants
from tests.scenarios.stage import COMMANDS, CONDITIONS, Failed, Story, all_stories

STORIES = all_stories()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_story_goes_as_it_is_told(story: Story) -> None:
    story.play()


def test_each_rule_from_4_to_9_has_a_story_that_goes_wrong_without_it() -> None:
    for rule in range(4, 10):
        told = [one for one in STORIES if one.name.startswith(f"rule-{rule}-") and one.forgotten]
        assert told, f"rule {rule}"


def test_there_is_no_command_and_no_condition_that_no_story_uses() -> None:
    told = [re.sub("^(expect|soon not) ", "", line) for one in STORIES for _, line in one.lines]
    for pattern, _ in (*COMMANDS, *CONDITIONS):
        assert any(re.fullmatch(pattern, line) for line in told), pattern


@pytest.mark.slow
@pytest.mark.parametrize(
    "story", [one for one in STORIES if one.forgotten], ids=lambda story: story.name
)
def test_it_goes_wrong_for_who_has_forgotten_the_rule(story: Story, tmp_path: Path) -> None:
    mutants = {mutant.name: mutant for mutant in all_mutants()}
    done = subprocess.run(
        [sys.executable, "-m", "tests.scenarios", story.name],
        cwd=ROOT,
        env=mutants[story.forgotten].applied(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith(f"{story.name}:")


def test_a_line_that_is_not_so_fails_the_story(tmp_path: Path) -> None:
    path = tmp_path / "wrong.txt"
    lines = ["# wrong", "", "a ring of 2 that prefers availability", "start 0, 1", "wait 0.2 s"]
    for last in ("expect 1 leads view 1", "soon not 0 is new", "dance"):
        path.write_text("\n".join([*lines, last]))
        with pytest.raises(Failed, match=f"wrong:6: {last}"):
            Story(path).play()
