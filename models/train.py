"""Trains a detector; stops and goes on at any time.

python models/train.py --size pico --pack work/packs/real --out work/runs/pico

The learning rate is held until ``--decay-from`` of ``--steps`` and then falls to zero, so a run
can be prolonged by raising ``--steps`` as long as it has not begun to fall. A checkpoint is
written every few minutes and when the process is told to stop; the same command continues it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader, IterableDataset
from ultralytics.utils.torch_utils import ModelEMA

from bank import Bank
from compose import MASK_STRIDE, compose
from net import CLASSES, build
from pack import Pack
from redact.findings import Kind


class Canvases(IterableDataset[dict[str, Any]]):
    """Endless training canvases; worker ``w`` of ``n`` draws from its own seeded stream.

    ``only``: the one kind that is learned; of the other nothing is said.
    """

    def __init__(
        self,
        packs: list[Path],
        weights: list[float],
        size: int,
        seed: int,
        bank: Path | None,
        only: Kind | None = None,
    ) -> None:
        self.packs, self.size, self.seed, self.bank = packs, size, seed, bank
        self.only = None if only is None else CLASSES.index(only)
        self.weights = np.array(weights) / sum(weights)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        cv2.setNumThreads(0)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        packs = [Pack(p) for p in self.packs]
        bank = Bank(self.bank) if self.bank else None
        while True:
            c = compose(packs, self.weights, self.size, rng, bank)
            boxes, labels, known = c.boxes, c.labels, c.known
            if self.only is not None:
                mine = labels == self.only
                boxes, labels, known = boxes[mine], labels[mine], known.copy()
                known[1 - self.only] = 0
            yield {
                "img": torch.from_numpy(np.ascontiguousarray(c.image)),
                "boxes": torch.from_numpy(boxes.astype(np.float32)),
                "cls": torch.from_numpy(labels.astype(np.float32)),
                "known": torch.from_numpy(known),
            }


def collate(items: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Stacks canvases into the batch that ultralytics' losses read (boxes as normalised cxcywh)."""
    size = items[0]["img"].shape[0]
    boxes = torch.cat([i["boxes"] for i in items]) / size
    return {
        "img": torch.stack([i["img"] for i in items]).permute(0, 3, 1, 2).contiguous(),
        "cls": torch.cat([i["cls"] for i in items]),
        "bboxes": torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], 1),
        "batch_idx": torch.cat([torch.full((len(i["cls"]),), n, dtype=torch.float32) for n, i in enumerate(items)]),
        "known": torch.stack([i["known"] for i in items]),
    }


class MaskedBCE(nn.Module):
    """Binary cross-entropy that leaves out anchors where an object of the class may be unlabelled.

    ``known`` is set before each step: (batch, anchors, classes) bool, in the order of the anchors.
    """

    known: torch.Tensor

    def forward(self, logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        loss = nn.functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
        return loss * (self.known | (target > 0)).to(loss.dtype)


def known_at_anchors(known: torch.Tensor, strides: list[int]) -> torch.Tensor:
    """(batch, classes, S/4, S/4) -> (batch, anchors of all strides, classes)."""
    levels = []
    for s in strides:
        k = s // MASK_STRIDE
        # An anchor cell counts as known only if all of it is known.
        pooled = 1 - nn.functional.max_pool2d(1 - known.float(), k) if k > 1 else known.float()
        levels.append(pooled.flatten(2))
    return torch.cat(levels, 2).permute(0, 2, 1) > 0.5


def rate(step: int, steps: int, warmup: int, decay_from: float) -> float:
    """Warm-up, plateau, then a cosine fall to 1 % of the peak."""
    if step < warmup:
        return (step + 1) / warmup
    start = decay_from * steps
    if step < start:
        return 1.0
    t = min(1.0, (step - start) / max(1.0, steps - start))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * t))


class Training:
    """A network while it is trained: its weights and their running mean, the optimiser, and how far it is."""

    def __init__(self, size: str, lr: float, device: torch.device) -> None:
        self.device = device
        self.cuda = device.type == "cuda"
        torch.manual_seed(0)
        # Channels last: a sixth faster on a CPU (35 images/s against 30 on two cores), and what tensor cores want.
        self.model = build(size).to(device, memory_format=torch.channels_last)
        self._loss_of = self.model.init_criterion()
        self._bce = MaskedBCE()
        self._loss_of.one2many.bce = self._loss_of.one2one.bce = self._bce
        self._loss_of.o2m = self._loss_of.o2o = 0.5
        self._strides = [int(s) for s in self.model.stride]
        decay = [q for q in self.model.parameters() if q.ndim > 1]
        plain = [q for q in self.model.parameters() if q.ndim <= 1]
        groups = [{"params": decay, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self._optimiser = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.99))
        self._ema = ModelEMA(self.model, decay=0.9995, tau=1500)
        self.step = 0

    def resume(self, file: Path) -> None:
        """Goes on from a checkpoint of ours: tensors and numbers only, so nothing in it can run."""
        state = torch.load(file, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self._ema.ema.load_state_dict(state["ema"])
        self._ema.updates = self.step = state["step"]
        self._optimiser.load_state_dict(state["optimiser"])

    def start_from(self, file: Path) -> None:
        """Takes the first weights from a ``.safetensors`` file of models/weights."""
        weights = load_file(file)
        self.model.load_state_dict(weights)
        self._ema.ema.load_state_dict(weights)

    def save(self, file: Path) -> None:
        """Writes a checkpoint aside and moves it into place, so that a kill leaves the former one."""
        aside = file.with_suffix(".part")
        state = {
            "model": self.model.state_dict(),
            "ema": self._ema.ema.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "step": self.step,
        }
        torch.save(state, aside)
        aside.replace(file)

    def learn(self, batch: dict[str, torch.Tensor], lr: float) -> dict[str, torch.Tensor]:
        """Takes one step at rate ``lr`` and returns the losses."""
        for g in self._optimiser.param_groups:
            g["lr"] = lr
        batch = {k: v.to(self.device, non_blocking=True) for k, v in batch.items()}
        x = batch["img"].to(memory_format=torch.channels_last).float() / 255
        self._bce.known = known_at_anchors(batch["known"], self._strides)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.cuda):
            preds = self.model(x)
        # The loss works on sums over all anchors; bfloat16 would lose its small terms.
        preds = {
            h: {k: ([f.float() for f in v] if k == "feats" else v.float()) for k, v in d.items()}
            for h, d in preds.items()
        }
        total, items = self._loss_of(preds, batch)
        self._optimiser.zero_grad(set_to_none=True)
        (total.sum() / len(x)).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self._optimiser.step()
        self._ema.update(self.model)
        self.step += 1
        return dict(items)


class Log:
    """Tells every 100 steps how it goes, on the terminal and in a file: means of the losses, images a second."""

    def __init__(self, file: Path, first: int, batch: int) -> None:
        self._file = file.open("a")
        self._first, self._batch, self._began = first, batch, time.time()
        self._mean: list[float] | None = None

    def tell(self, step: int, losses: dict[str, torch.Tensor], lr: float) -> None:
        if step % 20 == 0:
            values = torch.stack(list(losses.values())).tolist()
            before = self._mean or values
            self._mean = [0.8 * m + 0.2 * v for m, v in zip(before, values, strict=True)]
        if step % 100 == 0 and self._mean:
            speed = (step - self._first) * self._batch / (time.time() - self._began)
            loss = [round(v, 4) for v in self._mean]
            row = {"step": step, "loss": loss, "lr": round(lr, 6), "images_per_s": round(speed, 1)}
            print(json.dumps(row), file=self._file, flush=True)
            print(row, flush=True)


def told_to_stop() -> Callable[[], bool]:
    """From now on SIGTERM and Ctrl-C stop nothing by themselves; returns whether one of them came."""
    came: list[int] = []

    def note(number: int, frame: object) -> None:
        came.append(number)

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    return lambda: bool(came)


def arguments() -> argparse.Namespace:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", required=True)
    p.add_argument("--pack", type=Path, action="append", required=True, help="may be given several times")
    p.add_argument("--bank", type=Path, help="drawn plates, vehicles, signs and people (generate.py)")
    p.add_argument("--weight", type=float, action="append", help="share of each pack (default: equal)")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--start", type=Path, help="a .safetensors file of models/weights to take the first weights from")
    p.add_argument("--only", type=Kind, choices=CLASSES, help="learn one kind alone")
    p.add_argument("--imgsz", type=int, default=416)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--steps", type=int, default=20000)
    p.add_argument("--decay-from", type=float, default=0.7)
    p.add_argument("--warmup", type=int, default=300)
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--threads", type=int, default=3)
    p.add_argument("--save-minutes", type=float, default=4)
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    return p.parse_args()


def main() -> None:
    a = arguments()
    torch.set_num_threads(a.threads)
    a.out.mkdir(parents=True, exist_ok=True)
    training = Training(a.size, a.lr, torch.device(a.device))
    last = a.out / "last.pt"
    if last.exists():
        training.resume(last)
        print(f"continues at step {training.step}", flush=True)
    elif a.start:
        training.start_from(a.start)
    data = DataLoader(
        Canvases(a.pack, a.weight or [1.0] * len(a.pack), a.imgsz, seed=training.step, bank=a.bank, only=a.only),
        batch_size=a.batch,
        num_workers=a.workers,
        collate_fn=collate,
        prefetch_factor=4 if a.workers else None,
        pin_memory=training.cuda,
    )
    stop = told_to_stop()
    training.model.train()
    if training.cuda:
        torch.backends.cudnn.benchmark = True
    log = Log(a.out / "log.jsonl", training.step, a.batch)
    saved = time.time()
    for batch in data:
        if training.step >= a.steps or stop():
            break
        if training.step == round(a.steps * a.decay_from):
            training.save(a.out / "plateau.pt")  # from here a longer training can go on
        lr = a.lr * rate(training.step, a.steps, a.warmup, a.decay_from)
        losses = training.learn(batch, lr)
        log.tell(training.step, losses, lr)
        if time.time() - saved > a.save_minutes * 60:
            training.save(last)
            saved = time.time()
    training.save(last)
    print(f"stopped at step {training.step}", flush=True)
    os._exit(0)  # data workers hold a memory map and may be slow to leave


if __name__ == "__main__":
    main()
