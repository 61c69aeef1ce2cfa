"""Compose clusters for the whole suite; each test leaves its cluster as it found it."""

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
def engine() -> None:
    """Skips, or fails, where there is no engine."""
    reason = _why_no_engine()
    if reason is not None:
        if os.environ.get("REQUIRE_DOCKER"):
            pytest.fail(f"Docker is required here, but {reason}")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def whole_cluster(
    engine: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerCluster]:
    yield from _up(DockerCluster(tmp_path_factory.mktemp("docker")))


@pytest.fixture(scope="session")
def whole_strict_cluster(
    engine: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerCluster]:
    folder = tmp_path_factory.mktemp("docker-strict")
    yield from _up(DockerCluster(folder, "consistency", small_volume=True))


@pytest.fixture
def small_cluster(engine: None, tmp_path: Path) -> Iterator[DockerCluster]:
    """In availability mode; the volume of one replica is small.

    Not the usual one: that is taken down and up again, which would empty a volume in memory.
    """
    yield from _up(DockerCluster(tmp_path, small_volume=True))


def _up(cluster: DockerCluster) -> Iterator[DockerCluster]:
    try:
        cluster.make("up")
        yield cluster
    finally:
        cluster.make("clean", YES="1")


@pytest.fixture
def cluster(whole_cluster: DockerCluster) -> Iterator[DockerCluster]:
    """In availability mode."""
    yield from _healed(whole_cluster)


@pytest.fixture
def strict_cluster(whole_strict_cluster: DockerCluster) -> Iterator[DockerCluster]:
    """In consistency mode; the volume of one replica is small."""
    yield from _healed(whole_strict_cluster)


def _healed(cluster: DockerCluster) -> Iterator[DockerCluster]:
    cluster.heal()
    try:
        yield cluster
    finally:
        cluster.heal()
