"""The runner on processes of this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from contracts.runners import RunnerContract

from redact.errors import WorkerError
from redact.run import local
from redact.run.local import LocalRunner


@pytest.fixture(scope="module")
def runner() -> Iterator[LocalRunner]:
    with LocalRunner(2) as r:
        yield r


class TestLocalRunner(RunnerContract):
    pass


def test_workers_that_die_as_they_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """However early they die, and be it while the pool still starts others: an error of ours, and an end."""
    monkeypatch.setattr(local, "_start_worker", partial(os._exit, 1))
    for workers in (1, 2, 8):
        with (
            LocalRunner(workers) as runner,
            pytest.raises(WorkerError, match=r"(A worker process|Worker processes) died"),
        ):
            next(runner.map(pow, [(2, 3)]))


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
