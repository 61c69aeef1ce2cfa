from __future__ import annotations

import pytest

from bench.__main__ import chosen, entrants, main, one_line
from bench.sizes import FULL, QUICK
from bench.workloads import WORKLOADS


def test_without_names_all_is_measured() -> None:
    assert chosen("") == list(WORKLOADS)
    assert [workload.name for workload in chosen("single,failover")] == ["single", "failover"]


def test_a_name_that_there_is_not_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "single,speed"])
    assert ended.value.code == 2
    assert "no workload speed" in capsys.readouterr().err


def test_an_error_is_told_in_one_line() -> None:
    group = ExceptionGroup("many", [ExceptionGroup("more", [ValueError("first\nsecond")])])
    assert one_line(group) == "ValueError: first"
    assert one_line(TimeoutError()) == "TimeoutError"


def test_every_workload_names_engines_that_there_are() -> None:
    known = entrants(QUICK)
    for workload in WORKLOADS:
        assert set(workload.engines) <= known.keys()
        assert workload.engines[0] == "ringchat"


def test_quick_is_less_of_everything() -> None:
    assert QUICK.pipelined_writes < FULL.pipelined_writes
    assert QUICK.behind < FULL.behind
    assert QUICK.receivers < FULL.receivers


def test_the_rounds_do_at_least_what_is_wanted_together() -> None:
    assert FULL.rounds * FULL.each_round(FULL.failovers) >= 100
