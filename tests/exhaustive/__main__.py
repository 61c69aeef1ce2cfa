"""All interleavings of three real cores, up to a depth: `python -m tests.exhaustive --depth 9`.

With `--surprises N` how far to look is counted in surprises instead of events: fewer
interleavings, but each followed to its end (see `surprises.py`).
"""

from __future__ import annotations

import argparse
import signal
import sys
from multiprocessing import get_context

from tests.exhaustive.explore import Exploration, Result, Row
from tests.exhaustive.state import Bounds

MODES = ("consistency", "availability")


def main() -> int:
    """The exit code: 1 if some state breaks a promise."""
    arguments = _arguments()
    modes = MODES if arguments.prefer is None else (arguments.prefer,)
    if len(modes) == 1:
        results = [_explored((modes[0], arguments))]
    else:  # one process for each: they have nothing in common
        with get_context("fork").Pool(len(modes), signal.signal, _DEAF) as pool:
            results = pool.map(_explored, [(mode, arguments) for mode in modes], chunksize=1)
    for result in results:
        print("\n" + "\n".join(_table(result, arguments)))
    for result in results:
        if result.error:
            fewest = "" if arguments.surprises is None else ", with the fewest surprises"
            print(f"\n{result.prefer}: {len(result.path)} events to a violation{fewest}\n")
            print("\n".join(f"{n:4} {line}" for n, line in enumerate(result.path, 1)))
            print(f"\n{result.error}")
    if any(result.error for result in results):
        return 1
    print("\nevery state is as it must be")
    return 0


_DEAF = (signal.SIGINT, signal.SIG_IGN)
"""Ctrl-C is for the parent alone, which ends the others."""


def _arguments() -> argparse.Namespace:
    usual = Bounds()
    parser = argparse.ArgumentParser(prog="python -m tests.exhaustive", description=__doc__)
    far = parser.add_mutually_exclusive_group()
    far.add_argument("--depth", type=int, default=7, help="so many events from the start (7)")
    far.add_argument("--surprises", type=int, help="so many surprises instead")
    parser.add_argument("--prefer", choices=MODES, help="one mode only (both, side by side)")
    parser.add_argument(
        "--states-max", type=int, default=20_000_000, help="end when so many are known (20 million)"
    )
    for name, default in usual._asdict().items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"at most ({default})")
    return parser.parse_args()


def _explored(task: tuple[str, argparse.Namespace]) -> Result:
    """One mode, telling how far it has come."""
    prefer, arguments = task
    bounds = Bounds(*(getattr(arguments, name) for name in Bounds._fields))

    def told(row: Row) -> None:
        print(
            f"{prefer:12}  depth {row.depth:2}  {row.states:12,} states  "
            f"{row.seconds:7.1f} s (CPU)  {row.states / max(row.seconds, 1e-9):9,.0f} states/s",
            flush=True,
        )

    exploration = Exploration(prefer, bounds, told, arguments.states_max)
    if arguments.surprises is not None:
        return exploration.by_surprises(arguments.surprises)
    return exploration.by_events(arguments.depth)


def _table(result: Result, arguments: argparse.Namespace) -> list[str]:
    unit = "events" if arguments.surprises is None else "surprises"
    bounds = ", ".join(f"{getattr(arguments, name)} {name}" for name in Bounds._fields)
    lines = [f"{result.prefer}: 3 replicas, {bounds}", ""]
    lines.append(f"  {unit:>9}  {'distinct states':>16}  {'transitions':>14}  {'states/s':>10}")
    lines += [
        f"  {row.depth:9}  {row.states:16,}  {row.transitions:14,}  "
        f"{row.states / max(row.seconds, 1e-9):10,.0f}"
        for row in result.rows
    ]
    lines.append("  frontier exhausted: " + ("yes" if result.exhausted else "no"))
    lines.append(
        f"  {result.local_states:,} distinct cores with their disks, "
        f"on which {result.local_steps:,} inputs were run"
    )
    for title, counts in (("events", result.events), ("branches", result.branches)):
        lines.append(f"  {title}")
        lines += [f"    {name:28} {count:14,}" for name, count in sorted(counts.items())]
    return lines


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\ninterrupted")
        sys.exit(130)
