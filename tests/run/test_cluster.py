"""The runner on a Ray cluster of three nodes: the same promises, and those that only a cluster can break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from contracts.runners import RunnerContract, stopped
from nodes import Nodes

from redact.errors import Interrupted
from redact.run.cluster import ClusterRunner


@pytest.fixture(scope="module")
def runner(nodes: Nodes) -> Iterator[ClusterRunner]:
    with ClusterRunner(nodes.address) as r:
        yield r


class TestClusterRunner(RunnerContract):
    def test_it_knows_its_nodes(self, runner: ClusterRunner) -> None:
        assert sorted(n.cpus for n in runner.nodes()) == [0, 1, 1]
        assert runner.workers == 2

    def test_stopping_ends_what_runs_in_any_thread(self, runner: ClusterRunner) -> None:
        try:
            assert stopped(runner) == [Interrupted, Interrupted]
        finally:
            runner._stopped = False
