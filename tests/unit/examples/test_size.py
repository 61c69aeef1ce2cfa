"""An example is read in one go."""

from __future__ import annotations

from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_it_has_less_than_sixty_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60
