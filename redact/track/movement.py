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

    def __init__(self, frames: Sequence[FrameDetections], size: tuple[int, int], seconds: NDArray[np.float64]) -> None:
        """``frames``: the examined ones, in display order; ``size``: width and height of the picture.

        ``seconds`` (frames of the video,): the time of each.
        """
        self._seconds = seconds
        self._looks = [f.index for f in frames]
        self._motions = [f.motion for f in frames]
        self._field = lru_cache(maxsize=512)(self._unpacked)  # tracks are gone through one by one: a minute, 5 MB
        self._size = size

    def into(self, look: int, box: Box, *, whole: bool = False) -> Box:
        """A box of one look where the next one, frame ``look``, shows it."""
        return self._moved(box, bisect_left(self._looks, look), 1.0, whole)

    def forward(self, box: Box, start: int, stop: int, *, whole: bool = False) -> Iterator[tuple[int, Box]]:
        """(frame, box) at each look after frame ``start``, where ``box`` is, and at frame ``stop``, the last one.

        Between two looks the picture moves evenly in time; behind the last one it stands still.
        """
        here, n = start, bisect_right(self._looks, start)
        while here < stop:
            there = min(stop, self._looks[n]) if n < len(self._looks) else stop
            box = self._moved(box, n, self._share(here, there, n), whole)
            here, n = there, n + 1
            yield here, box

    def backward(self, box: Box, start: int, stop: int, *, whole: bool = False) -> Iterator[tuple[int, Box]]:
        """(frame, box) at each look before frame ``start``, where ``box`` is, and at frame ``stop``, the last one."""
        here, n = start, bisect_left(self._looks, start)
        while here > stop:
            there = max(stop, self._looks[n - 1]) if n else stop
            share = -self._share(there, here, n)
            # The field tells of places in the look before: there the object is looked for first.
            box = self._moved(box, n, share, whole, about=self._moved(box, n, share, whole))
            here, n = there, n - 1
            yield here, box

    def _share(self, a: int, b: int, n: int) -> float:
        """How much of the motion into look ``n`` happens from frame ``a`` to frame ``b``, both since the look before.

        Before the first look and behind the last one nothing is known to move.
        """
        if not 0 < n < len(self._looks):
            return 0.0
        before, after = self._seconds[self._looks[n - 1]], self._seconds[self._looks[n]]
        return float((self._seconds[b] - self._seconds[a]) / (after - before))

    def _unpacked(self, n: int) -> tuple[NDArray[np.float64], tuple[float, float]] | None:
        motion = self._motions[n]
        if motion is None:
            return None
        field = motion.field()
        dx, dy = np.median(field.reshape(-1, 2), axis=0)
        return field, (float(dx), float(dy))

    def _moved(self, box: Box, n: int, share: float, whole: bool, about: Box | None = None) -> Box:
        """The box, carried by so much of the motion into look ``n``; back where ``share`` is negative."""
        moved = self._field(n) if share else None
        if moved is None:
            return box
        field, all_of_it = moved
        w, h = self._size
        x1, y1, x2, y2 = (about or box).edges
        dx, dy = all_of_it if whole else displacement(field, (x1 / w, y1 / h, x2 / w, y2 / h))
        step = max(w, h) * share
        return box.move(dx * step, dy * step)
