"""From tracks to a plan: which of them are obscured, how far around, and from when to when. Pure.

A detected box says where a face was seen; the plan says where nothing may be seen. So boxes only
ever grow here: to the largest size near in time, by the padding, and before and after the track.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from redact.findings import Detection, FrameDetections, KeyBox, Kind, RedactionPlan, SourceId, Track
from redact.geometry import Box, Polygon
from redact.policy import Policy
from redact.timeline import Span
from redact.track import Movement, path

GRID = 8  # keys are rounded outwards to 1/8 px: the same plan on machines that round differently
_SMOOTH_SECONDS = 0.35  # a box is as large as the largest detected within this time
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
    compared = [f for f in frames if not f.added]
    looks = np.array([f.index for f in compared], np.int64)
    movement = Movement(frames, (source.width, source.height), seconds)
    # Between two looks, of which the second shows another scene.
    cuts = [(a.index, b.index) for a, b in pairwise(compared) if b.scene_cut]
    bounds = partial(_bounds, policy=policy, seconds=seconds, looks=looks, cuts=cuts)
    out = []
    for t in tracks:
        if t.kind not in policy.kinds:
            continue
        pad = policy.obscure.face_padding if t.kind is Kind.FACE else policy.obscure.plate_padding
        covered = path(replace(t, keys=tuple(_smooth(t.keys, seconds))), bounds, seconds, movement)
        final = tuple(KeyBox(k.index, _outward(_pad(k.box, pad)), k.score) for k in covered.keys)
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


def _bounds(
    start: int,
    end: int,
    *,
    policy: Policy,
    seconds: NDArray[np.float64],
    looks: NDArray[np.int64],
    cuts: Sequence[tuple[int, int]],
) -> tuple[int, int]:
    """First and last frame to cover of what was seen from ``start`` to ``end``, lead-in and lead-out included."""
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
