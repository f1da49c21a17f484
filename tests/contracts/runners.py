"""What every runner promises. A test class inherits this and gives a ``runner`` fixture.

The pieces of work below run in other processes, with nothing but the standard library and redact.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

import pytest

from redact.batch.problems import Problem, RequestError
from redact.errors import (
    Interrupted,
    RecipeError,
    RedactError,
    SourceError,
    SpaceError,
    UsageError,
    VerificationError,
    WeightsError,
    WorkerError,
)
from redact.run.cluster import ClusterRunner
from redact.run.local import LocalRunner

KINDS = (
    RedactError,
    UsageError,
    RecipeError,
    SourceError,
    WeightsError,
    VerificationError,
    SpaceError,
    WorkerError,
    Interrupted,
)


def square(n: int, seconds: float = 0.0) -> int:
    """``n`` squared, after a while."""
    time.sleep(seconds)
    return n * n


def fail(kind: type[Exception], *arguments: object) -> None:
    """Raises ``kind``."""
    raise kind(*arguments)


def die() -> None:
    """Ends its worker as the kernel does when memory runs out."""
    os.kill(os.getpid(), signal.SIGKILL)


def die_once(mark: Path) -> int:
    """Ends its worker the first time."""
    if not mark.exists():
        mark.touch()
        die()
    return os.getpid()


def threads() -> int:
    """OpenCV's threads in this process."""
    import cv2

    return int(cv2.getNumThreads())


def mark(folder: Path, n: int) -> None:
    """Leaves a file after a second; job 0 raises before that."""
    time.sleep(1.0 if n else 0.3)
    if n == 0:
        raise SourceError("No.")
    (folder / str(n)).touch()


def stopped(runner: LocalRunner | ClusterRunner) -> list[type[Exception]]:
    """Stops a runner while a thread waits for work of minutes: what that thread and a later one are told."""
    errors: list[type[Exception]] = []

    def use() -> None:
        try:
            list(runner.map(square, [(n, 120.0) for n in range(3)]))
        except Interrupted as e:
            errors.append(type(e))

    user = threading.Thread(target=use)
    user.start()
    time.sleep(2)
    runner.stop()
    user.join(10)
    assert not user.is_alive()
    use()
    return errors


class RunnerContract:
    """Inherit it, and give a ``runner`` fixture."""

    def test_results_come_in_the_order_of_the_jobs(self, runner: LocalRunner | ClusterRunner) -> None:
        # The first jobs take longest.
        jobs = [(n, max(0.0, 0.3 - n / 10)) for n in range(12)]
        assert list(runner.map(square, jobs)) == [n * n for n in range(12)]

    def test_no_jobs_no_results(self, runner: LocalRunner | ClusterRunner) -> None:
        assert list(runner.map(square, [])) == []

    def test_jobs_are_taken_as_they_are_needed(self, runner: LocalRunner | ClusterRunner) -> None:
        taken = []

        def jobs() -> Iterator[tuple[int]]:
            for n in count():
                taken.append(n)
                yield (n,)

        results = runner.map(square, jobs())
        assert list(islice(results, 20)) == [n * n for n in range(20)]
        results.close()  # type: ignore[attr-defined]
        assert len(taken) <= 20 + 2 * runner.workers
        assert list(runner.map(square, [(3,)])) == [9], "a map that was not finished must not block the next"

    @pytest.mark.parametrize("kind", KINDS)
    def test_errors_keep_their_kind(self, runner: LocalRunner | ClusterRunner, kind: type[RedactError]) -> None:
        with pytest.raises(RedactError) as e:
            list(runner.map(fail, [(kind, "What is wrong.", "What to do.")]))
        assert type(e.value) is kind
        assert (e.value.message, e.value.remedy) == ("What is wrong.", "What to do.")
        assert e.value.exit_code == kind.exit_code
        pickle.loads(pickle.dumps(e.value))

    def test_other_errors_pass_through(self, runner: LocalRunner | ClusterRunner) -> None:
        problem = Problem("requests.csv", 3, "id", "is missing")
        with pytest.raises(RequestError) as e:
            list(runner.map(fail, [(RequestError, [problem])]))
        assert e.value.problems == (problem,)
        with pytest.raises(ZeroDivisionError):
            list(runner.map(fail, [(ZeroDivisionError, "no")]))

    def test_results_before_an_error_are_there(self, runner: LocalRunner | ClusterRunner) -> None:
        results = runner.map(square, [(5,), ("not a number",), (6,)])
        assert next(results) == 25
        with pytest.raises(TypeError):
            next(results)

    def test_a_worker_that_dies_costs_a_second_try(self, runner: LocalRunner | ClusterRunner, tmp_path: Path) -> None:
        jobs = [(tmp_path / f"mark-{n}",) for n in range(2)]
        assert len(list(runner.map(die_once, jobs))) == 2

    def test_work_that_kills_its_worker_each_time_is_told_from_innocent_work(
        self, runner: LocalRunner | ClusterRunner
    ) -> None:
        errors: list[BaseException] = []

        def poison() -> None:
            try:
                list(runner.map(die, [()]))
            except RedactError as e:
                errors.append(e)

        culprit = threading.Thread(target=poison)
        culprit.start()
        assert list(runner.map(square, [(n, 0.2) for n in range(10)])) == [n * n for n in range(10)]
        culprit.join(120)
        assert [type(e) for e in errors] == [WorkerError]
        assert "times" in str(errors[0])
        assert list(runner.map(square, [(4,)])) == [16]

    def test_threads_share_it(self, runner: LocalRunner | ClusterRunner) -> None:
        results: dict[int, list[int]] = {}

        def use(k: int) -> None:
            results[k] = list(runner.map(square, [(k * 10 + n,) for n in range(8)]))

        users = [threading.Thread(target=use, args=(k,)) for k in range(4)]
        for u in users:
            u.start()
        for u in users:
            u.join(60)
        assert results == {k: [(k * 10 + n) ** 2 for n in range(8)] for k in range(4)}

    def test_workers_use_one_thread_each(self, runner: LocalRunner | ClusterRunner) -> None:
        assert next(runner.map(threads, [()])) == 1
