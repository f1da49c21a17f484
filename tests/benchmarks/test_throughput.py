"""benchmarks/throughput.py measures a process with all that it starts, and the stages add up."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import throughput
from clips import Clip, write_clip


@pytest.fixture
def clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> throughput.Clip:
    monkeypatch.setattr(throughput, "CACHE", tmp_path)
    return throughput.measured(write_clip(tmp_path / "in.mp4", Clip(frames=30)))


# Says itself how much CPU time it took.
BUSY = """
import sys, time
x = [i * i for i in range(3_000_000)]
time.sleep(1)
with open(sys.argv[1], "w") as file:
    file.write(str(time.process_time()))
"""
WAITS = "import subprocess, sys; subprocess.run([sys.executable, *sys.argv[1:]], check=True)"


def test_cost_counts_children(clip: throughput.Clip, tmp_path: Path) -> None:
    """A process that does nothing but wait for a busy child costs what the child costs."""
    said = tmp_path / "said"
    busy = ["-c", BUSY, str(said)]
    alone = throughput.cost([sys.executable, *busy], clip)
    assert alone.cpu >= float(said.read_text())
    through = throughput.cost([sys.executable, "-c", WAITS, *busy], clip)
    assert through.cpu >= float(said.read_text()) > 0.1
    assert through.resident > 0.8 * alone.resident > 50 * 2**20


def test_a_failing_command_is_told(clip: throughput.Clip) -> None:
    with pytest.raises(SystemExit, match="no such thing"):
        throughput.cost([sys.executable, "-c", "raise SystemExit('no such thing')"], clip)


@pytest.mark.parametrize(("seconds", "frames"), [(0.4, 10), (1.2, 30), (3.0, 75)])
def test_clips_are_looped_and_cut(clip: throughput.Clip, seconds: float, frames: int) -> None:
    out = throughput.of_length(clip, seconds)
    assert (out.width, out.height) == (320, 240)
    # A stream copy can only cut where no frame is still to be shown: a frame or two more.
    assert frames <= out.frames <= frames + 3


def test_stages_add_up(clip: throughput.Clip, tmp_path: Path) -> None:
    spent = throughput.stages(clip, "public-release", tmp_path)
    whole = spent.pop("**all**")
    assert sum(spent.values()) == pytest.approx(whole, rel=0.1)
    assert all(v > -0.05 * whole for v in spent.values())


def test_the_table_compares_by_the_frame(clip: throughput.Clip) -> None:
    long = throughput.Clip(clip.file, 2 * clip.seconds, 2 * clip.frames, 320, 240)
    costs = {
        "redact": throughput.Cost(long, 2.0, 4.0, 2**20),
        "plain transcode": throughput.Cost(long, 1.0, 2.0, 2**20),
        "other": throughput.Cost(clip, 10.0, 20.0, 2**20),
    }
    rows = [[c.strip() for c in line.split("|")[1:-1]] for line in throughput.table(costs)]
    assert rows[2][5:8] == ["67", "2.00", "1"]
    assert rows[4][3] == "10.0 times"
