"""Builds the networks: ultralytics YOLO26 at a width that fits the machine it runs on.

Only the module definitions of ultralytics are used; its trainer and predictor are not.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

# Before ultralytics is imported: it installs packages and calls home otherwise.
os.environ["YOLO_OFFLINE"] = "true"
os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ.setdefault("YOLO_CONFIG_DIR", str(Path.home() / ".cache" / "redact" / "ultralytics"))
Path(os.environ["YOLO_CONFIG_DIR"]).mkdir(parents=True, exist_ok=True)

import torch  # noqa: E402


def _declare_torchvision_operators() -> None:
    """Makes ``import torchvision`` work where its compiled part does not fit the installed torch.

    torchvision registers shape functions for these operators at import and fails when its library
    was built against another torch. Nothing here calls them: YOLO26 needs no NMS operator.
    """
    for name in ("nms", "qnms"):
        try:
            torch.library.define(f"torchvision::{name}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:
            return  # already there: the compiled part works


try:
    import torchvision  # noqa: F401
except (RuntimeError, ImportError):
    _declare_torchvision_operators()

import ultralytics  # noqa: E402
import yaml  # noqa: E402
from ultralytics.nn.tasks import DetectionModel  # noqa: E402
from ultralytics.utils import DEFAULT_CFG, IterableSimpleNamespace  # noqa: E402

# name: (ultralytics description, depth, width, most channels)
SIZES: dict[str, tuple[str, float, float, int]] = {
    "pico": ("yolo26", 0.5, 0.125, 1024),
    "pico-p2": ("yolo26-p2", 0.5, 0.125, 1024),
    "nano": ("yolo26", 0.5, 0.25, 1024),
    "nano-p2": ("yolo26-p2", 0.5, 0.25, 1024),
    "small": ("yolo26", 0.5, 0.5, 1024),
    "small-p2": ("yolo26-p2", 0.5, 0.5, 1024),
}


def describe(size: str) -> dict[str, Any]:
    """Returns the network description of ``size`` as ultralytics reads it."""
    name, depth, width, channels = SIZES[size]
    folder = Path(ultralytics.__file__).parent / "cfg" / "models" / "26"
    net: dict[str, Any] = yaml.safe_load((folder / f"{name}.yaml").read_text())
    net["scales"] = {"x": [depth, width, channels]}
    net["scale"] = "x"
    net["nc"] = 2
    return net


def build(size: str) -> DetectionModel:
    """Returns an untrained two-class network in float32 on the CPU."""
    model = DetectionModel(describe(size), ch=3, nc=2, verbose=False)
    model.args = IterableSimpleNamespace(**vars(DEFAULT_CFG))
    model.names = {0: "face", 1: "plate"}
    return model
