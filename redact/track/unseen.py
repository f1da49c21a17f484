"""Where an object may have been while nobody saw it: between its sightings, before the first, after the last. Pure.

What is not known is covered in each of the ways that it may have been.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain, pairwise

import numpy as np
from numpy.typing import NDArray

from redact.findings import KeyBox, Kind, Track
from redact.geometry import Box
from redact.track.movement import Movement

# How much of a track tells how it moves at its ends. What comes near, or sets out, moves faster at the last than
# before, and the last two sightings alone may be off by chance: both are believed.
_MOTION_SECONDS = (0.5, 0.15)
_MOST_SHIFT = 3.0  # own sizes that an end may be moved by extrapolation
_GAP_SECONDS = 0.4  # an unseen stretch longer than this is covered more widely in its middle
_GAP_GROWTH = 0.25
_BEND = 0.05  # own sizes that a straight line may be off where the picture moves, or frames come unevenly
# IoU below which two sightings in a row may be two people. The flow at the place is not asked, as it may be a
# passer-by's. On the crowd of a street 3 links in 100 are such; covering both places costs half a percent of the
# picture there, and hides who stepped out from behind another's shoulder between two looks.
_SAME = 0.1
_AS_EXPECTED = 0.4  # IoU with where steady motion would have brought it, from which on a sighting is of the same
_BESIDE = 0.7  # likewise, of a sighting and those before and after it, which are nearer to each other than to it

Bounds = Callable[[int, int], tuple[int, int]]
"""The first and the last frame to cover of what was seen first in one frame and last in another."""


def path(track: Track, bounds: Bounds, seconds: NDArray[np.float64], movement: Movement) -> Track:
    """The track with keys from the first to the last frame to cover.

    The keys of ``track`` are its sightings. ``seconds`` (frames,): the time of each frame of the video.
    """
    seen = track.keys
    first, last = bounds(seen[0].index, seen[-1].index)
    ways = [_link(seen, n, bounds, seconds, movement) for n in range(len(seen) - 1)]
    for n, (a, b, c) in enumerate(zip(seen, seen[1:], seen[2:], strict=False)):
        if _beside(a, b, c, movement):
            stayed = (a, *_between(a, c, seconds, movement), c)
            went = (ways[n - 1][-1] if n else a, *ways[n], *ways[n + 1])
            both = _together(*(tuple(_timed(w, seconds)) for w in (went, stayed)))[1:]
            ways[n], ways[n + 1] = (tuple(k for k in both if (k.index <= b.index) is first) for first in (True, False))
    keys = [*_before(seen, first, seconds, movement), seen[0]]
    keys += chain.from_iterable(ways)
    keys += _after(seen, last, seconds, movement)
    return replace(track, keys=tuple(_timed(keys, seconds)))


def _beside(a: KeyBox, b: KeyBox, c: KeyBox, movement: Movement) -> bool:
    """Whether the middle one of three sightings may be of somebody else, beside whom the object stayed unseen."""
    there, back = _carried(a, b.index, movement, whole=True), _carried(b, c.index, movement, whole=True)
    apart = max(there.iou(b.box), back.iou(c.box))
    return apart < _BESIDE and _carried(a, c.index, movement, whole=True).iou(c.box) > apart


def _timed(keys: Sequence[KeyBox], seconds: NDArray[np.float64]) -> Iterator[KeyBox]:
    """The keys, and one in each frame between two of them where frames come too unevenly to be counted.

    Between keys boxes go evenly from frame to frame, but what they cover moves evenly in time.
    """
    for a, b in pairwise(keys):
        yield a
        far = max(abs(p - q) for p, q in zip(a.box.edges, b.box.edges, strict=True))
        shares = [(i, _share(i, a, b, seconds)) for i in range(a.index + 1, b.index)]
        uneven = max((abs(t - (i - a.index) / (b.index - a.index)) for i, t in shares), default=0.0)
        if uneven * far > _BEND * max(a.box.width, a.box.height, 1.0):
            yield from (KeyBox(i, a.box.lerp(b.box, t)) for i, t in shares)
    yield keys[-1]


def _link(
    seen: Sequence[KeyBox], n: int, bounds: Bounds, seconds: NDArray[np.float64], movement: Movement
) -> tuple[KeyBox, ...]:
    """The keys behind sighting ``n`` up to the next one, that one included.

    Two that hardly overlap may be of two people, or of one who stood and then jumped: all the way from the
    one to the other both places are covered, each for as long as at the end of a track. Not of one who went
    on as he came, or as he then goes on.
    """
    a, b = seen[n], seen[n + 1]
    way = (a, *_between(a, b, seconds, movement), b)
    if _carried(a, b.index, movement, whole=True).iou(b.box) < _SAME and not _steady(seen, n, seconds, movement):
        last = min(bounds(a.index, a.index)[1], b.index - 1)
        first = max(bounds(b.index, b.index)[0], a.index + 1)
        stays, stood = _after([a], last, seconds, movement), _before([b], first, seconds, movement)
        way = _together(*(tuple(_timed(w, seconds)) for w in (way, (a, *stays), (*stood, b))))
    return way[1:]


def _steady(seen: Sequence[KeyBox], n: int, seconds: NDArray[np.float64], movement: Movement) -> bool:
    """Whether somebody went from sighting ``n`` to the next as from the one before to it, or as from there to the next.

    Who runs past a camera is a whole width farther in each look.
    """
    a, b = seen[n], seen[n + 1]
    stands, dt = _carried(a, b.index, movement, whole=True), float(seconds[b.index] - seconds[a.index])
    for c, d in pairwise(seen[max(n - 1, 0) : n + 3]):
        apart = float(seconds[d.index] - seconds[c.index])
        if (c, d) == (a, b) or apart > _MOTION_SECONDS[0]:
            continue
        (cx, cy), (dx, dy) = _carried(c, d.index, movement, whole=True).center, d.box.center
        if stands.move((dx - cx) * dt / apart, (dy - cy) * dt / apart).iou(b.box) >= _AS_EXPECTED:
            return True
    return False


def _together(*ways: tuple[KeyBox, ...]) -> tuple[KeyBox, ...]:
    """Keys that cover what any of several ways does; the scores are those of the first.

    Between keys, too: the smallest box around the ends of straight lines holds all between them.
    """
    tracks = [Track(n, Kind.FACE, keys) for n, keys in enumerate(ways)]  # they know where they are between keys
    scores = {k.index: k.score for keys in reversed(ways) for k in keys}
    return tuple(
        KeyBox(i, _around(box for t in tracks if (box := t.at(i)) is not None), scores[i]) for i in sorted(scores)
    )


def _carried(k: KeyBox, to: int, movement: Movement, *, whole: bool) -> Box:
    """The box of a key where a later look, frame ``to``, has it by the motion of the picture alone."""
    way = list(movement.forward(k.box, k.index, to, whole=whole))
    return way[-1][1] if way else k.box


def _between(a: KeyBox, b: KeyBox, seconds: NDArray[np.float64], movement: Movement) -> list[KeyBox]:
    """At each look between two sightings, where the picture moves; else one in the middle of a long stretch.

    The object is carried with what moves there, and with the picture as a whole; what each misses by is
    shared out evenly over the time, and both are covered. Boxes are wider towards the middle of a long
    stretch, where this is least certain.
    """
    growth = _GAP_GROWTH if seconds[b.index] - seconds[a.index] > _GAP_SECONDS else 0.0
    flows = [list(movement.forward(a.box, a.index, b.index, whole=whole)) for whole in (False, True)]
    bent, most = [], 0.0
    for n, (i, _) in enumerate(flows[0][:-1]):
        t = _share(i, a, b, seconds)
        straight = a.box.lerp(b.box, t)
        ways = []
        for flow in flows:
            (x, y), (cx, cy), (sx, sy) = flow[n][1].center, flow[-1][1].center, straight.center
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
    t = _share(middle, a, b, seconds)
    return [KeyBox(middle, a.box.lerp(b.box, t).pad(growth))]


def _share(frame: int, a: KeyBox, b: KeyBox, seconds: NDArray[np.float64]) -> float:
    """How much of the time between two keys is over in a frame, from 0 to 1."""
    return float((seconds[frame] - seconds[a.index]) / (seconds[b.index] - seconds[a.index]))


def _around(boxes: Iterable[Box]) -> Box:
    """The smallest box that holds all of ``boxes``, of which there is one at least."""
    return reduce(Box.union, boxes)


def _velocity(
    keys: Sequence[KeyBox],
    seconds: NDArray[np.float64],
    movement: Movement,
    *,
    at_end: bool,
    whole: bool,
    within: float,
) -> tuple[float, float]:
    """Pixels a second against what moves there, or the picture as a ``whole``, within so many seconds of one end.

    Of the last two sightings where they are farther apart; 0 where there is only one.
    """
    ordered = list(reversed(keys)) if at_end else list(keys)
    near = [k for k in ordered[1:] if abs(seconds[k.index] - seconds[ordered[0].index]) <= within] or ordered[1:2]
    if not near:
        return 0.0, 0.0
    a, b = (near[-1], ordered[0]) if at_end else (ordered[0], near[-1])
    dt = float(seconds[b.index] - seconds[a.index])
    (ax, ay), (bx, by) = _carried(a, b.index, movement, whole=whole).center, b.box.center
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
    against either, of late or at the very last: of who crosses a street the flow of the picture is soon lost.
    Which of these it did is not known: all are covered.
    """
    k = keys[-1 if at_end else 0]
    if (to <= k.index) if at_end else (to >= k.index):
        return []
    carry = movement.forward if at_end else movement.backward
    velocities = [
        [_velocity(keys, seconds, movement, at_end=at_end, whole=whole, within=t) for t in _MOTION_SECONDS]
        for whole in (False, True)
    ]
    paths = [list(carry(k.box, k.index, to, whole=whole)) for whole in (False, True)]

    def reach(i: int, boxes: Iterable[Box]) -> KeyBox:
        dt = float(seconds[i] - seconds[k.index])
        return KeyBox(i, _around(_reach(b, v, dt) for b, vs in zip(boxes, velocities, strict=True) for v in vs))

    looks = [(here[0][0], [b for _, b in here]) for here in zip(*paths, strict=True)]
    farthest = max(abs(c) for vs in velocities for v in vs for c in v) * abs(float(seconds[to] - seconds[k.index]))
    # What goes evenly needs one key; not what stops on the way, as farther than so much it is not followed.
    stops = farthest > _MOST_SHIFT * max(k.box.width, k.box.height)
    moves = stops or any(b != k.box for _, boxes in looks for b in boxes)
    out = [reach(i, boxes) for i, boxes in looks if i != to] if moves else []
    return [*out, reach(to, looks[-1][1] if looks else [k.box] * len(velocities))]
