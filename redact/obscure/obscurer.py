"""Replaces what is inside a region by so little that nothing can be rebuilt from it.

What remains is a grid of at most 6 x 6 averages, in steps, taken once for each track and held: its frames
do not add up to a picture. See docs/decisions/0002-blur-that-cannot-be-undone.md.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from redact.obscure.base import Area, BaseObscurer
from redact.obscure.grid import GridSize, edges, scale, weights
from redact.obscure.shape import Cover, Mask
from redact.policy import Method

# Multiplications: OpenBLAS starts threads from 2^18 on (interface/gemm.c, SMP_THRESHOLD_MIN * 4).
_ONE_THREAD = 1 << 17


class Obscurer(BaseObscurer[NDArray[Any]]):
    """Obscures planes that are numpy arrays."""

    def _fill(self, data: NDArray[Any], area: Area, value: int) -> None:
        _write(data, area, np.asarray(value, data.dtype))

    def _measure(self, data: NDArray[Any], area: Area, size: GridSize, bits: int) -> NDArray[Any]:
        patch = data[area.y1 : area.y2, area.x1 : area.x2]
        rows, columns = edges(area.height, size.rows), edges(area.width, size.columns)
        sums = np.add.reduceat(patch, rows[:-1], axis=0, dtype=np.int64)
        sums = np.add.reduceat(sums, columns[:-1], axis=1)
        samples = np.outer(np.diff(rows), np.diff(columns))
        if patch.ndim == 3:
            sums = sums.transpose(2, 0, 1)
        levels: NDArray[Any] = sums // samples // scale(bits).step
        return levels.astype(np.float32)

    def _plain(self, levels: NDArray[Any]) -> NDArray[np.float32]:
        return levels

    def _load(self, data: NDArray[Any], levels: NDArray[np.float32]) -> NDArray[Any]:
        return levels

    def _paint(self, data: NDArray[Any], area: Area, levels: NDArray[Any], bits: int) -> None:
        rows, columns = levels.shape[-2:]
        to_sample = scale(bits)
        if self._method is Method.BLUR:
            sums = _spread(weights(area.height, rows) @ levels, weights(area.width, columns).T)
            sums *= to_sample.factor
            sums += to_sample.offset
        else:
            sums = levels * to_sample.step + to_sample.step // 2
        value = sums.astype(data.dtype)
        if self._method is Method.MOSAIC:
            value = value.repeat(np.diff(edges(area.width, columns)), -1).repeat(np.diff(edges(area.height, rows)), -2)
        _write(data, area, value.transpose(1, 2, 0) if data.ndim == 3 else value)


def _spread(left: NDArray[Any], right: NDArray[Any]) -> NDArray[Any]:
    """``left`` (..., H, K) times ``right`` (K, W). Exact in float32, in whatever order a library adds up: see WEIGHT.

    In blocks of rows that are too small for the library to start threads, which would wait for each
    other on cores where other segments are at work.
    """
    height, (k, width) = left.shape[-2], right.shape
    out = np.empty((*left.shape[:-1], width), np.float32)
    block = max(1, _ONE_THREAD // (k * width))
    for top in range(0, height, block):
        np.matmul(left[..., top : top + block, :], right, out=out[..., top : top + block, :])
    return out


def _write(data: NDArray[Any], area: Area, value: NDArray[Any]) -> None:
    target = data[area.y1 : area.y2, area.x1 : area.x2]
    if area.cover is None:
        target[...] = value
        return
    where = _covered(area.cover, area.width)
    np.copyto(target, value, where=where if data.ndim == 2 else where[..., None])


@lru_cache(maxsize=16)  # the chroma planes of a region share theirs, and so do frames where its size rests
def _covered(cover: Cover, width: int) -> NDArray[np.bool_]:
    """(rows, width) bool, True where covered."""
    if isinstance(cover, Mask):
        return cover.covered
    column = np.arange(width, dtype=np.int32)
    return np.asarray((column >= cover.starts[:, None]) & (column < cover.ends[:, None]))
