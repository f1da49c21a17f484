"""Any YOLO detector that ultralytics exported to ONNX, on the CPU."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from redact.detect.base import CardDetector, as_input, check_picture
from redact.detect.cards import Card
from redact.detect.session import open_session
from redact.detect.ultralytics_output import anchors, fit
from redact.detect.yolo import GREY, select
from redact.findings import Detection


class UltralyticsOnnx(CardDetector):
    """Reads both outputs that such exports have: finished boxes (YOLO26, YOLOv10) or one column an anchor."""

    def __init__(self, card: Card, *, min_score: float, threads: int) -> None:
        super().__init__(card, card.onnx, min_score=min_score)
        self._session = open_session(str(self._file), threads)
        first = self._session.get_inputs()[0]
        self._input = first.name
        h, w = first.shape[2:]
        self._fixed = (w, h) if isinstance(w, int) and isinstance(h, int) else None
        """(width, height) where the export takes pictures of one size only."""

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        check_picture(picture)
        shown, factor = fit(picture, self._fixed, GREY)
        output = self._session.run(None, {self._input: as_input(shown, self._card.input, GREY)})[0]
        boxes, scores = anchors(output[0], self._card)
        return select(boxes / factor, scores, self._card.classes, self._min_score, picture)
