"""Progress tells what is really worked on: what an earlier run kept takes no time, and is no speed."""

from __future__ import annotations

from pathlib import Path

import redact
from redact.display import speed
from redact.outcome import Progress
from redact.pipeline import run_video
from redact.run.local import LocalRunner

CLIP = Path("a.mp4")


def test_speed_is_that_of_the_work() -> None:
    assert speed(Progress(CLIP, "plan", 250, 500, 20.0), 10.0) == "25 fps, 1.0x real time"
    assert speed(Progress(CLIP, "plan", 250, 500, 20.0, kept=200), 10.0) == "5 fps, 0.2x real time"
    assert speed(Progress(CLIP, "plan", 250, 500, 20.0, kept=250), 10.0) == ""
    assert speed(Progress(CLIP, "plan", 250, 500, 20.0), 0.01) == "", "nothing can be said yet"
    assert speed(Progress(CLIP, "plan", 0, 0, 0.0), 10.0) == ""


def test_what_was_kept_is_told(plain_clip: Path, tmp_path: Path, runner: LocalRunner) -> None:
    policy, scratch = redact.policy_of("public-release"), tmp_path / "scratch"
    scratch.mkdir()
    told: list[list[Progress]] = []
    for n in (1, 2):
        told.append([])
        run_video(plain_clip, tmp_path / f"{n}.mp4", policy, runner, watch=told[-1].append, scratch=scratch)
    for steps, kept in zip(told, (0, 50), strict=True):
        for phase in ("plan", "render", "verify"):
            first, *_, last = [s for s in steps if s.phase == phase]
            assert first.done == 0, "a phase begins when it begins, not when its first piece is done"
            assert (last.done, last.total, last.kept) == (50, 50, kept)
