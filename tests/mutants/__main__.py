"""Every mutant, until the simulator catches it: `python -m tests.mutants [NAME ...]`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from tests.mutants.mutants import Caught, Mutant, all_mutants, run

CHECK_CHARS_MAX = 44


def main() -> int:
    """The exit code: 1 if a mutant survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--runs", type=int, default=2_000, help="at most so many each (2000)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="at a time")
    arguments = parser.parse_args()
    mutants = [one for one in all_mutants() if not arguments.names or one.name in arguments.names]
    unknown = set(arguments.names) - {mutant.name for mutant in mutants}
    if unknown:
        parser.error(f"no such mutant: {', '.join(sorted(unknown))}")
    results: dict[str, Caught] = {}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(arguments.jobs) as pool:
        try:
            under_way = {
                pool.submit(run, mutant, Path(folder, mutant.name), arguments.runs): mutant
                for mutant in mutants
            }
            for future in as_completed(under_way):
                mutant, result = under_way[future], future.result()
                results[mutant.name] = result
                seconds = time.monotonic() - began
                line = _row(mutant, result)
                print(f"{len(results):>3}/{len(mutants)} {seconds:5.0f} s  {line}", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    print(f"\n{'rule':>4}  {'mutant':<34} {'caught by':<{CHECK_CHARS_MAX}} {'runs':>5}")
    for mutant in mutants:
        print(_row(mutant, results[mutant.name]))
    survivors = [name for name, result in results.items() if not result.check]
    print(f"\n{len(mutants) - len(survivors)} of {len(mutants)} caught")
    if survivors:
        print(f"holes in the simulator: {', '.join(sorted(survivors))}")
    return 1 if survivors else 0


def _row(mutant: Mutant, result: Caught) -> str:
    check = (result.check or "SURVIVED")[:CHECK_CHARS_MAX]
    return f"{mutant.rule:>4}  {mutant.name:<34} {check:<{CHECK_CHARS_MAX}} {result.runs:>5}"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted")
        sys.exit(130)
