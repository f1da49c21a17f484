"""The plan of a part of a video: what is rendered by it is that part with its silences, and nothing that nobody saw."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from clips import Clip, write_clip
from commands import redact as command
from commands import refused

import redact
from redact.findings import KeyBox, Kind, RedactionPlan, SourceId, Track
from redact.geometry import Box
from redact.period import Period
from redact.plan_io import dump_plan, parse_plan
from redact.run.local import LocalRunner
from redact.scope import Scope
from redact.timeline import Span

FRAMES = 200  # two segments; a request for something in the first does not look at the second
PART = Scope(Period(Fraction("0.5"), Fraction("1.3")))
ASKED = {
    "id": "1",
    "source": "in.mp4",
    "operator": "07",
    "purpose": "a test",
    "legal_basis": "none",
    "start": "0.5",
    "end": "1.3",
    "mute": ["0.8-1"],
    "zones": ["screen: 0.1,0.2 0.5,0.2 0.5,0.6"],
}
PLAN = RedactionPlan(
    SourceId("0" * 64, FRAMES, 320, 240),
    "1" * 64,
    ("redact-pico",),
    (Track(1, Kind.FACE, (KeyBox(3, Box(10, 10, 50, 50)),)),),
)


def _without(plan: str, *fields: str) -> str:
    return json.dumps({k: v for k, v in json.loads(plan).items() if k not in fields})


def test_the_plan_of_a_request_gives_what_the_request_gave(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(frames=FRAMES, audio=True))
    (tmp_path / "r.jsonl").write_text(json.dumps(ASKED | {"output": "out.mp4"}))
    done = command("batch", "r.jsonl", "-o", ".", "-r", "export-batch", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    plan = json.loads((tmp_path / "out.mp4.plan.json").read_text())
    assert plan["scope"] == {"start": 0.5, "end": 1.3, "mute": [{"start": 0.8, "end": 1}]}
    assert plan["looked"]["first"] == 0
    assert plan["looked"]["last"] < FRAMES - 1
    words = ("render", source, "--plan", "out.mp4.plan.json", "-o", "again.mp4", "-r", "export-batch")
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again.mp4").read_bytes() == (tmp_path / "out.mp4").read_bytes()
    done = command("verify", source, "again.mp4", "--record", "again.mp4.record.json", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_a_corrected_plan_is_of_the_same_part(runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(frames=FRAMES))
    first = redact.run(source, tmp_path / "out.mp4", scope=PART, runner=runner)
    made = redact.load_plan(f"{first.output}.plan.json")
    mine = Track(900, Kind.FACE, (KeyBox(15, Box(10, 10, 90, 90)), KeyBox(25, Box(10, 10, 90, 90))))
    again = redact.render(source, replace(made, tracks=(*made.tracks, mine)), tmp_path / "again.mp4", runner=runner)
    assert again.frames == first.frames == 20
    assert json.loads(again.record.read_text())["scope"]["period"] == ["1/2", "13/10"]
    assert redact.verify(source, again.output, again.record, runner=runner).passed


# The pictures of MPEG-4 have no checksums that would tell which frames were looked at.
@pytest.mark.parametrize(("codec", "taken_out"), [("libx264", ("scope", "looked")), ("mpeg4", ("scope",))])
def test_frames_that_nobody_looked_at_are_not_rendered(
    codec: str, taken_out: tuple[str, ...], runner: LocalRunner, tmp_path: Path
) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(codec=codec, frames=FRAMES))
    redact.run(source, tmp_path / "out.mp4", scope=PART, runner=runner)
    plan = (tmp_path / "out.mp4.plan.json").read_text()
    (tmp_path / "plan.json").write_text(_without(plan, *taken_out))
    done = command("render", source, "--plan", "plan.json", "-o", "new.mp4", cwd=tmp_path)
    refused(done, 2, "the plan is for frames 0 to 199, but it was made by looking at frames 0 to ")
    wider = json.loads(plan) | {"scope": {"start": 0.5, "end": 7}}
    (tmp_path / "plan.json").write_text(json.dumps(wider))
    refused(command("render", source, "--plan", "plan.json", "-o", "new.mp4", cwd=tmp_path), 2, "for frames 13 to 174")
    assert not list(tmp_path.glob("new.mp4*"))


def test_a_plan_of_all_of_a_video_says_nothing_of_it() -> None:
    assert not {"scope", "looked"} & json.loads(dump_plan(PLAN)).keys()


@pytest.mark.parametrize(
    "scope",
    [
        Scope(Period(Fraction(80))),
        Scope(Period(Fraction(0), Fraction("125.123456789"))),
        Scope(Period(Fraction(1, 3), Fraction(2, 3)), mutes=(Period(Fraction("0.4"), Fraction(1, 2)),)),
        Scope(mutes=(Period(), Period(Fraction(2)))),
    ],
    ids=str,
)
def test_a_part_is_read_as_it_was_written(scope: Scope) -> None:
    plan = replace(PLAN, scope=scope, looked=Span(4, 90))
    assert parse_plan(dump_plan(plan), "plan") == plan
