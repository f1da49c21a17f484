"""The same as ``redact.obscure.obscurer`` on planes that are torch tensors, on the device where they lie.

No sample comes to the host. The result is bit for bit the one of the numpy obscurer: see
``redact.obscure.grid``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from redact.obscure.base import Area, BaseObscurer
from redact.obscure.grid import GridSize, edges, scale, weights
from redact.obscure.shape import Cover, Mask
from redact.policy import Method

# Holds whole numbers up to 2^53. Not float32: a device may be set to multiply it with fewer bits (TF32).
_EXACT = torch.float64


class TorchObscurer(BaseObscurer[Tensor]):
    """Obscures planes that are uint8, int16 or uint16 tensors, all on one device."""

    def _fill(self, data: Tensor, area: Area, value: int) -> None:
        _write(data, area, torch.tensor(value, dtype=torch.int32, device=data.device))

    def _measure(self, data: Tensor, area: Area, size: GridSize, bits: int) -> Tensor:
        patch = _samples(data)[area.y1 : area.y2, area.x1 : area.x2].to(torch.int32) & 0xFFFF
        planes = (patch.permute(2, 0, 1) if data.ndim == 3 else patch).to(_EXACT)
        down, across = (_cells(n, k, data.device) for n, k in ((area.height, size.rows), (area.width, size.columns)))
        sums = (down.T @ planes @ across).to(torch.int64)
        samples = torch.outer(down.sum(0), across.sum(0)).to(torch.int64)
        return (sums // samples // scale(bits).step).to(_EXACT)

    def _plain(self, levels: Tensor) -> NDArray[np.float32]:
        return levels.cpu().numpy().astype(np.float32)

    def _load(self, data: Tensor, levels: NDArray[np.float32]) -> Tensor:
        return torch.from_numpy(levels.astype(np.float64)).to(data.device)

    def _paint(self, data: Tensor, area: Area, levels: Tensor, bits: int) -> None:
        rows, columns = levels.shape[-2:]
        to_sample = scale(bits)
        if self._method is Method.BLUR:
            down, across = (_weights(n, k, data.device) for n, k in ((area.height, rows), (area.width, columns)))
            value = (down @ levels @ across.T) * to_sample.factor + to_sample.offset
        else:
            down, across = (_cells(n, k, data.device) for n, k in ((area.height, rows), (area.width, columns)))
            value = (down @ levels @ across.T) * to_sample.step + to_sample.step // 2
        value = value.to(torch.int32)
        _write(data, area, value.permute(1, 2, 0) if data.ndim == 3 else value)


def _samples(data: Tensor) -> Tensor:
    """The same memory as a type that every operation knows: uint16 is known to few."""
    return data.view(torch.int16) if data.dtype == torch.uint16 else data


def _write(data: Tensor, area: Area, value: Tensor) -> None:
    """``value``: int32, 0 to 65535."""
    target = _samples(data)[area.y1 : area.y2, area.x1 : area.x2]
    value = value.to(target.dtype)  # 32768 and above keep their bits in an int16
    if area.cover is None:
        target.copy_(value)
        return
    where = _covered(area.cover, area.width, data.device)
    target.copy_(torch.where(where if data.ndim == 2 else where[..., None], value, target))


# What follows depends on sizes alone; kept on the device, so that a frame needs no transfer for a size seen before.


@lru_cache(maxsize=512)
def _weights(length: int, cells: int, device: torch.device) -> Tensor:
    return torch.from_numpy(weights(length, cells).astype(np.float64)).to(device)


@lru_cache(maxsize=512)
def _cells(length: int, cells: int, device: torch.device) -> Tensor:
    """(length, cells): 1 where a sample lies in a cell."""
    return torch.from_numpy(np.repeat(np.eye(cells), np.diff(edges(length, cells)), axis=0)).to(device)


@lru_cache(maxsize=32)
def _covered(cover: Cover, width: int, device: torch.device) -> Tensor:
    """(rows, width) bool, True where covered."""
    if isinstance(cover, Mask):
        return torch.from_numpy(cover.covered).to(device)
    starts, ends = (torch.from_numpy(a).to(device)[:, None] for a in (cover.starts, cover.ends))
    column = torch.arange(width, dtype=torch.int32, device=device)
    return (column >= starts) & (column < ends)
