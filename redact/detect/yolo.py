"""Our own detectors (YOLO26 networks) on ONNX Runtime.

The exported graph gives, for every anchor, a box and a score a class; which of them are findings
is decided here. See docs/decisions/0004-detectors.md for the head that is exported.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from redact.detect.base import OneByOne, check_picture, pad_to_multiple, suppress, to_detections
from redact.detect.cards import Card, checked_weights
from redact.detect.session import open_session
from redact.findings import Detection, Kind

CLASSES = (Kind.FACE, Kind.PLATE)
STRIDE = 32  # px: the coarsest level of the network
GREY = 114  # the value that training pads with
NMS_IOU = 0.5


def select(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], min_score: float, width: int, height: int
) -> tuple[Detection, ...]:
    """Findings among anchors: ``boxes`` (N, 4) xyxy pixels, ``scores`` (N, classes)."""
    kinds: list[Kind] = []
    kept_boxes, kept_scores = [], []
    for c, kind in enumerate(CLASSES):
        good = scores[:, c] >= min_score
        b, s = boxes[good], scores[good, c]
        keep = suppress(b, s, NMS_IOU)
        kinds += [kind] * len(keep)
        kept_boxes.append(b[keep])
        kept_scores.append(s[keep])
    return to_detections(kinds, np.concatenate(kept_boxes), np.concatenate(kept_scores), width, height)


class YoloOnnx(OneByOne):
    """A YOLO26 face and plate detector on the CPU."""

    def __init__(self, card: Card, *, min_score: float, threads: int) -> None:
        self.name = card.name
        self.sha256 = card.onnx.sha256
        self.kinds = card.finds
        self._min_score = min_score
        self._session = open_session(str(checked_weights(card.onnx)), threads)

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        check_picture(picture)
        h, w = picture.shape[:2]
        padded = pad_to_multiple(picture, STRIDE, GREY)
        x = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32)
        x *= np.float32(1 / 255)
        boxes, scores = self._session.run(None, {"image": x})
        return select(boxes[0], scores[0], self._min_score, w, h)
