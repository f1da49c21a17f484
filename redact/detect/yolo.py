"""Our own detectors (YOLO26 networks) on ONNX Runtime.

The exported graph gives, for every anchor, a box and a score a class; which of them are findings
is decided here. See docs/decisions/0004-detectors.md for the head that is exported.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from redact.detect.base import CardDetector, as_input, check_picture, suppress, to_detections
from redact.detect.cards import Card
from redact.detect.scales import gather, looks
from redact.detect.session import open_session
from redact.findings import Detection, Kind

GREY = 114  # the value that training pads with
NMS_IOU = 0.5


def select(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    classes: Sequence[str],
    min_score: float,
    picture: NDArray[np.uint8],
) -> tuple[Detection, ...]:
    """Findings among anchors: ``boxes`` (N, 4) xyxy pixels, ``scores`` (N, classes).

    ``classes`` as on a card; ``picture`` (H, W, 3; uint8) is what they were found in.
    """
    kinds: list[Kind] = []
    kept_boxes, kept_scores = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)]
    for kind in sorted({Kind(c) for c in classes if c != "other"}):
        s = scores[:, [i for i, c in enumerate(classes) if c == kind]].max(1, initial=0.0)
        good = s >= min_score
        b, s = boxes[good], s[good]
        keep = suppress(b, s, NMS_IOU)
        kinds += [kind] * len(keep)
        kept_boxes.append(b[keep])
        kept_scores.append(s[keep])
    return to_detections(kinds, np.concatenate(kept_boxes), np.concatenate(kept_scores), picture)


class YoloOnnx(CardDetector):
    """A YOLO26 face and plate detector on the CPU."""

    def __init__(self, card: Card, *, min_score: float, threads: int) -> None:
        super().__init__(card, card.onnx, min_score=min_score)
        self._session = open_session(str(self._file), threads)

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        check_picture(picture)
        shown = looks(picture, self._card.input)
        raw = [self._session.run(None, {"image": as_input(s.pixels, self._card.input, GREY)}) for s in shown]
        boxes, scores = gather(shown, [(b[0], s[0]) for b, s in raw])
        return select(boxes, scores, self._card.classes, self._min_score, picture)
