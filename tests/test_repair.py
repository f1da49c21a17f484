"""What verification finds between two looks joins the findings of pass 1."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

from redact.findings import Detection, FrameDetections, Kind
from redact.geometry import Box
from redact.motion import Motion
from redact.repair import with_leaks, worth_repairing
from redact.track import Movement
from redact.verdict import Leak

SIZE = (1280, 720)
SECONDS = np.arange(30) / 30
FACE = Box(600, 300, 640, 350)
FOUND = Leak(7, Detection(Kind.FACE, FACE, 0.6))


def _right(steps: int) -> Motion:
    """By so many steps of 1/400 of the long side."""
    return Motion(16, 9, zlib.compress(np.tile(np.array([steps, 0], np.int8), 144).tobytes()))


@pytest.mark.parametrize(
    ("found", "worth"),
    [
        ([1], True),
        ([1, 1, 1], True),
        ([2, 1, 1, 2, 3], True),
        ([1, 1, 1, 1, 1, 1], False),
        ([9, 8, 7, 6, 5, 4], False),
        ([900, 400, 190, 90, 41, 20, 9, 4, 2, 1], True),
    ],
)
def test_it_is_given_up_where_repairs_lead_nowhere(found: list[int], worth: bool) -> None:
    """A long video has many findings, and needs more rounds until none is left."""
    assert worth_repairing(found) is worth


def test_a_finding_between_two_looks_is_a_sure_one_of_its_own() -> None:
    frames = [FrameDetections(i, ()) for i in (3, 6, 9)]
    joined = with_leaks(frames, [FOUND, FOUND], SECONDS)
    assert [f.index for f in joined] == [3, 6, 7, 9]
    assert joined[2].detections == (Detection(Kind.FACE, FACE, 1.0),)


def test_a_finding_in_a_look_keeps_what_was_known_of_it() -> None:
    frames = [FrameDetections(6, ()), FrameDetections(7, (), scene_cut=True, motion=_right(9))]
    joined = with_leaks(frames, [FOUND], SECONDS)
    assert [f.index for f in joined] == [6, 7]
    assert (joined[1].scene_cut, joined[1].motion) == (True, _right(9))


@pytest.mark.parametrize("leaks", [[FOUND], [FOUND, Leak(8, FOUND.detection)], [Leak(8, FOUND.detection), FOUND]])
def test_the_motion_between_two_looks_is_parted(leaks: list[Leak]) -> None:
    """Else all regions of a panning camera would stand still up to the new frame, and jump after it."""
    frames = [FrameDetections(6, ()), FrameDetections(9, (), motion=_right(30))]
    joined = with_leaks(frames, leaks, SECONDS)
    there = dict(Movement(joined, SIZE, SECONDS).forward(FACE, 6, 9))
    for index, box in there.items():
        assert box.x1 - FACE.x1 == pytest.approx((index - 6) * 10 * SIZE[0] / 400)
    assert list(there)[-1] == 9


def test_findings_before_and_after_all_looks() -> None:
    frames = [FrameDetections(8, (), motion=_right(3))]
    joined = with_leaks(frames, [FOUND, Leak(11, FOUND.detection)], SECONDS)
    assert [(f.index, f.motion) for f in joined] == [(7, None), (8, _right(3)), (11, None)]
