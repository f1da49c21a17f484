"""How well a detector finds what is labelled: recall and covered share by size, findings on nothing. Pure.

A detector is run once, from a low score on; what it finds at any higher score follows from that (but for boxes that
a less sure finding widened: that is how ``redact`` works, too, which keeps all findings from a low score on).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from redact.findings import Detection, Kind
from redact.geometry import Box

BINS = (("8-16", 8.0, 16.0), ("16-32", 16.0, 32.0), ("32+", 32.0, np.inf))  # height in px, half-open
LEAST_PX = 8.0
IOU = {Kind.FACE: 0.4, Kind.PLATE: 0.5}
COVERED = 0.95  # share of a labelled box that must lie under findings
_GRID = 25  # points a side by which the covered share is told
_NEVER = -1.0  # the score of what is not found at any


@dataclass(frozen=True, slots=True)
class Labels:
    """What is known of one kind in one picture: ``boxes`` of the objects, and regions that count neither way."""

    kind: Kind
    boxes: tuple[Box, ...]
    ignored: tuple[Box, ...] = ()


@dataclass(slots=True)
class Tally:
    """What a detector found of one kind in the pictures so far. Scores are those from which on it is so.

    ``heights`` of the labelled boxes in px, ``found``: best score of a finding on each, ``covered``:
    score at which it is covered (-1: never); ``unmatched``: scores of findings on nothing labelled.
    """

    kind: Kind
    padding: float
    pictures: int = 0
    heights: list[float] = field(default_factory=list)
    found: list[float] = field(default_factory=list)
    covered: list[float] = field(default_factory=list)
    unmatched: list[float] = field(default_factory=list)
    cpu_s: float = 0.0

    def add(self, labels: Labels, detections: Iterable[Detection], cpu_s: float) -> None:
        """Counts one picture."""
        self.pictures += 1
        self.cpu_s += cpu_s
        ours = sorted((d for d in detections if d.kind is self.kind), key=lambda d: -d.score)
        found = [_NEVER] * len(labels.boxes)
        for d in ours:
            free = [i for i, f in enumerate(found) if f < 0]
            best = max(free, key=lambda i: labels.boxes[i].iou(d.box), default=None)
            if best is not None and labels.boxes[best].iou(d.box) >= IOU[self.kind]:
                found[best] = d.score
            elif not _is_ignored(d.box, labels):
                self.unmatched.append(d.score)
        for box, score in zip(labels.boxes, found, strict=True):
            if box.height >= LEAST_PX:
                self.heights.append(box.height)
                self.found.append(score)
                self.covered.append(_covered_from(box, ours, self.padding))

    def at(self, score: float) -> Numbers:
        """The figures when findings from ``score`` on count."""
        heights, found, covered = (np.array(v, np.float64) for v in (self.heights, self.found, self.covered))
        bins = tuple(
            Bin(name, int(of.sum()), _share(found[of] >= score), _share(covered[of] >= score))
            for name, low, high in BINS
            if (of := (heights >= low) & (heights < high)).any()
        )
        per_picture = sum(s >= score for s in self.unmatched) / max(1, self.pictures)
        return Numbers(
            score=score,
            boxes=len(found),
            recall=_share(found >= score),
            covered=_share(covered >= score),
            unmatched_per_picture=per_picture,
            bins=bins,
        )

    def score_for(self, unmatched_per_picture: float) -> float:
        """The lowest score seen at which no more than so many findings a picture are on nothing labelled."""
        allowed = int(unmatched_per_picture * self.pictures)
        falling = sorted(self.unmatched, reverse=True)
        limit = falling[allowed] if len(falling) > allowed else 0.0
        return min((s for s in (*self.found, *self.unmatched, 1.0) if s > limit), default=1.0)

    @property
    def cpu_ms_per_picture(self) -> float:
        return 1000 * self.cpu_s / max(1, self.pictures)


@dataclass(frozen=True, slots=True)
class Bin:
    """The labelled objects of one size: how many, and the shares found and covered."""

    px: str
    boxes: int
    recall: float
    covered: float


@dataclass(frozen=True, slots=True)
class Numbers:
    """The figures at one score; see ``cards.Evaluation`` for their meaning."""

    score: float
    boxes: int
    recall: float
    covered: float
    unmatched_per_picture: float
    bins: tuple[Bin, ...]


def _share(of: NDArray[np.bool_]) -> float:
    return float(of.mean()) if of.size else 0.0


def _is_ignored(box: Box, labels: Labels) -> bool:
    """On a region that counts neither way, or on an object too small to count that was matched before."""
    regions = (*labels.ignored, *(b for b in labels.boxes if b.height < LEAST_PX))
    return any(box.intersection(r) >= 0.5 * min(box.area, r.area) > 0 for r in regions)


def _covered_from(box: Box, findings: Sequence[Detection], padding: float) -> float:
    """The score from which on the padded findings (best first) lie over enough of ``box``; -1 if at none."""
    step = (np.arange(_GRID) + 0.5) / _GRID
    x, y = box.x1 + step * box.width, box.y1 + step * box.height
    under = np.zeros((_GRID, _GRID), bool)
    for d in findings:
        p = d.box.pad(padding)
        if p.intersection(box) <= 0:
            continue
        under |= ((y >= p.y1) & (y < p.y2))[:, None] & ((x >= p.x1) & (x < p.x2))[None]
        if under.mean() >= COVERED:
            return d.score
    return _NEVER
