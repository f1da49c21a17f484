"""What a batch says of itself: where a quarantine lies, what was done before, and nothing of another batch is lost."""

from __future__ import annotations

import csv
import fcntl
import json
import os
from pathlib import Path

import numpy as np
import pytest
from here import Here
from PIL import Image
from typer.testing import CliRunner

import redact
from redact import repair, stills
from redact.batch.run import batch_state, prepare, run_batch
from redact.cli import app
from redact.findings import Detection, Kind
from redact.geometry import Box

EVERY = {"operator": "07", "purpose": "a test", "legal_basis": "none needed"}


def _requests(file: Path, *ids: str, source: str = "letter.mp4") -> Path:
    file.parent.mkdir(exist_ok=True)
    (file.parent / "letter.mp4").write_bytes(b"%PDF-1.7\n" * 100)  # is refused, which takes no time
    file.write_text("".join(json.dumps(EVERY | {"id": i, "source": source}) + "\n" for i in ids))
    return file


def _carry_out(file: Path | str, out: Path) -> None:
    batch, journal, place = prepare(Path(file), str(out), "public-release", redact.policy_of)
    run_batch(batch, journal, place, Here(), at_once=1, nodes=tuple, tell=lambda told: None)


def _ids(file: Path) -> list[str]:
    with file.open(encoding="utf-8-sig") as f:
        return [r["id"] for r in csv.DictReader(f)]


def test_the_tables_of_another_file_of_requests_are_kept(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for number, name in enumerate(("monday/r.jsonl", "tuesday/r.jsonl", "wednesday/r.jsonl")):
        _carry_out(_requests(tmp_path / name, f"r{number}"), out)
    assert [_ids(out / f"summary{n}.csv") for n in (".earlier-1", ".earlier-2", "")] == [["r0"], ["r1"], ["r2"]]
    pages = [(out / f"report{n}.html").read_text() for n in (".earlier-1", ".earlier-2", "")]
    assert [f"<bdi>r{n}</bdi>" in page for n, page in enumerate(pages)] == [True] * 3
    assert sorted(p.name for p in (out / ".batch").glob("status*")) == [
        "status.earlier-1.json",
        "status.earlier-2.json",
        "status.json",
    ]
    assert batch_state(out).requests == str(tmp_path / "wednesday" / "r.jsonl")


def test_the_same_file_replaces_its_own_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Called by another path, and with a request more."""
    out = tmp_path / "out"
    file = _requests(tmp_path / "monday" / "r.jsonl", "r0")
    _carry_out(file, out)
    _requests(file, "r0", "r1")
    monkeypatch.chdir(file.parent)
    _carry_out("r.jsonl", out)
    assert _ids(out / "summary.csv") == ["r0", "r1"]
    assert not list(out.glob("*.earlier-*"))


def _batch(*words: str | Path) -> str:
    return CliRunner().invoke(app, ["batch", *map(str, words)]).output


def test_a_quarantine_is_named_and_what_was_done_before_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.stack([np.mgrid[0:240, 0:320][n % 2] % 256 for n in range(3)], 2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    asked, out = _requests(tmp_path / "r.jsonl", "r1", source="in.png"), tmp_path / "out"
    monkeypatch.setattr(stills, "find_still", lambda *_: ())
    monkeypatch.setattr(stills, "find", lambda *_: iter([Detection(Kind.FACE, Box(9, 9, 50, 50), 0.9)]))
    monkeypatch.setattr(repair, "MOST_FRUITLESS", 0)
    told = _batch(asked, "-o", out)
    assert f"Look at '{out / 'r1_in.png.quarantine'}'" in told
    assert "quarantined r1: " in told
    monkeypatch.setattr(stills, "find", lambda *_: iter(()))
    assert "released r1: r1_in.png\n" in _batch(asked, "-o", out)
    told = _batch(asked, "-o", out)
    assert "done before r1: r1_in.png\n" in told
    assert "released" not in told


def test_a_full_disk_under_the_events_stops_no_batch(tmp_path: Path) -> None:
    file, warnings = _requests(tmp_path / "r.jsonl", "r1", "r2"), list[str]()
    batch, journal, place = prepare(file, str(tmp_path / "out"), "public-release", redact.policy_of)
    with Path("/dev/full").open("a") as events:
        summary = run_batch(
            batch,
            journal,
            place,
            Here(),
            at_once=1,
            nodes=tuple,
            tell=lambda told: None,
            events=events,
            warn=warnings.append,
        )
    assert len(summary.results) == 2
    (said,) = warnings
    assert said == "'/dev/full': the disk is full. The batch goes on, but no more events are written."


def test_whether_a_batch_runs_is_asked_of_its_lock(tmp_path: Path) -> None:
    """Its process number may be another's by now, or mean nothing here: it may run in another container."""
    _carry_out(_requests(tmp_path / "r.jsonl", "r1"), tmp_path / "out")
    file = tmp_path / "out" / ".batch" / "status.json"
    for process in (os.getpid(), 2**22 + 1):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"running": True, "process": process}))
        assert not batch_state(tmp_path / "out").running, "it was killed"
        with (tmp_path / "out" / ".batch" / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert batch_state(tmp_path / "out").running
