"""Where things are carried when the picture moves. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from redact.findings import FrameDetections
from redact.geometry import Box
from redact.motion import displacement


class Movement:
    """Carries boxes from look to look with the picture's own motion, in display pixels.

    Either with what moves at their place, or (``whole``) with the picture as a whole: somebody whom a
    passer-by hides does not go along with the passer-by.
    """

    def __init__(self, frames: Sequence[FrameDetections], size: tuple[int, int]) -> None:
        """``frames``: the examined ones, in display order; ``size``: width and height of the picture."""
        self._looks = [f.index for f in frames]
        self._motions = [f.motion for f in frames]
        self._field = lru_cache(maxsize=512)(self._unpacked)  # tracks are gone through one by one: a minute, 5 MB
        self._size = size

    def into(self, look: int, box: Box, *, whole: bool = False) -> Box:
        """A box of one look where the next one, frame ``look``, shows it."""
        return self._moved(box, bisect_left(self._looks, look), 1, whole)

    def forward(self, box: Box, start: int, stop: int, *, whole: bool = False) -> Iterator[tuple[int, Box]]:
        """(frame, box) at each look after frame ``start``, where ``box`` is, up to frame ``stop``."""
        for n in range(bisect_right(self._looks, start), bisect_right(self._looks, stop)):
            box = self._moved(box, n, 1, whole)
            yield self._looks[n], box

    def backward(self, box: Box, start: int, stop: int, *, whole: bool = False) -> Iterator[tuple[int, Box]]:
        """(frame, box) at each look before frame ``start``, where ``box`` is, down to frame ``stop``."""
        for n in range(bisect_left(self._looks, start) - 1, bisect_left(self._looks, stop) - 1, -1):
            # The field tells of places in the look before: there the object is looked for first.
            box = self._moved(box, n + 1, -1, whole, about=self._moved(box, n + 1, -1, whole))
            yield self._looks[n], box

    def _unpacked(self, n: int) -> tuple[NDArray[np.float64], tuple[float, float]] | None:
        motion = self._motions[n]
        if motion is None:
            return None
        field = motion.field()
        dx, dy = np.median(field.reshape(-1, 2), axis=0)
        return field, (float(dx), float(dy))

    def _moved(self, box: Box, n: int, sign: int, whole: bool, about: Box | None = None) -> Box:
        moved = self._field(n)
        if moved is None:
            return box
        field, all_of_it = moved
        w, h = self._size
        x1, y1, x2, y2 = (about or box).edges
        dx, dy = all_of_it if whole else displacement(field, (x1 / w, y1 / h, x2 / w, y2 / h))
        step = max(w, h) * sign
        return box.move(dx * step, dy * step)
