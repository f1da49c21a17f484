"""Builds our networks in torch from their description: YOLO26 modules of ultralytics, and nothing else of it.

Its trainer and predictor are not used: they move frames to and fro, and call home.
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
from PIL import Image  # noqa: E402
from torch import Tensor, nn  # noqa: E402


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

# ultralytics replaces it by one that, at a picture it cannot read, asks for a package that is not there.
_OPEN = Image.open

from ultralytics.nn.modules import Conv  # noqa: E402
from ultralytics.nn.tasks import DetectionModel  # noqa: E402
from ultralytics.utils.torch_utils import fuse_conv_and_bn  # noqa: E402

Image.open = _OPEN


def build(description: dict[str, Any]) -> nn.Module:
    """An untrained two-class network, float32 on the CPU, from a description as ultralytics reads it."""
    make: Any = DetectionModel  # carries no types
    model: nn.Module = make(description, ch=3, nc=2, verbose=False)
    return model


def fuse(model: nn.Module) -> nn.Module:
    """The network in evaluation mode, in place, with batch normalisation folded into its convolutions."""
    model.eval()
    fold: Any = fuse_conv_and_bn  # carries no types
    for m in model.modules():
        if isinstance(m, Conv) and hasattr(m, "bn"):
            m.conv = fold(m.conv, m.bn)
            delattr(m, "bn")
            setattr(m, "forward", m.forward_fuse)  # noqa: B010 - a plain assignment is no valid type
    return model


class Anchors(nn.Module):
    """The network up to a box (xyxy, pixels) and a score a class for every anchor, of one of its two heads."""

    def __init__(self, model: Any, head: str) -> None:
        super().__init__()
        self.model = model
        self.detect = model.model[-1]
        self.head = head

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """``image`` (B, 3, H, W), 0..1, H and W multiples of 32. Gives (B, N, 4) boxes and (B, N, 2) scores."""
        feats = self.features(image)
        heads = self.detect.one2one if self.head == "one2one" else self.detect.one2many
        raw = self.detect.forward_head(feats, **heads)
        centres, strides = [], []
        for f, s in zip(feats, self.detect.stride.tolist(), strict=True):
            rows = torch.arange(f.shape[2], device=image.device)
            columns = torch.arange(f.shape[3], device=image.device)
            y, across = torch.meshgrid(rows, columns, indexing="ij")
            # Single precision: half cannot tell neighbouring pixels beyond 2048.
            centre = torch.stack([across, y]).reshape(2, -1).float() + 0.5
            centres.append(centre)
            strides.append(torch.ones_like(centre[:1]) * s)
        middle, stride = torch.cat(centres, 1), torch.cat(strides, 1)
        lt, rb = raw["boxes"].float().split(2, 1)
        xyxy = torch.cat([middle - lt, middle + rb], 1) * stride
        return xyxy.permute(0, 2, 1), raw["scores"].float().sigmoid().permute(0, 2, 1)

    def features(self, image: Tensor) -> list[Tensor]:
        """What the heads look at: (B, C, H / stride, W / stride) for each stride."""
        x: Any = image
        passed: list[Any] = []
        for m in self.model.model[:-1]:
            if m.f != -1:
                x = passed[m.f] if isinstance(m.f, int) else [x if j == -1 else passed[j] for j in m.f]
            x = m(x)
            passed.append(x)
        return [passed[j] for j in self.detect.f]
