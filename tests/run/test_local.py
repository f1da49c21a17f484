"""The runner on processes of this machine."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from contracts.runners import RunnerContract

from redact.run.local import LocalRunner


@pytest.fixture(scope="module")
def runner() -> Iterator[LocalRunner]:
    with LocalRunner(2) as r:
        yield r


class TestLocalRunner(RunnerContract):
    pass


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
