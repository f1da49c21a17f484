"""From a detector's name to the detector."""

from __future__ import annotations

import os
from pathlib import Path

from redact.detect.base import Detector
from redact.detect.cards import load_card
from redact.detect.centerface import CenterFace
from redact.detect.yolo import YoloOnnx
from redact.errors import WeightsError


def best_device() -> str:
    """Where detectors run by themselves: "cuda" where this process sees a GPU, else "cpu"."""
    if not _may_have_gpu():
        return "cpu"  # importing torch takes seconds and 200 MB that a clerk's machine has no use for
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _may_have_gpu() -> bool:
    return Path("/dev/nvidiactl").exists() and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1")


def load_detector(name: str, *, min_score: float, threads: int = 1, device: str = "cpu") -> Detector:
    """Loads a detector by the name on its card, to find from ``min_score`` on.

    ``threads``: CPU threads. ``device``: "cuda" for a GPU; detectors without weights for one run on the CPU.

    Raises WeightsError where there is no such card, or its weights are missing or changed.
    """
    card = load_card(name)
    if card.family == "yolo26" and device.startswith("cuda") and card.torch is not None:
        from redact.detect.torch_yolo import YoloTorch

        return YoloTorch(card, min_score=min_score, device=device)
    if card.family == "yolo26":
        return YoloOnnx(card, min_score=min_score, threads=threads)
    if card.family == "centerface":
        return CenterFace(card, min_score=min_score, threads=threads)
    raise WeightsError(f"The detector {name!r} is of a family that this version cannot run.", "Choose another one.")
