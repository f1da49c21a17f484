"""How far a patch is from anything that we paint can look like. Pure.

A blurred region is a smooth surface through at most 6 x 6 levels, a mosaic has as many flat fields, so the nearest
such surface differs from it by coding noise alone. A face that was not painted differs by its features, however soft
they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_ENOUGH = 32  # samples a side: of larger patches every second one is taken, or fewer
_SEAM = 2  # samples on either side of the edge between two fields of a mosaic, which coding mixes


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows, or columns, of a region: how many it has, and the first and last + 1 that a patch holds."""

    length: int
    first: int
    stop: int


def misfit(patch: NDArray[np.uint8], rows: Stretch, columns: Stretch, cells: int, *, smooth: bool = True) -> float:
    """Root mean square distance, in 8-bit steps, of a patch (h, w) of a plane from the nearest surface of ours.

    All sizes of the grid up to ``cells`` a side are tried: which one was held depends on how large the
    region was when first seen. ``smooth``: as a blur is; else a mosaic's.
    """
    least = np.inf
    whole = patch.astype(np.float64)
    whole -= whole.mean()  # every grid holds a constant; smaller numbers are more exact
    acrosses = _bases(columns, cells, smooth)
    for down in _bases(rows, cells, smooth):
        for across in acrosses:
            y = whole[down.at[:, None], across.at]
            if y.size:
                explained = float(((down.curves.T @ y @ across.curves) ** 2).sum())
                least = min(least, max(float((y**2).sum()) - explained, 0.0) / y.size)
    return float(np.sqrt(least)) if np.isfinite(least) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """``at`` (n,): the samples that count; ``curves`` (n, k): what can be there, orthonormal."""

    at: NDArray[np.int64]
    curves: NDArray[np.float64]


@lru_cache(maxsize=4096)
def _bases(here: Stretch, cells: int, smooth: bool) -> tuple[_Basis, ...]:
    """One for 2, 3, up to ``cells`` levels, all of which hold what one level looks like."""
    at = np.arange(0, here.stop - here.first, max(1, (here.stop - here.first) // _ENOUGH))
    out = []
    for k in range(min(2, cells), cells + 1):
        if smooth:
            out.append(_Basis(at, np.linalg.qr(_spline(here.length, k)[here.first + at])[0]))
            continue
        seams = np.arange(1, k) * here.length // k
        beside = (np.abs(here.first + at[:, None] + 0.5 - seams) < _SEAM).any(axis=1)
        fields = np.searchsorted(seams, here.first + at[~beside], side="right")
        _, number = np.unique(fields, return_inverse=True)
        flat = np.eye(int(number.max(initial=-1)) + 1)[number]
        out.append(_Basis(at[~beside], flat / np.maximum(np.sqrt(flat.sum(axis=0)), 1.0)))
    return tuple(out)


def _spline(length: int, cells: int) -> NDArray[np.float64]:
    """(length, cells) what each level adds to each sample: a uniform cubic B-spline, its ends held.

    Not asked of ``redact.obscure``, which it is to judge.
    """
    at = ((2 * np.arange(length) + 1) * cells - length) / (2 * length)
    first = np.floor(at).astype(np.int64)
    t = at - first
    shares = np.stack([(1 - t) ** 3, 4 - 6 * t**2 + 3 * t**3, 1 + 3 * t + 3 * t**2 - 3 * t**3, t**3], axis=1) / 6
    out = np.zeros((length, cells))
    for k in range(4):
        np.add.at(out, (np.arange(length), np.clip(first + k - 1, 0, cells - 1)), shares[:, k])
    return out
