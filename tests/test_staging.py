"""What a run that was killed leaves beside its output is removed by the next one, and nothing else is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from redact.staging import sweep, workspace

_WORKING = """
import sys, time
from pathlib import Path
from redact.staging import workspace
with workspace(Path(sys.argv[1])) as folder:
    (folder / "found.json").write_text("where faces are")
    print(folder, flush=True)
    time.sleep(600)
"""


def _working(output: Path) -> tuple[subprocess.Popen[str], Path]:
    process = subprocess.Popen([sys.executable, "-c", _WORKING, output], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    killed, left = _working(tmp_path / "a.mp4")
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert (left / "found.json").exists()
    at_work, held = _working(tmp_path / "b.mp4")
    try:
        mine = tmp_path / ".redact-notes"
        mine.mkdir()
        with workspace(tmp_path / "c.mp4") as folder:
            assert sorted(tmp_path.iterdir()) == sorted([folder, held, mine])
        assert (held / "found.json").exists()
    finally:
        at_work.kill()
        at_work.wait()


def test_another_machines_is_left_alone(tmp_path: Path) -> None:
    """On a network share its lock may not be seen; who knows that nobody else is there takes it away as well."""
    killed, left = _working(tmp_path / "a.mp4")
    killed.kill()
    killed.wait()
    (left / ".in-use").write_text("another-machine")
    with workspace(tmp_path / "b.mp4"):
        assert left.exists()
    sweep(tmp_path, of_all_machines=True)
    assert not list(tmp_path.iterdir())


def test_a_killed_run_of_redact(plain_clip: Path, tmp_path: Path) -> None:
    source = Path(shutil.copy(plain_clip, tmp_path / "in.mp4"))
    words = [sys.executable, "-m", "redact", "run", source, "-o"]
    process = subprocess.Popen([*words, tmp_path / "a.mp4"], start_new_session=True)
    end = time.monotonic() + 60
    while not list(tmp_path.glob(".redact-*/.in-use")) and time.monotonic() < end:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert list(tmp_path.glob(".redact-*"))
    subprocess.run([*words, tmp_path / "b.mp4"], check=True, capture_output=True)
    assert {p.name for p in tmp_path.iterdir()} == {"in.mp4", "b.mp4", "b.mp4.plan.json", "b.mp4.record.json"}
