from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import docker
import pytest

from chaos.containers import PAUSE_TRIES, Replica


class Freezer:
    """An engine whose one container refuses to be paused a few times."""

    def __init__(self, refusals: int, why: str) -> None:
        self.containers = SimpleNamespace(get=lambda name: self)
        self.tries = 0
        self._refusals = refusals
        self._why = why

    def pause(self) -> None:
        self.tries += 1
        if self.tries <= self._refusals:
            raise docker.errors.APIError(self._why)


def replica(engine: Any) -> Replica:
    return Replica(engine, "project", 1)


@pytest.mark.parametrize("refusals", [0, 1, PAUSE_TRIES - 1])
def test_a_pause_that_a_busy_machine_refuses_is_tried_again(refusals: int) -> None:
    engine = Freezer(refusals, "OCI runtime pause failed: unable to freeze: unknown")
    replica(engine).pause()
    assert engine.tries == refusals + 1


@pytest.mark.parametrize(
    ("why", "tries"), [("unable to freeze", PAUSE_TRIES), ("is not running", 1)]
)
def test_but_not_for_ever_and_not_for_another_reason(why: str, tries: int) -> None:
    engine = Freezer(99, why)
    with pytest.raises(docker.errors.APIError):
        replica(engine).pause()
    assert engine.tries == tries
