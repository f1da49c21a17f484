"""Who was found in a few looks is covered in every frame: the ways in which faces and plates are lost, one by one.

The looks are made up; what is asked is whether regions hide all of a place that is known, frame by frame.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from fractions import Fraction

import numpy as np
import pytest

import redact
from redact.decide import decide
from redact.findings import Detection, FrameDetections, Kind, RedactionPlan, SourceId
from redact.geometry import Box
from redact.motion import Motion
from redact.policy import Policy
from redact.repair import with_leaks
from redact.track import Movement, link
from redact.verdict import Leak

SIZE = (1920, 1080)
POLICY = redact.policy_of("public-release")
FACE = Box(600, 300, 640, 350)
PLATE = Box(600, 300, 650, 312)


def _plan(looks: list[FrameDetections], seconds: list[float], policy: Policy = POLICY) -> RedactionPlan:
    pts, base = np.round(np.array(seconds) * 1000).astype(np.int64), Fraction(1, 1000)
    tracks = link(looks, policy=policy.track, detect=policy.detect, pts=pts, time_base=base, size=SIZE)
    return decide(tracks, looks, policy=policy, source=SourceId("0" * 64, len(pts), *SIZE), pts=pts, time_base=base)


def _face(box: Box, score: float = 0.7, kind: Kind = Kind.FACE) -> Detection:
    return Detection(kind, box, score)


def _clear(plan: RedactionPlan, places: Mapping[int, Box]) -> list[int]:
    """The frames in which something of the place is not under the regions, taken together."""
    out = []
    for n, place in places.items():
        b = place.clip(*SIZE)
        x, y = np.linspace(b.x1, b.x2, 21), np.linspace(b.y1, b.y2, 21)
        under = np.zeros((21, 21), bool)
        for r in plan.regions(n):
            under |= ((y >= r.box.y1) & (y <= r.box.y2))[:, None] & ((x >= r.box.x1) & (x <= r.box.x2))
        if under.mean() < 0.97:
            out.append(n)
    return out


def _walk(box: Box, widths_per_second: float, fps: float) -> Callable[[int], Box]:
    """Where somebody is in each frame who walks to the right; at 1.5 m/s a face goes nine widths a second."""
    step = widths_per_second * box.width / fps
    return lambda n: box.move(step * n, 0)


def _pan(px: float) -> Motion:
    """All of the picture moves to the right, by so many pixels (multiples of 4.8) from look to look."""
    step = np.array([round(px * 400 / SIZE[0]), 0], np.int8)
    return Motion(32, 18, zlib.compress(np.tile(step, 32 * 18).tobytes()))


@pytest.mark.parametrize("apart", [1.0, 1.6, 2.0, 10.0])
def test_in_a_time_lapse_a_face_is_followed(apart: float) -> None:
    """Found surely, but not very surely, in every picture: nothing was unseen between them."""
    looks = [FrameDetections(n, (_face(FACE, 0.45),)) for n in range(20)]
    plan = _plan(looks, [apart * n for n in range(20)])
    assert len(plan.tracks) == 1
    assert not _clear(plan, dict.fromkeys(range(20), FACE))


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_what_only_one_look_can_show_counts_as_in_a_picture(frames: int) -> None:
    looks = [FrameDetections(n, (_face(FACE, 0.45),) if not n else ()) for n in range(frames)]
    plan = _plan(looks, [30.0 * n for n in range(frames)])
    assert not _clear(plan, {0: FACE})


def test_one_doubtful_look_of_many_does_not_count() -> None:
    looks = [FrameDetections(n, (_face(FACE, 0.45),) if n == 6 else ()) for n in range(0, 30, 3)]
    assert not _plan(looks, [n / 25 for n in range(30)]).tracks


def test_without_allowed_gaps_looks_are_linked() -> None:
    policy = POLICY.model_copy(update={"track": POLICY.track.model_copy(update={"max_gap_seconds": 0.0})})
    looks = [FrameDetections(n, (_face(FACE, 0.45),)) for n in range(0, 25, 3)]
    assert not _clear(_plan(looks, [n / 25 for n in range(25)], policy), dict.fromkeys(range(25), FACE))


@pytest.mark.parametrize("beside", [20, 30, 36])
def test_a_newcomer_does_not_take_the_track_of_who_turns_away(beside: int) -> None:
    other = FACE.move(beside, 0)
    looks = [
        FrameDetections(n, (_face(FACE, 0.9),) if n < 30 else (_face(FACE, 0.2), _face(other, 0.9)))
        for n in range(0, 120, 3)
    ]
    plan = _plan(looks, [n / 25 for n in range(120)])
    assert not _clear(plan, dict.fromkeys(range(120), FACE))
    assert not _clear(plan, dict.fromkeys(range(30, 120), other))


@pytest.mark.parametrize("side", [470, 580])
def test_a_face_that_fills_the_picture_and_turns_doubtful_stays_covered(side: int) -> None:
    near = Box(400, 200, 400 + side, 200 + side)
    looks = [FrameDetections(n, (_face(near, 0.9 if n < 30 else 0.25),)) for n in range(0, 120, 3)]
    assert not _clear(_plan(looks, [n / 25 for n in range(120)]), dict.fromkeys(range(120), near))


@pytest.mark.parametrize("away", [16, 28, 36])
def test_who_stands_beside_whom_another_is_found_once_stays_covered(away: int) -> None:
    found = {9: FACE, 15: FACE.move(away, 0), 18: FACE, 21: FACE}
    looks = [FrameDetections(n, (_face(found[n]),) if n in found else ()) for n in range(0, 60, 3)]
    plan = _plan(looks, [n / 25 for n in range(60)])
    assert not _clear(plan, dict.fromkeys(range(9, 22), FACE))


@pytest.mark.parametrize(
    ("fps", "every", "speed", "score", "missed"),
    [
        (5.0, 1, 9.0, 0.45, ()),
        (5.0, 1, 9.0, 0.9, (10,)),
        (1.0, 1, 2.0, 0.45, ()),
        (25.0, 3, 9.5, 0.45, ()),
        (25.0, 3, 9.5, 0.9, (24,)),
    ],
)
def test_who_walks_fast_is_followed(
    fps: float, every: int, speed: float, score: float, missed: tuple[int, ...]
) -> None:
    """Without a motion of the picture: of who was found once nobody knows how fast he goes, nor where to."""
    at, count = _walk(FACE, speed, fps), int(3 * fps) + 1 if fps > 1 else 15
    looks = [FrameDetections(n, (_face(at(n), score),) if n not in missed else ()) for n in range(0, count, every)]
    plan = _plan(looks, [n / fps for n in range(count)])
    assert not _clear(plan, {n: at(n) for n in range(looks[-1].index + 1)})


@pytest.mark.parametrize("step", [15, 25, 40])
def test_a_plate_that_drives_by_is_followed(step: int) -> None:
    """It is much wider than high: two sightings in a row hardly overlap, long before it is fast."""
    looks = [FrameDetections(3 * n, (_face(PLATE.move(step * n, 0), 0.45, Kind.PLATE),)) for n in range(11)]
    places = {n: PLATE.move(step * n / 3, 0) for n in range(31)}
    assert not _clear(_plan(looks, [n / 25 for n in range(31)]), places)


def test_who_is_where_he_was_expected_is_not_given_to_another_track() -> None:
    """A doubtful finding of before lies near, and somebody stands where he came from: two pairs, both of them bad."""
    at = _walk(Box(300, 400, 405, 540), 1.1 * 25 / 3, 25.0)
    doubtful, bystander = at(18).move(-30, 60), at(15).move(-40, -70)
    looks = [FrameDetections(n, (_face(at(n), 0.9),)) for n in range(0, 19, 3)]
    looks[3] = FrameDetections(9, (*looks[3].detections, _face(doubtful, 0.35)))
    looks[4] = FrameDetections(12, (*looks[4].detections, _face(doubtful, 0.35)))
    looks[6] = FrameDetections(18, (*looks[6].detections, _face(bystander, 0.9)))
    later = [FrameDetections(n, (_face(bystander, 0.9),)) for n in range(21, 31, 3)]
    plan = _plan([*looks, *later], [n / 25 for n in range(31)])
    assert not _clear(plan, {n: at(n) for n in range(24)})


def test_who_runs_past_the_camera_leaves_no_smear() -> None:
    """A whole width farther in each look, but steadily: not two people, of whom all that lies between is covered."""
    near = Box(300, 400, 420, 540)
    at = _walk(near, 1.05 * 25 / 3, 25.0)
    looks = [FrameDetections(n, (_face(at(n)),)) for n in range(0, 22, 3)]
    plan = _plan(looks, [n / 25 for n in range(22)])
    assert not _clear(plan, {n: at(n) for n in range(22)})
    widest = max(r.box.width for n in range(4, 18) for r in plan.regions(n))
    assert widest < 1.6 * near.width, "with its padding it is 1.4 times as wide"


@pytest.mark.parametrize("unseen", [28, 30])
def test_who_stops_while_unseen_is_still_the_same(unseen: int) -> None:
    """Recipes promise that who is seen again within a second and a half is covered all the while."""
    at = _walk(FACE, 2.0, 25)
    places = {n: at(min(n, 65)) for n in range(150)}
    looks = [FrameDetections(n, (_face(places[n]),) if not 60 < n < 60 + unseen else ()) for n in range(0, 150, 3)]
    plan = _plan(looks, [n / 25 for n in range(150)])
    assert len(plan.tracks) == 1
    assert not _clear(plan, places)


@pytest.mark.parametrize("speed", [1.0, 2.0, 3.0])
def test_what_only_a_rare_detector_finds_goes_on_as_it_went(speed: float) -> None:
    at = _walk(FACE, speed, 25)
    looks = [
        FrameDetections(n, (_face(at(n), 0.9),) if n % 15 == 0 and 15 <= n <= 75 else ()) for n in range(0, 100, 3)
    ]
    plan = _plan(looks, [n / 25 for n in range(100)])
    assert not _clear(plan, {n: at(n) for n in range(4, 87)})


def test_a_fast_plate_is_covered_from_the_first_frame_in_which_nobody_sees_it() -> None:
    """It is not followed farther than three of its sizes; up to there it is at its own speed."""
    at = _walk(PLATE, 12.0, 25)
    looks = [FrameDetections(n, (_face(at(n), 0.9, Kind.PLATE),) if n <= 42 else ()) for n in range(0, 60, 3)]
    plan = _plan(looks, [n / 25 for n in range(60)])
    assert not _clear(plan, {n: at(n) for n in range(49)})


@pytest.mark.parametrize("pan", [48, 96])
def test_the_ends_of_a_track_go_with_a_camera_that_pans_up_to_the_last_frame(pan: int) -> None:
    """Lead-in and lead-out end between two looks as a rule."""
    seconds = [n / 29.97 for n in range(40)]
    places = {n: FACE.move(pan * n / 3, 0) for n in range(40)}
    looks = [
        FrameDetections(n, (_face(places[n], 0.9),) if 15 <= n <= 21 else (), motion=_pan(pan) if n else None)
        for n in range(0, 40, 3)
    ]
    plan = _plan(looks, seconds)
    (track,) = plan.tracks
    assert track.span.start % 3, "it begins between two looks"
    assert not _clear(plan, {n: places[n] for n in range(track.span.start, track.span.stop)})


def test_a_repair_beside_a_cut_takes_nothing_away() -> None:
    """A cut between frames 12 and 15; verification finds somebody in 14, who may be of either scene."""
    old, other = Box(300, 600, 340, 650), Box(1200, 300, 1240, 350)
    looks = [FrameDetections(n, (_face(old if n < 13 else FACE),), scene_cut=n == 15) for n in range(0, 40, 3)]
    seconds = [n / 25 for n in range(40)]
    here = dict.fromkeys(range(13, 40), FACE)
    assert not _clear(_plan(looks, seconds), here)
    repaired = with_leaks(looks, [Leak(14, _face(other, 0.6))], np.array(seconds))
    plan = _plan(list(repaired), seconds)
    assert not _clear(plan, here)
    assert not _clear(plan, dict.fromkeys(range(13, 27), other))


def test_a_repair_parts_the_motion_by_time() -> None:
    """Frames in bursts: frame 3 is as good as the look before it."""
    seconds = np.array([0.0, 0.001, 0.002, 0.003, 0.120])
    looks = [FrameDetections(0, ()), FrameDetections(4, (), motion=_pan(96))]
    joined = with_leaks(looks, [Leak(3, _face(FACE, 0.6))], seconds)
    there = dict(Movement(joined, SIZE, seconds).forward(FACE, 0, 4))
    assert there[3].x1 - FACE.x1 == pytest.approx(96 * 3 / 120, abs=4.8 / 2)
    assert there[4].x1 - FACE.x1 == pytest.approx(96, abs=4.8)


def _people(rng: np.random.Generator, frames: int, fps: float) -> list[list[Box]]:
    """Three who walk at up to nine widths a second, turn and stop, nearer ones first; where each is, frame by frame."""
    out = []
    for width in sorted(rng.uniform(25, 60, 3), reverse=True):
        x, y, speed, aim = rng.uniform(300, 1500), rng.uniform(300, 420), 0.0, rng.integers(-9, 10) * width
        way = []
        for _ in range(frames):
            if rng.random() < 0.5 / fps:
                aim = rng.integers(-8, 9) * width
            speed += (aim - speed) * min(1.0, 4 / fps)
            x += speed / fps
            way.append(Box(x, y, x + width, y + 1.25 * width))
        out.append(way)
    return out


def _clear_of_random(seed: int, fps: float, every: int, found: float) -> tuple[int, int, float]:
    """Of six seconds: face frames between two sightings, those of them that are clear, mean pixels of all regions."""
    rng, count = np.random.default_rng(seed), round(6 * fps)
    people = _people(rng, count, fps)
    sure = rng.uniform(0.35, 0.9, 3)

    def hidden(i: int, n: int) -> bool:
        return any(people[i][n].intersection(other[n]) >= 0.4 * people[i][n].area for other in people[:i])

    looks, sighted = [], [list[int]() for _ in people]
    for n in range(0, count, every):
        here = []
        for i, way in enumerate(people):
            if not hidden(i, n) and rng.random() < found:
                edges = np.array(way[n].edges) + rng.normal(0, 0.04 * way[n].width, 4)
                here.append(_face(Box(*map(float, edges)), float(np.clip(rng.normal(sure[i], 0.12), 0.1, 1))))
                sighted[i].append(n)
        looks.append(FrameDetections(n, tuple(here)))
    plan = _plan(looks, [n / fps for n in range(count)])
    judged = [
        (way[n], n)
        for i, way in enumerate(people)
        for a, b in zip(sighted[i], sighted[i][1:], strict=False)
        if (b - a) / fps <= POLICY.track.max_gap_seconds
        for n in range(a, b)
        if not hidden(i, n) and way[n].clip(*SIZE).area > 0
    ]
    clear = sum(bool(_clear(plan, {n: place.pad(-0.15)})) for place, n in judged)
    return len(judged), clear, sum(r.box.area for n in range(count) for r in plan.regions(n)) / count


@pytest.mark.parametrize(
    ("fps", "every", "found", "most"), [(25, 3, 0.8, 0.001), (25, 3, 0.5, 0.01), (5, 1, 0.9, 0.01)]
)
def test_people_who_walk_cross_stop_and_turn(fps: float, every: int, found: float, most: float) -> None:
    """Each look finds each of them by chance; what it was before is in docs/decisions/0003-tracking.md."""
    runs = [_clear_of_random(seed, fps, every, found) for seed in range(20)]
    judged, clear, pixels = (sum(v) for v in zip(*runs, strict=True))
    print(f"{fps} fps: {clear} of {judged} clear, {pixels / len(runs):.0f} px obscured")
    assert judged > 1000
    assert clear <= most * judged
