"""Any YOLO detector of ultralytics as a checkpoint (``.pt``) or a TensorRT engine.

A checkpoint is a pickle: opening it runs what is written in it. It is opened only because a card
pins its digest, and after that digest was checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import redact.detect.network  # noqa: F401 - first: it keeps ultralytics from calling home

# isort: split
import torch
from ultralytics.nn.autobackend import AutoBackend

from redact.detect.base import CardDetector, as_input, check_picture
from redact.detect.cards import Card
from redact.detect.ultralytics_output import anchors, fit
from redact.detect.yolo import GREY, select
from redact.errors import WeightsError
from redact.findings import Detection


class UltralyticsTorch(CardDetector):
    """Runs on ``device``: an engine where there is a GPU and the card has one, else the checkpoint."""

    def __init__(self, card: Card, *, min_score: float, device: str) -> None:
        weights = card.engine if card.engine is not None and device.startswith("cuda") else card.pt
        super().__init__(card, weights, min_score=min_score, device=device)
        make: Any = AutoBackend  # carries no types
        try:
            self._network = make(
                str(self._file), device=torch.device(device), fp16=weights is card.engine, verbose=False
            )
        except Exception as e:  # a pickle or an engine may fail in any way
            raise WeightsError(f"{self._file}: ultralytics cannot open this model: {e}.", "Export it again.") from e
        self._network.eval()
        self._fixed: tuple[int, int] | None = None
        if weights is card.engine and not getattr(self._network, "dynamic", False):
            h, w = self._network.imgsz
            self._fixed = (w, h)

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        check_picture(picture)
        shown, factor = fit(picture, self._fixed, GREY)
        x = torch.from_numpy(as_input(shown, self._card.input, GREY)).to(self.device)
        with torch.inference_mode():
            output = self._network(x.half() if self._network.fp16 else x)
        first = output[0] if isinstance(output, list | tuple) else output
        boxes, scores = anchors(first[0].float().cpu().numpy(), self._card)
        return select(boxes / factor, scores, self._card.classes, self._min_score, picture)
