"""What a run that was killed leaves beside its output is removed by the next one, and nothing else is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from redact.errors import UsageError
from redact.staging import check_output, publish_together, sweep, workspace

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


_HANDING_OVER = """
import os, signal, sys
from pathlib import Path
from redact.staging import publish_together, workspace
output, last, how = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
moves = 0
def move(self, target, move=Path.replace):
    global moves
    move(self, target)
    moves += 1
    if moves == last and how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if moves == last:
        raise KeyboardInterrupt
Path.replace = move
with workspace(output) as folder:
    files = {folder / name: output.with_name(name + ".final") for name in ("record", "plan", "release")}
    for file in files:
        file.write_text(file.name)
    publish_together(files)
"""


@pytest.mark.parametrize("how", ["kill", "interrupt"])
@pytest.mark.parametrize("moves", [1, 2, 3, 4])
def test_what_is_cut_off_while_it_is_handed_over_is_completed(moves: int, how: str, tmp_path: Path) -> None:
    """Of the moves the first one decides that the others will be made."""
    done = subprocess.run(
        [sys.executable, "-c", _HANDING_OVER, tmp_path / "a.mp4", str(moves), how], capture_output=True, check=False
    )
    assert done.returncode == (-signal.SIGKILL if how == "kill" else -signal.SIGINT), done.stderr
    with pytest.raises(UsageError, match="exists already"):
        check_output(tmp_path / "source.mp4", tmp_path / "record.final", force=False)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {
        f"{name}.final": name for name in ("record", "plan", "release")
    }


@pytest.mark.parametrize("taken", ["record", "plan", "release"])
def test_a_name_that_was_taken_at_the_last_moment_is_left(taken: str, tmp_path: Path) -> None:
    """Nothing of the release appears beside it, now or when the workspace goes."""
    with workspace(tmp_path / "a.mp4") as folder:
        files = {folder / name: tmp_path / f"{name}.final" for name in ("record", "plan", "release")}
        for file in files:
            file.write_text(file.name)
        (tmp_path / f"{taken}.final").write_text("a person's")
        with pytest.raises(UsageError, match="exists already"):
            publish_together(files, force=False)
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {f"{taken}.final": "a person's"}


def test_names_that_are_free_are_given_without_force(tmp_path: Path) -> None:
    with workspace(tmp_path / "a.mp4") as folder:
        files = {folder / name: tmp_path / f"{name}.final" for name in ("record", "plan", "release")}
        for file in files:
            file.write_text(file.name)
        (tmp_path / "plan.final").write_text("plan")  # the same: rendered by the plan that lies there
        publish_together(files, force=False)
    assert {p.name: p.stat().st_nlink for p in tmp_path.iterdir()} == {p.name: 1 for p in files.values()}


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
