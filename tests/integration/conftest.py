"""Clusters for the tests, ended and searched for tracebacks after each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_asyncio import is_async_test

from tests.integration.cluster import LocalCluster

MakeCluster = Callable[..., LocalCluster]


@pytest.fixture
def make_cluster(tmp_path: Path) -> Iterator[MakeCluster]:
    """Makes clusters (not started) that end with the test; no replica may print a traceback."""
    made: list[LocalCluster] = []

    def make(**arguments: Any) -> LocalCluster:
        cluster = LocalCluster(tmp_path / f"cluster-{len(made)}", **arguments)
        made.append(cluster)
        return cluster

    yield make
    for cluster in made:
        cluster.close()
    for cluster in made:
        print(cluster.logs())  # shown only if the test failed
    for cluster in made:
        for replica in cluster.replicas:
            assert "Traceback" not in replica.log, f"replica {replica.id}:\n{replica.log}"
            assert "a bug" not in replica.log, f"replica {replica.id}:\n{replica.log}"


@pytest.fixture(params=["availability", "consistency"])
def prefer(request: pytest.FixtureRequest) -> str:
    """Both modes."""
    return str(request.param)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all: gRPC keeps to the first that it has seen."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.timeout(180))  # processes are slow where much goes on
            if is_async_test(item):
                item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
