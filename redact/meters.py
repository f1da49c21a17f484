"""Measures what a release shows: how much detail is left inside regions, and what changed outside of them.

Meters are handed pictures, frame by frame, and say at the end whether what they measured is allowed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.findings import StoredRegion
from redact.geometry import Box
from redact.misfit import Stretch, misfit
from redact.policy import ObscurePolicy
from redact.verdict import Check
from redact.words import plural

# Root mean square distance (8-bit steps) of a region from the nearest that we paint. Measured on four real clips at
# CRF 20, every region of every frame, 5,767 of them: blurred ones are 2.5 from it at most, also with 6 averages a side,
# and of the same places unpainted 98 of 100 are more than 4 with 2 averages a side (the others show walls and roads).
# Between the fields of a mosaic, and at greater rate factors (benchmarks/results/quality.md), coding leaves more.
MAX_MISFIT = 4.0
MAX_MISFIT_OF_MANY = 2.5  # with more than 2 a side
MAX_MISFIT_OF_FIELDS = 6.0
# The same of chroma: 1.9 at most, and 6.9 between fields; half of what is unpainted is below 2, but not all of a video.
MAX_TINT = 3.0
MAX_TINT_OF_FIELDS = 10.0
_BLACK = 16.0  # luma of black in limited range (ITU-R BT.601/709); in full range it is less
_GREY = 128.0  # chroma without colour
_LEAST_FITTED = 20  # samples: of smaller regions, what is left beside their edges is mostly coding noise
_LEAST_FREE = 6  # samples, of a part of a region over which no other lies
_RIM = 2  # samples along a region's edge, at the least, that coding mixes with what lies outside
# Mean absolute high-pass (8-bit steps) that a smoothed 6x6 grid of averages keeps after coding;
# the photograph of a face has three times that and more. Measured: benchmarks/results/verify.md.
MAX_DETAIL = 4.0
# Mean absolute luma difference (8-bit steps) outside all regions that coding noise explains at CRF 30.
MAX_OUTSIDE = 4.0
EDGE = 8  # samples around a region that deblocking and motion compensation may change: half a macroblock

T = TypeVar("T", np.uint8, np.bool_)

Planes = Sequence[NDArray[np.uint8]]
"""Luma (H, W), and the two of chroma, smaller or as large, where there are any."""


@dataclass
class Worst:
    """The largest value measured so far, and the frame that showed it; -1 where none did."""

    value: float = 0.0
    frame: int = -1

    def take(self, value: float, frame: int) -> None:
        """Takes in one more."""
        if value > self.value:
            self.value, self.frame = value, frame


@dataclass
class DetailMeter:
    """Measures what detail is left inside regions, frame by frame: how much, and whether it can be ours."""

    worst: Worst = field(default_factory=Worst)
    misfit: Worst = field(default_factory=Worst)
    """Of luma."""
    tint: Worst = field(default_factory=Worst)
    """The misfit of chroma."""
    regions: int = 0
    fitted: int = 0
    cells: int = 0
    """Averages a side, at the most, that were allowed."""
    fields: bool = False
    """Whether what was looked at is a mosaic."""

    def look(self, index: int, planes: Planes, regions: Sequence[StoredRegion], obscure: ObscurePolicy) -> None:
        """``planes`` of the release; ``regions`` in samples of its luma, in the order in which they were painted.

        The middle 60 % of each region (of a zone, what lies well inside its outline) is judged, where no later
        one lies over it: the edge of a region is meant to be seen. The nearest that ``obscure`` paints is fitted
        to each that is large enough, or to the largest rectangle of it that lies open.
        """
        self.cells, self.fields = obscure.cells, obscure.method == "mosaic"
        h, w = planes[0].shape
        areas = [r.box.clip(w, h).round_out() for r in regions]
        for i, area in enumerate(areas):
            dx, dy = (max(_RIM, side // 5) for side in (area.width, area.height))
            if min(area.width - 2 * dx, area.height - 2 * dy) < 6:
                continue
            middle = Box(area.x1 + dx, area.y1 + dy, area.x2 - dx, area.y2 - dy)
            over = [b for b in (_grown(a, 2) for a in areas[i + 1 :]) if b.intersection(middle)]
            alone = _well_inside(regions[i], middle)
            for o in over:
                _at(alone, o.move(-middle.x1, -middle.y1))[...] = False
            if alone.sum() < 36:
                continue  # what lies over it is judged in its turn
            self.regions += 1
            if min(area.width, area.height) >= _LEAST_FITTED and regions[i].outline is None:
                self._fit(index, planes, area, reduce(_beside, over, middle), obscure)
            if obscure.method != "mosaic":
                self.worst.take(float(high_pass(_at(planes[0], middle))[alone].mean()), index)

    def look_black(self, index: int, planes: Planes) -> None:
        """``planes`` of a frame of the release that is to be black all over."""
        self._take(index, [_from_black(p, n) for n, p in enumerate(planes)])

    def _fit(self, index: int, planes: Planes, area: Box, free: Box, obscure: ObscurePolicy) -> None:
        if min(free.width, free.height) < _LEAST_FREE:
            return
        self.fitted += 1
        far = []
        for n, plane in enumerate(planes):
            down, across = (-(-a // b) for a, b in zip(planes[0].shape, plane.shape, strict=True))
            x1, y1, x2, y2 = free.to_ints()
            x1, y1, x2, y2 = -(-x1 // across), -(-y1 // down), x2 // across, y2 // down
            if min(x2 - x1, y2 - y1) < _LEAST_FREE // 2:
                continue
            part = plane[y1:y2, x1:x2]
            if obscure.method == "solid":
                far.append(_from_black(part, n))
                continue
            left, top, right, bottom = area.scale(1 / across, 1 / down).to_ints()
            rows, columns = Stretch(bottom - top, y1 - top, y2 - top), Stretch(right - left, x1 - left, x2 - left)
            far.append(misfit(part, rows, columns, obscure.cells, smooth=obscure.method != "mosaic"))
        self._take(index, far)

    def _take(self, index: int, far: Sequence[float]) -> None:
        """``far``: the misfit of luma, and of chroma."""
        self.misfit.take(max(far[:1], default=0.0), index)
        self.tint.take(max(far[1:], default=0.0), index)

    def add(self, other: DetailMeter) -> None:
        """Takes in what another meter measured on other frames."""
        self.regions += other.regions
        self.fitted += other.fitted
        self.cells, self.fields = max(self.cells, other.cells), self.fields or other.fields
        for mine, theirs in ((self.worst, other.worst), (self.misfit, other.misfit), (self.tint, other.tint)):
            mine.take(theirs.value, theirs.frame)

    def check(self, noise: str = "") -> Check:
        """``noise``: what to say of a failure where coding alone may be the reason."""
        smooth = MAX_MISFIT if self.cells <= 2 else MAX_MISFIT_OF_MANY
        most, most_tint = (MAX_MISFIT_OF_FIELDS, MAX_TINT_OF_FIELDS) if self.fields else (smooth, MAX_TINT)
        ok = self.worst.value <= MAX_DETAIL and self.misfit.value <= most and self.tint.value <= most_tint
        sentence = "No detail is left inside the regions."
        if self.worst.value > MAX_DETAIL:
            sentence = (
                f"Frame {self.worst.frame} shows detail inside a region "
                f"({self.worst.value:.1f}; {MAX_DETAIL} is allowed)."
            )
        elif self.misfit.value > most:
            sentence = (
                f"Frame {self.misfit.frame} has a region that does not look obscured "
                f"({self.misfit.value:.1f} from any that is; {most} is allowed)."
            )
        elif not ok:
            sentence = (
                f"Frame {self.tint.frame} has a region whose colours do not look obscured "
                f"({self.tint.value:.1f} from any that do; {most_tint} is allowed)."
            )
        if not ok and noise:
            sentence += f" {noise}"
        numbers = {
            "worst": round(self.worst.value, 3),
            "regions": float(self.regions),
            "worst_misfit": round(self.misfit.value, 3),
            "worst_tint": round(self.tint.value, 3),
            "fitted": float(self.fitted),
        }
        return Check("detail", ok, sentence, numbers)


def _grown(box: Box, by: float) -> Box:
    return Box(box.x1 - by, box.y1 - by, box.x2 + by, box.y2 + by)


def _beside(box: Box, other: Box) -> Box:
    """The largest of the four parts of a box that lie left, right, above or below of another; empty where none does."""
    parts = (
        Box(box.x1, box.y1, min(max(other.x1, box.x1), box.x2), box.y2),
        Box(max(min(other.x2, box.x2), box.x1), box.y1, box.x2, box.y2),
        Box(box.x1, box.y1, box.x2, min(max(other.y1, box.y1), box.y2)),
        Box(box.x1, max(min(other.y2, box.y2), box.y1), box.x2, box.y2),
    )
    return max(parts, key=lambda p: p.area) if box.intersection(other) else box


def _at(plane: NDArray[T], box: Box) -> NDArray[T]:
    """What of a plane a box holds: a view."""
    x1, y1, x2, y2 = (max(v, 0) for v in box.to_ints())
    return plane[y1:y2, x1:x2]


def _from_black(plane: NDArray[np.uint8], n: int) -> float:
    """Root mean square distance, in 8-bit steps, of plane ``n`` of a black picture from black."""
    mean = float(plane.mean())
    return float(np.sqrt(np.square(plane - (_GREY if n else min(mean, _BLACK))).mean()))


def _well_inside(region: StoredRegion, part: Box) -> NDArray[np.bool_]:
    """(rows, columns) of a part of a region: the samples that lie at least EDGE samples inside its outline."""
    x1, y1, x2, y2 = part.to_ints()
    if region.outline is None:
        return np.ones((y2 - y1, x2 - x1), bool)
    x, y = np.arange(x1, x2, dtype=np.float64) + 0.5, np.arange(y1, y2, dtype=np.float64) + 0.5
    inside = region.outline.contains(x[None, :], y[:, None]).astype(np.uint8)
    return np.asarray(cv2.erode(inside, np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)) > 0)


def high_pass(patch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Absolute difference between a luma patch and its own 3x3 mean, in 8-bit steps."""
    p = patch.astype(np.float32)
    return np.asarray(np.abs(p - cv2.blur(p, (3, 3), borderType=cv2.BORDER_REFLECT)), np.float32)


@dataclass
class OutsideMeter:
    """Measures what changed outside all regions, on frames that source and release share."""

    worst: Worst = field(default_factory=Worst)
    total: float = 0.0
    frames: int = 0

    def look(self, index: int, source: NDArray[np.uint8], release: NDArray[np.uint8], boxes: Iterable[Box]) -> None:
        """``source`` and ``release``: luma (H, W) of the same frame; ``boxes`` in its samples."""
        if source.shape != release.shape:
            self.frames += 1
            self.worst.take(255.0, index)
            return
        difference = np.asarray(cv2.absdiff(source, release), np.uint8)
        for box in boxes:
            _at(difference, _grown(box, EDGE))[...] = 0
        value = float(difference.mean())
        self.total += value
        self.frames += 1
        self.worst.take(value, index)

    def add(self, other: OutsideMeter) -> None:
        """Takes in what another meter measured on other frames."""
        self.total += other.total
        self.frames += other.frames
        self.worst.take(other.worst.value, other.worst.frame)

    def check(self, noise: str = "") -> Check:
        """``noise``: as of the other meter."""
        if not self.frames:
            return Check("outside", True, "The picture outside the regions was not compared.", {"frames": 0.0})
        ok = self.worst.value <= MAX_OUTSIDE
        sentence = (
            f"Outside the regions nothing changed but coding noise, on {plural(self.frames, 'frame')} that could be "
            "compared."
            if ok
            else f"Frame {self.worst.frame} differs from the source outside all regions "
            f"(by {self.worst.value:.1f} of 255)."
        )
        if not ok and noise:
            sentence += f" {noise}"
        numbers = {
            "worst": round(self.worst.value, 3),
            "mean": round(self.total / self.frames, 3),
            "frames": float(self.frames),
        }
        return Check("outside", ok, sentence, numbers)
