"""How far a patch is from anything that a blur of ours can look like. Pure.

A blurred region is a smooth surface through at most 6 x 6 levels, so the nearest such surface differs
from it by coding noise alone. A face that was not painted differs by its features, however soft they are.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_MOST_CELLS = 6  # per side; a test holds it and the splines to those of ``redact.obscure.grid``


def misfit(patch: NDArray[np.uint8], rows: tuple[int, int, int], columns: tuple[int, int, int], cells: int) -> float:
    """Root mean square distance, in 8-bit steps, of a luma patch (h, w) from the nearest surface of ours.

    ``rows``: (length of the region, first and last + 1 of its rows that the patch holds); ``columns`` alike.
    All sizes of the grid up to ``cells`` a side are tried: which one was held depends on how large the
    region was when first seen.
    """
    y = patch.astype(np.float64)
    y -= y.mean()  # every grid holds a constant
    explained = 0.0
    for down in _bases(*rows)[:cells]:
        half = down.T @ y
        explained = max(explained, *(float(((half @ across) ** 2).sum()) for across in _bases(*columns)[:cells]))
    return float(np.sqrt(max(float((y**2).sum()) - explained, 0.0) / y.size))


@lru_cache(maxsize=2048)
def _bases(length: int, first: int, stop: int) -> tuple[NDArray[np.float64], ...]:
    """Orthonormal bases (stop - first, k) of the curves through k = 1 .. 6 levels, on a part of ``length`` samples."""
    return tuple(np.linalg.qr(_spline(length, k)[first:stop])[0] for k in range(1, _MOST_CELLS + 1))


def _spline(length: int, cells: int) -> NDArray[np.float64]:
    """(length, cells) what each level adds to each sample: a uniform cubic B-spline, its ends held."""
    at = ((2 * np.arange(length) + 1) * cells - length) / (2 * length)
    first = np.floor(at).astype(np.int64)
    t = at - first
    shares = np.stack([(1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3], axis=1) / 6
    out = np.zeros((length, cells))
    for k in range(4):
        np.add.at(out, (np.arange(length), np.clip(first + k - 1, 0, cells - 1)), shares[:, k])
    return out
