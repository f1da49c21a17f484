"""Measures what a release shows: how much detail is left inside regions, and what changed outside of them.

Meters are handed pictures, frame by frame, and say at the end whether what they measured is allowed. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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

Planes = Sequence[NDArray[np.uint8]]
"""Luma (H, W), and the two of chroma, smaller or as large, where there are any."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Whole-number samples of a picture: rows y1 to before y2, columns x1 to before x2."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def least(self) -> int:
        return min(self.x2 - self.x1, self.y2 - self.y1)

    @property
    def size(self) -> int:
        return max(0, self.x2 - self.x1) * max(0, self.y2 - self.y1)

    def of(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return plane[self.y1 : self.y2, self.x1 : self.x2]

    def meets(self, other: _Part) -> bool:
        return other.x1 < self.x2 and other.x2 > self.x1 and other.y1 < self.y2 and other.y2 > self.y1

    def grown(self, by: int) -> _Part:
        return _Part(self.x1 - by, self.y1 - by, self.x2 + by, self.y2 + by)

    def beside(self, other: _Part) -> _Part:
        """The largest of the four parts of it that lie left, right, above or below of ``other``."""
        parts = (
            _Part(self.x1, self.y1, other.x1, self.y2),
            _Part(other.x2, self.y1, self.x2, self.y2),
            _Part(self.x1, self.y1, self.x2, other.y1),
            _Part(self.x1, other.y2, self.x2, self.y2),
        )
        return max(parts, key=lambda p: p.size)


@dataclass
class DetailMeter:
    """Measures what detail is left inside regions, frame by frame: how much, and whether it can be ours."""

    worst: float = 0.0
    worst_frame: int = -1
    regions: int = 0
    worst_misfit: float = 0.0
    misfit_frame: int = -1
    worst_tint: float = 0.0
    """The misfit of chroma."""
    tint_frame: int = -1
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
        areas = [_Part(*r.box.clip(w, h).to_ints()) for r in regions]
        for i, area in enumerate(areas):
            dx, dy = (max(_RIM, side // 5) for side in (area.x2 - area.x1, area.y2 - area.y1))
            middle = _Part(area.x1 + dx, area.y1 + dy, area.x2 - dx, area.y2 - dy)
            if middle.least < 6:
                continue
            over = [a.grown(2) for a in areas[i + 1 :] if middle.meets(a.grown(2))]
            alone = _well_inside(regions[i], middle)
            for o in over:
                alone[max(o.y1 - middle.y1, 0) : max(o.y2 - middle.y1, 0)][
                    :, max(o.x1 - middle.x1, 0) : max(o.x2 - middle.x1, 0)
                ] = False
            if alone.sum() < 36:
                continue  # what lies over it is judged in its turn
            self.regions += 1
            if area.least >= _LEAST_FITTED and regions[i].outline is None:
                self._fit(index, planes, area, _free(middle, over), obscure)
            if obscure.method != "mosaic":
                value = float(high_pass(middle.of(planes[0]))[alone].mean())
                if value > self.worst:
                    self.worst, self.worst_frame = value, index

    def look_black(self, index: int, planes: Planes) -> None:
        """``planes`` of a frame of the release that is to be black all over."""
        self._take(index, [_from_black(p, n) for n, p in enumerate(planes)])

    def _fit(self, index: int, planes: Planes, area: _Part, free: _Part, obscure: ObscurePolicy) -> None:
        if free.least < _LEAST_FREE:
            return
        self.fitted += 1
        far = []
        for n, plane in enumerate(planes):
            down, across = (-(-a // b) for a, b in zip(planes[0].shape, plane.shape, strict=True))
            part = _Part(-(-free.x1 // across), -(-free.y1 // down), free.x2 // across, free.y2 // down)
            if part.least < _LEAST_FREE // 2:
                continue
            if obscure.method == "solid":
                far.append(_from_black(part.of(plane), n))
                continue
            left, top = area.x1 // across, area.y1 // down
            rows = Stretch(-(-area.y2 // down) - top, part.y1 - top, part.y2 - top)
            columns = Stretch(-(-area.x2 // across) - left, part.x1 - left, part.x2 - left)
            far.append(misfit(part.of(plane), rows, columns, obscure.cells, smooth=obscure.method != "mosaic"))
        self._take(index, far)

    def _take(self, index: int, far: Sequence[float]) -> None:
        """``far``: the misfit of luma, and of chroma."""
        if far and far[0] > self.worst_misfit:
            self.worst_misfit, self.misfit_frame = far[0], index
        if far[1:] and max(far[1:]) > self.worst_tint:
            self.worst_tint, self.tint_frame = max(far[1:]), index

    def add(self, other: DetailMeter) -> None:
        """Takes in what another meter measured on other frames."""
        self.regions += other.regions
        self.fitted += other.fitted
        self.cells, self.fields = max(self.cells, other.cells), self.fields or other.fields
        if other.worst > self.worst:
            self.worst, self.worst_frame = other.worst, other.worst_frame
        if other.worst_misfit > self.worst_misfit:
            self.worst_misfit, self.misfit_frame = other.worst_misfit, other.misfit_frame
        if other.worst_tint > self.worst_tint:
            self.worst_tint, self.tint_frame = other.worst_tint, other.tint_frame

    def check(self, noise: str = "") -> Check:
        """``noise``: what to say of a failure where coding alone may be the reason."""
        smooth = MAX_MISFIT if self.cells <= 2 else MAX_MISFIT_OF_MANY
        most, most_tint = (MAX_MISFIT_OF_FIELDS, MAX_TINT_OF_FIELDS) if self.fields else (smooth, MAX_TINT)
        ok = self.worst <= MAX_DETAIL and self.worst_misfit <= most and self.worst_tint <= most_tint
        sentence = "No detail is left inside the regions."
        if self.worst > MAX_DETAIL:
            sentence = (
                f"Frame {self.worst_frame} shows detail inside a region ({self.worst:.1f}; {MAX_DETAIL} is allowed)."
            )
        elif self.worst_misfit > most:
            sentence = (
                f"Frame {self.misfit_frame} has a region that does not look obscured "
                f"({self.worst_misfit:.1f} from any that is; {most} is allowed)."
            )
        elif not ok:
            sentence = (
                f"Frame {self.tint_frame} has a region whose colours do not look obscured "
                f"({self.worst_tint:.1f} from any that do; {most_tint} is allowed)."
            )
        if not ok and noise:
            sentence += f" {noise}"
        numbers = {
            "worst": round(self.worst, 3),
            "regions": float(self.regions),
            "worst_misfit": round(self.worst_misfit, 3),
            "worst_tint": round(self.worst_tint, 3),
            "fitted": float(self.fitted),
        }
        return Check("detail", ok, sentence, numbers)


def _free(middle: _Part, over: Sequence[_Part]) -> _Part:
    """A large rectangle of a region's middle on which none of those over it lies; empty where there is none."""
    for o in over:
        if middle.meets(o):
            middle = middle.beside(o)
    return middle


def _from_black(plane: NDArray[np.uint8], n: int) -> float:
    """Root mean square distance, in 8-bit steps, of plane ``n`` of a black picture from black."""
    mean = float(plane.mean())
    return float(np.sqrt(np.square(plane - (_GREY if n else min(mean, _BLACK))).mean()))


def _well_inside(region: StoredRegion, part: _Part) -> NDArray[np.bool_]:
    """(rows, columns) of a part of a region: the samples that lie at least EDGE samples inside its outline."""
    x1, y1, x2, y2 = part.x1, part.y1, part.x2, part.y2
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

    worst: float = 0.0
    worst_frame: int = -1
    total: float = 0.0
    frames: int = 0

    def look(self, index: int, source: NDArray[np.uint8], release: NDArray[np.uint8], boxes: Iterable[Box]) -> None:
        """``source`` and ``release``: luma (H, W) of the same frame; ``boxes`` in its samples."""
        if source.shape != release.shape:
            self.worst, self.worst_frame = 255.0, index
            return
        difference = cv2.absdiff(source, release)
        for box in boxes:
            grown = Box(box.x1 - EDGE, box.y1 - EDGE, box.x2 + EDGE, box.y2 + EDGE)
            x1, y1, x2, y2 = grown.clip(source.shape[1], source.shape[0]).to_ints()
            difference[y1:y2, x1:x2] = 0
        value = float(difference.mean())
        self.total += value
        self.frames += 1
        if value > self.worst:
            self.worst, self.worst_frame = value, index

    def add(self, other: OutsideMeter) -> None:
        """Takes in what another meter measured on other frames."""
        self.total += other.total
        self.frames += other.frames
        if other.worst > self.worst:
            self.worst, self.worst_frame = other.worst, other.worst_frame

    def check(self, noise: str = "") -> Check:
        """``noise``: as of the other meter."""
        if not self.frames:
            return Check("outside", True, "The picture outside the regions was not compared.", {"frames": 0.0})
        ok = self.worst <= MAX_OUTSIDE
        sentence = (
            f"Outside the regions nothing changed but coding noise, on {plural(self.frames, 'frame')} that could be "
            "compared."
            if ok
            else f"Frame {self.worst_frame} differs from the source outside all regions (by {self.worst:.1f} of 255)."
        )
        if not ok and noise:
            sentence += f" {noise}"
        numbers = {
            "worst": round(self.worst, 3),
            "mean": round(self.total / self.frames, 3),
            "frames": float(self.frames),
        }
        return Check("outside", ok, sentence, numbers)
