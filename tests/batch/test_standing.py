"""What lies at a request's output is not replaced but by the request itself; what a person released of it counts."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import pytest
from here import Here

import redact
from redact import pipeline, repair, stills
from redact.batch.by_hand import NOTE
from redact.batch.estimate import estimate
from redact.batch.results import Fate, RequestResult
from redact.batch.run import check_batch, prepare, run_batch
from redact.errors import UsageError
from redact.findings import Detection, KeyBox, Kind, Track
from redact.geometry import Box
from redact.period import Period
from redact.plan_io import dump_plan
from redact.record import canonical
from redact.scope import Scope
from redact.staging import quarantine_folder, record_path
from redact.verdict import Check, Verdict
from redact.zones import Zone, parse_points

FACE = Box(100, 50, 140, 100)
EVERY = {"operator": "07", "purpose": "a test", "legal_basis": "none needed"}


@pytest.fixture
def pictures(two_pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Detectors see nothing in them."""
    _somebody_sees(monkeypatch)
    return two_pictures


def _somebody_sees(monkeypatch: pytest.MonkeyPatch, *found: Detection) -> None:
    """What verification finds, and pass 1 did not."""
    monkeypatch.setattr(stills, "find_still", lambda *_: ())
    monkeypatch.setattr(stills, "find", lambda *_: iter(found))
    monkeypatch.setattr(repair, "MOST_FRUITLESS", 0)


def _carry_out(
    folder: Path, *rows: dict[str, Any], name: str = "requests.jsonl", output: str = ""
) -> Sequence[RequestResult]:
    file = folder / name
    file.write_text("".join(json.dumps(EVERY | r) + "\n" for r in rows))
    batch, journal, place = prepare(file, output or str(folder / "out"), "public-release", redact.policy_of)
    return run_batch(batch, journal, place, Here(), at_once=1, nodes=tuple, tell=lambda told: None).results


def _files(folder: Path) -> dict[str, bytes]:
    return {f.name: f.read_bytes() for f in folder.iterdir() if f.is_file() and f.suffix not in (".csv", ".html")}


# --- what is not its own ---


def _another_request(folder: Path) -> None:
    _carry_out(folder, {"id": "r0", "source": "b.png", "output": "r.png"}, name="other.jsonl")


def _by_itself(folder: Path) -> None:
    redact.run(folder / "b.png", folder / "out" / "r.png")


def _the_same_source(folder: Path) -> None:
    redact.run(folder / "a.png", folder / "out" / "r.png")


def _the_same_id(folder: Path) -> None:
    _carry_out(folder, {"id": "r1", "source": "b.png", "output": "r.png"})
    shutil.rmtree(folder / "out" / ".batch")


@pytest.mark.parametrize("made_by", [_another_request, _by_itself, _the_same_source, _the_same_id])
@pytest.mark.parametrize("left", ["all", "the record alone"])
def test_the_release_of_another_is_not_overwritten(made_by: Any, left: str, pictures: Path) -> None:
    out = pictures / "out"
    out.mkdir()
    made_by(pictures)
    if left != "all":
        (out / "r.png").unlink()
    before = _files(out)
    rows = [{"id": "r1", "source": "a.png", "output": "r.png"}, {"id": "r2", "source": "a.png"}]
    for name in ("summary.csv", "report.html"):
        (out / name).unlink(missing_ok=True)
    refused, released = _carry_out(pictures, *rows)
    assert (refused.fate, released.fate) == (Fate.REFUSED, Fate.RELEASED)
    assert "exists already" in refused.reason
    assert "--force" not in refused.reason, "redact batch has no such option"
    assert before.items() <= _files(out).items()


def test_what_another_batch_did_meanwhile_with_other_content_is_an_error(pictures: Path) -> None:
    """The corrected list was read before the first batch ended, and waited for it."""
    corrected = pictures / "corrected.jsonl"
    corrected.write_text(json.dumps(EVERY | {"id": "r1", "source": "b.png", "output": "r.png"}))
    batch, journal, place = prepare(corrected, str(pictures / "out"), "public-release", redact.policy_of)
    _carry_out(pictures, {"id": "r1", "source": "a.png", "output": "r.png"})
    before = _files(pictures / "out")
    with pytest.raises(UsageError, match="done before with other content"):
        run_batch(batch, journal, place, Here(), at_once=1, nodes=tuple, tell=lambda told: None)
    assert _files(pictures / "out") == before
    assert (pictures / "out" / "summary.csv").is_file(), "the table of the first is in its place"


def test_its_own_release_is_made_again_where_its_source_has_changed(pictures: Path) -> None:
    row = {"id": "r1", "source": "a.png", "output": "r.png"}
    (first,) = _carry_out(pictures, row)
    before = (pictures / "out" / "r.png").read_bytes()
    shutil.copy(pictures / "b.png", pictures / "a.png")
    (again,) = _carry_out(pictures, row)
    assert (first.fate, again.fate, again.earlier) == (Fate.RELEASED, Fate.RELEASED, False)
    assert (pictures / "out" / "r.png").read_bytes() != before


def test_an_earlier_release_that_was_not_replaced_is_said_to_be_one(pictures: Path) -> None:
    row, other = {"id": "r1", "source": "a.png", "output": "r.png"}, {"id": "r2", "source": "b.png"}
    _carry_out(pictures, row)
    for name in ("a.png", "b.png"):
        (pictures / name).write_text("no picture any more")
    again, new = _carry_out(pictures, row, other)
    assert (again.fate, new.fate) == (Fate.REFUSED, Fate.REFUSED)
    assert again.reason.endswith(" What lies at 'r.png' is an earlier release.")
    assert "earlier release" not in new.reason
    assert (pictures / "out" / "r.png").is_file()


# --- what a person made of a quarantine ---


def _covered(source: Path) -> redact.RedactionPlan:
    return replace(redact.plan(source), tracks=(Track(1, Kind.FACE, (KeyBox(0, FACE),)),))


ROW = {"id": "q", "source": "a.png", "output": "q.png", "requester": "a court"}


@pytest.fixture
def quarantined(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The output of a request that was quarantined."""
    _somebody_sees(monkeypatch, Detection(Kind.FACE, FACE, 0.9))
    (result,) = _carry_out(pictures, ROW)
    assert result.fate is Fate.QUARANTINED
    return pictures / "out" / "q.png"


def test_a_release_by_hand_is_kept_and_counted(quarantined: Path, pictures: Path) -> None:
    (quarantined.parent / "q.png.quarantine" / "plan.json").write_text(dump_plan(_covered(pictures / "a.png")))
    plan = redact.load_plan(quarantined.parent / "q.png.quarantine" / "plan.json")
    redact.render(pictures / "a.png", plan, quarantined)
    before = _files(quarantined.parent)
    batch, place = check_batch(pictures / "requests.jsonl", str(quarantined.parent), "public-release", redact.policy_of)
    assert estimate(batch, place, Here(), 1).problems == (), "a dry run counts it, too"
    for _ in range(2):
        (result,) = _carry_out(pictures, ROW)
        assert result.fate is Fate.RELEASED
        assert result.notes == (NOTE,)
        assert (result.faces, result.frames, result.obscured_frames) == (1, 1, 1)
        assert (result.output, result.record) == ("q.png", "q.png.record.json")
        assert (result.requester, result.operator, result.earlier) == ("a court", "07", True)
        assert _files(quarantined.parent) == before
        assert not quarantine_folder(quarantined).exists()
    with (quarantined.parent / "summary.csv").open(encoding="utf-8-sig") as f:
        (row,) = csv.DictReader(f)
    assert (row["verdict"], row["notes"]) == ("released", NOTE)


def _another_source(folder: Path, out: Path) -> None:
    redact.render(folder / "b.png", _covered(folder / "b.png"), out)


def _another_recipe(folder: Path, out: Path) -> None:
    redact.render(folder / "a.png", _covered(folder / "a.png"), out, "export-batch")


def _another_file(folder: Path, out: Path) -> None:
    redact.render(folder / "a.png", _covered(folder / "a.png"), out)
    shutil.copy(folder / "a.png", out)


def _another_verdict(folder: Path, out: Path) -> None:
    redact.render(folder / "a.png", _covered(folder / "a.png"), out)
    record = json.loads(record_path(out).read_text())
    record["verification"]["passed"] = False
    record_path(out).write_bytes(canonical(record))


@pytest.mark.parametrize("made", [_another_source, _another_recipe, _another_file, _another_verdict])
def test_a_release_by_hand_of_anything_else_does_not_count(made: Any, quarantined: Path, pictures: Path) -> None:
    made(pictures, quarantined)
    before = _files(quarantined.parent)
    (result,) = _carry_out(pictures, ROW)
    assert result.fate is Fate.REFUSED
    assert "exists already" in result.reason
    assert made.__name__[1:].replace("_", " ") in result.reason
    assert before.items() <= _files(quarantined.parent).items(), "and is not overwritten"


def test_a_release_by_hand_is_delivered(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _somebody_sees(monkeypatch, Detection(Kind.FACE, FACE, 0.9))
    there = "memory://by-hand"
    _carry_out(pictures, ROW, output=there)
    redact.render(pictures / "a.png", _covered(pictures / "a.png"), pictures / "requests.batch" / "q.png")
    (result,) = _carry_out(pictures, ROW, output=there)
    assert result.fate is Fate.RELEASED
    found = {name.removeprefix("/by-hand/") for name in fsspec.filesystem("memory").find("/by-hand")}
    assert {"q.png", "q.png.record.json", "q.png.earlier-quarantine-1/plan.json"} <= found
    assert not any(name.startswith("q.png.quarantine") for name in found)


def _fails(*_: Any) -> Verdict:
    return Verdict((Check("detail", False, "Detail is left in frame 3."),))


def _screen(end: int) -> tuple[Zone, ...]:
    return (Zone("screen", parse_points("0.1,0.2 0.5,0.2 0.5,0.6"), period=Period(0, end)),)


ZONE = "screen @ 0-1: 0.1,0.2 0.5,0.2 0.5,0.6"
PART = {"id": "v", "output": "v.mp4", "end": 1, "zones": [ZONE]}


def test_a_part_by_hand_counts(plain_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan in the quarantine, rendered, is of the part that was asked for."""
    row, out = PART | {"source": str(plain_clip)}, tmp_path / "out" / "v.mp4"
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "verify_video", _fails)
        assert _carry_out(tmp_path, row)[0].fate is Fate.QUARANTINED
    plan = redact.load_plan(quarantine_folder(out) / "plan.json")
    redact.render(plain_clip, plan, out, runner=Here())
    before = _files(out.parent)
    (result,) = _carry_out(tmp_path, row)
    assert (result.fate, result.zones, result.frames) == (Fate.RELEASED, 1, 25)
    assert result.video_seconds == pytest.approx(1)
    assert result.notes[0] == NOTE
    assert _files(out.parent) == before


@pytest.mark.parametrize(
    ("made", "another"),
    [
        (Scope(Period(0, 2), _screen(1)), "part or mute"),
        (Scope(Period(0, 1), _screen(1), (Period(0, 1),)), "part or mute"),
        (Scope(Period(0, 1)), "zone"),
    ],
)
def test_another_part_by_hand_does_not_count(
    made: Scope, another: str, plain_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = PART | {"source": str(plain_clip)}
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "verify_video", _fails)
        assert _carry_out(tmp_path, row)[0].fate is Fate.QUARANTINED
    redact.run(plain_clip, tmp_path / "out" / "v.mp4", scope=made, runner=Here())
    (result,) = _carry_out(tmp_path, row)
    assert result.fate is Fate.REFUSED
    assert f"it has another {another}." in result.reason


def test_a_part_needs_the_room_of_a_part(plain_clip: Path, tmp_path: Path) -> None:
    def needed(**asked: int) -> float:
        rows = [EVERY | asked | {"id": str(n), "source": str(plain_clip)} for n in range(4)]
        (tmp_path / "requests.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
        batch, place = check_batch(
            tmp_path / "requests.jsonl", str(tmp_path / "out"), "public-release", redact.policy_of
        )
        found = estimate(batch, place, Here(), 1)
        frames.append(found.frames)
        return found.disk_gib

    frames: list[int] = []
    whole, part = needed(), needed(end=1)
    assert part == pytest.approx(whole * frames[1] / frames[0])
    assert frames[1] == 4 * 25 < frames[0]
