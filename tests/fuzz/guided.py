"""The fuzzer's own process: libFuzzer, by atheris, watches which branches an input takes.

`python -m tests.fuzz.guided TARGET INPUTS SEED FOLDER REPORT`. The packages are rewritten
while they are imported, so they must not be imported before; and libFuzzer ends the
process when it is done, so the report is written before that.
"""

from __future__ import annotations

import logging
import random
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.fuzz.target import WATCHED, load

atheris: Any = import_module("atheris")  # it has no types

HANG_SECONDS = 60
"""Of real time: for what hangs outside of Python, where the meter's limit cannot end it."""
MEMORY_MIB_MAX = 3_072
BLIND_SHARE = 0.3
"""So many of the mutations are libFuzzer's, which know nothing of the format."""


def main() -> None:
    """Runs until libFuzzer has had enough."""
    name, inputs, seed, work, report = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    with atheris.instrument_imports(include=list(WATCHED[name])):
        target = load(name)
    # Not before: it imports nothing of the product, but what it imports might.
    from tests.fuzz.session import Session, known  # noqa: PLC0415

    folder = Path(work)
    for number, data in enumerate(known(name, target)):
        (folder / f"known-{number}").write_bytes(data[: target.bytes_max])
    session = Session(name, target, work=folder)

    def one_input(data: bytes) -> None:
        session.take(data)
        if session.meter.inputs >= int(inputs):
            Path(report).write_text(session.report())

    def mutate(data: bytes, size_max: int, number: int) -> bytes:
        chance = random.Random(number)
        if chance.random() < BLIND_SHARE:
            return bytes(atheris.Mutate(data, size_max))
        return target.mutate(bytes(data), chance)[:size_max]

    options = [
        f"-runs={inputs}",
        f"-seed={seed}",
        f"-max_len={target.bytes_max}",
        f"-timeout={HANG_SECONDS}",
        "-mutate_depth=2",  # of an input that was changed five times, too little is left
        f"-rss_limit_mb={MEMORY_MIB_MAX}",
        f"-artifact_prefix={folder.parent}/",
        "-verbosity=0",
        "-print_final_stats=0",
    ]
    atheris.Setup([sys.argv[0], *options, work], one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
