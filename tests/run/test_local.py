"""The runner on processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import psutil
import pytest
from contracts.runners import RunnerContract, stopped

from redact.errors import Interrupted, WorkerError
from redact.run import local
from redact.run.local import LocalRunner


@pytest.fixture(scope="module")
def runner() -> Iterator[LocalRunner]:
    with LocalRunner(2) as r:
        yield r


class TestLocalRunner(RunnerContract):
    pass


class _DyingPool(ProcessPoolExecutor):
    """Its workers are killed while the others are still being started."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        future = super().submit(function, *args, **kwargs)
        for process in list((self._processes or {}).values()):
            process.kill()
        with pytest.raises(BrokenProcessPool):
            future.result(timeout=60)
        return future


def test_workers_that_die_as_they_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours, and an end: neither a traceback nor new pools for ever."""
    monkeypatch.setattr(local, "ProcessPoolExecutor", _DyingPool)
    with LocalRunner(2) as runner, pytest.raises(WorkerError, match="died 3 times as soon as they were started"):
        next(runner.map(pow, [(2, 3)]))


class _ClosingPool(ProcessPoolExecutor):
    """Its pipes are closed while the workers are still being started, as when one of them was killed."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        future = super().submit(function, *args, **kwargs)
        self._call_queue._reader.close()  # type: ignore[attr-defined]
        return future


def test_pools_that_break_as_they_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's pool closes its pipes a moment before it says that it is broken."""
    monkeypatch.setattr(local, "ProcessPoolExecutor", _ClosingPool)
    with LocalRunner(2) as runner, pytest.raises(WorkerError, match="died 3 times as soon as they were started"):
        next(runner.map(pow, [(2, 3)]))


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (None, 'calls redact outside of `if __name__ == "__main__":`'),
        ("-", "'<stdin>': is no file that worker processes could read"),
    ],
)
def test_a_script_that_workers_cannot_read(script: str | None, said: str, tmp_path: Path) -> None:
    """One sentence, and not one traceback a worker."""
    file = tmp_path / "script.py"
    code = (
        "from redact.run.local import LocalRunner\nwith LocalRunner(2) as r:\n    print(next(r.map(pow, [(2, 3)])))\n"
    )
    file.write_text(code)
    done = subprocess.run(
        [sys.executable, script or file], input=code, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert not done.stdout
    assert done.stderr.count("Traceback") == 1, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("redact.errors.UsageError: ")
    assert said in last


_DRIVER = """
import time
from redact.run.local import LocalRunner
if __name__ == "__main__":
    with LocalRunner(2) as runner:
        print(next(runner.map(pow, [(2, 3)])), flush=True)
        time.sleep(600)
"""


def test_workers_end_with_a_driver_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(_DRIVER)
    driver = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    assert driver.stdout.readline() == "8\n"
    workers = psutil.Process(driver.pid).children(recursive=True)
    assert len(workers) >= 2
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    for p in alive:
        p.kill()
    assert not alive


def test_stopping_ends_what_runs_in_any_thread() -> None:
    """At once, and without a new pool for what was ended."""
    with LocalRunner(1) as runner:
        errors = stopped(runner)
    assert errors == [Interrupted, Interrupted]


def test_a_pool_that_breaks_under_jobs_given_up_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Ctrl-C leaves it: the thread that manages the pool died over a cancelled job, with a traceback."""
    died: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", died.append)

    def jobs() -> Iterator[tuple[float]]:
        yield (0.0,)
        raise KeyboardInterrupt

    with LocalRunner(1) as r:
        (pid,) = r.map(os.getpid, [()])
        pool = r._pool
        assert pool is not None
        ahead = [pool.submit(time.sleep, 60) for _ in range(4)]
        with pytest.raises(KeyboardInterrupt):
            next(r.map(time.sleep, jobs()))
        os.kill(pid, signal.SIGKILL)
        for f in ahead:
            with pytest.raises(BrokenProcessPool):
                f.result(timeout=20)
        pool.shutdown(wait=True)
    assert not died


def test_ctrl_c_while_workers_are_started_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was: the driver ignored it, so that its workers should. Once in thirty times, at that moment of a run."""
    hand = local._hand

    def interrupted(*job: Any) -> Any:
        future = hand(*job)
        os.kill(os.getpid(), signal.SIGINT)
        return future

    monkeypatch.setattr(local, "_hand", interrupted)
    with pytest.raises(KeyboardInterrupt), LocalRunner(1):
        pass
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_workers_take_no_notice_of_ctrl_c() -> None:
    with LocalRunner(1) as r:
        (pid,) = r.map(os.getpid, [()])
        os.kill(pid, signal.SIGINT)
        assert list(r.map(os.getpid, [(), ()])) == [pid, pid]
