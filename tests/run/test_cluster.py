"""The runner on a Ray cluster of three nodes: the same promises, and those that only a cluster can break."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from contracts.runners import RunnerContract
from nodes import Nodes

from redact.run.cluster import ClusterRunner


@pytest.fixture(scope="module")
def runner(nodes: Nodes) -> Iterator[ClusterRunner]:
    with ClusterRunner(nodes.address) as r:
        yield r


class TestClusterRunner(RunnerContract):
    def test_it_knows_its_nodes(self, runner: ClusterRunner) -> None:
        assert sorted(n.cpus for n in runner.nodes()) == [0, 1, 1]
        assert runner.workers == 2
