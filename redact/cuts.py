"""Tells a cut to another scene from what changes a picture as much: pans, zooms, passers-by, light.

A pan shows most of the picture again, elsewhere. So one picture is taken apart into small blocks, and
the displacement is sought at which most of them are found in the other. Each block may be off by a
little, as zoom, roll and near things move it; blocks that fit nowhere (what entered, what is hidden)
do no harm. Only fine detail is compared, block by block by its correlation, so light and exposure do
not matter. See docs/decisions/0010-cuts.md.
"""

from __future__ import annotations

from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

# Width and height of thumbnails: of pictures as wide as 3:2 or wider, and of others. No two have as many pixels.
WIDE, COMPACT = (64, 40), (48, 48)
# Likeness below which two looks show different scenes, and below which nobody can say; measured by benchmarks/cuts.py.
CUT = 0.10
UNCLEAR = 0.20
_BLOCK = 8  # thumbnail pixels
_PLAY = 3  # thumbnail pixels that a block may be off from where the others lie
_FINE = 2.0  # sigma in thumbnail pixels: what is coarser is light as often as it is content
_NOISE = 0.25  # variance in 8-bit steps: a block with less detail hardly counts
_BAR = 4  # 8-bit steps: rows and columns at an edge that spread no more are a bar, such as letterboxing
_FAINT = 1.0  # root mean square in 8-bit steps: a picture with less detail tells nothing

_Floats = NDArray[np.float32]


class Change(Enum):
    """What two looks tell about the scene."""

    NONE = "the same scene"
    UNCLEAR = "the same scene or another"
    CUT = "another scene"


def look(luma: NDArray[np.uint8]) -> bytes:
    """The thumbnail (40x64 or 48x48, uint8) of a luma picture (H, W), as bytes; empty where it shows nothing.

    Upright pictures are laid on their side: squeezed, all of them look alike.
    Black, white, fog and the middle of a flash tell nothing of the scene. Whoever keeps the thumbnail
    before such a look compares what comes after it with what was there before.
    """
    lying = luma if luma.shape[1] >= luma.shape[0] else luma.T
    size = WIDE if 2 * lying.shape[1] >= 3 * lying.shape[0] else COMPACT
    small = np.asarray(cv2.resize(lying, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small.tobytes() if float(_detail(small).std()) >= _FAINT else b""


def compare(before: bytes, after: bytes) -> Change:
    """What two thumbnails of ``look`` tell; nothing where one is empty, or they are of pictures of other shapes."""
    if not before or len(before) != len(after):
        return Change.UNCLEAR
    alike = likeness(before, after, enough=UNCLEAR)
    if alike >= UNCLEAR:
        return Change.NONE
    return Change.UNCLEAR if alike >= CUT else Change.CUT


def likeness(before: bytes, after: bytes, enough: float = 1.0) -> float:
    """How much of one thumbnail is found in the other, from 0 (nothing) to 1 (all of it, as it was).

    Either may be a part of what the other shows, so the better of the two ways counts. The second is
    not tried where the first gives ``enough``. Both must be of pictures of one shape.
    """
    width, height = next((w, h) for w, h in (WIDE, COMPACT) if w * h == len(before))
    a, b = (_detail(np.frombuffer(t, np.uint8).reshape(height, width)) for t in (before, after))
    one_way = _found(a, b)
    return one_way if one_way >= enough else max(one_way, _found(b, a))


def _detail(small: NDArray[np.uint8]) -> _Floats:
    """What is finer than light and large things (h, w). Bars at the edges have none, nor has their border."""
    out = np.zeros(small.shape, np.float32)
    (top, bottom), (left, right) = (_inside(np.ptp(small, axis=axis)) for axis in (1, 0))
    if top < bottom and left < right:
        shown = small[top:bottom, left:right].astype(np.float32)
        out[top:bottom, left:right] = shown - cv2.GaussianBlur(shown, (0, 0), _FINE)
    return out


def _inside(spread: NDArray[np.uint8]) -> tuple[int, int]:
    """From where to where rows (or columns) are no bars, by how much the luma in each of them spreads."""
    lively = np.flatnonzero(spread > _BAR)
    if not len(lively):
        return 0, 0
    first, last = int(lively[0]), int(lively[-1])
    # The one beside a bar is a part of it.
    return first + (first > 0), last + (last == len(spread) - 1)


def _blocks(detail: _Floats) -> tuple[_Floats, _Floats]:
    """All blocks, row by row, without their mean (N, 8, 8), each at most 1 long; how much each counts (N,), 0 to 1."""
    height, width = detail.shape
    b = detail.reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK).swapaxes(1, 2).reshape(-1, _BLOCK, _BLOCK)
    b = b - b.mean((1, 2), keepdims=True)
    variance = (b * b).mean((1, 2))
    return b / (_BLOCK * np.sqrt(variance + _NOISE))[:, None, None], variance / (variance + _NOISE)


def _found(sought: _Floats, where: _Floats) -> float:
    """How much of a picture's detail is found in another's, all of it at about the same displacement: 0 to 1."""
    height, width = where.shape
    blocks, weights = _blocks(sought)
    mean = cv2.boxFilter(where, -1, (_BLOCK, _BLOCK), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    square = cv2.sqrBoxFilter(where, -1, (_BLOCK, _BLOCK), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT)
    scale = 1 / (_BLOCK * np.sqrt(np.maximum(square - mean * mean, 0) + _NOISE))
    # No block lies partly outside. These zeros also part the maps, which the next step takes as one tall picture.
    scale[height - _BLOCK + 1 :] = 0
    scale[:, width - _BLOCK + 1 :] = 0
    fit = np.empty((len(blocks), height, width), np.float32)
    for block, there in zip(blocks, fit, strict=True):
        cv2.filter2D(where, -1, block, there, (0, 0), 0, cv2.BORDER_CONSTANT)
    fit *= scale
    play = np.ones((2 * _PLAY + 1, 2 * _PLAY + 1), np.uint8)
    near = np.asarray(cv2.dilate(fit.reshape(-1, width), play), np.float32).reshape(fit.shape)
    # Every other pixel is enough: each now says how well a block fits within three pixels of it.
    near = np.maximum(near[:, ::2, ::2], 0)
    # To the fourth power: one block that is surely there says more than several that are half there.
    near *= near
    near *= near
    near *= weights[:, None, None]
    # Added up by displacement: shifted so that the blocks' own places lie on one another.
    total = np.zeros((height - _BLOCK // 2, width - _BLOCK // 2), np.float32)
    places = [(y, x) for y in range(0, height, _BLOCK) for x in range(0, width, _BLOCK)]
    for (y, x), one in zip(places, near, strict=True):
        top, left = (height - _BLOCK - y) // 2, (width - _BLOCK - x) // 2
        total[top : top + height // 2, left : left + width // 2] += one
    return float(total.max() / max(float(weights.sum()), 1e-6))
