from __future__ import annotations

import pytest

from bench.figures import OURS, Measure, Results, Spread
from bench.table import BEGIN, END, columns, markdown, number, plain, put_between_marks, shown

RATE = Measure("writes", "/s", more_is_better=True)
SECONDS = Measure("restart", "s")
RESULTS: Results = {
    "many": {"etcd": {RATE: [1000.0]}, OURS: {RATE: [1500.0, 3000.0, 2000.0]}},
    "restart": {OURS: {SECONDS: [3.5]}},
}


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (1.234, "1.23"), (12.34, "12.3"), (-45.67, "-45.7"), (12345.6, "12,346")],
)
def test_a_number_has_three_digits_or_all_before_the_point(value: float, text: str) -> None:
    assert number(value) == text


def test_one_sample_has_no_spread() -> None:
    assert shown(Spread(2.0, 2.0, 2.0)) == "2.00"
    assert shown(Spread(2.0, 1.0, 30.0)) == "2.00 (1.00..30.0)"


def test_we_stand_first() -> None:
    assert columns(RESULTS) == [OURS, "etcd"]


def test_a_table_for_the_terminal_is_aligned() -> None:
    first, second = plain(RESULTS["many"]).splitlines()
    assert second == "writes, /s  2,000 (1,500..3,000)  1,000  2.00"
    assert first.index("etcd") == second.index("1,000 ")


def test_the_readme_has_a_row_for_each_measure() -> None:
    titles = {"many": "Many clients", "restart": "Start again"}
    text = markdown(RESULTS, titles, ["a note " * 20], "docs/images/bench.png")
    assert "| writes, /s | 2,000 (1,500..3,000) | 1,000 | 2.00 |" in text
    assert "| restart, s | 3.50 | – | – |" in text
    assert "| **Start again** |" in text
    assert "(docs/images/bench.png)" in text
    assert all(len(line) <= 100 for line in text.splitlines())
    assert len({line.count("|") for line in text.splitlines() if "|" in line}) == 1


def test_only_what_is_between_the_marks_is_replaced() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    new = put_between_marks(text, "new")
    assert new == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert put_between_marks(new, "new") == new


@pytest.mark.parametrize(
    "text", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{END}", f"{BEGIN}{END}{BEGIN}"]
)
def test_without_the_marks_nothing_is_replaced(text: str) -> None:
    with pytest.raises(ValueError):
        put_between_marks(text, "new")
