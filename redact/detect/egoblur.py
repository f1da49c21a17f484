"""EgoBlur (Meta, 2023; Apache 2.0): Faster R-CNN networks for faces or plates, as TorchScript files.

Both generations are read: the first answers a picture with boxes, (labels,) scores and sizes, the
second has a method ``inference`` that answers with instances. The owner gives the files out by hand.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import redact.detect.network  # noqa: F401 - torchvision's operators, which such files call

# isort: split
import torch
from torch import Tensor

from redact.detect.base import CardDetector, as_input, check_picture, suppress, to_detections
from redact.detect.cards import Card
from redact.errors import WeightsError
from redact.findings import Detection, Kind

NMS_IOU = 0.3  # as EgoBlur's demonstration uses it


class EgoBlur(CardDetector):
    """Finds what its file was trained for: the card's one kind."""

    def __init__(self, card: Card, *, min_score: float, device: str) -> None:
        super().__init__(card, card.torchscript, min_score=min_score, device=device)
        if len(card.finds) != 1:
            raise WeightsError(f"The card of {card.name!r} must name one kind: EgoBlur's files find one each.")
        self._kind: Kind = next(iter(card.finds))
        self._class = card.classes.index(self._kind.value)
        load: Any = torch.jit.load  # carries no types
        try:
            self._network = load(str(self._file), map_location=device).eval()
        except RuntimeError as e:
            raise WeightsError(f"{self._file}: torch cannot open this model: {e}.", "Fetch it again.") from None

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        check_picture(picture)
        x = torch.from_numpy(as_input(picture, self._card.input, 0)[0]).to(self.device)
        with torch.inference_mode():
            boxes, scores, labels = self._look(x)
        good = scores >= self._min_score
        if labels is not None:
            good &= labels == self._class
        b, s = boxes[good].float().cpu().numpy(), scores[good].float().cpu().numpy()
        keep = suppress(b, s, NMS_IOU)
        return to_detections([self._kind] * len(keep), b[keep], s[keep], picture)

    def _look(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Boxes (N, 4) xyxy, scores (N,) and, where the network tells them, classes (N,)."""
        if hasattr(self._network, "inference"):
            seen = self._network.inference([{"image": x}], do_postprocess=False)[0]
            return seen._pred_boxes.tensor, seen._scores, getattr(seen, "_pred_classes", None)
        answer = self._network(x)
        if len(answer) == 4:
            return answer[0], answer[2], None
        if len(answer) == 5:
            return answer[0], answer[3], answer[1]
        raise WeightsError(f"The model {self.name!r} gives {len(answer)} outputs, not EgoBlur's four or five.")
