"""How often is looked: by time, whatever the frame rate."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from clips import Clip, write_clip

import redact
from redact.errors import VerificationError
from redact.findings import KeyBox, Kind, RedactionPlan, SourceId, Track
from redact.geometry import Box, Polygon
from redact.looks import look_at, look_where_unsure
from redact.media.probe import probe
from redact.media.segments import plan_segments
from redact.media.source import Segment, excerpt
from redact.policy import Detail
from redact.run.local import LocalRunner
from redact.timeline import Span


@pytest.mark.parametrize(("rate", "stride"), [(5, 1), (8, 1), (10, 1), (16, 2), (24, 3), (25, 3), (30, 3), (60, 7)])
def test_looks_keep_pace_with_time(rate: int, stride: int, tmp_path: Path) -> None:
    source = probe(write_clip(tmp_path / "in.mp4", Clip(rate=rate, frames=60)), -1)
    looks = sorted(i for s in plan_segments(source) for i in look_at(excerpt(source, s), 0.125))
    first = plan_segments(source)[0].span
    assert [i for i in looks if i in first] == list(range(0, first.stop, stride))
    seconds = source.pts * source.format.time_base
    between = [b - a for a, b in zip(seconds[looks], seconds[looks][1:], strict=False)]
    assert max(between) <= max(Fraction(1, 8), Fraction(1, rate))
    assert looks[-1] == source.frames - 1


def test_the_second_look_falls_beside_the_first(plain_clip: Path) -> None:
    source = probe(plain_clip, -1)
    for segment in plan_segments(source):
        e = excerpt(source, segment)
        first = look_at(e, 0.125)
        second = look_at(e, 0.6, beside=first)
        assert second & first <= {segment.span.start, source.frames - 1}
        assert len(second) >= 2
        assert max(b - a for a, b in pairwise([*sorted(second), segment.span.stop])) <= 15
        assert look_at(e, 0.0, beside=first) == frozenset(range(segment.span.start, segment.span.stop))


def test_looks_at_uneven_frames(tmp_path: Path) -> None:
    """After a pause the frame that ends it is looked at, and the one that begins it."""
    times = (0, 40, 80, 120, 700, 740, 780, 820, 860, 900)
    source = probe(write_clip(tmp_path / "in.mkv", Clip(times=times, frames=len(times))), -1)
    (segment,) = plan_segments(source)
    looks = sorted(look_at(excerpt(source, segment), 0.125))
    assert [times[i] for i in looks] == [0, 120, 700, 820, 900]


def _track(number: int, keys: dict[int, float | None]) -> Track:
    return Track(number, Kind.FACE, tuple(KeyBox(i, Box(0, 0, 20, 20), score) for i, score in keys.items()))


def test_verification_looks_where_a_plan_is_unsure(plain_clip: Path) -> None:
    whole = excerpt(probe(plain_clip, -1), Segment(0, Span(0, 50), 0))
    # Seen at 13 to 19, not between 19 and 36, and again at 36: covered from 10 to 43.
    seen = _track(1, {10: None, 13: 0.6, 19: 0.6, 36: 0.6, 43: None})
    corners = Polygon(((0.0, 0.0), (9.0, 0.0), (9.0, 9.0)))
    zone = Track(2, Kind.ZONE, (KeyBox(22, Box(0, 0, 9, 9)), KeyBox(33, Box(0, 0, 9, 9))), corners)
    plan = RedactionPlan(SourceId("0" * 64, 50, 320, 240), "", (), (seen, zone))
    assert look_where_unsure(whole, plan, frozenset({0})) == {9, 27, 44}
    assert look_where_unsure(whole, plan, frozenset({0, 25, 48})) == {9}, "25 and 48 are near enough"
    assert look_where_unsure(whole, replace(plan, black=(9,)), frozenset({0})) == {27, 44}
    drawn = replace(plan, tracks=(_track(1, {10: None, 43: None}),))
    assert look_where_unsure(whole, drawn, frozenset({0})) == {9, 26, 44}


def test_a_plan_that_lets_go_of_a_face_for_a_second_is_noticed(
    demo_clip: Path, runner: LocalRunner, tmp_path: Path
) -> None:
    """Though none of the regular looks falls into that second."""
    policy = redact.policy_of("public-release")
    rarely = {
        "detect": policy.detect.model_copy(update={"look_seconds": 2.0, "second_look_seconds": 2.0}),
        "verify": policy.verify.model_copy(update={"look_seconds": 60.0}),
    }
    plan = redact.plan(demo_clip, policy, runner=runner)
    whole = next(t for t in plan.tracks if t.kind is Kind.FACE and t.span.start == 0 and t.span.stop > 60)
    parts = (whole.within(plan_span) for plan_span in (Span(0, 10), Span(35, 150)))
    cut = [replace(t, keys=tuple(k for k in t.keys if k.index < 13 or k.index > 33)) for t in parts]
    gap = range(cut[0].span.stop, cut[1].span.start)
    assert len(gap) > 15
    assert not {0, 50, 100, 149} & set(gap)
    wrong = [replace(t, id=n) for n, t in enumerate([*(t for t in plan.tracks if t is not whole), *cut], 1)]
    with pytest.raises(VerificationError, match=rf"Frame ({'|'.join(map(str, gap))}) shows a clear face"):
        redact.render(
            demo_clip,
            replace(plan, tracks=tuple(wrong)),
            tmp_path / "out.mp4",
            policy.model_copy(update=rarely),
            runner=runner,
        )


def test_the_plan_says_how_many_frames_were_looked_at(plain_clip: Path, runner: LocalRunner) -> None:
    source = probe(plain_clip, -1)
    policy = redact.policy_of("public-release")
    both = (policy.detect.look_seconds, policy.detect.second_look_seconds)
    looks = {i for s in plan_segments(source) for every in both for i in look_at(excerpt(source, s), every)}
    assert redact.plan(plain_clip, policy, runner=runner).examined == len(looks)
    assert np.diff(sorted(looks)).max() == 3


def test_detail_sets_what_the_documentation_says() -> None:
    text = (Path(__file__).parents[1] / "docs" / "recipes.md").read_text()
    recipe = redact.policy_of("public-release")
    for detail in Detail:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{detail}` |")]
        size, pace, second = (float(v) for v in row.strip("|").split("|")[1:])
        closely = recipe.looking(detail)
        assert (closely.detect.size_px, closely.detect.look_seconds, closely.detect.second_size_px) == (
            size,
            pace,
            second,
        )
        assert closely.model_copy(update={"detect": recipe.detect}) == recipe
        assert type(recipe).model_validate(closely.model_dump(by_alias=True)) == closely
    assert (
        recipe.looking(Detail.LOW).detect.size_px < recipe.detect.size_px < recipe.looking(Detail.HIGH).detect.size_px
    )


def test_detail_on_the_command_line(plain_clip: Path, tmp_path: Path) -> None:
    looked = {}
    for detail in ("low", "high"):
        out = tmp_path / f"{detail}.json"
        command = [sys.executable, "-m", "redact", "plan", str(plain_clip), "-o", str(out), "--detail", detail]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        looked[detail] = redact.load_plan(out).examined
    assert looked["low"] < looked["high"] == 50
