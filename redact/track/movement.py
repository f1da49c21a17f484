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
    """Carries boxes from look to look with the picture's own motion, in display pixels."""

    def __init__(self, frames: Sequence[FrameDetections], size: tuple[int, int]) -> None:
        """``frames``: the examined ones, in display order; ``size``: width and height of the picture."""
        self._looks = [f.index for f in frames]
        self._motions = [f.motion for f in frames]
        self._field = lru_cache(maxsize=64)(self._unpacked)  # a track's looks are asked for one after the other
        self._size = size

    def into(self, look: int, box: Box) -> Box:
        """A box of one look where the next one, frame ``look``, shows it."""
        return self._moved(box, bisect_left(self._looks, look), 1)

    def forward(self, box: Box, start: int, stop: int) -> Iterator[tuple[int, Box]]:
        """(frame, box) at each look after frame ``start``, where ``box`` is, up to frame ``stop``."""
        for n in range(bisect_right(self._looks, start), bisect_right(self._looks, stop)):
            box = self._moved(box, n, 1)
            yield self._looks[n], box

    def backward(self, box: Box, start: int, stop: int) -> Iterator[tuple[int, Box]]:
        """(frame, box) at each look before frame ``start``, where ``box`` is, down to frame ``stop``."""
        for n in range(bisect_left(self._looks, start) - 1, bisect_left(self._looks, stop) - 1, -1):
            # The field tells of places in the look before: there the object is looked for first.
            box = self._moved(box, n + 1, -1, about=self._moved(box, n + 1, -1))
            yield self._looks[n], box

    def _unpacked(self, n: int) -> NDArray[np.float64] | None:
        motion = self._motions[n]
        return None if motion is None else motion.field()

    def _moved(self, box: Box, n: int, sign: int, about: Box | None = None) -> Box:
        field = self._field(n)
        if field is None:
            return box
        w, h = self._size
        x1, y1, x2, y2 = (about or box).edges
        dx, dy = (v * max(w, h) * sign for v in displacement(field, (x1 / w, y1 / h, x2 / w, y2 / h)))
        return box.move(dx, dy)
