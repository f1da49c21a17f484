"""Trains networks alike, each from nothing and on as many canvases, and measures what they find and what they cost.

python models/compare.py --pack work/packs/real --bank work/packs/bank --data DIR/detect --out work/compare --write FILE

It tells networks apart with what two cores can do in hours. None is as good afterwards as what ships, which has seen
many more canvases, and the larger ones have the more to gain from more. Each training can be stopped and goes on.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch

from evaluate import Where, measure, with_onnx
from labelled import read_set
from net import build
from redact.detect import Card, Detector, open_detector
from redact.detect.cards import read_card
from redact.detect.measure import Numbers, Tally
from redact.findings import Kind
from redact.run.local import cores

ROOT = Path(__file__).parent
AT = 640  # px: the long side of the pictures shown; the copies of a larger one would blur what is compared
# Findings on nothing a picture at which recall is read; of faces not all are labelled, and a sheet shows many.
UNMATCHED = {("val", Kind.FACE): 2.0, ("far", Kind.FACE): 20.0, ("val", Kind.PLATE): 0.2}
UNSURE = 0.05  # the score from which on findings are kept: hardly trained networks are sure of nothing


@dataclass(frozen=True, slots=True)
class Variant:
    """A network of ``net.SIZES``, and the one kind that it learns; None for both."""

    size: str
    only: Kind | None = None

    @property
    def name(self) -> str:
        return self.size if self.only is None else f"{self.size}-{self.only}"


VARIANTS = (
    Variant("pico"),
    Variant("pico", Kind.FACE),
    Variant("pico", Kind.PLATE),
    Variant("pico-p2"),
    Variant("nano"),
)


def train(v: Variant, a: argparse.Namespace) -> Path:
    """Trains a variant to its end, or goes on where it was, and exports it; gives the ONNX file."""
    run = a.out / v.name
    file = run / f"{v.name}-{a.steps}.onnx"
    if file.exists():
        return file
    words = ["--size", v.size, "--pack", a.pack, "--out", run, "--steps", a.steps, "--imgsz", a.imgsz]
    words += ["--batch", a.batch, "--threads", 1, "--decay-from", 0.5, "--warmup", max(1, a.steps // 10)]
    words += ["--bank", a.bank] if a.bank else []
    words += ["--only", v.only] if v.only else []
    _python("train.py", *words)
    step = torch.load(run / "last.pt", map_location="cpu", weights_only=True)["step"]
    if step < a.steps:
        raise SystemExit(f"{v.name}: stopped at step {step} of {a.steps}. The same command goes on.")
    _python("export.py", "--run", run, "--size", v.size, "--name", "redact-pico", "--onnx-only", file)
    return file


def _python(script: str, *words: object) -> None:
    subprocess.run([sys.executable, str(ROOT / script), *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def opened(v: Variant, file: Path, imgsz: int) -> tuple[Card, Detector]:
    """A trained variant as redact uses a detector."""
    card = with_onnx(read_card(ROOT / "cards" / "redact-pico.toml"), file)
    classes = tuple("other" if v.only not in (None, Kind(c)) else c for c in card.classes)
    form = card.input.model_copy(update={"trained_px": imgsz})
    card = card.model_copy(update={"name": v.name, "classes": classes, "input": form})
    return card, open_detector(card, min_score=UNSURE)


def table(variants: list[Variant], tallies: dict[Where, Tally]) -> str:
    """A Markdown table with a row for each variant."""
    head = ("network", "learns", "parameters, M", "CPU-ms a picture", "faces", "far faces", "far 8-16 px", "plates")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for v in variants:
        mine = {(w.set, w.kind): t for w, t in tallies.items() if w.name == v.name}
        read = {at: t.at(t.score_for(UNMATCHED[at])) for at, t in mine.items()}
        costs = [t.cpu_ms_per_picture for (where, _), t in mine.items() if where == "val"]
        row = (
            v.size,
            "both" if v.only is None else f"{v.only}s",
            f"{sum(p.numel() for p in build(v.size).parameters()) / 1e6:.2f}",
            f"{sum(costs) / len(costs):.0f}" if costs else "",
            _recall(read.get(("val", Kind.FACE))),
            _recall(read.get(("far", Kind.FACE))),
            _recall(read.get(("far", Kind.FACE)), "8-16"),
            _recall(read.get(("val", Kind.PLATE))),
        )
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def _recall(n: Numbers | None, px: str | None = None) -> str:
    """Recall, of all or of those of one size; empty where the network does not know the kind."""
    if n is None:
        return ""
    values = [n.recall] if px is None else [b.recall for b in n.bins if b.px == px]
    return "".join(f"{v:.3f}" for v in values)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pack", type=Path, required=True)
    p.add_argument("--bank", type=Path)
    p.add_argument("--data", type=Path, required=True, help="folder with val/")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--steps", type=int, default=700)
    p.add_argument("--batch", type=int, default=32)
    p.add_argument("--imgsz", type=int, default=256)
    p.add_argument("--networks", choices=[v.name for v in VARIANTS], nargs="+", help="only these")
    p.add_argument("--write", type=Path, help="also write the table to this file")
    a = p.parse_args()
    variants = [v for v in VARIANTS if not a.networks or v.name in a.networks]
    with ThreadPoolExecutor(cores()) as pool:
        files = list(pool.map(lambda v: train(v, a), variants))
    trained = [opened(v, f, a.imgsz) for v, f in zip(variants, files, strict=True)]
    detectors = {card.name: detector for card, detector in trained}
    tallies = measure(detectors, read_set(a.data, "val"), (AT,))
    text = table(variants, tallies)
    print(text)
    if a.write:
        a.write.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
