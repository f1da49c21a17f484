"""Replaces what is inside a region by so little that nothing can be rebuilt from it.

What remains is a grid of at most 6 x 6 averages, in steps, taken once and held: the frames of a
track do not add up to a picture. See docs/decisions/0002-blur-that-cannot-be-undone.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.findings import Kind
from redact.geometry import Box
from redact.obscure.planes import FramePlanes, Plane
from redact.obscure.shape import exponent, mask, subsample
from redact.policy import ObscurePolicy

LEAST_CELL = 8  # luma samples: a small region keeps fewer averages, so that no cell is an eye
STEPS = 32  # levels that an average is rounded to


@dataclass(frozen=True, slots=True)
class StoredRegion:
    """A region in samples of the stored frame; ``track`` tells which object it belongs to."""

    track: int
    kind: Kind
    box: Box


@dataclass(frozen=True, slots=True)
class _Patch:
    """A region on one plane: rows and columns of its data, and the covered samples (None: all)."""

    x1: int
    y1: int
    x2: int
    y2: int
    covered: NDArray[np.bool_] | None


class Obscurer:
    """Obscures the regions of one segment's frames, handed over in display order.

    Keeps each track's averages from the first frame that it sees of the track.
    """

    def __init__(self, policy: ObscurePolicy) -> None:
        self._method = policy.method
        self._cells = policy.cells
        self._face_exponent = exponent(policy.face_padding) if policy.shape == "ellipse" else np.inf
        self._held: dict[int, tuple[NDArray[Any], ...]] = {}

    def apply(self, frame: FramePlanes, regions: Sequence[StoredRegion]) -> None:
        """Obscures ``regions`` in ``frame``, in place, in the order given. Samples outside stay as they are."""
        for region in regions:
            x1, y1, x2, y2 = region.box.clip(frame.width, frame.height).to_ints()
            x2, y2 = min(x2, frame.width), min(y2, frame.height)
            if x2 <= x1 or y2 <= y1:
                continue
            n = self._face_exponent if region.kind is Kind.FACE else np.inf
            covered = self._covered(region.box, (x1, y1, x2, y2), n)
            patches = [_on_plane(p, x1, y1, x2, y2, covered) for p in frame.planes]
            if self._method == "solid":
                for plane, patch, value in zip(frame.planes, patches, frame.black_values, strict=True):
                    _fill(plane, patch, np.asarray(value, plane.data.dtype))
                continue
            grids = self._held.get(region.track)
            if grids is None:
                columns = min(self._cells, max(1, (x2 - x1) // LEAST_CELL))
                rows = min(self._cells, max(1, (y2 - y1) // LEAST_CELL))
                step = (1 << frame.bits) // STEPS
                grids = tuple(
                    _averages(p.data[q.y1 : q.y2, q.x1 : q.x2], columns, rows, step)
                    for p, q in zip(frame.planes, patches, strict=True)
                )
                self._held[region.track] = grids
            smooth = cv2.INTER_LINEAR if self._method == "blur" else cv2.INTER_NEAREST
            for plane, patch, grid in zip(frame.planes, patches, grids, strict=True):
                size = (patch.x2 - patch.x1, patch.y2 - patch.y1)
                _fill(plane, patch, cv2.resize(grid, size, interpolation=smooth))

    @staticmethod
    def _covered(box: Box, clipped: tuple[int, int, int, int], n: float) -> NDArray[np.bool_] | None:
        """The shape of the whole region, cut to the part inside the picture."""
        left, top, right, bottom = box.to_ints()
        whole = mask(right - left, bottom - top, n)
        if whole is None:
            return None
        x1, y1, x2, y2 = clipped
        return whole[y1 - top : y2 - top, x1 - left : x2 - left]


def _on_plane(plane: Plane, x1: int, y1: int, x2: int, y2: int, covered: NDArray[np.bool_] | None) -> _Patch:
    """Maps a region from luma samples to a plane's samples, outwards."""
    sx, sy = plane.sub_x, plane.sub_y
    px1, py1, px2, py2 = x1 // sx, y1 // sy, -(-x2 // sx), -(-y2 // sy)
    if covered is not None:
        covered = subsample(covered, x1 - px1 * sx, y1 - py1 * sy, sx, sy)
    return _Patch(px1, py1, px2, py2, covered)


def _averages(patch: NDArray[Any], columns: int, rows: int, step: int) -> NDArray[Any]:
    """(rows, columns[, C]) averages of a patch, each rounded to the middle of its step."""
    grid = cv2.resize(np.ascontiguousarray(patch), (columns, rows), interpolation=cv2.INTER_AREA)
    return (grid // step * step + step // 2).astype(patch.dtype)


def _fill(plane: Plane, patch: _Patch, value: NDArray[Any]) -> None:
    target = plane.data[patch.y1 : patch.y2, patch.x1 : patch.x2]
    if patch.covered is None:
        target[...] = value
        return
    where = patch.covered if target.ndim == 2 else patch.covered[..., None]
    np.copyto(target, value, where=where)
