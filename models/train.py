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
from collections.abc import Iterator
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
from net import build
from pack import Pack


class Canvases(IterableDataset[dict[str, Any]]):
    """Endless training canvases; worker ``w`` of ``n`` draws from its own seeded stream."""

    def __init__(self, packs: list[Path], weights: list[float], size: int, seed: int, bank: Path | None) -> None:
        self.packs, self.size, self.seed, self.bank = packs, size, seed, bank
        self.weights = np.array(weights) / sum(weights)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        cv2.setNumThreads(0)
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        packs = [Pack(p) for p in self.packs]
        bank = Bank(self.bank) if self.bank else None
        while True:
            c = compose(packs, self.weights, self.size, rng, bank)
            yield {
                "img": torch.from_numpy(np.ascontiguousarray(c.image)),
                "boxes": torch.from_numpy(c.boxes.astype(np.float32)),
                "cls": torch.from_numpy(c.labels.astype(np.float32)),
                "known": torch.from_numpy(c.known),
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


def save(file: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint aside and moves it into place, so that a kill leaves the former one."""
    aside = file.with_suffix(".part")
    torch.save(state, aside)
    aside.replace(file)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", required=True)
    p.add_argument("--pack", type=Path, action="append", required=True, help="may be given several times")
    p.add_argument("--bank", type=Path, help="drawn plates, vehicles, signs and people (generate.py)")
    p.add_argument("--weight", type=float, action="append", help="share of each pack (default: equal)")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--start", type=Path, help="a .safetensors file of models/weights to take the first weights from")
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
    a = p.parse_args()

    torch.set_num_threads(a.threads)
    device = torch.device(a.device)
    cuda = device.type == "cuda"
    a.out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    # Channels last: a sixth faster on a CPU (35 images/s against 30 on two cores), and what tensor cores want.
    model = build(a.size).to(device, memory_format=torch.channels_last)
    loss_of = model.init_criterion()
    bce = MaskedBCE()
    loss_of.one2many.bce = loss_of.one2one.bce = bce
    loss_of.o2m = loss_of.o2o = 0.5
    strides = [int(s) for s in model.stride]
    decay = [q for q in model.parameters() if q.ndim > 1]
    plain = [q for q in model.parameters() if q.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}], lr=a.lr, betas=(0.9, 0.99)
    )
    ema = ModelEMA(model, decay=0.9995, tau=1500)
    step = 0
    last = a.out / "last.pt"
    if last.exists():
        # Our own checkpoint: tensors and numbers only, so nothing in it can run.
        state = torch.load(last, map_location=device, weights_only=True)
        model.load_state_dict(state["model"])
        ema.ema.load_state_dict(state["ema"])
        ema.updates = step = state["step"]
        optimiser.load_state_dict(state["optimiser"])
        print(f"continues at step {step}", flush=True)
    elif a.start:
        first_weights = load_file(a.start)
        model.load_state_dict(first_weights)
        ema.ema.load_state_dict(first_weights)

    weights = a.weight or [1.0] * len(a.pack)
    data = DataLoader(
        Canvases(a.pack, weights, a.imgsz, seed=step, bank=a.bank),
        batch_size=a.batch,
        num_workers=a.workers,
        collate_fn=collate,
        prefetch_factor=4 if a.workers else None,
        pin_memory=cuda,
    )
    stop = False

    def on_signal(number: int, frame: object) -> None:
        nonlocal stop
        stop = True

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)

    def checkpoint(file: Path = last) -> None:
        save(
            file,
            {
                "model": model.state_dict(),
                "ema": ema.ema.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step,
            },
        )

    model.train()
    if cuda:
        torch.backends.cudnn.benchmark = True
    began = saved = time.time()
    first, mean = step, None
    log = (a.out / "log.jsonl").open("a")
    for batch in data:
        if step >= a.steps or stop:
            break
        lr = a.lr * rate(step, a.steps, a.warmup, a.decay_from)
        if step == round(a.steps * a.decay_from):
            checkpoint(a.out / "plateau.pt")  # from here a longer training can go on
        for g in optimiser.param_groups:
            g["lr"] = lr
        batch = {k: v.to(device, non_blocking=True) for k, v in batch.items()}
        x = batch["img"].to(memory_format=torch.channels_last).float() / 255
        bce.known = known_at_anchors(batch["known"], strides)
        with torch.autocast(device.type, torch.bfloat16, enabled=cuda):
            preds = model(x)
        # The loss works on sums over all anchors; bfloat16 would lose its small terms.
        preds = {
            h: {k: ([f.float() for f in v] if k == "feats" else v.float()) for k, v in d.items()}
            for h, d in preds.items()
        }
        total, items = loss_of(preds, batch)
        optimiser.zero_grad(set_to_none=True)
        (total.sum() / a.batch).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()
        ema.update(model)
        step += 1
        if step % 20 == 0:
            values = torch.stack(list(items.values())).tolist()
            mean = values if mean is None else [0.8 * m + 0.2 * v for m, v in zip(mean, values, strict=True)]
        if step % 100 == 0 and mean:
            speed = (step - first) * a.batch / (time.time() - began)
            row = {
                "step": step,
                "loss": [round(v, 4) for v in mean],
                "lr": round(lr, 6),
                "images_per_s": round(speed, 1),
            }
            print(json.dumps(row), file=log, flush=True)
            print(row, flush=True)
        if time.time() - saved > a.save_minutes * 60:
            checkpoint()
            saved = time.time()
    checkpoint()
    print(f"stopped at step {step}", flush=True)
    os._exit(0)  # data workers hold a memory map and may be slow to leave


if __name__ == "__main__":
    main()
