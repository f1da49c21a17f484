"""What every obscurer does, on whatever device: which samples, which grid, held for how long."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from redact.findings import Kind, StoredRegion
from redact.obscure.grid import GridSize, grid_size
from redact.obscure.planes import FramePlanes, Plane
from redact.obscure.shape import Cover, Sides, exponent, repeat, runs, subsample, within
from redact.policy import Method, ObscurePolicy

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Area:
    """A region on one plane: half-open rows and columns of its data, and the covered samples (None: all)."""

    x1: int
    y1: int
    x2: int
    y2: int
    cover: Cover | None

    @property
    def width(self) -> int:
        return self.x2 - self.x1

    @property
    def height(self) -> int:
        return self.y2 - self.y1


@dataclass(frozen=True, slots=True)
class Held:
    """What remains of a track in all its frames, or in all before the object was sighted (``sighted`` False).

    ``levels``: for each plane (rows, columns), or (C, rows, columns) of interleaved ones; float32 whole numbers.
    """

    track: int
    sighted: bool
    levels: tuple[NDArray[np.float32], ...]


class BaseObscurer(ABC, Generic[A]):
    """Obscures the regions of one segment's frames, handed over in display order.

    ``A`` is the kind of array that the planes hold. Paints each track by the levels that it is given of it, or
    else by those of the first frame that it sees of the track. The next segment has an obscurer of its own.
    Before the object was sighted levels of their own are kept: they are the background's as a rule,
    and a patch of floor on somebody's back would be seen from afar.
    A sample of a chroma plane is covered where any luma sample under it is.
    """

    def __init__(self, policy: ObscurePolicy, given: Iterable[Held] = ()) -> None:
        """``given``: what other segments are painted by, too."""
        self._method = Method(policy.method)
        self._cells = policy.cells
        self._face_exponent = exponent(policy.face_padding if policy.shape == "ellipse" else 0.0)
        self._plate_exponent = exponent(0.0)
        self._given = {(h.track, h.sighted): h.levels for h in given}
        self._held: dict[tuple[int, bool], tuple[A, ...]] = {}

    def apply(self, frame: FramePlanes, regions: Sequence[StoredRegion]) -> None:
        """Obscures ``regions`` in ``frame``, in place, in the order given. Samples outside stay as they are.

        Of a region with an outline, what lies inside is covered, and every sample that the outline touches.
        """
        for region in regions:
            if region.box.is_empty:
                continue
            x1, y1, x2, y2 = region.box.clip(frame.width, frame.height).to_ints()
            if x2 <= x1 or y2 <= y1:
                continue
            if region.outline is None:
                sides = Sides(x1 == 0, y1 == 0, x2 == frame.width, y2 == frame.height)
                n = self._face_exponent if region.kind is Kind.FACE else self._plate_exponent
                luma = Area(x1, y1, x2, y2, runs(x2 - x1, y2 - y1, n, sides))
            else:
                luma = Area(x1, y1, x2, y2, within(region.outline, x1, y1, x2, y2))
            fields = frame.interlaced and not frame.rgb
            areas = [_on_plane(luma, p, fields=fields and n > 0) for n, p in enumerate(frame.planes)]
            if self._method is Method.SOLID:
                for plane, area, value in zip(frame.planes, areas, frame.black_values, strict=True):
                    self._fill(plane.data, area, value)
                continue
            which = region.track, region.sighted
            if which not in self._held:
                given = self._given.get(which)
                self._held[which] = self._measured(frame, areas) if given is None else self._loaded(frame, given)
            for plane, area, levels in zip(frame.planes, areas, self._held[which], strict=True):
                self._paint(plane.data, area, levels, frame.bits)

    @property
    def held(self) -> tuple[Held, ...]:
        """What the regions so far were painted by: to be given to the obscurers of other segments."""
        return tuple(Held(t, sighted, tuple(map(self._plain, v))) for (t, sighted), v in self._held.items())

    def _measured(self, frame: FramePlanes, areas: Sequence[Area]) -> tuple[A, ...]:
        size = grid_size(areas[0].width, areas[0].height, self._cells)
        return tuple(self._measure(p.data, a, size, frame.bits) for p, a in zip(frame.planes, areas, strict=True))

    def _loaded(self, frame: FramePlanes, given: Sequence[NDArray[np.float32]]) -> tuple[A, ...]:
        return tuple(self._load(p.data, levels) for p, levels in zip(frame.planes, given, strict=True))

    @abstractmethod
    def _fill(self, data: A, area: Area, value: int) -> None:
        """Sets the covered samples of a plane to one value."""

    @abstractmethod
    def _measure(self, data: A, area: Area, size: GridSize, bits: int) -> A:
        """The levels (rows, columns) or (C, rows, columns) of the averages of an area's cells."""

    @abstractmethod
    def _plain(self, levels: A) -> NDArray[np.float32]:
        """Levels as ``Held`` has them."""

    @abstractmethod
    def _load(self, data: A, levels: NDArray[np.float32]) -> A:
        """Levels as ``_measure`` gives them of ``data``."""

    @abstractmethod
    def _paint(self, data: A, area: Area, levels: A, bits: int) -> None:
        """Sets the covered samples of a plane to what ``levels`` look like at the area's size."""


_TWO_ROWS_EACH = 4  # luma rows of a frame that hold two of each field: what a chroma row of 4:2:0 stands for, twice


def _on_plane(luma: Area, plane: Plane, *, fields: bool) -> Area:
    """Maps an area from luma samples to a plane's samples, outwards.

    ``fields``: of an interlaced frame's chroma, where a row may stand for luma rows of its own field, ahead of or
    behind those of its place, also where it was 4:2:0 before it was converted. So whole groups of rows are covered.
    """
    sx, sy = plane.sub_x, plane.sub_y
    group = max(_TWO_ROWS_EACH, 2 * sy) if fields else sy  # luma rows that are covered together
    x1, first = luma.x1 // sx, luma.y1 // group
    rows = group // sy
    y1, y2 = first * rows, min(-(-luma.y2 // group) * rows, int(plane.data.shape[0]))
    here = luma.cover
    if here is not None:
        here = subsample(here, luma.x1 - x1 * sx, luma.y1 - first * group, sx, group)
        here = repeat(here, rows, y2 - y1)
    return Area(x1, y1, -(-luma.x2 // sx), y2, here)
