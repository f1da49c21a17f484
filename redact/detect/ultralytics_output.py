"""What an ultralytics detector takes and gives, whatever runs it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.detect.cards import Card
from redact.errors import WeightsError


def fit(
    picture: NDArray[np.uint8], fixed: tuple[int, int] | None, value: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The picture as large as fits into ``fixed`` (width, height), padded right and bottom to exactly that.

    Also the factors (x1, y1, x2, y2 order) that boxes grew by. With None the picture itself.
    """
    if fixed is None:
        return picture, np.ones(4, np.float32)
    h, w = picture.shape[:2]
    factor = min(fixed[0] / w, fixed[1] / h)
    nw, nh = max(1, round(w * factor)), max(1, round(h * factor))
    small = cv2.resize(picture, (nw, nh), interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR)
    out = np.full((fixed[1], fixed[0], 3), value, np.uint8)
    out[:nh, :nw] = small
    return out, np.array([nw / w, nh / h] * 2, np.float32)


def anchors(output: NDArray[np.float32], card: Card) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (N, 4) xyxy in pixels of the input and scores (N, classes) of one picture.

    ``output`` is (N, 6) with box, score and class of each finding, or (4 + classes, N) with centre,
    size and a score a class for each anchor. Raises WeightsError where it fits neither, or has another
    number of classes than the card.
    """
    count = len(card.classes)
    if output.ndim == 2 and output.shape[0] == 4 + count and output.shape[1] != 6:
        centre, size = output[:2].T, output[2:4].T
        return np.concatenate([centre - size / 2, centre + size / 2], 1), np.ascontiguousarray(output[4:].T)
    if output.ndim == 2 and output.shape[1] == 6 and (not len(output) or output[:, 5].max() < count):
        scores = np.zeros((len(output), count), np.float32)
        scores[np.arange(len(output)), output[:, 5].astype(np.int64)] = output[:, 4]
        return output[:, :4], scores
    raise WeightsError(
        f"The model {card.name!r} gives {output.shape} numbers a picture, "
        f"which does not fit the {count} classes on its card.",
        "Correct classes on the card, or export the model again for detection.",
    )
