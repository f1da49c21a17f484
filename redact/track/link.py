"""Links findings into tracks by two-threshold association with a motion model.

After ByteTrack (Zhang et al., ECCV 2022): sure findings are matched first, doubtful ones then may
continue what is left. Unlike there, a doubtful finding may also begin a track; whether the track
counts is decided at its end, so that a face seen badly at first is covered from then on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from redact.findings import Detection, FrameDetections, KeyBox, Kind, Track
from redact.geometry import Box
from redact.policy import DetectPolicy, TrackPolicy
from redact.track.movement import Movement

# How far, in its own sizes, an object may be from where it was expected: at once, and more for each
# second unseen. A walker at 1.5 m/s moves nine face widths a second; the model knows most of it.
_NEAR = 0.6
_NEAR_PER_SECOND = 2.5
_FAR = 2.5
_SIZE_RATIO = 1.9  # a size changes by less than this between two sightings
_FORBIDDEN = 1e6
# Share of the picture's long side from which on a doubtful finding is none, and a sure one must be very sure to be a
# track: a face as large as that is seen clearly, and what is not is a blurred crowd or a wall. Measured on every
# second validation picture at 1600 px: 5 of 62 faces that large had a score between the two, and 3 of 5 findings
# on nothing; a face is seen in many frames, and a blurred crowd scores as little in each.
_LARGE = 0.25
_GAIN = 0.6  # of the newest velocity against the one so far


@dataclass(slots=True)
class _Open:
    """A track that may still be continued; positions in pixels, time in seconds.

    ``here``: its last box, carried on by the motion of the picture since; ``behind``: by that of the
    picture as a whole, as if something passed in front of it. ``velocity``: of the object against the picture.
    """

    kind: Kind
    keys: list[KeyBox]
    time: float
    here: Box
    behind: Box
    velocity: tuple[float, float] = (0.0, 0.0)
    scores: list[float] = field(default_factory=list)

    def expected(self, time: float) -> tuple[Box, Box]:
        """Where the object is expected at ``time``: with what moves there, and behind it."""
        dt = time - self.time
        dx, dy = self.velocity[0] * dt, self.velocity[1] * dt
        return self.here.move(dx, dy), self.behind.move(dx, dy)

    def add(self, index: int, time: float, d: Detection) -> None:
        dt = time - self.time
        if dt > 0:
            (bx, by), places = d.box.center, (self.here.center, self.behind.center)
            ax, ay = min(places, key=lambda p: (p[0] - bx) ** 2 + (p[1] - by) ** 2)
            vx, vy = (bx - ax) / dt, (by - ay) / dt
            if len(self.keys) > 1:
                vx = _GAIN * vx + (1 - _GAIN) * self.velocity[0]
                vy = _GAIN * vy + (1 - _GAIN) * self.velocity[1]
            self.velocity = (vx, vy)
        self.keys.append(KeyBox(index, d.box, d.score))
        self.scores.append(d.score)
        self.time = time
        self.here = self.behind = d.box


def _costs(
    expected: NDArray[np.float64], seen: NDArray[np.float64], unseen: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How ill each finding fits each track, 0 for perfectly; ``_FORBIDDEN`` where it cannot be the same object.

    ``expected`` (T, 4) and ``seen`` (F, 4) xyxy pixels; ``unseen`` (T,) seconds since each was seen; gives (T, F).
    """
    e, s = expected[:, None], seen[None]
    area, other_area = (np.prod(b[..., 2:] - b[..., :2], axis=-1) for b in (e, s))
    size, other = np.sqrt(np.maximum(area, 1.0)), np.sqrt(np.maximum(other_area, 1.0))
    ratio = np.maximum(size, other) / np.minimum(size, other)
    apart = ((e[..., :2] + e[..., 2:]) - (s[..., :2] + s[..., 2:])) / 2
    distance = np.sqrt((apart**2).sum(-1)) / ((size + other) / 2)
    shared = np.clip(np.minimum(e[..., 2:], s[..., 2:]) - np.maximum(e[..., :2], s[..., :2]), 0, None).prod(-1)
    union = area + other_area - shared
    iou = np.divide(shared, union, out=np.zeros_like(union), where=union > 0)
    cost = distance + 0.5 * np.log(ratio) + (1.0 - iou) * 0.5
    reach = np.minimum(_FAR, _NEAR + _NEAR_PER_SECOND * unseen)[:, None]
    # Rounded: machines differ in the last digit, and must not in which pairs they choose.
    rounded: NDArray[np.float64] = np.round(cost, 9)
    return np.where((ratio > _SIZE_RATIO) | (distance > reach), _FORBIDDEN, rounded)


def _match(tracks: Sequence[_Open], found: Sequence[Detection], time: float) -> list[tuple[int, int]]:
    """Pairs (track, finding) with the least total cost."""
    if not tracks or not found:
        return []
    from scipy.optimize import linear_sum_assignment  # half a second to load, and only the driver links

    expected = np.array([b.edges for t in tracks for b in t.expected(time)])  # two of each track
    seen, unseen = np.array([d.box.edges for d in found]), np.array([time - t.time for t in tracks])
    cost = _costs(expected, seen, np.repeat(unseen, 2)).reshape(len(tracks), 2, len(found)).min(1)
    rows, columns = linear_sum_assignment(cost)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < _FORBIDDEN]


def _counts(track: _Open, policy: TrackPolicy, detect: DetectPolicy, large: float) -> bool:
    """Whether a finished track is an object: seen twice and once surely, or once very surely.

    Of what is ``large``, in pixels, each time that it is seen, once very surely.
    """
    best = max(track.scores)
    always_large = all(_longer(k.box) >= large for k in track.keys)
    return best >= policy.single_score or (len(track.scores) > 1 and best >= detect.high_score and not always_large)


def _longer(box: Box) -> float:
    return max(box.width, box.height)


def link(
    frames: Sequence[FrameDetections],
    *,
    policy: TrackPolicy,
    detect: DetectPolicy,
    pts: NDArray[np.int64],
    time_base: Fraction,
    size: tuple[int, int],
) -> tuple[Track, ...]:
    """Links the findings of all examined frames, in display order, into tracks of detected key boxes.

    ``pts`` (frames,): time of every frame of the video in ticks of ``time_base`` seconds. ``size``:
    width and height of the picture. A track
    ends where it is unseen for longer than ``max_gap_seconds``, and at scene cuts. Tracks are
    numbered from 1 by first frame, kind and place.
    """
    open_tracks: list[_Open] = []
    done: list[_Open] = []
    tick = float(time_base)
    movement = Movement(frames, size)
    large = _LARGE * max(size)
    for frame in frames:
        time = int(pts[frame.index]) * tick
        stay: list[_Open] = []
        for t in open_tracks:
            over = frame.scene_cut or time - t.time > policy.max_gap_seconds
            (done if over else stay).append(t)
        open_tracks = stay
        for t in open_tracks:
            t.here = movement.into(frame.index, t.here)
            t.behind = movement.into(frame.index, t.behind, whole=True)
        for kind in sorted({d.kind for d in frame.detections}):
            here = sorted((d for d in frame.detections if d.kind is kind), key=lambda d: (-d.score, d.box.edges))
            sure = [d for d in here if d.score >= detect.high_score]
            doubtful = [d for d in here if d.score < detect.high_score and _longer(d.box) < large]
            free = [t for t in open_tracks if t.kind is kind]
            for group in (sure, doubtful):
                pairs = _match(free, group, time)
                for r, c in pairs:
                    free[r].add(frame.index, time, group[c])
                taken = {c for _, c in pairs}
                matched = {r for r, _ in pairs}
                new = [
                    _Open(kind, [KeyBox(frame.index, d.box, d.score)], time, d.box, d.box, scores=[d.score])
                    for c, d in enumerate(group)
                    if c not in taken
                ]
                free = [t for r, t in enumerate(free) if r not in matched]
                open_tracks += new
    done += open_tracks
    kept = [t for t in done if _counts(t, policy, detect, large)]
    kept.sort(key=lambda t: (t.keys[0].index, t.kind, t.keys[0].box.edges))
    return tuple(Track(n, t.kind, tuple(t.keys)) for n, t in enumerate(kept, 1))
