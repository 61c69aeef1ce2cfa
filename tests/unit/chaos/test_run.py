from __future__ import annotations

import dataclasses

import pytest

from chaos.run import Band, Gap, Reign, Run, Slow, Verdict, from_json

RUN = Run(
    seed=7,
    prefer="availability",
    replicas=3,
    seconds=60.0,
    faults=[Band("cut", (0, 2), 1.5, 4.0), Band("hunt", (), 9.0, 12.0)],
    views=[Reign(0.0, 0, 0), Reign(2.5, 1, 1)],
    confirmed=[0.5, 1.0],
    calls=[Slow(1.0, 3.5, "send", "ann", "done")],
    gaps=[Gap(1.0, 2.6, "cut 0, 2")],
    verdicts=[Verdict("nothing lost, nothing doubled", True, "2 confirmed sends")],
    counts={"sends": 3, "confirmed": 2},
    environment={"engine": "Docker"},
)


def test_a_run_comes_back_from_json_as_it_was() -> None:
    assert from_json(RUN.to_json()) == RUN


def test_what_is_no_run_is_refused() -> None:
    with pytest.raises(KeyError):
        from_json("{}")


def test_a_run_has_passed_if_every_promise_was_kept() -> None:
    assert RUN.passed
    broken = Verdict("linearizable", False, "impossible: ...")
    assert not dataclasses.replace(RUN, verdicts=[*RUN.verdicts, broken]).passed
