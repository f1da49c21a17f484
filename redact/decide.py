"""From tracks to a plan: which of them are obscured, how far around, and from when to when. Pure.

A detected box says where a face was seen; the plan says where nothing may be seen. So boxes only
ever grow here: to the largest size near in time, by the padding, and before and after the track.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from redact.findings import Detection, FrameDetections, KeyBox, Kind, RedactionPlan, SourceId, Track
from redact.geometry import Box, Polygon
from redact.policy import Policy
from redact.timeline import Span
from redact.track import Movement

GRID = 8  # keys are rounded outwards to 1/8 px: the same plan on machines that round differently
_SMOOTH_SECONDS = 0.35  # a box is as large as the largest detected within this time
_MOTION_SECONDS = 0.5  # how much of a track tells how it moves at its ends
_MOST_SHIFT = 3.0  # own sizes that an end may be moved by extrapolation
_GAP_SECONDS = 0.4  # an unseen stretch longer than this is covered more widely in its middle
_GAP_GROWTH = 0.25
_BEND = 0.05  # own sizes that a straight line may be off where the picture moves
_LEAST_PAD = 2.0  # px: rounding of the detector's picture back to the full one


def decide(
    tracks: Sequence[Track],
    frames: Sequence[FrameDetections],
    *,
    policy: Policy,
    source: SourceId,
    pts: NDArray[np.int64],
    time_base: Fraction,
    zones: Sequence[tuple[Polygon, Span]] = (),
    black: tuple[int, ...] = (),
) -> RedactionPlan:
    """Decides what to obscure.

    ``frames``: the examined ones, in display order. No track is prolonged across a change of scene
    further than they leave open where it was. ``pts`` (frames of the video,) in ticks of
    ``time_base`` seconds. ``zones``: what is obscured whatever is seen there, in
    display pixels, and in which frames. ``black``: frames replaced by black ones.
    """
    seconds = np.asarray(pts, np.float64) * float(time_base)
    looks = np.array([f.index for f in frames], np.int64)
    movement = Movement(frames, (source.width, source.height))
    # Between two looks, of which the second shows another scene.
    cuts = [(a.index, b.index) for a, b in pairwise(frames) if b.scene_cut]
    out = []
    for t in tracks:
        if t.kind not in policy.kinds:
            continue
        pad = policy.obscure.face_padding if t.kind is Kind.FACE else policy.obscure.plate_padding
        seen = _smooth(t.keys, seconds)
        first, last = _bounds(t, policy, seconds, looks, cuts)
        keys = [
            *_before(seen, first, seconds, movement),
            *_bridge(seen, seconds, movement),
            *_after(seen, last, seconds, movement),
        ]
        final = tuple(KeyBox(k.index, _outward(_pad(k.box, pad)), k.score) for k in keys)
        out.append(Track(t.id, t.kind, final))
    last = max((t.id for t in tracks), default=0)
    for number, (outline, span) in enumerate(((o, s) for o, s in zones if len(s)), last + 1):
        ends = dict.fromkeys((span.start, span.stop - 1))
        out.append(Track(number, Kind.ZONE, tuple(KeyBox(i, _outward(outline.box)) for i in ends), outline))
    return RedactionPlan(
        source=source,
        recipe_sha256=policy.sha256,
        detectors=(*policy.detect.detectors, *policy.detect.second_detectors),
        tracks=tuple(out),
        black=black,
        examined=len(frames),
    )


def decide_still(detections: Iterable[Detection], policy: Policy, source: SourceId) -> RedactionPlan:
    """Decides what to obscure in a single picture: everything found surely, padded."""
    tracks: list[Track] = []
    for d in detections:
        if d.kind in policy.kinds and d.score >= policy.detect.high_score:
            pad = policy.obscure.face_padding if d.kind is Kind.FACE else policy.obscure.plate_padding
            tracks.append(Track(len(tracks) + 1, d.kind, (KeyBox(0, _outward(_pad(d.box, pad)), d.score),)))
    return RedactionPlan(
        source=source,
        recipe_sha256=policy.sha256,
        detectors=(*policy.detect.detectors, *policy.detect.second_detectors),
        tracks=tuple(tracks),
        examined=1,
    )


def _pad(box: Box, share: float) -> Box:
    b = box.pad(share)
    least = _LEAST_PAD
    return b.union(Box(box.x1 - least, box.y1 - least, box.x2 + least, box.y2 + least))


def _outward(b: Box) -> Box:
    return Box(
        math.floor(b.x1 * GRID) / GRID,
        math.floor(b.y1 * GRID) / GRID,
        math.ceil(b.x2 * GRID) / GRID,
        math.ceil(b.y2 * GRID) / GRID,
    )


def _smooth(keys: Sequence[KeyBox], seconds: NDArray[np.float64]) -> list[KeyBox]:
    """Each box about its own centre, as large as the largest seen within a short time; never smaller than itself."""
    out, low, high = [], 0, 0
    for k in keys:
        now = seconds[k.index]
        while seconds[keys[low].index] < now - _SMOOTH_SECONDS:
            low += 1
        while high < len(keys) and seconds[keys[high].index] <= now + _SMOOTH_SECONDS:
            high += 1
        near = keys[low:high]
        w, h = max(n.box.width for n in near), max(n.box.height for n in near)
        x, y = k.box.center
        out.append(KeyBox(k.index, Box(x - w / 2, y - h / 2, x + w / 2, y + h / 2).union(k.box), k.score))
    return out


def _bridge(keys: Sequence[KeyBox], seconds: NDArray[np.float64], movement: Movement) -> list[KeyBox]:
    """Fills in where the object was between two sightings, where a straight line between them would not tell."""
    out = list(keys[:1])
    for a, b in pairwise(keys):
        out += _between(a, b, seconds, movement)
        out.append(b)
    return out


def _between(a: KeyBox, b: KeyBox, seconds: NDArray[np.float64], movement: Movement) -> list[KeyBox]:
    """At each look between two sightings, where the picture moves; else one in the middle of a long stretch.

    The object is carried with what moves there, and with the picture as a whole; what each misses by is
    shared out evenly over the time, and both are covered. Boxes are wider towards the middle of a long
    stretch, where this is least certain.
    """
    growth = _GAP_GROWTH if seconds[b.index] - seconds[a.index] > _GAP_SECONDS else 0.0
    paths = [list(movement.forward(a.box, a.index, b.index, whole=whole)) for whole in (False, True)]
    bent, most = [], 0.0
    for n, (i, _) in enumerate(paths[0][:-1]):
        t = (i - a.index) / (b.index - a.index)
        straight = a.box.lerp(b.box, t)
        ways = []
        for path in paths:
            (x, y), (cx, cy), (sx, sy) = path[n][1].center, path[-1][1].center, straight.center
            bx, by = b.box.center
            ways.append(straight.move(x + (bx - cx) * t - sx, y + (by - cy) * t - sy))
        here = _around(ways)
        most = max(
            most,
            *(
                abs(p - q) / max(straight.width, straight.height, 1.0)
                for p, q in zip(here.edges, straight.edges, strict=True)
            ),
        )
        bent.append(KeyBox(i, here.pad(growth * (1 - abs(2 * t - 1)))))
    if most > _BEND:
        return bent
    if not growth or b.index - a.index < 2:
        return []
    middle = (a.index + b.index) // 2
    t = (middle - a.index) / (b.index - a.index)
    return [KeyBox(middle, a.box.lerp(b.box, t).pad(growth))]


def _bounds(
    track: Track,
    policy: Policy,
    seconds: NDArray[np.float64],
    looks: NDArray[np.int64],
    cuts: Sequence[tuple[int, int]],
) -> tuple[int, int]:
    """First and last frame to cover, lead-in and lead-out included."""
    start, end = track.keys[0].index, track.keys[-1].index
    first = int(np.searchsorted(seconds, seconds[start] - policy.track.lead_in_seconds, side="left"))
    last = int(np.searchsorted(seconds, seconds[end] + policy.track.lead_out_seconds, side="right")) - 1
    # What appears between two looks is covered from the look before, what vanishes up to the look after.
    before, after = np.searchsorted(looks, start) - 1, np.searchsorted(looks, end, side="right")
    first = min(first, int(looks[before]) + 1 if before >= 0 else 0)
    last = max(last, int(looks[after]) - 1 if after < len(looks) else len(seconds) - 1)
    for a, b in cuts:
        if b <= start:
            first = max(first, min(a + 1, start))
        if a >= end:
            last = min(last, max(b - 1, end))
    return first, last


def _around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all of ``boxes``, of which there is one at least."""
    return reduce(Box.union, boxes)


def _velocity(
    keys: Sequence[KeyBox], seconds: NDArray[np.float64], movement: Movement, *, at_end: bool, whole: bool
) -> tuple[float, float]:
    """Pixels a second against what moves there, or the picture as a ``whole``, nearest to one end of a track."""
    ordered = list(reversed(keys)) if at_end else list(keys)
    near = [k for k in ordered[1:] if abs(seconds[k.index] - seconds[ordered[0].index]) <= _MOTION_SECONDS]
    if not near:
        return 0.0, 0.0
    a, b = (near[-1], ordered[0]) if at_end else (ordered[0], near[-1])
    carried = list(movement.forward(a.box, a.index, b.index, whole=whole))
    dt = float(seconds[b.index] - seconds[a.index])
    (ax, ay), (bx, by) = carried[-1][1].center if carried else a.box.center, b.box.center
    return (bx - ax) / dt, (by - ay) / dt


def _reach(box: Box, velocity: tuple[float, float], dt: float) -> Box:
    """Around where the object was seen and where it would have gone: it may have stood or moved."""
    most = _MOST_SHIFT * max(box.width, box.height)  # who is seen from the side is narrow, and walks
    dx = max(-most, min(most, velocity[0] * dt))
    dy = max(-most, min(most, velocity[1] * dt))
    return box.union(box.move(dx, dy))


def _before(keys: Sequence[KeyBox], first: int, seconds: NDArray[np.float64], movement: Movement) -> list[KeyBox]:
    return _prolonged(keys, first, seconds, movement, at_end=False)[::-1]


def _after(keys: Sequence[KeyBox], last: int, seconds: NDArray[np.float64], movement: Movement) -> list[KeyBox]:
    return _prolonged(keys, last, seconds, movement, at_end=True)


def _prolonged(
    keys: Sequence[KeyBox], to: int, seconds: NDArray[np.float64], movement: Movement, *, at_end: bool
) -> list[KeyBox]:
    """Keys from one end of a track (not included) to frame ``to``; one where all stand still.

    The object is carried with what moves there, and with the picture as a whole, and goes on as it went
    against either: of who crosses a street the flow of the picture is soon lost. Which of these it did is
    not known: all are covered.
    """
    k = keys[-1 if at_end else 0]
    if (to <= k.index) if at_end else (to >= k.index):
        return []
    carry = movement.forward if at_end else movement.backward
    velocities = [_velocity(keys, seconds, movement, at_end=at_end, whole=whole) for whole in (False, True)]
    paths = [list(carry(k.box, k.index, to, whole=whole)) for whole in (False, True)]

    def reach(i: int, boxes: Iterable[Box]) -> KeyBox:
        dt = float(seconds[i] - seconds[k.index])
        return KeyBox(i, _around(_reach(b, v, dt) for b, v in zip(boxes, velocities, strict=True)))

    looks = [(here[0][0], [b for _, b in here]) for here in zip(*paths, strict=True)]
    moves = any(b != k.box for _, boxes in looks for b in boxes)
    out = [reach(i, boxes) for i, boxes in looks if i != to] if moves else []
    return [*out, reach(to, looks[-1][1] if looks else [k.box] * len(velocities))]
