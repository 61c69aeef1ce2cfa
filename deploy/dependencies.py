"""Prints what the given pyproject.toml files depend on, but for each other: one a line.

The images install this in a layer of its own, which a change of the code leaves alone.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path


def third_party(files: list[Path]) -> list[str]:
    """The requirements of all those projects, sorted, without the projects themselves."""
    projects = [tomllib.loads(file.read_text())["project"] for file in files]
    own = {project["name"] for project in projects}
    wanted = {requirement for project in projects for requirement in project["dependencies"]}
    return sorted(line for line in wanted if re.split(r"[^A-Za-z0-9_.-]", line)[0] not in own)


if __name__ == "__main__":
    print("\n".join(third_party([Path(name) for name in sys.argv[1:]])))
