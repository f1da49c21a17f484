"""From a detector's name to the detector."""

from __future__ import annotations

from redact.detect.base import Detector
from redact.detect.cards import load_card
from redact.detect.centerface import CenterFace
from redact.detect.yolo import YoloOnnx
from redact.errors import WeightsError


def load_detector(name: str, *, min_score: float, threads: int = 1) -> Detector:
    """Loads a detector by the name on its card, to find from ``min_score`` on, with ``threads`` CPU threads.

    Raises WeightsError where there is no such card, or its weights are missing or changed.
    """
    card = load_card(name)
    if card.family == "yolo26":
        return YoloOnnx(card, min_score=min_score, threads=threads)
    if card.family == "centerface":
        return CenterFace(card, min_score=min_score, threads=threads)
    raise WeightsError(f"The detector {name!r} is of a family that this version cannot run.", "Choose another one.")
