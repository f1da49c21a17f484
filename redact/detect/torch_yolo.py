"""Our own detectors in torch, for GPUs: half precision, several pictures at a time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import nn

from redact.detect.base import CardDetector, check_picture
from redact.detect.cards import Card
from redact.detect.network import Anchors, build, fuse
from redact.detect.scales import gather, looks
from redact.detect.yolo import GREY, select
from redact.errors import WeightsError
from redact.findings import Detection

BATCH = 16


class YoloTorch(CardDetector):
    """A YOLO26 face and plate detector on ``device`` ("cuda", "cuda:1", "cpu")."""

    batch = BATCH

    def __init__(self, card: Card, *, min_score: float, device: str) -> None:
        super().__init__(card, card.torch, min_score=min_score, device=device)
        self._type = torch.float16 if device.startswith("cuda") else torch.float32
        model, head = read_network(self._file)
        self._network = Anchors(fuse(model), head).eval().to(device, self._type)

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        return self.detect_all([picture])[0]

    def detect_all(self, pictures: Sequence[NDArray[np.uint8]]) -> list[tuple[Detection, ...]]:
        for p in pictures:
            check_picture(p)
        out: list[tuple[Detection, ...]] = []
        at = 0
        while at < len(pictures):
            # Pictures of one size go together; of a video they all are.
            n = 1
            while n < BATCH and at + n < len(pictures) and pictures[at + n].shape == pictures[at].shape:
                n += 1
            out += self._together(pictures[at : at + n])
            at += n
        return out

    @torch.inference_mode()
    def _together(self, pictures: Sequence[NDArray[np.uint8]]) -> list[tuple[Detection, ...]]:
        shown = [looks(p, self._card.input) for p in pictures]
        raw = [self._raw([s[n].pixels for s in shown]) for n in range(len(shown[0]))]
        out = []
        for n, of_one in enumerate(shown):
            boxes, scores = gather(of_one, [look[n] for look in raw])
            out.append(select(boxes, scores, self._card.classes, self._min_score, pictures[n]))
        return out

    def _raw(self, pictures: Sequence[NDArray[np.uint8]]) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
        """Boxes (N, 4) and scores (N, classes) of what may be a finding, for pictures of one size."""
        h, w = pictures[0].shape[:2]
        raw = torch.from_numpy(np.stack(pictures))
        if self.device.startswith("cuda"):
            raw = raw.pin_memory()
        x = raw.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        form = self._card.input
        if form.order == "bgr":
            x = x.flip(1)
        side = form.multiple_of
        padded = torch.full(
            (len(pictures), 3, h + -h % side, w + -w % side), GREY, dtype=torch.uint8, device=self.device
        )
        padded[:, :, :h, :w] = x
        boxes, scores = self._network(padded.to(self._type) / form.divisor)
        # Only what may be a finding comes back over the bus.
        good = (scores >= self._min_score).any(2)
        return [(b[g].cpu().numpy(), s[g].cpu().numpy()) for b, s, g in zip(boxes, scores, good, strict=True)]


def read_network(file: Path) -> tuple[nn.Module, str]:
    """The network as it was trained, float32 on the CPU, and which of its heads is meant to be used.

    The file holds tensors and a description: nothing in it can run. Raises WeightsError.
    """
    try:
        with safe_open(file, framework="pt") as f:
            description = json.loads(f.metadata()["description"])
            tensors = {k: f.get_tensor(k) for k in f.keys()}  # noqa: SIM118 - not a dict
        model = build(description["net"])
        model.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in tensors.items()})
        head = str(description["head"])
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as e:
        raise WeightsError(f"{file}: these are no weights of ours: {e}.", "Install redact again.") from None
    return model, head
