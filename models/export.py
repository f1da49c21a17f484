"""Exports a training run to what ships: ONNX for CPUs, safetensors and a description for torch, and the card.

python models/export.py --run work/runs/pico --size pico --name redact-pico
python models/evaluate.py redact-pico --data DIR/detect --write-card

Of several runs that went on from the same weights (``--run A --run B``) the mean is exported: it often finds more than
each of them (Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time", ICML 2022).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import tomlkit
import torch
from safetensors.torch import save_file

from net import build, describe
from redact.detect.cards import file_sha256, read_card
from redact.detect.network import Anchors, fuse

ROOT = Path(__file__).parent


def learnt(runs: Sequence[Path]) -> dict[str, torch.Tensor]:
    """What the runs in these folders have learnt: the mean of their weights, float32."""
    states = [torch.load(run / "last.pt", map_location="cpu", weights_only=True)["ema"] for run in runs]
    return {
        name: torch.stack([s[name].double() for s in states]).mean(0).float() if first.is_floating_point() else first
        for name, first in states[0].items()
    }


def fused(size: str, weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The trained network in evaluation mode, with batch normalisation folded in and both heads kept."""
    model = build(size)
    model.load_state_dict(weights)
    return fuse(model)


def export_onnx(model: torch.nn.Module, head: str, file: Path) -> None:
    """Writes the ONNX graph: input ``image`` (1, 3, H, W) float32 0..1, outputs ``boxes`` and ``scores``."""
    sides = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(
        Anchors(model, head).eval(),
        (torch.rand(1, 3, 384, 640),),
        str(file),
        input_names=["image"],
        output_names=["boxes", "scores"],
        dynamic_axes={"image": sides, "boxes": {0: "batch", 1: "anchors"}, "scores": {0: "batch", 1: "anchors"}},
        opset_version=17,
        dynamo=False,
    )


def update_card(card: Path, files: dict[str, Path]) -> None:
    """Writes the new files and digests into the card's [onnx] and [torch] tables.

    What was measured of the former files is taken out: evaluate.py writes it anew. The rest is for a
    person to keep right. Files that don't lie in models/weights are named by their whole path.
    """
    text = tomlkit.parse(card.read_text(encoding="utf-8"))
    for table, file in files.items():
        inside = file.parent.resolve() == (ROOT / "weights").resolve()
        text[table] = {"location": file.name if inside else str(file.resolve()), "sha256": file_sha256(file)}
    text.pop("evaluation", None)
    card.write_text(tomlkit.dumps(text), encoding="utf-8")
    read_card(card)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--run", type=Path, action="append", required=True, help="folder with last.pt; several: their mean")
    p.add_argument("--size", required=True)
    p.add_argument("--name", required=True, help="of the card to update")
    p.add_argument("--head", choices=("one2one", "one2many"), default="one2many")
    p.add_argument("--models", type=Path, default=ROOT, help="folder with cards/ and weights/")
    p.add_argument("--onnx-only", type=Path, help="write just this ONNX file (to compare)")
    a = p.parse_args()
    state = learnt(a.run)
    if a.onnx_only:
        export_onnx(fused(a.size, state), a.head, a.onnx_only)
        return
    weights = a.models / "weights"
    onnx_file, torch_file = weights / f"{a.name}.onnx", weights / f"{a.name}.safetensors"
    with tempfile.TemporaryDirectory(dir=weights) as aside:
        new = Path(aside) / onnx_file.name
        export_onnx(fused(a.size, state), a.head, new)
        half = {k: (v.half() if v.is_floating_point() else v).contiguous() for k, v in state.items()}
        description = json.dumps({"net": describe(a.size), "head": a.head, "step": 0})
        save_file(half, Path(aside) / torch_file.name, metadata={"description": description})
        new.replace(onnx_file)
        (Path(aside) / torch_file.name).replace(torch_file)
    update_card(a.models / "cards" / f"{a.name}.toml", {"onnx": onnx_file, "torch": torch_file})
    print(f"{onnx_file} {onnx_file.stat().st_size} bytes, {torch_file} {torch_file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
