"""How the picture moves from one look to the next: a coarse field of displacements.

A camera on a chest or in the wind moves everything in its picture by more than a face's width
between two looks. Dense inverse search (Kroeger et al., ECCV 2016) on a picture of 384 px tells how
much, and where, for a millisecond or two a look; see docs/decisions/0009-motion.md.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LONG_PX = 384  # long side of the picture that motion is told from
_CELLS = 32  # along the long side: a cell is as large as a near face in 1080p
_LEAST_PX = 48  # short side below which the search has no room (below 32 it would crash)
_FAR = 1 / 16  # of the long side: a pan from which on the search may lose it
_STEPS = 400  # of which the long side is made: a displacement is a whole number of them


@dataclass(frozen=True, slots=True)
class Motion:
    """Displacements since the look before, in ``rows`` x ``columns`` cells that divide the picture evenly.

    ``packed``: for each cell, row by row, two signed bytes (right, down), in steps of 1/400 of the
    picture's long side, up to a third of it; deflated, as most pictures stand still in most places.
    """

    columns: int
    rows: int
    packed: bytes

    def field(self) -> NDArray[np.float64]:
        """The displacements (rows, columns, 2), in shares of the picture's long side."""
        steps = np.frombuffer(zlib.decompress(self.packed), np.int8).reshape(self.rows, self.columns, 2)
        return steps / _STEPS

    def part(self, share: float) -> Motion | None:
        """What of it had happened after ``share`` of the time, as if it went on evenly; None where that is nothing."""
        return _pack(self.field() * share)


def _pack(field: NDArray[np.float64]) -> Motion | None:
    """Displacements (rows, columns, 2), in shares of the picture's long side, as what is kept of them."""
    steps = np.clip(np.round(field * _STEPS), -127, 127).astype(np.int8)
    rows, columns = field.shape[:2]
    return Motion(columns, rows, zlib.compress(steps.tobytes())) if steps.any() else None


def displacement(field: NDArray[np.float64], box: tuple[float, float, float, float]) -> tuple[float, float]:
    """How far what is in ``box`` (x1, y1, x2, y2, in shares of the width and the height) moves.

    ``field`` (rows, columns, 2), and what is given back (right, down), in shares of the picture's long
    side. The median of the cells whose middle the box holds: what fills most of it counts, and not what
    it moves before. Where it holds none, bilinear between the four about its middle.
    """
    rows, columns = field.shape[:2]
    x1, y1, x2, y2 = box
    left, right = math.ceil(x1 * columns - 0.5), math.floor(x2 * columns - 0.5)
    top, low = math.ceil(y1 * rows - 0.5), math.floor(y2 * rows - 0.5)
    cells = field[max(top, 0) : max(low + 1, 0), max(left, 0) : max(right + 1, 0)]
    if cells.size:
        ordered = np.sort(cells.reshape(-1, 2), axis=0)  # np.median takes five times as long for a handful
        n = len(ordered)
        dx, dy = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
        return float(dx), float(dy)
    u = min(max((x1 + x2) / 2 * columns - 0.5, 0.0), columns - 1.0)
    v = min(max((y1 + y2) / 2 * rows - 0.5, 0.0), rows - 1.0)
    left, top = min(int(u), max(columns - 2, 0)), min(int(v), max(rows - 2, 0))
    right, low = min(left + 1, columns - 1), min(top + 1, rows - 1)
    a, b = u - left, v - top
    dx, dy = (field[top, left] * (1 - a) + field[top, right] * a) * (1 - b) + (
        field[low, left] * (1 - a) + field[low, right] * a
    ) * b
    return float(dx), float(dy)


def small(pixels: NDArray[np.uint8], long_px: int = LONG_PX) -> NDArray[np.uint8]:
    """A picture (H, W, 3) RGB as motion is told from: luma (h, w) uint8, ``long_px`` along its long side."""
    h, w = pixels.shape[:2]
    factor = long_px / max(h, w)
    size = max(1, round(w * factor)), max(1, round(h * factor))
    return np.asarray(cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY))


def to_png(picture: NDArray[np.uint8] | None) -> bytes:
    """A picture of ``small``, shrunk to half its sides, as PNG; empty for None."""
    if picture is None:
        return b""
    h, w = picture.shape
    half = cv2.resize(picture, (max(1, w // 2), max(1, h // 2)), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", half)[1].tobytes()


def motion_between(before: bytes, after: bytes) -> Motion | None:
    """``motion`` between two pictures of ``to_png``; None where one is empty, too."""
    if not before or not after:
        return None
    a, b = (cv2.imdecode(np.frombuffer(p, np.uint8), cv2.IMREAD_GRAYSCALE) for p in (before, after))
    assert a is not None
    assert b is not None
    return motion(np.asarray(a, np.uint8), np.asarray(b, np.uint8))


def _flow(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Displacement of each pixel of ``before`` (h, w), as (h, w, 2): right, down.

    The search loses a pan of more than an eighth of the picture; correlating the phases of the whole
    pictures finds it, and the search the rest.
    """
    flow = _search(before, after)
    (x, y), _ = cv2.phaseCorrelate(
        before.astype(np.float32), after.astype(np.float32), cv2.createHanningWindow(before.shape[::-1], cv2.CV_32F)
    )
    dx, dy = round(x), round(y)
    if max(abs(dx), abs(dy)) < _FAR * max(before.shape):
        return flow
    back = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    panned = cv2.warpAffine(after, back, before.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
    other = _search(before, np.asarray(panned, np.uint8)) + np.array([dx, dy], np.float32)
    return other if _unlike(before, after, other) < _unlike(before, after, flow) else flow


def _search(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    return np.asarray(search.calc(before, after, np.zeros((*before.shape, 2), np.float32)), np.float32)


def _unlike(before: NDArray[np.uint8], after: NDArray[np.uint8], flow: NDArray[np.float32]) -> float:
    """Mean absolute difference of what a flow takes to the same place, where that lies inside the picture."""
    h, w = before.shape
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    x, y = x + flow[..., 0], y + flow[..., 1]
    there = cv2.remap(after, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    return float(cv2.absdiff(before, there)[inside].mean()) if inside.any() else 255.0


def motion(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Motion | None:
    """How the picture moved between two looks, both from ``small``; None where it stood still or is too narrow."""
    if before.shape != after.shape or min(before.shape) < _LEAST_PX:
        return None
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # each thread searches a stripe of its own: the result would depend on their number
    try:
        flow = _flow(before, after)
    finally:
        cv2.setNumThreads(threads)
    h, w = before.shape
    columns, rows = max(1, round(_CELLS * w / max(h, w))), max(1, round(_CELLS * h / max(h, w)))
    # Each cell's median: an object that fills less than half of it does not count, noise neither. Of every other
    # pixel; what is left over at the right and at the bottom is less than a pixel for each cell.
    high, wide = h // rows // 2 * 2, w // columns // 2 * 2
    cells = flow[: rows * high : 2, : columns * wide : 2].reshape(rows, high // 2, columns, wide // 2, 2)
    middle = np.median(cells.swapaxes(1, 2).reshape(rows * columns, -1, 2), axis=1)
    return _pack(middle.reshape(rows, columns, 2).astype(np.float64) / max(h, w))
