"""`python -m tests.fuzz TARGET --inputs N`: fuzz one of the targets, or `all` of them.

Guided by coverage where atheris can be had (CPython 3.11 to 3.13 on Linux), else by the
targets' own mutations alone. An input that finds something is written to the corpus,
with the command that runs it again.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from tests.fuzz.corpus import keep, load_corpus, minimised
from tests.fuzz.session import Session, fresh, known
from tests.fuzz.target import NAMES, ROOT, SOURCES, load

INPUTS = 1_000_000
CORPUS_BYTES_MAX = 40 << 10
"""Of one target, after `--keep`."""


def main() -> int:
    """Exit code 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=(*NAMES, "all"))
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--blind", action="store_true", help="without coverage")
    parser.add_argument("--keep", action="store_true", help="add what reaches more to the corpus")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="run one input, with traceback")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)  # what is wrong with an input, a line each
    if args.replay is not None:
        return _replay(args.target, args.replay)
    names = NAMES if args.target == "all" else (args.target,)
    if args.blind or importlib.util.find_spec("atheris") is None:
        return max(_printed(_blind(name, args)) for name in names)
    with ThreadPoolExecutor(max(1, min(args.jobs, len(names)))) as threads:
        reports = threads.map(lambda name: _guided(name, args), names)
        return max([_printed(report) for report in reports])


def _guided(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """In a process of its own."""
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{name}-") as temporary:
        work, report = Path(temporary, "work"), Path(temporary, "report")
        work.mkdir()
        words = (name, str(args.inputs), str(args.seed), str(work), str(report))
        with Path(temporary, "said").open("w+") as said:
            done = subprocess.run(
                [sys.executable, "-m", "tests.fuzz.guided", *words],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in SOURCES)},
                stderr=said,
                check=False,
            )
            said.seek(0)
            last_words = said.read()[-2_000:]
        found = [_kept_artifact(name, path) for path in Path(temporary).glob("*-*")]
        if not report.exists():
            found.append(
                f"the fuzzer ended with {done.returncode} before it was done\n{last_words}"
            )
        result: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
        result = {"name": name, "findings": []} | result
        result["findings"] += found
        if args.keep and not result["findings"]:
            _keep(name, [path.read_bytes() for path in work.iterdir()])
        return result


def _kept_artifact(name: str, path: Path) -> str:
    """libFuzzer's own finding: a crash, a hang or too much memory, outside of Python."""
    kept = keep(name, path.read_bytes()).relative_to(ROOT)
    return (
        f"{path.name.partition('-')[0]}\n"
        f"  again: .venv/bin/python -m tests.fuzz {name} --replay {kept}"
    )


def _blind(name: str, args: argparse.Namespace) -> dict[str, Any]:
    """In this process, by the target's mutations alone."""
    target = load(name)
    session = Session(name, target)
    chance = random.Random(args.seed)
    for data in islice(fresh(target, known(name, target), chance), args.inputs):
        session.take(data)
    report: dict[str, Any] = json.loads(session.report())
    return report


def _keep(name: str, inputs: Sequence[bytes]) -> None:
    """Into the corpus go those that take a step no other one takes."""
    for data in minimised(load(name), inputs, CORPUS_BYTES_MAX, load_corpus(name)):
        keep(name, data)


def _replay(name: str, path: Path) -> int:
    target = load(name)
    try:
        print(f"{name}: {target.run(path.read_bytes())}")
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def _printed(report: dict[str, Any]) -> int:
    name, findings = report["name"], report["findings"]
    if "inputs" in report:
        print(
            f"{name}: {report['inputs']:,} inputs, {report['per_second']:,}/s, peak memory "
            f"{report['peak_mib']} MiB, {report['corpus']} in its collection, slowest "
            f"{report['slowest_ms']} ms, {len(findings)} found"
        )
        outcomes = report["outcomes"].items()
        print("  " + "; ".join(f"{outcome}: {count:,}" for outcome, count in outcomes))
    for finding in findings:
        print(f"FOUND in {name}: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
