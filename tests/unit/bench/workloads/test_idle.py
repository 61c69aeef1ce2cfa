from __future__ import annotations

from bench.workloads.idle import cpu_ticks


def test_ticks_are_found_behind_any_name() -> None:
    behind = " ".join(["S", *(str(number) for number in range(4, 53))])
    assert cpu_ticks(f"17 (a) name) {behind}\n") == 14 + 15
