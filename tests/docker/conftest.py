"""One compose cluster for the whole suite; each test leaves it as it found it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from chaos.cluster import DockerCluster


def _why_no_engine() -> str | None:
    try:
        docker.from_env().ping()
    except docker.errors.DockerException as error:
        return f"no Docker engine answers: {error}"
    return None


@pytest.fixture(scope="session")
def whole_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerCluster]:
    reason = _why_no_engine()
    if reason is not None:
        if os.environ.get("REQUIRE_DOCKER"):
            pytest.fail(f"Docker is required here, but {reason}")
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("docker")
    cluster = DockerCluster(folder)
    try:
        cluster.make("up")
        yield cluster
    finally:
        cluster.make("clean", YES="1")


@pytest.fixture
def cluster(whole_cluster: DockerCluster) -> Iterator[DockerCluster]:
    whole_cluster.heal()
    try:
        yield whole_cluster
    finally:
        whole_cluster.heal()
