"""Builds the networks: ultralytics YOLO26 at a width that fits the machine it runs on.

Only the module definitions of ultralytics are used; its trainer and predictor are not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from redact.detect import network  # first: it keeps ultralytics from calling home

# isort: split
import ultralytics
import yaml
from ultralytics.nn.tasks import DetectionModel
from ultralytics.utils import DEFAULT_CFG, IterableSimpleNamespace

from redact.findings import Kind

CLASSES = (Kind.FACE, Kind.PLATE)  # in the order of labels and outputs

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
    model = network.build(describe(size))
    assert isinstance(model, DetectionModel)
    model.args = IterableSimpleNamespace(**vars(DEFAULT_CFG))
    model.names = {n: str(kind) for n, kind in enumerate(CLASSES)}
    return model
