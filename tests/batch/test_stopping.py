"""A batch that is stopped: at once, with nothing half-made left, counted as it is, and it goes on where it stopped."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clips import repeat_clip
from commands import redact

PATIENCE = 8.0  # seconds from Ctrl-C to the end: far less than the video in flight would take


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that takes minutes."""
    return repeat_clip(tmp_path_factory.mktemp("long") / "long.mp4", 120)


def _requests(folder: Path, *clips: Path) -> Path:
    asked = folder / "requests.csv"
    rows = "".join(f"{n},{c},window 3,a test,none,./quick.toml\n" for n, c in enumerate(clips, 1))
    asked.write_text("id,source,operator,purpose,legal_basis,recipe\n" + rows)
    (folder / "quick.toml").write_text(
        'schema = 1\nname = "quick"\n[obscure]\nkinds = ["face"]\n[detect]\nsize_px = 320\nlook_seconds = 1\n'
        "second_detectors = []\n"
    )
    return asked


def _events(file: Path) -> list[dict[str, str]]:
    lines = file.read_text().splitlines() if file.exists() else []
    return [json.loads(line) for line in lines]


def _start(asked: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "redact", "batch", asked, "-o", "out", "--events", "events.jsonl", *words],
        cwd=asked.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("presses", [1, 3])
def test_ctrl_c_stops_a_batch_at_once(presses: int, long_clip: Path, plain_clip: Path, tmp_path: Path) -> None:
    """The second request is released while the first one is still worked on; a third has not begun."""
    short = shutil.copy(plain_clip, tmp_path / "short.mp4")
    asked = _requests(tmp_path, long_clip, short, long_clip)
    events = tmp_path / "events.jsonl"
    process = _start(asked, "--at-once", "2")
    end = time.monotonic() + 120
    while not any(e["event"] == "finished" for e in _events(events)) and time.monotonic() < end:
        time.sleep(0.2)
    time.sleep(2)
    pressed = time.monotonic()
    for _ in range(presses):
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes of the job
        time.sleep(0.3)
    _, err = process.communicate(timeout=120)
    took = time.monotonic() - pressed
    assert process.returncode in (130, -signal.SIGINT), err
    assert took < PATIENCE
    assert "Traceback" not in err
    folder = tmp_path / "out"
    there = {p.name for p in folder.iterdir()}
    assert there - {"report.html", "summary.csv"} == {
        ".batch",
        "2_short.mp4",
        "2_short.mp4.plan.json",
        "2_short.mp4.record.json",
    }
    if presses > 1:
        return  # who does not wait for the table does not get it
    assert "Stopped: 1 of 3 requests carried out" in err
    state = json.loads(redact("status", "out", "--json", cwd=tmp_path).stdout)
    assert (state["running"], state["finished"], state["fates"]) == (False, 1, {"released": 1})
    assert not state["in_flight"]
    with (folder / "summary.csv").open(encoding="utf-8-sig") as f:
        assert [(r["id"], r["verdict"]) for r in csv.DictReader(f)] == [("2", "released")]
    names = [e["event"] for e in _events(events)]
    assert names.count("finished") == 1
    assert "stopped" in names

    def found() -> dict[str, int]:
        return {p.name: p.stat().st_mtime_ns for p in (folder / ".batch" / "scratch").rglob("found-*.json")}

    before = found()
    assert before, "finished segments are kept"
    process = _start(asked, "--at-once", "2")
    end = time.monotonic() + 120
    while sum(e["event"] == "started" for e in _events(events)) < 4 and time.monotonic() < end:
        time.sleep(0.2)
    time.sleep(3)
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=120)
    assert [e["id"] for e in _events(events) if e["event"] == "skipped"] == ["2"]
    assert before.items() <= found().items(), "what was found before is not looked for again"
