"""YuNet (Wu et al., 2023; MIT) by OpenCV's own ``FaceDetectorYN``: small, fast, of another descent than ours."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.detect.base import CardDetector, check_picture, to_detections
from redact.detect.cards import Card
from redact.errors import WeightsError
from redact.findings import Detection, Kind

NMS_IOU = 0.3  # as OpenCV's demonstration uses it
MOST = 5000  # findings before NMS


class YuNet(CardDetector):
    """Finds faces. OpenCV pads the picture and orders the channels as the network needs them."""

    def __init__(self, card: Card, *, min_score: float) -> None:
        super().__init__(card, card.onnx, min_score=min_score)
        try:
            self._finder: Any = cv2.FaceDetectorYN.create(str(self._file), "", (320, 320), min_score, NMS_IOU, MOST)
        except cv2.error as e:
            raise WeightsError(
                f"{self._file}: OpenCV cannot open this model: {e.err}.", "Check the card's family."
            ) from None

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        check_picture(picture)
        h, w = picture.shape[:2]
        self._finder.setInputSize((w, h))
        _, rows = self._finder.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        # A row: x, y, width, height, five points, score.
        found = np.zeros((0, 15), np.float32) if rows is None else rows
        boxes = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:4]], 1)
        return to_detections([Kind.FACE] * len(found), boxes, found[:, -1], picture)
