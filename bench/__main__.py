"""Measures us beside the engines that people would pick instead: see `make bench`."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import resource
import signal
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bench import machine, picture, table
from bench.engines import PEERS, Peer
from bench.engines.ringchat import DockerRingchat, LocalRingchat, no_docker
from bench.figures import OURS, Results, add
from bench.sizes import FULL, QUICK, Sizes
from bench.workloads import WORKLOADS, Workload

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PICTURE = "docs/images/bench.png"


def entrants(sizes: Sizes) -> dict[str, Peer]:
    """Who can be measured, by name; us first."""
    ours = (
        Peer(OURS, lambda: None, partial(LocalRingchat, sizes.compact_after_bytes), OURS),
        Peer("ringchat-docker", no_docker, DockerRingchat, OURS),
    )
    return {peer.name: peer for peer in (*ours, *PEERS)}


class Run:
    """All that is measured in one go."""

    def __init__(self, sizes: Sizes) -> None:
        self._sizes = sizes
        self._entrants: dict[str, Peer] = {}
        self.results: Results = {}
        self.engines: dict[str, str] = {}
        """Each engine that was measured, by name: its version and durability."""
        self.ours_failed = False
        self.machine = machine.described()  # before, while the disk is at rest
        for name, peer in entrants(sizes).items():
            why = peer.missing()
            if why is None:
                self._entrants[name] = peer
            else:
                print(f"without {name}: {why}", flush=True)

    def workload(self, workload: Workload) -> None:
        """All rounds of one workload, the engines in turn in each, and its table."""
        print(f"\n{workload.name}: {workload.title}", flush=True)
        for number in range(1, self._sizes.rounds + 1):
            for name in workload.engines:
                if name in self._entrants:
                    what = f"round {number}, {name}"
                    self._round(workload, self._entrants[name], what)
        if found := self.results.get(workload.name):
            print(table.plain(found), flush=True)

    def _round(self, workload: Workload, peer: Peer, what: str) -> None:
        began = time.perf_counter()
        try:
            asyncio.run(self._measure(workload, peer))
        except Exception as error:  # one engine that fails does not end the others' run
            print(f"  {what}: failed: {one_line(error)}", flush=True)
            self.ours_failed = self.ours_failed or peer.column == OURS
        else:
            print(f"  {what}: {time.perf_counter() - began:.0f} s", flush=True)

    async def _measure(self, workload: Workload, peer: Peer) -> None:
        with peer.engine() as engine:
            samples = await workload.measure(engine, self._sizes)
            add(self.results, workload.name, peer.column, samples)
            tool = f"; its own tool: {engine.tool_durability}" if engine.tool_durability else ""
            self.engines[engine.name] = f"{engine.version}: {engine.durability}{tool}"


def one_line(error: BaseException) -> str:
    """The first of the errors in a group, its first line."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def save(run: Run, rounds: int) -> None:
    """Draws the picture and puts the table into the README."""
    titles = {workload.name: workload.title for workload in WORKLOADS}
    where = run.machine
    notes = [
        f"Median of {rounds} rounds (least..most), the engines in turn in each; {where}.",
        *(f"{name} {about}." for name, about in run.engines.items()),
    ]
    try:
        picture.draw(run.results, titles, where, ROOT / PICTURE)
    except ModuleNotFoundError as error:
        print(f"no picture: {error}: .venv/bin/pip install -r requirements-bench.txt")
    new = table.markdown(run.results, titles, notes, PICTURE)
    README.write_text(table.put_between_marks(README.read_text(), new))
    print(f"\nsaved: {README.name}, {PICTURE}")


def chosen(only: str) -> list[Workload]:
    """The workloads of those names, all for none.

    Raises:
        ValueError: there is none of that name.
    """
    names = [name for name in only.split(",") if name]
    known = {workload.name: workload for workload in WORKLOADS}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no workload {', '.join(unknown)}; there are {', '.join(known)}")
    return [known[name] for name in names or known]


def main(arguments: Sequence[str]) -> int:
    """Runs the workloads; 1 if one of ours failed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--only", default="", metavar="NAME,NAME")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to try it; never saved")
    parser.add_argument("--save", action="store_true", help="even if not all is measured")
    options = parser.parse_args(arguments)
    try:
        workloads = chosen(options.only)
    except ValueError as error:
        parser.error(str(error))
    sizes = QUICK if options.quick else FULL
    if options.rounds:
        sizes = dataclasses.replace(sizes, rounds=options.rounds)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # or the nodes would stay
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a client is a descriptor or two
    run = Run(sizes)
    for workload in workloads:
        run.workload(workload)
    if run.ours_failed:
        print("\none of ours failed: nothing is saved")
        return 1
    if not options.quick and run.results and (options.save or not options.only):
        save(run, sizes.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
