from __future__ import annotations

from bench.engines.ringchat import DockerRingchat, LocalRingchat


def test_its_durability_is_one_line() -> None:
    for engine in (LocalRingchat(), DockerRingchat()):
        assert "\n" not in engine.durability
        assert engine.tool_figures() == {}
