"""What the images install before the code."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.dependencies import third_party

ROOT = Path(__file__).resolve().parents[3]


def test_once_each_sorted_and_without_the_projects_themselves(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('[project]\nname = "ours"\ndependencies = ["zeta>=1", "alpha"]\n')
    second.write_text(
        '[project]\nname = "theirs"\n'
        'dependencies = ["ours", "zeta>=1", "ours-not[x]; python_version > \'3\'"]\n'
    )
    assert third_party([first, second]) == [
        "alpha",
        "ours-not[x]; python_version > '3'",
        "zeta>=1",
    ]


def test_every_dependency_has_its_exact_version() -> None:
    files = [ROOT / "proto/pyproject.toml", *ROOT.glob("services/*/pyproject.toml")]
    pinned = {
        line.partition("==")[0].lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    tools = (ROOT / "requirements-dev.txt").read_text().splitlines()
    wanted = [*third_party(files), *(line for line in tools if not line.startswith("#"))]
    names = {re.split(r"[>;\[ ]", line, maxsplit=1)[0].lower() for line in wanted}
    assert len(names) > 10
    assert names - pinned == set()
