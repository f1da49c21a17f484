"""Shows a network each object at a size that it was trained on.

A network trained on pictures of 416 px has seen no face of 500 px: in a picture of 1280 px it misses
the large ones and takes walls and sky for some. So a large picture is shown as it is for what is
small, shrunk for what is large, and once more for what fills it; both copies cost an eighth of the first look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.detect.cards import InputFormat

# Share of the training pictures' side up to which an object is looked for in the whole picture. Measured on the
# validation pictures at 1280 px: recall at 0.2 false positives a picture is 0.78 for faces and 0.63 for plates;
# with one look it was 0.58 and 0.50, with a share of 0.5 it is 0.78 and 0.62.
_MOST = 0.3
_OVERLAP = 0.6  # what is a little smaller than that is taken from both looks
# Sides of the copies, of the training's. With the second one a quarter of the validation pictures, at 640 px and score
# 0.25, gave 0.922 of the faces instead of 0.911 and 0.888 of the plates instead of 0.878, with as many findings on
# nothing; and out-of-focus crowds were no longer taken for faces as large as the picture.
_COPIES = (1.0, 0.5)
_WORTH_IT = 1.5  # times the training's size: a picture that is hardly larger needs no second look


@dataclass(frozen=True, slots=True)
class Look:
    """A picture as the network is shown it, and which of its findings count.

    ``pixels`` (h, w, 3) uint8; ``scale``: its size over the picture's. Findings count whose longer
    side, in pixels of the whole picture, is at least ``smallest`` and less than ``largest``.
    """

    pixels: NDArray[np.uint8]
    scale: float
    smallest: float
    largest: float


def looks(picture: NDArray[np.uint8], form: InputFormat) -> tuple[Look, ...]:
    """The looks at ``picture`` (H, W, 3; uint8): one, and each copy that is much smaller than the one before."""
    if form.trained_px is None:
        return (Look(picture, 1.0, 0.0, np.inf),)
    side = max(picture.shape[:2])
    scales = [1.0]
    for share in _COPIES:
        if side * scales[-1] > _WORTH_IT * share * form.trained_px:
            scales.append(share * form.trained_px / side)
    most = _MOST * form.trained_px
    out = []
    for n, scale in enumerate(scales):
        smallest = _OVERLAP * most / scales[n - 1] if n else 0.0
        largest = most / scale if n + 1 < len(scales) else np.inf
        out.append(Look(_shrunk(picture, scale), scale, smallest, largest))
    return tuple(out)


def _shrunk(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale == 1.0:
        return picture
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def gather(
    shown: Sequence[Look], found: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (N, 4; xyxy pixels of the whole picture) and scores (N, classes) that count, of all looks."""
    boxes, scores = [], []
    for look, (b, s) in zip(shown, found, strict=True):
        b = b / np.float32(look.scale)
        longer = (b[:, 2:] - b[:, :2]).max(1, initial=0.0)
        counts = (longer >= look.smallest) & (longer < look.largest)
        boxes.append(b[counts])
        scores.append(s[counts])
    return np.concatenate(boxes), np.concatenate(scores)
