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


@pytest.mark.parametrize(
    ("seconds", "counts", "untried"),
    [
        (300.0, {"compactions": 2, "states": 1}, []),
        (300.0, {"compactions": 0, "states": 0}, ["no journal", "no replica"]),
        (600.0, {"compactions": 2, "states": 0}, ["no replica"]),
        (299.0, {"compactions": 0, "states": 0}, []),
        (600.0, {}, []),
    ],
)
def test_a_long_run_tells_what_it_did_not_come_to(
    seconds: float, counts: dict[str, int], untried: list[str]
) -> None:
    lines = dataclasses.replace(RUN, seconds=seconds, counts=counts).untried
    assert [" ".join(line.split()[:2]) for line in lines] == untried
