"""A track is painted by the same averages in all segments, however its source changes from one to the next."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from clips import Clip, write_clip

import redact
from redact import rendering
from redact.api import policy_of
from redact.findings import KeyBox, Kind, RedactionPlan, SourceId, Track
from redact.geometry import Box
from redact.media.decode import decode
from redact.media.probe import probe
from redact.media.segments import plan_segments
from redact.media.source import Segment, excerpt
from redact.rendering import borders, take_levels
from redact.run.local import LocalRunner
from redact.timeline import Span

FRAMES = 96  # two segments


def _brightening(clip: Clip, i: int) -> np.ndarray:
    """A picture that is as good as black at first and bright in the end, with some texture."""
    y, x = np.mgrid[0 : clip.height, 0 : clip.width]
    return np.repeat((2 * i + (x // 8 + y // 8) % 2 * 12)[..., None], 3, 2).astype(np.uint8)


def _track(number: int, first: int, last: int, score: float | None = None) -> Track:
    keys = (KeyBox(first, Box(96, 64, 224, 192), score), KeyBox(last, Box(96, 64, 224, 192), score))
    return Track(number, Kind.FACE, keys if last > first else keys[:1])


def _lead_in(number: int) -> Track:
    """A track that is sighted in its last frame only."""
    return Track(number, Kind.FACE, (KeyBox(0, Box(0, 0, 99, 99)), KeyBox(60, Box(0, 0, 99, 99), 0.9)))


def _plan(*tracks: Track, black: tuple[int, ...] = ()) -> RedactionPlan:
    return RedactionPlan(SourceId("0" * 64, FRAMES, 320, 240), "0" * 64, ("redact-pico",), tracks, black)


def _segments(*starts: int) -> list[Segment]:
    return [Segment(n, Span(a, b), a) for n, (a, b) in enumerate(zip(starts, (*starts[1:], FRAMES), strict=True))]


def _taken(plan: RedactionPlan, segments: list[Segment]) -> list[tuple[int, list[int]]]:
    found = list(borders(plan, segments))
    assert all(s.span == Span(s.span.start, s.span.start + 1) for s, _ in found)
    return [(s.span.start, [r.track for r in regions]) for s, regions in found]


def test_each_track_is_taken_in_its_second_segment_among_all_that_is_there() -> None:
    segments = _segments(0, 24, 48, 72)
    plan = _plan(_track(1, 0, 95), _track(2, 30, 50), _track(3, 50, 60), _track(4, 24, 30))
    assert _taken(plan, segments) == [(24, [1, 4]), (48, [1, 2])]
    assert _taken(plan, segments[:1]) == []


def test_a_black_frame_is_not_taken_from() -> None:
    segments = _segments(0, 24, 48, 72)
    assert _taken(_plan(_track(1, 0, 40), black=(24, 25)), segments) == [(26, [1])]
    assert _taken(_plan(_track(1, 0, 95), black=tuple(range(24, 48))), segments) == [(48, [1])]


def test_before_the_first_sighting_other_averages_are_held() -> None:
    found = list(borders(_plan(_lead_in(1)), _segments(0, 24, 48, 72)))
    assert [[(r.track, r.sighted) for r in regions] for _, regions in found] == [[(1, False)]]


def test_what_was_taken_once_is_kept_whatever_the_tracks_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = probe(write_clip(tmp_path / "in.mkv", Clip(codec="mpeg4", frames=FRAMES, gop=12), _brightening))
    (piece, regions), *_ = borders(_plan(_lead_in(1), _track(2, 0, 95, 0.9)), plan_segments(source))
    policy = policy_of("export-batch")
    work = excerpt(source, piece)
    first = take_levels(work, regions, None, policy, tmp_path)
    assert [(h.track, h.sighted) for h in first] == [(1, False), (2, True)]
    monkeypatch.setattr(rendering, "decode", lambda source: pytest.fail("was decoded again"))
    again = take_levels(work, [replace(r, track=r.track + 7) for r in regions], None, policy, tmp_path)
    assert [(h.track, h.sighted) for h in again] == [(8, False), (9, True)]
    for a, b in zip(first, again, strict=True):
        assert a.levels[0].dtype == b.levels[0].dtype == np.float32
        assert [v.tolist() for v in a.levels] == [v.tolist() for v in b.levels]


@pytest.mark.parametrize("codec", ["libx264", "libx265", "mpeg4", "libvpx-vp9"])
@pytest.mark.parametrize("workers", [1, 2])
def test_no_colour_jumps_where_a_segment_ends(codec: str, workers: int, tmp_path: Path) -> None:
    container = "matroska" if codec == "libvpx-vp9" else None
    clip = Clip(codec=codec, frames=FRAMES, gop=12, options=(("b", "4M"),), container=container)
    source = write_clip(tmp_path / "in.mkv", clip, _brightening)
    # What a person draws is no finding: nothing is expected of the picture but to be covered.
    with LocalRunner(workers) as runner:
        found = redact.run(source, tmp_path / "found.mkv", "export-batch", runner=runner)
        plan = redact.load_plan(f"{found.output}.plan.json")
        drawn = RedactionPlan(plan.source, plan.recipe_sha256, plan.detectors, (_track(900, 0, FRAMES - 1),))
        release = redact.render(source, drawn, tmp_path / "out.mkv", "export-batch", runner=runner)
    with av.open(str(release.output)) as f:
        shown = [p.to_ndarray(format="gray") for p in f.decode(video=0)]
    inside = np.array([p[110:146, 140:180].mean() for p in shown])
    outside = np.array([p[:40].mean() for p in shown])
    assert outside[-1] - outside[0] > 100
    assert np.ptp(inside) < 4, "what remains of a region is the same from the first frame to the last"


@pytest.mark.parametrize("interlaced", [False, True])
def test_the_obscurer_is_told_of_fields(interlaced: bool, tmp_path: Path) -> None:
    source = probe(write_clip(tmp_path / "in.mp4", Clip(frames=5, interlaced=interlaced)))
    part = excerpt(source, plan_segments(source)[0])
    (frame, *_) = decode(part)
    assert frame.image is not None
    assert rendering._planes(frame.image, part).interlaced is interlaced
