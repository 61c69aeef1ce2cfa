from __future__ import annotations

from pathlib import Path

import pytest

from bench.figures import OURS, Measure
from bench.picture import draw, drawn_measures

FAST = Measure("0 stored", "/s", more_is_better=True)
SLOW = Measure("100 stored", "/s", more_is_better=True)
BYTES = Measure("memory", "bytes")


def test_a_panel_has_one_axis() -> None:
    assert drawn_measures({OURS: {FAST: [1.0], BYTES: [2.0]}, "nats": {SLOW: [1.0]}}) == [
        FAST,
        SLOW,
    ]


def test_a_picture_is_drawn_where_matplotlib_is(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "images" / "bench.png"
    results = {"growth": {OURS: {FAST: [1.0, 3.0], BYTES: [2.0]}, "nats": {SLOW: [1.0]}}}
    draw(results, {"growth": "As more is stored"}, "a machine", file)
    assert file.read_bytes().startswith(b"\x89PNG")
