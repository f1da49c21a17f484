"""From a detector's name to the detector."""

from __future__ import annotations

import os
from pathlib import Path

from redact.detect.base import Detector
from redact.detect.cards import Card, load_card
from redact.detect.centerface import CenterFace
from redact.detect.yolo import YoloOnnx


def best_device() -> str:
    """Where detectors run by themselves: "cuda" where this process sees a GPU, else "cpu"."""
    if not _may_have_gpu():
        return "cpu"  # importing torch takes seconds and 200 MB that a clerk's machine has no use for
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _may_have_gpu() -> bool:
    return Path("/dev/nvidiactl").exists() and os.environ.get("CUDA_VISIBLE_DEVICES") not in ("", "-1")


def load_detector(name: str, *, min_score: float, threads: int = 1, device: str = "cpu") -> Detector:
    """Loads a detector by the name on its card; see ``open_detector``.

    Raises WeightsError where there is no such card, or its weights are missing or changed.
    """
    return open_detector(load_card(name), min_score=min_score, threads=threads, device=device)


def open_detector(card: Card, *, min_score: float, threads: int = 1, device: str = "cpu") -> Detector:
    """Loads the detector that a card describes, to find from ``min_score`` on.

    ``threads``: CPU threads. ``device``: "cuda" for a GPU; detectors without weights for one run on the CPU.

    Raises WeightsError where its weights are missing, changed, or not for this machine.
    """
    gpu = device.startswith("cuda")
    # Adapters that need torch are imported only where they are used.
    match card.family:
        case "yolo26" if gpu and card.torch is not None:
            from redact.detect.torch_yolo import YoloTorch

            return YoloTorch(card, min_score=min_score, device=device)
        case "yolo26":
            return YoloOnnx(card, min_score=min_score, threads=threads)
        case "centerface":
            return CenterFace(card, min_score=min_score, threads=threads)
        case "yunet":
            from redact.detect.yunet import YuNet

            return YuNet(card, min_score=min_score)
        case "egoblur":
            from redact.detect.egoblur import EgoBlur

            return EgoBlur(card, min_score=min_score, device=device)
        case "ultralytics" if card.onnx is not None and not (gpu and (card.engine or card.pt)):
            from redact.detect.ultralytics_onnx import UltralyticsOnnx

            return UltralyticsOnnx(card, min_score=min_score, threads=threads)
        case "ultralytics":
            from redact.detect.ultralytics_torch import UltralyticsTorch

            return UltralyticsTorch(card, min_score=min_score, device=device)
