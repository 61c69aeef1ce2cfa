"""`python -m chaos`: faults from a seed against a cluster of its own, and a report of it."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import docker

from chaos.cluster import ROOT, DockerCluster, Ends
from chaos.history import Letters
from chaos.people import People
from chaos.plan import AVAILABILITY, CONSISTENCY, REPLICAS, plan
from chaos.report import render
from chaos.run import Run
from chaos.runner import Judge, Progress, Runner, to_the_end
from chaos.story import tell

CONTAINERS = 3
"""Of clients."""
LAST_SECONDS = 2.0
"""After all is healed people go on for so long."""
FIRST_CONFIRMATIONS = 20
"""Before the first fault."""


class Arguments(argparse.Namespace):
    """What was asked for."""

    minutes: float
    seed: int | None
    prefer: str


def main() -> int:
    """Runs; returns the exit code: 0 if every promise was kept, 1 if not, 2 if it cannot run."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (10)")
    parser.add_argument("--seed", type=int, help="of the plan and the people (any)")
    parser.add_argument("--prefer", choices=(AVAILABILITY, CONSISTENCY), default=AVAILABILITY)
    arguments = parser.parse_args(namespace=Arguments())
    seed = random.randrange(1_000_000) if arguments.seed is None else arguments.seed
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        print(f"chaos: no Docker engine answers: {error}", file=sys.stderr)
        return 2
    try:
        with tempfile.TemporaryDirectory(prefix="ringchat-chaos-") as folder:
            return asyncio.run(_run(seed, arguments, Path(folder)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\ninterrupted; the cluster is removed")
        return 130
    except (OSError, RuntimeError, docker.errors.DockerException) as error:
        print(f"chaos: cannot go on, the cluster is removed: {error}", file=sys.stderr)
        return 2


async def _run(seed: int, arguments: Arguments, folder: Path) -> int:
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    cluster = DockerCluster(folder, arguments.prefer, small_volume=True)
    people = People(cluster, CONTAINERS, seed)
    print(f"seed {seed}, prefer {arguments.prefer}: starting {cluster.project}", flush=True)
    try:
        await to_the_end(cluster.make, "up")
        with people:
            return await _chaos(seed, arguments.minutes * 60, cluster, people)
    finally:
        # Whoever is impatient must not leave half a cluster behind.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            people.remove()
        finally:
            cluster.make("clean", YES="1")
            signal.signal(signal.SIGINT, before)


async def _chaos(seed: int, seconds: float, cluster: DockerCluster, people: People) -> int:
    while people.record.confirmed < FIRST_CONFIRMATIONS:
        await asyncio.sleep(0.1)
        if not all(one.running for one in cluster.people):
            raise RuntimeError(f"a client has ended: {cluster.people[0].log()}")
    environment = await to_the_end(_environment, cluster)
    steps = plan(seed, seconds, cluster.prefer)
    if not environment["slow network"]:
        steps = [step for step in steps if step.kind != "slow"]
    judge = Judge()
    progress = Progress(sys.stdout, seconds)
    runner = Runner(cluster, people, steps, progress)
    finals: dict[str, Letters] | None = None
    wrong = ["nobody could end: the replicas did not settle"]
    with Ends(cluster) as ends:
        with judge.expecting("all replicas in sync and alike", "same view, entries and state hash"):
            await runner.run(seconds)
            await runner.settle()
            await asyncio.sleep(LAST_SECONDS)
            wrong = await to_the_end(people.finish)
            finals = await people.last_reads()
            await runner.settle(quiet=True)
    progress.end()
    print("judging")
    judge.find("clients ended in order", wrong, f"{CONTAINERS} containers")
    judge.judge_history(people, finals, cluster.prefer)
    judge.judge_exits(cluster, ends.found, ends.unheard)
    run = tell(
        seed=seed,
        prefer=cluster.prefer,
        replicas=REPLICAS,
        origin=runner.origin,
        seconds=seconds,
        bands=runner.bands,
        calls=people.record.calls,
        events=people.record.events,
        verdicts=judge.verdicts,
        complaints=judge.complaints,
        environment=environment,
        logs=[replica.log() for replica in cluster.replicas],
    )
    _write(run, cluster, people)
    return 0 if run.passed else 1


def _environment(cluster: DockerCluster) -> dict[str, str]:
    """Where it ran; "slow network" is by what means, empty if the machine allows none."""
    engine = cluster.engine.version()
    replica = cluster.replicas[0]
    try:
        means = ", ".join(replica.network("slow")["slow"])
    except docker.errors.ContainerError:
        means = ""
    replica.straighten()
    return {
        "slow network": means,
        "engine": f"Docker {engine['Version']}",
        "kernel": str(engine["KernelVersion"]),
        "processors": str(os.cpu_count()),
        "python": platform.python_version(),
    }


def _write(run: Run, cluster: DockerCluster, people: People) -> None:
    """The report, the run as JSON, and if anything failed what is needed to find out why."""
    folder = ROOT / ".run"
    folder.mkdir(exist_ok=True)
    report = folder / f"chaos-{run.prefer}-{run.seed}.html"
    report.write_text(render(run), encoding="utf-8")
    report.with_suffix(".json").write_text(run.to_json(), encoding="utf-8")
    for verdict in run.verdicts:
        print(f"{'kept  ' if verdict.passed else 'BROKEN'} {verdict.name}: {verdict.detail}")
    print(", ".join(f"{name} {count:,}" for name, count in run.counts.items()))
    for line in run.untried:
        print(f"NOTE   {line}")
    print(f"report: {report}")
    evidence = report.with_suffix("")
    shutil.rmtree(evidence, ignore_errors=True)
    if not run.passed:
        evidence.mkdir()
        for replica in cluster.replicas:
            (evidence / f"{replica.name}.log").write_text(replica.log(), encoding="utf-8")
        rows = [json.dumps(dataclasses.asdict(call)) for call in people.record.calls]
        (evidence / "history.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
        print(f"logs and history: {evidence}")


if __name__ == "__main__":
    sys.exit(main())
