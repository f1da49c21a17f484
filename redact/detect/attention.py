"""Looks again only at what changed: most of what a camera on a wall shows stands still from look to look.

What did not change since a detector last looked at it shows what it showed then. Every eighth look is at the
whole picture all the same; see docs/decisions/0011-attention.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

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


class Attention:
    """A detector that looks at pictures of one size which follow each other in a video."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector
        self._seen = np.zeros((0, 0), np.uint8)
        """As ``_softened``, every block as it was when it was last looked at; of no size before the first look."""
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
        now = _softened(picture)
        changed = self._changed(now)
        shown = self._with_findings(changed)
        parts = _parts_around(shown, picture.shape[:2])
        if parts is None:
            self._seen, self._since_whole = now, 1
            self._found = self._detector.detect(picture)
            return self._found
        kept = [d for d in self._found if not _under(changed, d.box).any()]
        new = [
            d
            for part in parts
            for d in self._in_part(picture, part)
            if _under(changed, d.box).any() or not _cuts(part, d.box, picture.shape[:2])
        ]
        self._found = (*kept, *(d for d in new if not any(_is_part(d, k) for k in kept)))
        self._since_whole += 1
        looked_at = np.repeat(np.repeat(shown, _BLOCK // 2, 0), _BLOCK // 2, 1)
        self._seen = np.where(looked_at, now, self._seen)
        return self._found

    def _changed(self, now: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """The blocks (rows, columns) that changed: all of them where the whole picture is due."""
        rows, columns = (side * 2 // _BLOCK for side in now.shape)
        if self._seen.shape != now.shape or self._since_whole >= _WHOLE:
            return np.ones((rows, columns), bool)
        away = cv2.resize(cv2.absdiff(now, self._seen), (columns, rows), interpolation=cv2.INTER_AREA)
        return np.asarray(away >= _CHANGED)

    def _with_findings(self, changed: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The blocks to look at: what was found where something changed is looked at as a whole, and beside it."""
        shown = changed.copy()
        for d in self._found:
            if _under(changed, d.box).any():
                _under(shown, d.box.pad(0.5))[:] = True
        return shown

    def _in_part(self, picture: NDArray[np.uint8], part: Box) -> list[Detection]:
        x1, y1, x2, y2 = part.to_ints()
        found = self._detector.detect(np.ascontiguousarray(picture[y1:y2, x1:x2]))
        return [Detection(d.kind, d.box.move(x1, y1), d.score) for d in found]


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


def _cuts(part: Box, box: Box, shape: tuple[int, int]) -> bool:
    """Whether a box inside a part reaches an edge of it that is none of the picture, of height and width ``shape``."""
    h, w = shape
    return (
        0 < part.x1 > box.x1 - _EDGE
        or 0 < part.y1 > box.y1 - _EDGE
        or w > part.x2 < box.x2 + _EDGE
        or h > part.y2 < box.y2 + _EDGE
    )


def _parts_around(changed: NDArray[np.bool_], shape: tuple[int, int]) -> list[Box] | None:
    """Whole-number boxes, none of which overlap, around the blocks that changed, with what is beside them.

    ``shape``: height and width of the picture. None where the whole picture would hardly cost more.
    """
    reach = 2 * -(-_AROUND // _BLOCK) + 1
    near = cv2.dilate(changed.astype(np.uint8), np.ones((reach, reach), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    out: list[Box] = []
    for x, y, w, h, _ in stats[1:].tolist():
        (x1, x2), (y1, y2) = _span(x, w, shape[1]), _span(y, h, shape[0])
        part = Box(x1, y1, x2, y2)
        while beside := [o for o in out if o.intersection(part) > 0]:
            out = [o for o in out if o not in beside]
            part = reduce(Box.union, beside, part)
        out.append(part)
    return out if sum(p.area for p in out) <= _MOST * shape[0] * shape[1] else None


def _span(first: int, count: int, side: int) -> tuple[int, int]:
    """From where to where a part reaches along one side of the picture that is ``side`` px long, for some blocks."""
    start, stop = first * _BLOCK, (first + count) * _BLOCK
    spare = max(0, _LEAST - (stop - start)) // 2
    start = max(0, start - spare) // _STEP * _STEP
    return start, min(side, max(start + _LEAST, -(-(stop + spare) // _STEP) * _STEP))
