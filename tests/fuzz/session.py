"""One run over a target: its inputs, how long they took, and what they found."""

from __future__ import annotations

import json
import random
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.corpus import folder_of, keep, load_corpus
from tests.fuzz.meter import Meter
from tests.fuzz.target import ROOT, Target

PROGRESS_SECONDS = 5.0
FINDINGS_MAX = 20
"""Different ones; beyond it there is enough to do."""


@dataclass
class Session:
    """What is known so far; `take` runs one input and never raises."""

    name: str
    target: Target
    keeping: bool = True
    """Inputs that find something are written to the corpus."""
    meter: Meter = field(default_factory=Meter)
    findings: dict[str, str] = field(default_factory=dict)
    """By the place and kind of the error: what to print."""
    work: Path | None = None
    """Where the fuzzer keeps the inputs that reach something new."""
    _said_at: float = field(default_factory=time.monotonic)

    def take(self, data: bytes) -> str | None:
        """What became of the input; None if it found something."""
        try:
            outcome = self.meter.run(self.target, data)
        except Exception as error:
            outcome = None
            self._found(error, data)
        if time.monotonic() - self._said_at > PROGRESS_SECONDS:
            self._said_at = time.monotonic()
            print(self.meter.line(self.name, self.corpus_size()), flush=True)
        return outcome

    def _found(self, error: Exception, data: bytes) -> None:
        key = f"{type(error).__name__} in {_place(error)}"
        if key in self.findings or len(self.findings) >= FINDINGS_MAX:
            return
        lines = [key, f"  {str(error)[:300]!r}"]
        if self.keeping:
            path = keep(self.name, data).relative_to(ROOT)
            lines.append(f"  again: .venv/bin/python -m tests.fuzz {self.name} --replay {path}")
        self.findings[key] = "\n".join(lines)
        print(f"FOUND in {self.name}: {self.findings[key]}", flush=True)

    def corpus_size(self) -> int:
        """Inputs in the fuzzer's own collection, or else in the corpus."""
        folder = self.work or folder_of(self.name)
        return sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0

    def report(self) -> str:
        """All figures as one line of JSON, for the process that prints them."""
        meter = self.meter
        return json.dumps(
            {
                "name": self.name,
                "inputs": meter.inputs,
                "per_second": round(meter.per_second),
                "peak_mib": meter.peak_mib,
                "corpus": self.corpus_size(),
                "slowest_ms": round(meter.slowest_ms, 1),
                "outcomes": dict(meter.outcomes.most_common()),
                "findings": list(self.findings.values()),
            }
        )


def _place(error: BaseException) -> str:
    """Where the product, or else the target, raised."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "/ringchat_" in frame.filename] or frames
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def fresh(target: Target, corpus: Sequence[bytes], chance: random.Random) -> Iterator[bytes]:
    """Inputs without end: what is known, changed by the target's own mutations."""
    while True:
        data = chance.choice(corpus)
        for _ in range(1 + int(chance.expovariate(0.7))):
            data = target.mutate(data, chance)[: target.bytes_max]
        yield data


def known(name: str, target: Target) -> list[bytes]:
    """The seeds and the corpus."""
    return [*target.seeds(), *load_corpus(name)]
