"""What may remain of a region: a coarse grid of averages, in few levels, and how it becomes a picture.

All of it is whole-number arithmetic (in floats that hold the numbers exactly), so every machine and
every device paints the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MOST_CELLS = 6  # per side
LEAST_CELL = 8  # luma samples: a small region keeps fewer averages, so that no cell is an eye
LEVELS = 32  # that an average is rounded to; a power of two, so that a level's step is a whole number
# Weights of one axis sum to this. A level (5 bits) times two weights (9 bits each) fits the 24 bits of a float32.
WEIGHT = 512


@dataclass(frozen=True, slots=True)
class GridSize:
    """Cells of a region, down and across."""

    rows: int
    columns: int


def grid_size(width: int, height: int, cells: int) -> GridSize:
    """The grid of a region of ``width`` x ``height`` luma samples, ``cells`` per side where it is large enough."""
    most = min(cells, MOST_CELLS)
    return GridSize(min(most, max(1, height // LEAST_CELL)), min(most, max(1, width // LEAST_CELL)))


def edges(length: int, cells: int) -> NDArray[np.int64]:
    """(cells + 1,) where the cells of ``length`` samples begin and end."""
    return np.arange(cells + 1) * length // cells


@lru_cache(maxsize=512)
def weights(length: int, cells: int) -> NDArray[np.float32]:
    """(length, cells) what each cell's level adds to each sample: whole numbers, each row's sum is WEIGHT. Read-only.

    A uniform cubic B-spline with the cells' levels as its control points: as smooth as a Gaussian,
    without creases, never above or below the levels it runs between.
    """
    at = ((2 * np.arange(length) + 1) * cells - length) / (2 * length)  # in cells, from the first one's middle
    first = np.floor(at).astype(np.int64)
    t = at - first
    shares = np.stack([(1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3], axis=1) / 6
    whole = np.round(shares * WEIGHT).astype(np.int64)
    rows = np.arange(length)
    whole[rows, whole.argmax(axis=1)] += WEIGHT - whole.sum(axis=1)
    out = np.zeros((length, cells), np.float32)
    for k in range(4):
        np.add.at(out, (rows, np.clip(first + k - 1, 0, cells - 1)), whole[:, k])
    out.flags.writeable = False
    return out


@dataclass(frozen=True, slots=True)
class Scale:
    """From weighted sums of levels to samples: ``factor`` times the sum plus ``offset``, cut to a whole number."""

    step: int
    factor: float
    offset: float


def scale(bits: int) -> Scale:
    """The scale of samples of ``bits``: a level stands for the middle of its step."""
    step = (1 << bits) // LEVELS
    return Scale(step, step / WEIGHT**2, step // 2 + 0.5)
