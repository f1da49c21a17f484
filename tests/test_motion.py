"""The picture's own motion: told from two looks, and followed by what is obscured."""

from __future__ import annotations

import dataclasses
import zlib
from fractions import Fraction

import cv2
import numpy as np
import pytest

import redact
from redact.decide import decide
from redact.findings import Detection, FrameDetections, Kind, RedactionPlan, SourceId
from redact.geometry import Box
from redact.motion import Motion, displacement, motion, motion_between, small, to_png
from redact.track import Movement, link

SIZE = (1280, 720)
STEP = SIZE[0] / 400
POLICY = redact.policy_of("public-release")


def _texture(seed: int = 0) -> np.ndarray:
    """Something to hold on to, fine and coarse as in nature: (720 + 400, 1280 + 800, 3)."""
    rng, size = np.random.default_rng(seed), (SIZE[0] + 800, SIZE[1] + 400)
    noise = [cv2.resize(rng.random((n, 3 * n // 2, 3)), size, interpolation=cv2.INTER_CUBIC) for n in (7, 15, 30, 60)]
    return np.clip(np.mean(noise, 0) * 255, 0, 255).astype(np.uint8)


def _window(picture: np.ndarray, x: int, y: int) -> np.ndarray:
    return picture[200 + y : 200 + y + SIZE[1], 400 + x : 400 + x + SIZE[0]]


@pytest.mark.parametrize("shift", [(0, 9), (-35, 20), (120, -60), (-150, 5), (380, -100)])
def test_the_motion_of_a_picture(shift: tuple[int, int]) -> None:
    world = _texture()
    a, b = small(_window(world, 0, 0)), small(_window(world, -shift[0], -shift[1]))
    found = motion(a, b)
    assert found is not None
    for at in ((0.5, 0.5), (0.4, 0.6), (0.62, 0.45)):
        dx, dy = (v * SIZE[0] for v in displacement(found.field(), (*at, *at)))
        assert (dx, dy) == pytest.approx(shift, abs=3)  # a step is 3.2 px
    half = motion_between(to_png(a), to_png(b))
    assert half is not None
    assert [v * SIZE[0] for v in displacement(half.field(), (0.5, 0.5, 0.5, 0.5))] == pytest.approx(shift, abs=8)


def test_motion_is_told_where_it_is() -> None:
    world = _texture()
    before, after = _window(world, 0, 0), _window(world, 0, 0).copy()
    after[:, :640] = _window(world, 40, 0)[:, :640]
    found = motion(small(before), small(after))
    assert found is not None
    field = found.field()
    assert displacement(field, (0.2, 0.5, 0.2, 0.5))[0] * SIZE[0] == pytest.approx(-40, abs=3)
    assert displacement(field, (0.8, 0.5, 0.8, 0.5)) == (0, 0)
    # What fills most of a box counts.
    assert displacement(field, (0.2, 0.4, 0.6, 0.5))[0] * SIZE[0] == pytest.approx(-40, abs=3)
    assert displacement(field, (0.4, 0.4, 0.9, 0.5)) == (0, 0)


def test_no_motion() -> None:
    still, narrow = small(_window(_texture(), 0, 0)), np.zeros((20, 256), np.uint8)
    assert motion(still, still) is None
    assert motion(narrow, narrow) is None
    assert motion(still, still[:100]) is None
    assert motion_between(b"", to_png(still)) is None
    assert to_png(None) == b""


def test_motion_is_the_same_on_any_number_of_threads() -> None:
    a, b = small(_window(_texture(), 0, 0)), small(_window(_texture(), 60, 30))
    threads = cv2.getNumThreads()
    try:
        found = []
        for n in (1, 4):
            cv2.setNumThreads(n)
            found.append(motion(a, b))
            assert cv2.getNumThreads() == n
    finally:
        cv2.setNumThreads(threads)
    assert found[0] == found[1]


def _everywhere(dx: int, dy: int) -> Motion | None:
    """A motion by so many steps of 1/400 of the long side."""
    return Motion(16, 9, zlib.compress(np.tile(np.array([dx, dy], np.int8), 144).tobytes())) if dx or dy else None


def test_what_is_carried_forward_comes_back() -> None:
    frames = [FrameDetections(3 * n, (), motion=_everywhere(4 * n, -n)) for n in range(6)]
    box = Box(600, 300, 640, 350)
    there = list(Movement(frames, SIZE, np.arange(30) / 30).forward(box, 3, 12))
    assert [i for i, _ in there] == [6, 9, 12]
    assert there[-1][1].edges == pytest.approx(box.move(STEP * (8 + 12 + 16), -STEP * (2 + 3 + 4)).edges)
    back = list(Movement(frames, SIZE, np.arange(30) / 30).backward(there[-1][1], 12, 3))
    assert [i for i, _ in back] == [9, 6, 3]
    assert back[-1][1].edges == pytest.approx(box.edges)


# A face of 40 px that stands still in the world while the camera shakes: where it is, in steps, look by look.
_SHAKE = np.cumsum(
    [[0, 0], [30, 9], [28, -9], [-40, 20], [-44, 3], [25, -30], [38, 8], [-30, 14], [-36, -12], [33, 2]], 0
)
_FACE = Box(620, 340, 660, 380)
_LOOKS = 10


def _places() -> list[Box]:
    return [_FACE.move(STEP * x, STEP * y) for x, y in _SHAKE]


def _shaken(seen: set[int], *, told: bool) -> RedactionPlan:
    """The plan for frames of ten a second, each looked at, where the face is found at the looks ``seen``."""
    steps = np.diff(_SHAKE, axis=0, prepend=0)
    frames = [
        FrameDetections(
            n,
            (Detection(Kind.FACE, _places()[n], 0.45),) if n in seen else (),
            motion=_everywhere(*steps[n]) if told else None,
        )
        for n in range(_LOOKS)
    ]
    pts, base = np.arange(_LOOKS, dtype=np.int64), Fraction(1, 10)
    tracks = link(frames, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    source = SourceId("0" * 64, _LOOKS, *SIZE)
    return decide(tracks, frames, policy=POLICY, source=source, pts=pts, time_base=base)


def _covered(plan: RedactionPlan) -> set[int]:
    return {n for n, b in enumerate(_places()) if any(r.box.intersection(b) >= 0.999 * b.area for r in plan.regions(n))}


@pytest.mark.parametrize("seen", [{0, 1, 2, 3, 4, 5}, {4, 5, 6}, {0, 1, 2, 7, 8, 9}, {0, 4, 9}])
def test_what_is_obscured_follows_a_shaking_camera(seen: set[int]) -> None:
    """Between sightings, half a second before the first and half a second after the last."""
    due = set(range(max(min(seen) - 5, 0), min(max(seen) + 6, _LOOKS)))
    plan = _shaken(seen, told=True)
    assert len(plan.tracks) == 1
    assert _covered(plan) >= due
    widest = max(r.box.width for n in due for r in plan.regions(n))
    assert widest < 3 * _FACE.width  # followed, not covered by something huge
    assert not _covered(_shaken(seen, told=False)) >= due


def test_a_plan_stays_small_where_nothing_moves() -> None:
    pts, base = np.arange(100, dtype=np.int64), Fraction(1, 25)
    frames = [FrameDetections(n, (Detection(Kind.FACE, _FACE, 0.6),) if 30 <= n < 60 else ()) for n in range(0, 100, 3)]
    tracks = link(frames, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    plan = decide(tracks, frames, policy=POLICY, source=SourceId("0" * 64, 100, *SIZE), pts=pts, time_base=base)
    assert len(plan.tracks[0].keys) == len(tracks[0].keys) + 2
    assert dataclasses.astuple(plan.tracks[0].span) == (18, 70)


@pytest.mark.parametrize(("score", "side", "counts"), [(0.2, 300, True), (0.2, 400, False), (0.4, 400, True)])
def test_a_doubtful_finding_as_large_as_the_picture_is_none(score: float, side: int, counts: bool) -> None:
    """It would make the whole track as large; a sure one counts."""
    faces = [Detection(Kind.FACE, Box(0, 0, 250, 250), 0.6), Detection(Kind.FACE, Box(0, 0, side, side), score)]
    frames = [FrameDetections(n, (f,)) for n, f in enumerate(faces)]
    pts, base = np.arange(2, dtype=np.int64), Fraction(1, 25)
    (track,) = link(frames, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    assert (len(track.keys) == 2) is counts


@pytest.mark.parametrize(("score", "sides", "counts"), [(0.45, 340, False), (0.55, 340, True), (0.45, 300, True)])
def test_what_is_always_large_must_be_very_sure_once(score: float, sides: int, counts: bool) -> None:
    """Three sightings of one size, a quarter of the picture's width (320 px) or more, on a blurred crowd."""
    frames = [FrameDetections(n, (Detection(Kind.FACE, Box(99, 99, 99 + sides, 99 + sides), score),)) for n in range(3)]
    pts, base = np.arange(3, dtype=np.int64), Fraction(1, 25)
    tracks = link(frames, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    assert bool(tracks) is counts


def test_who_is_hidden_by_a_passer_by_is_not_carried_off() -> None:
    """A still picture in which something crosses in front of a face: the face's region stays, and so does its track."""
    field = np.zeros((9, 16, 2), np.int8)
    field[3:6, 6:10] = (25, 0)  # 80 px a look, where the face is
    passing = Motion(16, 9, zlib.compress(field.tobytes()))
    frames = [
        FrameDetections(
            n,
            (Detection(Kind.FACE, _FACE, 0.45),) if n in (0, 1, 5, 6) else (),
            motion=passing if 2 <= n <= 8 else None,
        )
        for n in range(10)
    ]
    pts, base = np.arange(10, dtype=np.int64), Fraction(1, 10)
    tracks = link(frames, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    assert len(tracks) == 1
    plan = decide(tracks, frames, policy=POLICY, source=SourceId("0" * 64, 10, *SIZE), pts=pts, time_base=base)
    for n in range(10):
        assert any(r.box.intersection(_FACE) >= 0.999 * _FACE.area for r in plan.regions(n)), n


def test_who_walks_on_is_covered_though_the_flow_is_lost() -> None:
    """The flow goes with a walker until she turns away; she goes on, and it does not."""
    field = np.zeros((9, 16, 2), np.int8)
    field[3:6, 3:8] = (5, 0)  # 16 px a look, around her
    walking = Motion(16, 9, zlib.compress(field.tobytes()))
    places = [Box(360 + 16 * n, 340, 400 + 16 * n, 380) for n in range(10)]
    frames = [
        FrameDetections(
            n, (Detection(Kind.FACE, places[n], 0.45),) if n <= 4 else (), motion=walking if 1 <= n <= 4 else None
        )
        for n in range(10)
    ]
    pts, base = np.arange(10, dtype=np.int64), Fraction(1, 10)
    tracks = link(frames, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    plan = decide(tracks, frames, policy=POLICY, source=SourceId("0" * 64, 10, *SIZE), pts=pts, time_base=base)
    for n, place in enumerate(places):
        assert any(r.box.intersection(place) >= 0.999 * place.area for r in plan.regions(n)), n
