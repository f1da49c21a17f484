"""What is covered where nobody looked or nothing was found, when two sightings may be of two people."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import redact
from redact.decide import decide
from redact.findings import Detection, FrameDetections, Kind, RedactionPlan, SourceId
from redact.geometry import Box
from redact.track import link

SIZE = (1280, 720)
POLICY = redact.policy_of("public-release")
FACE = Box(620, 340, 650, 392)


def _plan(found: dict[int, Box], frames: int) -> RedactionPlan:
    """The plan for 30 frames a second of which every third is looked at: the first finding is doubtful, others not."""
    seen = [
        FrameDetections(n, (Detection(Kind.FACE, found[n], 0.15 if n == min(found) else 0.7),) if n in found else ())
        for n in range(0, frames, 3)
    ]
    pts, base = np.arange(frames, dtype=np.int64), Fraction(1, 30)
    tracks = link(seen, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    return decide(tracks, seen, policy=POLICY, source=SourceId("0" * 64, frames, *SIZE), pts=pts, time_base=base)


def _hidden(plan: RedactionPlan, frame: int, place: Box) -> bool:
    return any(r.box.intersection(place) >= place.area for r in plan.regions(frame))


@pytest.mark.parametrize("away", [33, -33])
def test_two_sightings_that_do_not_touch_may_be_two_people(away: int) -> None:
    """A doubtful finding beside a face, one look before the face is found: it may have been there already."""
    beside = FACE.move(away, 0)
    plan = _plan({12: beside, 15: FACE, 18: FACE}, 60)
    assert len(plan.tracks) == 1
    for n in (13, 14):
        assert _hidden(plan, n, FACE), n
        assert _hidden(plan, n, beside), n
    assert not _hidden(plan, 18, beside)


def test_one_who_jumped_is_covered_on_the_way() -> None:
    plan = _plan({12: FACE.move(-33, 0), 15: FACE}, 60)
    for n, x in ((13, -22), (14, -11)):
        assert _hidden(plan, n, FACE.move(x, 0)), n


def test_sightings_that_touch_are_one() -> None:
    """A walker's region stays her own size: it does not reach back to where she is seen later."""
    walk = {n: FACE.move(8 * n, 0) for n in range(0, 60, 3)}
    plan = _plan(walk, 60)
    for n in range(6, 52):
        (region,) = plan.regions(n)
        assert region.box.width < 2 * FACE.width, n


def test_who_moves_faster_and_faster_is_covered_on_the_way_out() -> None:
    """Her speed over half a second would leave her nose clear; what she did at the last does not."""
    places = [FACE.move(2 * n * n - 300, 0) for n in range(10)]
    frames = [FrameDetections(n, (Detection(Kind.FACE, places[n], 0.6),) if n < 7 else ()) for n in range(10)]
    pts, base = np.arange(10, dtype=np.int64), Fraction(1, 10)
    tracks = link(frames, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    plan = decide(tracks, frames, policy=POLICY, source=SourceId("0" * 64, 10, *SIZE), pts=pts, time_base=base)
    for n in range(9):
        assert _hidden(plan, n, places[n]), n


def test_between_looks_what_is_covered_goes_by_time_and_not_by_frames() -> None:
    """Some recorders write frames in bursts: of those between two looks, all are near the one or near the other."""
    times = [0, 1, 2, 3, 250, 497, 498, 499, 500]  # milliseconds
    near = Box(600, 300, 700, 420)
    places = [near.move(0.24 * t - 60, 0) for t in times]
    seen = (0, 4, 8)
    frames = [FrameDetections(n, (Detection(Kind.FACE, places[n], 0.7),)) for n in seen]
    pts, base = np.array(times, np.int64), Fraction(1, 1000)
    tracks = link(frames, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    plan = decide(tracks, frames, policy=POLICY, source=SourceId("0" * 64, 9, *SIZE), pts=pts, time_base=base)
    for n in range(9):
        assert _hidden(plan, n, places[n]), n
