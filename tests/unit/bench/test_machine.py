from __future__ import annotations

import platform

from bench.machine import cpu_model


def test_the_model_is_that_of_the_first_core() -> None:
    text = "processor\t: 0\nmodel name\t: A CPU @ 3 GHz\n\nprocessor\t: 1\nmodel name\t: B\n"
    assert cpu_model(text) == "A CPU @ 3 GHz"


def test_without_a_model_the_architecture_is_told() -> None:
    assert cpu_model("processor\t: 0\n") == platform.machine()
