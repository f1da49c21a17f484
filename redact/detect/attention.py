"""Looks again only at what changed: most of what a camera on a wall shows stands still from look to look.

What did not change since a detector last looked at it shows what it showed then. Every eighth look is at the
whole picture all the same; see docs/decisions/0011-attention.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.detect.base import Detector
from redact.findings import Detection
from redact.geometry import Box

_WHOLE = 8  # every so many looks the whole picture is looked at, be it changed or not
_BLOCK = 16  # px of the picture: a block is hardly larger than the smallest face that can be told
_CHANGED = 2  # 8-bit steps, mean over a block of the picture at half its size, lightly blurred
_AROUND = 80  # px of the picture beside what changed that the detector is shown, too
_STEP = 32  # px: edges of parts lie on multiples of it, as a network's cells do, so that it sees what it saw before
_LEAST = 256  # px: a smaller part shows too little of what is around a face
_MOST = 0.6  # share of the picture from which on the whole costs hardly more than its parts
_EDGE = 4  # px: what reaches so near to a part's edge is likely cut off by it; it was found when it was last looked at
_WITHIN = 0.8  # share of a finding inside an earlier one from which on it is a part of that


@dataclass(frozen=True, slots=True)
class Part:
    """A rectangle of the picture, in its pixels."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def area(self) -> int:
        return (self.x2 - self.x1) * (self.y2 - self.y1)

    def cuts(self, box: Box, shape: tuple[int, int]) -> bool:
        """Whether a box inside reaches an edge that is none of the picture, of height and width ``shape``."""
        return bool(
            (self.x1 > 0 and box.x1 < self.x1 + _EDGE)
            or (self.y1 > 0 and box.y1 < self.y1 + _EDGE)
            or (self.x2 < shape[1] and box.x2 > self.x2 - _EDGE)
            or (self.y2 < shape[0] and box.y2 > self.y2 - _EDGE)
        )

    def joined(self, other: Part) -> Part | None:
        """The rectangle around both where they overlap, else None."""
        if self.x1 >= other.x2 or other.x1 >= self.x2 or self.y1 >= other.y2 or other.y1 >= self.y2:
            return None
        return Part(min(self.x1, other.x1), min(self.y1, other.y1), max(self.x2, other.x2), max(self.y2, other.y2))


class Attention:
    """A detector that looks at pictures of one size which follow each other in a video."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._seen: NDArray[np.uint8] | None = None
        """As ``_softened``, every block as it was when it was last looked at."""
        self._since_whole = 0
        self._found: tuple[Detection, ...] = ()

    def look_all(self, pictures: Sequence[NDArray[np.uint8]]) -> list[tuple[Detection, ...]]:
        """The findings of the next pictures, (H, W, 3) RGB uint8 each, in their pixels.

        A detector that looks best at several pictures at a time, on a GPU, is shown all of them whole: they must
        be of one size then, and it has time enough.
        """
        if self._detector.batch > 1:
            return self._detector.detect_all(pictures)
        return [self._look(p) for p in pictures]

    def _look(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        now, seen = _softened(picture), self._seen
        changed = None if seen is None else self._changed(seen, now)
        shown = None if changed is None else self._with_findings(changed)
        parts = None if shown is None else _parts_around(shown, picture.shape[:2])
        if seen is None or changed is None or shown is None or parts is None:
            self._seen, self._since_whole = now, 1
            self._found = self._detector.detect(picture)
            return self._found
        kept = [d for d in self._found if not _under(changed, d.box).any()]
        new = [
            d
            for part in parts
            for d in self._in_part(picture, part)
            if _under(changed, d.box).any() or not part.cuts(d.box, picture.shape[:2])
        ]
        self._found = (*kept, *(d for d in new if not any(_is_part(d, k) for k in kept)))
        self._since_whole += 1
        looked_at = np.repeat(np.repeat(shown, _BLOCK // 2, 0), _BLOCK // 2, 1)
        self._seen = np.where(looked_at, now, seen)
        return self._found

    def _changed(self, seen: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.bool_] | None:
        """The blocks (rows, columns) that changed; None where the whole picture is to be looked at."""
        if seen.shape != now.shape or self._since_whole >= _WHOLE:
            return None
        size = now.shape[1] * 2 // _BLOCK, now.shape[0] * 2 // _BLOCK
        away = cv2.resize(cv2.absdiff(now, seen), size, interpolation=cv2.INTER_AREA)
        return np.asarray(away >= _CHANGED)

    def _with_findings(self, changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The blocks to look at: what was found where something changed is looked at as a whole, and beside it."""
        shown = changed.copy()
        for d in self._found:
            if _under(changed, d.box).any():
                _under(shown, d.box.pad(0.5))[:] = True
        return shown

    def _in_part(self, picture: NDArray[np.uint8], part: Part) -> list[Detection]:
        shown = np.ascontiguousarray(picture[part.y1 : part.y2, part.x1 : part.x2])
        return [Detection(d.kind, d.box.move(part.x1, part.y1), d.score) for d in self._detector.detect(shown)]


def _softened(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Luma at half the size of which single samples' noise is averaged away; filled up to whole blocks."""
    h, w = picture.shape[:2]
    half = cv2.resize(picture, (max(1, w // 2), max(1, h // 2)), interpolation=cv2.INTER_AREA)
    soft = cv2.blur(cv2.cvtColor(half, cv2.COLOR_RGB2GRAY), (3, 3))
    down, right = (-side % (_BLOCK // 2) for side in soft.shape)
    return np.asarray(cv2.copyMakeBorder(soft, 0, down, 0, right, cv2.BORDER_REPLICATE), np.uint8)


def _under(blocks: NDArray[np.bool_], box: Box) -> NDArray[np.bool_]:
    """The blocks (a view of them) that a box in pixels of the picture touches."""
    x1, y1, x2, y2 = (max(0, int(v // _BLOCK)) for v in box.edges)
    return blocks[y1 : y2 + 1, x1 : x2 + 1]


def _is_part(d: Detection, of: Detection) -> bool:
    return d.kind is of.kind and d.box.intersection(of.box) >= _WITHIN * d.box.area


def _parts_around(changed: NDArray[np.bool_], shape: tuple[int, int]) -> list[Part] | None:
    """Rectangles, none of which overlap, around the blocks that changed, with what is beside them.

    ``shape``: height and width of the picture. None where the whole picture would hardly cost more.
    """
    reach = 2 * -(-_AROUND // _BLOCK) + 1
    near = cv2.dilate(changed.astype(np.uint8), np.ones((reach, reach), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    waiting = []
    for x, y, w, h, _ in stats[1:].tolist():
        (x1, x2), (y1, y2) = _span(x, w, shape[1]), _span(y, h, shape[0])
        waiting.append(Part(x1, y1, x2, y2))
    out: list[Part] = []
    while waiting:
        part = waiting.pop()
        for n, other in enumerate(out):
            both = part.joined(other)
            if both is not None:
                del out[n]
                waiting.append(both)
                break
        else:
            out.append(part)
    if sum(p.area for p in out) > _MOST * shape[0] * shape[1]:
        return None
    return sorted(out, key=lambda p: (p.y1, p.x1))


def _span(first: int, count: int, side: int) -> tuple[int, int]:
    """From where to where a part reaches along one side of the picture that is ``side`` px long, for some blocks."""
    start, stop = first * _BLOCK, (first + count) * _BLOCK
    spare = max(0, _LEAST - (stop - start)) // 2
    start = max(0, start - spare) // _STEP * _STEP
    return start, min(side, max(start + _LEAST, -(-(stop + spare) // _STEP) * _STEP))
