"""Which samples of a region are covered: row by row, from where to where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.geometry import Polygon

# Below this padding an ellipse that holds the whole detected box is a box but for a few pixels.
_LEAST_PADDING = 0.02
# Samples: a region's edges were rounded outwards, so its centre may lie a little off the detected box's.
_SLACK = 1.0
_ROUNDING = 1e-9  # a sample on the very edge is covered, on whatever machine


def exponent(padding: float) -> float:
    """The exponent n of the superellipse |x|^n + |y|^n <= 1 that just holds the unpadded box.

    A box padded by a share p of its size on each side is 1 + 2p times as large, so the unpadded
    box's corner lies at 1/(1 + 2p) on both axes: 2 (1 + 2p)^-n = 1. Infinite for a box.
    """
    if padding < _LEAST_PADDING:
        return math.inf
    return max(2.0, math.log(2.0) / math.log(1.0 + 2.0 * padding))


@dataclass(frozen=True, slots=True)
class Sides:
    """The sides of a region that lie on the picture's edge.

    There the region was cut off, and what is left of its padding on that side is not known: towards
    such a side the shape is a box.
    """

    left: bool = False
    top: bool = False
    right: bool = False
    bottom: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """``starts``, ``ends`` (rows,) int32: row r is covered from column starts[r] to before ends[r], at least one."""

    starts: NDArray[np.int32]
    ends: NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """``covered`` (rows, columns) bool: for shapes whose rows are not each one run. Not to be written to."""

    covered: NDArray[np.bool_]


Cover = Runs | Mask
"""Which samples of a region are covered."""

_FRACTION = 4  # bits after the point that polygons are drawn with


@lru_cache(maxsize=256)
def within(outline: Polygon, x1: int, y1: int, x2: int, y2: int) -> Mask:
    """The samples of a region (half-open, luma samples) that a polygon touches, and their neighbours.

    In whole-number arithmetic, so that every machine covers the same samples.
    """
    one = 1 << _FRACTION
    # A sample's middle is at a whole number for OpenCV and at a half for us.
    corners = [[round((x - x1 - 0.5) * one), round((y - y1 - 0.5) * one)] for x, y in outline.corners]
    mask = np.zeros((y2 - y1, x2 - x1), np.uint8)
    cv2.fillPoly(mask, [np.array(corners, np.int32)], 1, shift=_FRACTION)
    return Mask(cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(bool))


@lru_cache(maxsize=1024)
def runs(width: int, height: int, n: float, flat: Sides) -> Runs | None:
    """The covered samples of a region of ``width`` x ``height`` luma samples; None where all are."""
    if math.isinf(n):
        return None
    x = _distance(width, flat.left, flat.right) ** n
    y = _distance(height, flat.top, flat.bottom) ** n
    # x falls to the middle and rises from there, so each row's covered samples are neighbours.
    reach = 1.0 - y + _ROUNDING
    half = width // 2
    starts = half - np.searchsorted(x[:half][::-1], reach, side="right")
    ends = half + np.searchsorted(x[half:], reach, side="right")
    return Runs(starts.astype(np.int32), ends.astype(np.int32))


def _distance(length: int, flat_low: bool, flat_high: bool) -> NDArray[np.float64]:
    """(length,) how far from the middle each sample lies, 0..1.

    A sample counts as near as its nearest point, less the slack: it is covered if any part of it is.
    """
    at = np.arange(length) + 0.5 - length / 2
    far = np.asarray(np.maximum(np.abs(at) - 0.5 - _SLACK, 0) / (length / 2))
    if flat_low:
        far[at < 0] = 0
    if flat_high:
        far[at > 0] = 0
    return far


@lru_cache(maxsize=2048)
def subsample(whole: Cover, offset_x: int, offset_y: int, sub_x: int, sub_y: int) -> Cover:
    """The cover on a plane with fewer samples: a sample is covered where any luma sample under it is.

    ``offset_x``, ``offset_y``: how far into its sample of this plane the region's first luma sample lies.
    """
    if sub_x == sub_y == 1:
        return whole
    if isinstance(whole, Mask):
        h, w = whole.covered.shape
        before, after = (offset_y, offset_x), (-(h + offset_y) % sub_y, -(w + offset_x) % sub_x)
        padded = np.pad(whole.covered, tuple(zip(before, after, strict=True)))
        blocks = padded.reshape(padded.shape[0] // sub_y, sub_y, -1, sub_x)
        return Mask(np.asarray(blocks.any(axis=(1, 3)), np.bool_))
    height = len(whole.starts)
    rows = -(-(height + offset_y) // sub_y)
    # The first and last luma rows stand in for rows of their sample that lie outside the region.
    under = np.clip(np.arange(rows * sub_y) - offset_y, 0, height - 1).reshape(rows, sub_y)
    starts = (whole.starts[under].min(axis=1) + offset_x) // sub_x
    ends = -(-(whole.ends[under].max(axis=1) + offset_x) // sub_x)
    return Runs(starts, ends)


@lru_cache(maxsize=1024)
def repeat(cover: Cover, times: int, height: int) -> Cover:
    """The cover with each row ``times`` times, and of them the first ``height``."""
    if times == 1:
        return cover
    if isinstance(cover, Mask):
        return Mask(cover.covered.repeat(times, axis=0)[:height])
    return Runs(cover.starts.repeat(times)[:height], cover.ends.repeat(times)[:height])
