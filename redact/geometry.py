"""Boxes in pixels, and the map between a stored frame and the picture people see."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Box:
    """An axis-aligned rectangle in pixels, half-open: x1 <= x < x2 and y1 <= y < y2.

    The origin is the top left corner of the top left pixel, x to the right, y down.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.x1 + self.y1 + self.x2 + self.y2) and self.x1 <= self.x2 and self.y1 <= self.y2):
            raise ValueError(
                "a box is left, top, right, bottom; right must not be less than left, nor bottom less than top, "
                f"and all are finite; got {', '.join(f'{v:g}' for v in self.edges)}"
            )

    @property
    def width(self) -> float:
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """(x, y) of the middle."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """(x1, y1, x2, y2)."""
        return self.x1, self.y1, self.x2, self.y2

    def to_ints(self) -> tuple[int, int, int, int]:
        """(x1, y1, x2, y2) rounded outwards to whole numbers, for slicing arrays."""
        return math.floor(self.x1), math.floor(self.y1), math.ceil(self.x2), math.ceil(self.y2)

    @property
    def is_empty(self) -> bool:
        return self.width <= 0 or self.height <= 0

    def intersection(self, other: Box) -> float:
        """Area shared with ``other``, in square pixels."""
        w = min(self.x2, other.x2) - max(self.x1, other.x1)
        h = min(self.y2, other.y2) - max(self.y1, other.y1)
        return max(w, 0.0) * max(h, 0.0)

    def iou(self, other: Box) -> float:
        """Intersection over union; 0 where both are empty."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(min(self.x1, other.x1), min(self.y1, other.y1), max(self.x2, other.x2), max(self.y2, other.y2))

    def clip(self, width: float, height: float) -> Box:
        """The part inside a picture of ``width`` x ``height``; empty (but valid) where there is none."""
        x1, y1 = min(max(self.x1, 0.0), width), min(max(self.y1, 0.0), height)
        return Box(x1, y1, min(max(self.x2, x1), width), min(max(self.y2, y1), height))

    def move(self, dx: float, dy: float) -> Box:
        """The same box, ``dx`` further right and ``dy`` further down."""
        return Box(self.x1 + dx, self.y1 + dy, self.x2 + dx, self.y2 + dy)

    def pad(self, share: float) -> Box:
        """Grown on each side by ``share`` of its own width or height."""
        dx, dy = self.width * share, self.height * share
        return Box(self.x1 - dx, self.y1 - dy, self.x2 + dx, self.y2 + dy)

    def round_out(self) -> Box:
        """The smallest box with whole-number edges that holds this one."""
        return Box(math.floor(self.x1), math.floor(self.y1), math.ceil(self.x2), math.ceil(self.y2))

    def lerp(self, other: Box, t: float) -> Box:
        """The box a share ``t`` (0..1) of the way to ``other``."""
        s = 1.0 - t
        return Box(
            self.x1 * s + other.x1 * t,
            self.y1 * s + other.y1 * t,
            self.x2 * s + other.x2 * t,
            self.y2 * s + other.y2 * t,
        )

    def scale(self, sx: float, sy: float) -> Box:
        return Box(self.x1 * sx, self.y1 * sy, self.x2 * sx, self.y2 * sy)


@dataclass(frozen=True, slots=True)
class Polygon:
    """A simple polygon in pixels, in the coordinates of ``Box``: its corners in order, at least three."""

    corners: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        if len(self.corners) < 3 or not all(math.isfinite(v) for c in self.corners for v in c):
            raise ValueError(f"a polygon needs at least three finite corners, got {self.corners}")

    @property
    def box(self) -> Box:
        """The smallest box around it."""
        xs, ys = zip(*self.corners, strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))

    def contains(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which of the points (``x``, ``y``), arrays that broadcast together, lie inside, by the even-odd rule."""
        inside = np.zeros(np.broadcast_shapes(x.shape, y.shape), bool)
        for (ax, ay), (bx, by) in zip(self.corners, (*self.corners[1:], self.corners[0]), strict=True):
            if ay == by:
                continue  # a level side is crossed by no level ray
            crossed = (ay > y) != (by > y)
            inside ^= crossed & (x < ax + (y - ay) * (bx - ax) / (by - ay))
        return inside


@dataclass(frozen=True, slots=True)
class Display:
    """How a stored frame is shown: sample aspect ratio, then a clockwise turn by 0, 90, 180 or 270 degrees.

    ``width`` and ``height`` are the stored frame's, in samples. Display pixels keep the stored height
    and stretch the width by the sample aspect ratio; the turn comes last.
    """

    width: int
    height: int
    sar_num: int = 1
    sar_den: int = 1
    rotation: int = 0

    def __post_init__(self) -> None:
        if self.rotation not in (0, 90, 180, 270):
            raise ValueError(f"rotation must be 0, 90, 180 or 270 degrees, got {self.rotation}")
        if self.width <= 0 or self.height <= 0 or self.sar_num <= 0 or self.sar_den <= 0:
            raise ValueError(f"a picture needs a positive size and aspect ratio, got {self}")

    @property
    def _stretched(self) -> float:
        return self.width * self.sar_num / self.sar_den

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in display pixels, rounded to whole pixels."""
        w, h = max(1, round(self._stretched)), self.height
        return (h, w) if self.rotation in (90, 270) else (w, h)

    def to_stored(self, box: Box) -> Box:
        """Maps a box from display pixels to samples of the stored frame."""
        w, h = self.size
        b = box
        if self.rotation == 90:  # shown x = h - stored y; shown y = stored x
            b = Box(box.y1, w - box.x2, box.y2, w - box.x1)
        elif self.rotation == 180:
            b = Box(w - box.x2, h - box.y2, w - box.x1, h - box.y1)
        elif self.rotation == 270:
            b = Box(h - box.y2, box.x1, h - box.y1, box.x2)
        across = h if self.rotation in (90, 270) else w
        return b.scale(self.width / across, 1.0)

    def outline_to_stored(self, outline: Polygon) -> Polygon:
        """Maps a polygon from display pixels to samples of the stored frame."""
        at = (self.to_stored(Box(x, y, x, y)) for x, y in outline.corners)
        return Polygon(tuple((b.x1, b.y1) for b in at))
