"""Links findings into tracks by two-threshold association with a motion model.

After ByteTrack (Zhang et al., ECCV 2022): doubtful findings, too, may continue a track. Unlike there they may
also begin one; whether the track counts is decided at its end, so that a face seen badly at first is covered from
then on. And all are matched at once, doubtful ones at a surcharge: were sure ones matched first, a face that
appears beside one that turns away would take its track, and leave the other without a sure finding.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from redact.findings import Detection, FrameDetections, KeyBox, Kind, Track
from redact.geometry import Box
from redact.policy import DetectPolicy, TrackPolicy
from redact.track.movement import Movement

# How far, in its own longer sides, an object may be from where it was expected: at once, and more for each second
# unseen. A walker at 1.5 m/s moves nine face widths a second; the model knows most of it, but of what was seen once.
_NEAR = 0.6
_PER_SECOND, _PER_SECOND_ONCE = 2.5, 9.0
_FAR = 2.5
_DOUBT = 0.3  # cost of a doubtful finding: as much as to be three tenths of a side farther away
_CLOSE = 0.6  # cost below which a finding lies where a track was expected
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

    def expected(self, time: float) -> tuple[Box, Box, Box, Box]:
        """Where the object is expected at ``time``: with what moves there and behind it, going on or stopped."""
        dt = time - self.time
        dx, dy = self.velocity[0] * dt, self.velocity[1] * dt
        return self.here.move(dx, dy), self.behind.move(dx, dy), self.here, self.behind

    def reach(self, time: float) -> float:
        """How far, in its own longer sides, it may be from there."""
        speed = _PER_SECOND if len(self.keys) > 1 else _PER_SECOND_ONCE
        return min(_FAR, _NEAR + speed * (time - self.time))

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


def _costs(expected: NDArray[np.float64], seen: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray[np.float64]:
    """How ill each finding fits each place, 0 for perfectly; ``_FORBIDDEN`` where it cannot be the same object.

    ``expected`` (P, 4) and ``seen`` (F, 4) xyxy pixels; ``reach`` (P,) in longer sides; gives (P, F).
    """
    e, s = expected[:, None], seen[None]
    sides, other_sides = e[..., 2:] - e[..., :2], s[..., 2:] - s[..., :2]
    area, other_area = sides.prod(-1), other_sides.prod(-1)
    size, other = np.sqrt(np.maximum(area, 1.0)), np.sqrt(np.maximum(other_area, 1.0))
    ratio = np.maximum(size, other) / np.minimum(size, other)
    apart = ((e[..., :2] + e[..., 2:]) - (s[..., :2] + s[..., 2:])) / 2
    longer = np.maximum((sides.max(-1) + other_sides.max(-1)) / 2, 1.0)
    distance = np.sqrt((apart**2).sum(-1)) / longer
    shared = np.clip(np.minimum(e[..., 2:], s[..., 2:]) - np.maximum(e[..., :2], s[..., :2]), 0, None).prod(-1)
    union = area + other_area - shared
    iou = np.divide(shared, union, out=np.zeros_like(union), where=union > 0)
    cost = distance + 0.5 * np.log(ratio) + (1.0 - iou) * 0.5
    # Rounded: machines differ in the last digit, and must not in which pairs they choose.
    rounded: NDArray[np.float64] = np.round(cost, 9)
    return np.where((ratio > _SIZE_RATIO) | (distance > reach[:, None]), _FORBIDDEN, rounded)


def _match(
    tracks: Sequence[_Open], found: Sequence[Detection], time: float, sure: float, large: float
) -> list[tuple[int, int]]:
    """Pairs (track, finding) with the least total cost.

    Findings below ``sure`` are doubtful; those that are ``large``, too, in pixels, continue only what was as large.
    """
    if not tracks or not found:
        return []
    from scipy.optimize import linear_sum_assignment  # half a second to load, and only the driver links

    expected = np.array([[b.edges for b in t.expected(time)] for t in tracks])
    places = expected.shape[1]
    reach = np.repeat([t.reach(time) for t in tracks], places)
    cost = _costs(expected.reshape(-1, 4), np.array([d.box.edges for d in found]), reach)
    doubt = np.array([0.0 if d.score >= sure else _DOUBT for d in found])
    cost = cost.reshape(len(tracks), places, len(found)).min(1) + doubt
    none = (doubt > 0) & np.array([_longer(d.box) >= large for d in found])
    small = np.array([_longer(t.keys[-1].box) < large for t in tracks])
    cost[small[:, None] & none] = _FORBIDDEN
    # Most pairs at the least cost, but what lies where a track was expected first: else a finding is taken from
    # where it belongs, to give some other track one that hardly fits, too.
    out: list[tuple[int, int]] = []
    for most in (_CLOSE, _FORBIDDEN):
        rows, columns = linear_sum_assignment(np.where(cost < most, cost, _FORBIDDEN))
        new = [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if cost[r, c] < most]
        for r, c in new:
            cost[r, :] = cost[:, c] = _FORBIDDEN
        out += new
    return out


def _counts(track: _Open, policy: TrackPolicy, detect: DetectPolicy, large: float, alone: bool) -> bool:
    """Whether a finished track is an object: seen twice and once surely, or once very surely.

    Of what is ``large``, in pixels, each time that it is seen, once very surely. ``alone``: no other look could have
    shown it, so that one sure sighting is enough, as in a still picture.
    """
    best = max(track.scores)
    always_large = all(_longer(k.box) >= large for k in track.keys)
    seen = (len(track.scores) > 1 or alone) and best >= detect.high_score
    return best >= policy.single_score or (seen and not always_large)


def _alone(time: float, times: Sequence[float], most: float) -> bool:
    """Whether there is no look within ``most`` seconds of the one at ``time``."""
    n = bisect_left(times, time)
    return all(abs(t - time) > most for t in (*times[max(n - 1, 0) : n], *times[n + 1 : n + 2]))


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
    width and height of the picture. A track ends where it is missed in a look and unseen for longer than
    ``max_gap_seconds``, and at scene cuts. Tracks are numbered from 1 by first frame, kind and place.
    """
    open_tracks: list[_Open] = []
    done: list[_Open] = []
    seconds = np.asarray(pts, np.float64) * float(time_base)
    movement = Movement(frames, size, seconds)
    large = _LARGE * max(size)
    times = [float(seconds[f.index]) for f in frames]
    before = -np.inf
    for frame, time in zip(frames, times, strict=True):
        stay: list[_Open] = []
        for t in open_tracks:
            # Where looks are far apart nothing is unseen between them.
            missed = t.time < before
            over = frame.scene_cut or (missed and time - t.time > policy.max_gap_seconds)
            (done if over else stay).append(t)
        open_tracks, before = stay, time
        for t in open_tracks:
            t.here = movement.into(frame.index, t.here)
            t.behind = movement.into(frame.index, t.behind, whole=True)
        for kind in sorted({d.kind for d in frame.detections}):
            here = sorted((d for d in frame.detections if d.kind is kind), key=lambda d: (-d.score, d.box.edges))
            free = [t for t in open_tracks if t.kind is kind]
            pairs = _match(free, here, time, detect.high_score, large)
            for r, c in pairs:
                free[r].add(frame.index, time, here[c])
            taken = {c for _, c in pairs}
            open_tracks += [
                _Open(kind, [KeyBox(frame.index, d.box, d.score)], time, d.box, d.box, scores=[d.score])
                for c, d in enumerate(here)
                if c not in taken and (d.score >= detect.high_score or _longer(d.box) < large)
            ]
    done += open_tracks
    kept = [t for t in done if _counts(t, policy, detect, large, _alone(t.time, times, policy.max_gap_seconds))]
    kept.sort(key=lambda t: (t.keys[0].index, t.kind, t.keys[0].box.edges))
    return tuple(Track(n, t.kind, tuple(t.keys)) for n, t in enumerate(kept, 1))
