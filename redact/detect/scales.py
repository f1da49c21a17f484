"""Shows a network each object at a size that it was trained on.

A network trained on pictures of 416 px has seen no face of 500 px: in a picture of 1280 px it misses
the large ones and takes walls and sky for some. So a large picture is shown twice, as it is for
what is small, and shrunk for what is large; the second look costs a tenth of the first.
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
    """The looks at ``picture`` (H, W, 3; uint8): one, or two where it is much larger than what was trained on."""
    side = max(picture.shape[:2])
    if form.trained_px is None or side <= _WORTH_IT * form.trained_px:
        return (Look(picture, 1.0, 0.0, np.inf),)
    scale = form.trained_px / side
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
    most = _MOST * form.trained_px
    return Look(picture, 1.0, 0.0, most), Look(small, scale, _OVERLAP * most, np.inf)


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
