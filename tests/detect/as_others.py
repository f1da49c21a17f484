"""Our own weights in other people's formats, so that their adapters can be tested without their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from ultralytics.utils import DEFAULT_CFG

from redact.detect import load_card
from redact.detect.cards import Card, InputFormat, Thresholds, WeightsFile, checked_weights, file_sha256
from redact.detect.network import Anchors, fuse
from redact.detect.torch_yolo import read_network

OURS = "redact-pico"


def _ours() -> tuple[nn.Module, str]:
    weights = load_card(OURS).torch
    assert weights is not None
    return read_network(checked_weights(weights))


def our_network() -> Anchors:
    """Our detector in torch, float32 on the CPU."""
    model, head = _ours()
    return Anchors(fuse(model), head).eval()


def card_for(family: str, kind: str, file: Path, **more: Any) -> Card:
    """A card as a user would write it for ``file``."""
    weights = WeightsFile(location=str(file), sha256=file_sha256(file))
    fields: dict[str, Any] = {
        "name": "theirs",
        "version": "1",
        "family": family,
        "classes": ("face", "plate"),
        "licence": "made by the test",
        "description": "Our weights in another's format.",
        "input": InputFormat(size_px=640),
        "thresholds": Thresholds(low=0.1, high=0.3),
        kind: weights,
    }
    return Card.model_validate(fields | more)


def write_checkpoint(file: Path) -> None:
    """A ``.pt`` as ultralytics writes it: a pickle of the whole model."""
    model: Any
    model, _head = _ours()
    model.names = {0: "face", 1: "plate"}
    model.args = {**vars(DEFAULT_CFG), "task": "detect", "model": "ours.yaml"}
    model.task = "detect"
    torch.save({"model": model, "ema": None, "train_args": model.args, "epoch": -1, "date": "", "version": ""}, file)


def export(checkpoint: Path, file: Path, **how: Any) -> None:
    """An ONNX file made by ultralytics' own exporter."""
    from ultralytics import YOLO

    made = Path(YOLO(str(checkpoint)).export(format="onnx", verbose=False, **how))
    made.replace(file)


class _EgoBlur(nn.Module):
    """Answers a picture as EgoBlur's first generation does: boxes, scores and size, in B, G, R of 0..255."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = torch.jit.trace(network, torch.rand(1, 3, 96, 160))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        h, w = image.shape[1], image.shape[2]
        x = image.flip(0).float().unsqueeze(0) / 255.0
        x = nn.functional.pad(x, [0, (32 - w % 32) % 32, 0, (32 - h % 32) % 32], value=114.0 / 255.0)
        boxes, scores = self.network(x)
        face = scores[0, :, 0]
        keep = face > 0.05
        return boxes[0][keep], torch.zeros_like(face[keep]), face[keep], torch.tensor([h, w])


@torch.jit.script
class _Boxes:
    def __init__(self, tensor: Tensor):
        self.tensor = tensor


@torch.jit.script
class _Instances:
    def __init__(self, boxes: Tensor, scores: Tensor, classes: Tensor):
        self._pred_boxes = _Boxes(boxes)
        self._scores = scores
        self._pred_classes = classes


class _EgoBlur2(nn.Module):
    """Answers as the second generation does: instances, from a method."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.first = _EgoBlur(network)

    def forward(self, image: Tensor) -> Tensor:
        return image

    @torch.jit.export
    def inference(self, batch: list[dict[str, Tensor]], do_postprocess: bool = True) -> list[_Instances]:
        boxes, classes, scores, _size = self.first(batch[0]["image"])
        return [_Instances(boxes, scores, classes.long())]


def write_egoblur(file: Path, generation: int) -> None:
    """A TorchScript file with EgoBlur's outputs."""
    made = torch.jit.script((_EgoBlur if generation == 1 else _EgoBlur2)(our_network()).eval())
    made.save(str(file))


class _YuNet(nn.Module):
    """Gives what YuNet's twelve outputs are: for each of three strides two scores, a box and five points a cell."""

    def __init__(self, ours: Any) -> None:
        super().__init__()
        self.ours = ours

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        heads = self.ours.detect.one2many
        scores, boxes, points = [], [], []
        for level, seen in enumerate(self.ours.features(image.flip(1) / 255)):
            left, top, right, bottom = heads["box_head"][level](seen).flatten(2).permute(0, 2, 1).split(1, 2)
            score = heads["cls_head"][level](seen)[:, :1].sigmoid().flatten(2).permute(0, 2, 1)
            size = [(a + b).clamp(min=1e-3).log() for a, b in ((left, right), (top, bottom))]
            boxes.append(torch.cat([0.5 + (right - left) / 2, 0.5 + (bottom - top) / 2, *size], 2))
            scores.append(score)
            points.append(torch.cat([left * 0] * 10, 2))
        return (*scores, *scores, *boxes, *points)


def write_yunet(file: Path) -> None:
    """An ONNX file with YuNet's outputs."""
    names = [f"{what}_{stride}" for what in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)]
    torch.onnx.export(
        _YuNet(our_network()).eval(),
        (torch.rand(1, 3, 320, 320),),
        str(file),
        input_names=["input"],
        output_names=names,
        dynamic_axes={"input": {2: "height", 3: "width"}, **{n: {1: "cells"} for n in names}},
        opset_version=13,
        dynamo=False,
    )
