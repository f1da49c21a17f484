"""The runner on a Ray cluster of three nodes: the same promises, and those that only a cluster can break."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.runners import RunnerContract, mark, square, stopped
from nodes import Nodes

from redact.errors import Interrupted, SourceError
from redact.run.cluster import ClusterRunner


@pytest.fixture(scope="module")
def runner(nodes: Nodes) -> Iterator[ClusterRunner]:
    with ClusterRunner(nodes.address) as r:
        yield r


class TestClusterRunner(RunnerContract):
    def test_it_knows_its_nodes(self, runner: ClusterRunner) -> None:
        assert sorted(n.cpus for n in runner.nodes()) == [0, 1, 1]
        assert runner.workers == 2

    def test_what_waits_when_a_map_ends_early_is_not_done(self, runner: ClusterRunner, tmp_path: Path) -> None:
        list(runner.map(square, [(n, 0.2) for n in range(2 * runner.workers)]))  # all workers are there
        with pytest.raises(SourceError):
            list(runner.map(mark, [(tmp_path, n) for n in range(9 * runner.workers)]))
        time.sleep(4)
        done = {int(p.name) for p in tmp_path.iterdir()}
        assert done <= set(range(1, runner.workers + 1)), "what had begun may end, what waited must not begin"

    def test_maps_that_end_early_harm_nobody(self, runner: ClusterRunner) -> None:
        """Where the driver withdrew work while its answer was on the way, Ray aborted the driver."""
        for n in range(150):
            results = runner.map(square, [(n, 0.001 * (n % 9)) for _ in range(9)])
            assert next(results) == n * n
            results.close()  # type: ignore[attr-defined]

    def test_stopping_ends_what_runs_in_any_thread(self, runner: ClusterRunner) -> None:
        try:
            assert stopped(runner) == [Interrupted, Interrupted]
        finally:
            runner._stopped = False
