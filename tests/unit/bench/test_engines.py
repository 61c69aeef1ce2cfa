from __future__ import annotations

from bench.engines import PEERS


def test_each_row_has_a_name_of_its_own() -> None:
    assert len({peer.name for peer in PEERS}) == len(PEERS)
    assert len({peer.engine().name for peer in PEERS}) == len(PEERS)


def test_what_is_missing_is_said_in_one_line() -> None:
    for peer in PEERS:
        why = peer.missing()
        assert why is None or (why and "\n" not in why)


def test_each_says_in_one_line_what_a_confirmation_is_worth() -> None:
    for engine in (peer.engine() for peer in PEERS):
        assert engine.durability
        assert "\n" not in engine.durability + engine.tool_durability


def test_without_a_tool_there_are_no_figures() -> None:
    without = [engine for peer in PEERS if not (engine := peer.engine()).tool_durability]
    assert without
    assert [engine.tool_figures() for engine in without] == [{}] * len(without)
