"""Many runs: `python -m tests.simulator --runs 10000`, or one again: `--replay SEED`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context

from tests.simulator import coverage
from tests.simulator.run import simulate
from tests.simulator.world import Outcome

TRACE_LINES = 120
"""Of a run that failed; `--replay` shows all."""
FAILURES_MAX = 10
BAR_CHARS = 30


def main() -> int:
    """The exit code: 1 if a run failed, or if something that has to happen never did."""
    arguments = _arguments()
    logging.disable(logging.CRITICAL)
    if arguments.replay is not None:
        return _replay(arguments.replay)
    seeds = range(arguments.seed, arguments.seed + arguments.runs)
    if arguments.first:
        return _until_first(seeds)
    return _all(seeds, arguments.jobs)


def positive(text: str) -> int:
    """A number of at least 1, for argparse. Raises ValueError."""
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--runs", type=positive, default=1_000, help="so many seeds (1000)")
    parser.add_argument("--seed", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--jobs", type=positive, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--replay", type=int, metavar="SEED", help="one run, with its whole trace")
    parser.add_argument(
        "--first", action="store_true", help="one process, to the first failure; a line of JSON"
    )
    return parser.parse_args()


def _replay(seed: int) -> int:
    outcome = simulate(seed, traced=True)
    print("\n".join(outcome.trace))
    print(f"\n{outcome.profile}\n{outcome.seconds:.1f} s, {outcome.events:,} events")
    print(f"seed {seed}: {outcome.error or 'all is well'}")
    return 1 if outcome.error else 0


def _until_first(seeds: Iterable[int]) -> int:
    """For the mutants: what caught it, and after how many runs."""
    runs = 0
    for runs, seed in enumerate(seeds, 1):
        outcome = simulate(seed)
        if outcome.error:
            check = outcome.error.split(":", 1)[0]
            found = {"seed": seed, "runs": runs, "check": check, "error": outcome.error}
            print(json.dumps(found))
            return 1
    print(json.dumps({"seed": None, "runs": runs}))
    return 0


def _all(seeds: range, jobs: int) -> int:
    counts: coverage.Counts = Counter()
    failed: list[Outcome] = []
    simulated, events, done = 0.0, 0, 0
    began = time.monotonic()
    with _outcomes(seeds, jobs) as outcomes:
        for outcome in outcomes:
            done += 1
            simulated += outcome.seconds
            events += outcome.events
            counts += outcome.counts
            if outcome.error:
                failed.append(outcome)
                print(f"\r\x1b[Kseed {outcome.seed}: {outcome.error}")
                print(f"  all of it: make simulate REPLAY={outcome.seed}", flush=True)
            if done % 10 == 0 or done == len(seeds):
                _progress(done, len(seeds), simulated, time.monotonic() - began, len(failed))
            if len(failed) >= FAILURES_MAX:
                break
    seconds = time.monotonic() - began
    print("\n" + "\n".join(coverage.table(counts)))
    print(
        f"\n{done:,} runs in {seconds:.1f} s: {done / seconds:.1f} runs/s, "
        f"{simulated / 3600:.1f} simulated hours ({simulated / seconds:.0f} in each hour), "
        f"{events:,} events"
    )
    for outcome in failed[:1]:
        _show(outcome)
    if failed:
        print(f"\n{len(failed)} of {done} runs failed")
        return 1
    never = coverage.missing(counts)
    if never:
        print("\nnever happened, so nothing was shown about it: " + "; ".join(never))
        if done >= coverage.RUNS_FOR_ALL:
            return 1
        print(f"(for {done:,} runs no wonder; in {coverage.RUNS_FOR_ALL:,} it is a failure)")
    print("every run was as it must be")
    return 0


def _show(outcome: Outcome) -> None:
    """The end of a failed run, and how to see all of it."""
    again = simulate(outcome.seed, traced=True)
    print(f"\nthe last events of seed {outcome.seed} ({outcome.profile}):\n")
    print("\n".join([*again.trace[:4], *again.trace[4:][-TRACE_LINES:]]))
    print(f"\n{outcome.error}\nall of it: make simulate REPLAY={outcome.seed}")


@contextmanager
def _outcomes(seeds: range, jobs: int) -> Iterator[Iterable[Outcome]]:
    if jobs == 1:
        yield map(simulate, seeds)
        return
    # Ctrl-C is for this process alone; leaving the block ends the others.
    with get_context("fork").Pool(jobs, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        yield pool.imap_unordered(simulate, seeds, chunksize=4)


def _progress(done: int, runs: int, simulated: float, seconds: float, failed: int) -> None:
    if not sys.stdout.isatty() and done != runs and done % max(runs // 10, 1):
        return
    full = round(BAR_CHARS * done / runs)
    bar = "█" * full + "·" * (BAR_CHARS - full)
    left = (runs - done) * seconds / done
    line = (
        f"{bar} {done:,}/{runs:,} runs  {done / seconds:.1f}/s  "
        f"{simulated / 3600:.1f} simulated hours  {failed} failed  {left:.0f} s left"
    )
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, end="", flush=True)
    if not sys.stdout.isatty():
        print()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted")
        sys.exit(130)
