"""Where things are carried when the picture moves. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from redact.findings import FrameDetections
from redact.geometry import Box
from redact.motion import Motion


class Movement:
    """Carries boxes from look to look with the picture's own motion, in display pixels."""

    def __init__(self, frames: Sequence[FrameDetections], size: tuple[int, int]) -> None:
        """``frames``: the examined ones, in display order; ``size``: width and height of the picture."""
        self._looks = [f.index for f in frames]
        self._motions = [f.motion for f in frames]
        self._size = size

    def into(self, look: int, box: Box) -> Box:
        """A box of one look where the next one, frame ``look``, shows it."""
        return self._moved(box, self._motions[bisect_left(self._looks, look)], 1)

    def forward(self, box: Box, start: int, stop: int) -> Iterator[tuple[int, Box]]:
        """(frame, box) at each look after frame ``start``, where ``box`` is, up to frame ``stop``."""
        for n in range(bisect_right(self._looks, start), bisect_right(self._looks, stop)):
            box = self._moved(box, self._motions[n], 1)
            yield self._looks[n], box

    def backward(self, box: Box, start: int, stop: int) -> Iterator[tuple[int, Box]]:
        """(frame, box) at each look before frame ``start``, where ``box`` is, down to frame ``stop``."""
        for n in range(bisect_left(self._looks, start) - 1, bisect_left(self._looks, stop) - 1, -1):
            # The field tells of places in the look before: there the object is looked for first.
            field = self._motions[n + 1]
            box = self._moved(box, field, -1, about=self._moved(box, field, -1))
            yield self._looks[n], box

    def _moved(self, box: Box, motion: Motion | None, sign: int, about: Box | None = None) -> Box:
        if motion is None:
            return box
        w, h = self._size
        x, y = (about or box).center
        dx, dy = (v * max(w, h) * sign for v in motion.at(x / w, y / h))
        return box.move(dx, dy)
