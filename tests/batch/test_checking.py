"""Requests that do not fit their sources are told before anything is done, all at once; damage stops nobody else."""

from __future__ import annotations

import json
import os
import shutil
import struct
from pathlib import Path

import pytest
from clips import Clip, write_clip
from commands import redact
from here import Here
from PIL import Image

from redact.api import policy_of
from redact.batch.check import check_sources, misfits_of
from redact.batch.problems import RequestError
from redact.batch.run import check_batch
from redact.period import Period
from redact.scope import Scope
from redact.zones import Zone, parse_points

EVERY = {"operator": "window 3", "purpose": "a test", "legal_basis": "none"}


def _requests(folder: Path, *rows: dict[str, object]) -> Path:
    file = folder / "requests.jsonl"
    file.write_text("".join(json.dumps(EVERY | {"id": str(n)} | r) + "\n" for n, r in enumerate(rows, 1)))
    return file


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_all_is_told_at_once_and_nothing_is_done(dry: tuple[str, ...], plain_clip: Path, tmp_path: Path) -> None:
    clip = shutil.copy(plain_clip, tmp_path / "in.mp4")
    Image.new("RGB", (64, 48)).save(tmp_path / "p.png")
    asked = _requests(
        tmp_path,
        {"source": "in.mp4"},
        {"source": "in.mp4", "start": 5, "end": 6},
        {"source": "in.mp4", "zones": ["screen: 300,200 400,200 400,300"]},
        {"source": "in.mp4", "zones": ["screen @ 5-6: 0,0 1,0 1,1"]},
        {"source": "in.mp4", "mute": ["5-6"]},
        {"source": "p.png", "start": 1},
    )
    before = sorted(tmp_path.iterdir())
    done = redact("batch", asked, "-o", "out", *dry, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "5 things are wrong with the requests; nothing was done:" in done.stderr
    for line, field, sentence in (
        (2, "start", "'in.mp4' shows no frame in 0:00:05-0:00:06; it lasts 2.000 s"),
        (3, "zones", "reaches 400,200, outside the picture of 320x240"),
        (4, "zones", "'in.mp4' shows no frame in 0:00:05-0:00:06"),
        (5, "mute", "'in.mp4' shows no frame in 0:00:05-0:00:06"),
        (6, "source", "'p.png' is a still picture: leave start, end, mute and zones empty"),
    ):
        assert any(f"line {line}: {field}: " in told and sentence in told for told in done.stderr.splitlines()), line
    assert sorted(tmp_path.iterdir()) == before
    assert clip.exists()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_cannot_be_read_stops_nobody_else(workers: str, plain_clip: Path, tmp_path: Path) -> None:
    """It is refused by itself; a dry run says so, and ends as the batch would.

    With one worker, which reads all of them: what the library had to say of one file, twice, it said of the next.
    """
    shutil.copy(plain_clip, tmp_path / "in.mp4")
    (tmp_path / "letter.mp4").write_bytes(b"%PDF-1.7\n" * 100)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    rows = [{"source": s} for s in ("in.mp4", "letter.mp4", "broken.png")]
    asked = _requests(tmp_path, *rows, {"source": "letter.mp4", "start": 1})
    done = redact("batch", asked, "-o", "out", "-w", workers, "--dry-run", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count("would be refused") == 3
    assert not (tmp_path / "out").exists()
    assert redact("batch", asked, "-o", "out", "-w", workers, "--dry-run", "--json", cwd=tmp_path).returncode == 3
    done = redact("batch", asked, "-o", "out", "-w", workers, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert (tmp_path / "out" / "1_in.mp4").exists()
    assert done.stdout.count("refused ") == 3


def test_a_dry_run_says_where_something_lies_already(plain_clip: Path, tmp_path: Path) -> None:
    shutil.copy(plain_clip, tmp_path / "in.mp4")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "gate.mp4").write_bytes(b"of somebody else")
    rows = [{"source": "in.mp4", "output": o} for o in ("gate.mp4", "lobby.mp4")]
    asked = _requests(tmp_path, *rows)
    done = redact("batch", asked, "-o", "out", "--dry-run", cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert done.stdout.count("would be refused") == 1
    assert "exists already" in done.stdout
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["gate.mp4"]


def test_a_file_that_may_not_be_read_is_wrong_with_the_request(
    plain_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(plain_clip, tmp_path / "in.mp4")
    asked = _requests(tmp_path, {"source": "in.mp4"})
    batch, _ = check_batch(asked, str(tmp_path / "out"), "public-release", policy_of)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may read everything
    with pytest.raises(RequestError, match=r"line 1: source: 'in.mp4' may not be read"):
        check_sources(batch, Here())


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.h264"])
def test_the_end_is_counted_not_believed(name: str, tmp_path: Path) -> None:
    """Some containers announce their length, some do not, and some are wrong: what is refused is counted."""
    codec = "mpeg4" if name == "a.avi" else "libx264"
    file = write_clip(tmp_path / name, Clip(frames=25, codec=codec))
    for start, beyond in ((0.5, False), (0.9, False), (1.5, True), (100, True)):
        scope = Scope(Period(start))
        assert bool(misfits_of(file, -1, scope)) == beyond, start
    corners = parse_points("0.1,0.1 0.2,0.1 0.2,0.2")
    assert not misfits_of(file, -1, Scope(zones=(Zone("gate", corners),), mutes=(Period(0, 1),)))
    assert not misfits_of(tmp_path / "none.mp4", -1, Scope(Period(100)))


def test_a_header_that_lies_refuses_nothing(tmp_path: Path) -> None:
    """One that announces a tenth of what is there: what is asked for is there, so nothing is wrong."""
    file = write_clip(tmp_path / "a.mkv", Clip(frames=100))
    data = bytearray(file.read_bytes())
    at = data.index(b"\x44\x89\x88")  # Matroska's Duration: an 8-byte float of milliseconds
    struct.pack_into(">d", data, at + 3, 400.0)
    file.write_bytes(data)
    assert not misfits_of(file, -1, Scope(Period(3)))
    assert misfits_of(file, -1, Scope(Period(5)))
