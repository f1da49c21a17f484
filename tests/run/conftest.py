"""One Ray cluster of three nodes on this machine for all tests of a process, and a recipe that is quick."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# Before Ray is imported: it reads its habits then. Dead nodes are noticed in two seconds instead of thirty.
os.environ |= {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
    "RAY_health_check_initial_delay_ms": "0",
    "RAY_CLIENT_SERVER_CHECK_CHANNEL_TIMEOUT_S": "120",  # a busy machine needs more than 30 s to start its process
    # Else the server of ray:// may break as it forks: "epoll_wait error: Bad file descriptor".
    "GRPC_ENABLE_FORK_SUPPORT": "0",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # Ray's way to say: use the loopback address
}

import contracts.runners
import pytest
from footage import FAST, Footage, make_footage
from nodes import Nodes


@pytest.fixture(scope="session")
def nodes() -> Iterator[Nodes]:
    """Three nodes: a head without work, and two that do one piece at a time each."""
    import ray

    ray.cloudpickle.register_pickle_by_value(contracts.runners)  # nodes know redact, not its tests
    with Nodes() as cluster:
        cluster.add(cpus=1)
        cluster.add(cpus=1)
        yield cluster


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe that looks at few pixels, so that many tests take little time."""
    file = tmp_path_factory.mktemp("recipe") / "fast.toml"
    file.write_text(FAST)
    return file


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Short clips with real faces and a plate."""
    return make_footage(tmp_path_factory.mktemp("footage"))
