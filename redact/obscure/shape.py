"""Which samples of a region are covered."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# Below this padding an ellipse that holds the whole detected box is a box but for a few pixels.
_LEAST_PADDING = 0.02


def exponent(padding: float) -> float:
    """The exponent n of the superellipse |x|^n + |y|^n <= 1 that just holds the unpadded box.

    A box padded by a share p of its size on each side is 1 + 2p times as large, so the unpadded
    box's corner lies at 1/(1 + 2p) on both axes: 2 (1 + 2p)^-n = 1. Infinite for a box.
    """
    if padding < _LEAST_PADDING:
        return math.inf
    return max(2.0, math.log(2.0) / math.log(1.0 + 2.0 * padding))


@lru_cache(maxsize=512)
def mask(width: int, height: int, n: float) -> NDArray[np.bool_] | None:
    """(height, width) bool, True where covered; None where everything is. Read-only."""
    if math.isinf(n):
        return None
    # A sample is covered if any part of it is: its point nearest to the centre decides.
    x = np.maximum(np.abs(np.arange(width) + 0.5 - width / 2) - 0.5, 0) / (width / 2)
    y = np.maximum(np.abs(np.arange(height) + 0.5 - height / 2) - 0.5, 0) / (height / 2)
    covered: NDArray[np.bool_] = (x**n)[None, :] + (y**n)[:, None] <= 1.0
    covered.flags.writeable = False
    return covered


def subsample(covered: NDArray[np.bool_], offset_x: int, offset_y: int, sub_x: int, sub_y: int) -> NDArray[np.bool_]:
    """The mask on a plane with fewer samples: covered where any luma sample under it is.

    ``offset_x``, ``offset_y``: how far into its chroma sample the region's first luma sample lies.
    """
    if sub_x == sub_y == 1:
        return covered
    h, w = covered.shape
    rows, columns = -(-(h + offset_y) // sub_y), -(-(w + offset_x) // sub_x)
    full = np.zeros((rows * sub_y, columns * sub_x), bool)
    full[offset_y : offset_y + h, offset_x : offset_x + w] = covered
    return np.asarray(full.reshape(rows, sub_y, columns, sub_x).any(axis=(1, 3)))
