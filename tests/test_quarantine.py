"""What becomes of a quarantine when the same output is made again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

import redact
from redact import repair, stills
from redact.batch.results import Fate
from redact.batch.run import prepare, run_batch
from redact.errors import VerificationError
from redact.findings import Detection, KeyBox, Kind, Track
from redact.geometry import Box
from redact.plan_io import dump_plan
from redact.run.local import LocalRunner
from redact.staging import set_quarantine_aside

FACE = Box(100, 50, 140, 100)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "in.png"
    y, x = np.mgrid[0:240, 0:320]
    Image.fromarray(np.stack([x % 256, y % 256, (x + y) // 2 % 256], 2).astype(np.uint8)).save(file)
    return file


@pytest.fixture(autouse=True)
def _somebody_sees_a_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """Verification finds a face that pass 1 did not."""
    monkeypatch.setattr(stills, "find_still", lambda *_: ())
    monkeypatch.setattr(stills, "find", lambda *_: iter([Detection(Kind.FACE, FACE, 0.9)]))
    monkeypatch.setattr(repair, "MOST_FRUITLESS", 0)


def _names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name != "in.png")


def _covered(source: Path) -> redact.RedactionPlan:
    return replace(redact.plan(source), tracks=(Track(1, Kind.FACE, (KeyBox(0, FACE),)),))


def test_what_verification_finds_in_a_picture_is_covered(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a video: it joins the findings, and the picture is made anew."""
    monkeypatch.setattr(repair, "MOST_FRUITLESS", 2)
    outcome = redact.run(source, tmp_path / "out.png")
    assert (outcome.repairs, outcome.tracks["face"]) == (1, 1)
    before, after = (np.asarray(Image.open(p)).astype(int) for p in (source, outcome.output))
    assert np.abs(before - after)[60:90, 110:130].mean() > 2, "covered"


def test_a_picture_shows_why_it_is_in_quarantine(source: Path, tmp_path: Path) -> None:
    with pytest.raises(VerificationError):
        redact.run(source, tmp_path / "out.png")
    shown = np.asarray(Image.open(tmp_path / "out.png.quarantine" / "frame-01-00000000.png"))
    assert (shown[50, 100:140] == (255, 0, 0)).all(), "the finding is framed"


def test_a_release_sets_the_quarantine_aside(source: Path, tmp_path: Path) -> None:
    """What did not pass is kept, and its name does not make the release that lies there now look bad."""
    out = tmp_path / "out.png"
    with pytest.raises(VerificationError, match=r"out\.png\.quarantine"):
        redact.run(source, out)
    before = {p.name: p.read_bytes() for p in (tmp_path / "out.png.quarantine").iterdir()}
    assert "unreleased.png" in before
    redact.render(source, _covered(source), out)
    earlier = tmp_path / "out.png.earlier-quarantine-1"
    assert _names(tmp_path) == [out.name, earlier.name, "out.png.plan.json", "out.png.record.json"]
    assert {p.name: p.read_bytes() for p in earlier.iterdir()} == before
    assert earlier.stat().st_mode & 0o077 == 0


def test_a_plan_that_somebody_corrects_is_not_lost(source: Path, tmp_path: Path) -> None:
    """Run again instead of rendered: the correction that was begun in the quarantine is set aside with it."""
    out, folder = tmp_path / "out.png", tmp_path / "out.png.quarantine"
    for _ in range(2):
        with pytest.raises(VerificationError):
            redact.run(source, out)
    assert _names(tmp_path) == [folder.name], "the same once more: nothing to set aside"
    (folder / "plan.json").write_text(dump_plan(_covered(source)))
    with pytest.raises(VerificationError):
        redact.run(source, out)
    assert _names(tmp_path) == ["out.png.earlier-quarantine-1", folder.name]
    assert redact.load_plan(tmp_path / "out.png.earlier-quarantine-1" / "plan.json").tracks
    assert not redact.load_plan(folder / "plan.json").tracks
    set_quarantine_aside(out)
    assert _names(tmp_path) == ["out.png.earlier-quarantine-1", "out.png.earlier-quarantine-2"]
    reason = json.loads((tmp_path / "out.png.earlier-quarantine-2" / "report.json").read_text())["reason"]
    assert "clear face" in reason


def _carry_out(requests: Path, output: str, runner: LocalRunner) -> Fate:
    batch, journal, place = prepare(requests, output, "public-release", redact.policy_of)
    summary = run_batch(batch, journal, place, runner, at_once=1, nodes=lambda: (), tell=lambda _: None)
    (result,) = summary.results
    return result.fate


def test_a_batch_sets_aside_what_it_delivered(
    source: Path, runner: LocalRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    requests = tmp_path / "requests.csv"
    requests.write_text(f"id,source,output,operator,purpose,legal_basis\n1,{source.name},a.png,window 3,a test,none\n")
    there = "memory://delivered"
    assert _carry_out(requests, there, runner) is Fate.QUARANTINED
    files = fsspec.filesystem("memory")
    assert files.exists("/delivered/a.png.quarantine/unreleased.png")
    monkeypatch.setattr(stills, "find", lambda *_: iter(()))
    assert _carry_out(requests, there, runner) is Fate.RELEASED
    names = {name.split("/")[2] for name in files.find("/delivered")}
    assert {"a.png", "a.png.earlier-quarantine-1"} <= names
    assert "a.png.quarantine" not in names
    assert files.exists("/delivered/a.png.earlier-quarantine-1/unreleased.png")
