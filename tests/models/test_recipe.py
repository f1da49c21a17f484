"""The recipe from start to end on a handful of pictures: pack, draw, train, export, measure, write the card, use it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from contracts.detectors import photo

import export
from redact.demo import draw_plate

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
# (x1, y1, x2, y2) of the two faces in the 640 px wide photograph.
FACES = ((250, 100, 345, 240), (440, 45, 530, 145))


def recipe(script: str, *arguments: object, may_fail: bool = False) -> str:
    """Runs a script of the recipe as a person would; returns what it said."""
    done = subprocess.run(
        [sys.executable, str(MODELS / script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    said = done.stdout + done.stderr
    assert may_fail or done.returncode == 0, said
    return said


def write_example(folder: Path, name: str, image: np.ndarray, boxes: list[tuple[int, tuple[float, ...]]]) -> None:
    """Adds a picture and its labels, in the Ultralytics layout."""
    h, w = image.shape[:2]
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(folder / "images" / f"{name}.png"), image[..., ::-1])
    rows = [
        f"{c} {(x1 + x2) / 2 / w:.6f} {(y1 + y2) / 2 / h:.6f} {(x2 - x1) / w:.6f} {(y2 - y1) / h:.6f}"
        for c, (x1, y1, x2, y2) in boxes
    ]
    (folder / "labels" / f"{name}.txt").write_text("\n".join(rows))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs a split: one with faces, one with a plate drawn into it."""
    folder = tmp_path_factory.mktemp("data")
    faces, street = photo("zidane.jpg", 640), photo("bus.jpg", 480)
    street[500:530, 150:270] = cv2.resize(draw_plate(), (120, 30), interpolation=cv2.INTER_AREA)
    for split, first, second in (("train", "darun", "unknowncz"), ("val", "ilcmask", "openimages")):
        write_example(folder / split, f"{first}-0000", faces, [(0, f) for f in FACES])
        write_example(folder / split, f"{second}-0000", street, [(1, (150, 500, 270, 530))])
    return folder


def test_of_several_runs_the_mean_is_exported(tmp_path: Path) -> None:
    runs = []
    for n, value in enumerate((1.0, 2.0, 6.0)):
        runs.append(tmp_path / str(n))
        runs[-1].mkdir()
        torch.save({"ema": {"a": torch.full((2, 2), value), "count": torch.tensor(7)}}, runs[-1] / "last.pt")
    mean = export.learnt(runs)
    assert torch.equal(mean["a"], torch.full((2, 2), 3.0))
    assert mean["a"].dtype is torch.float32
    assert mean["count"] == 7
    assert torch.equal(export.learnt(runs[2:])["a"], torch.full((2, 2), 6.0))


def test_networks_are_compared(data: Path, tmp_path: Path) -> None:
    recipe("build_data.py", "--data", data, "--out", tmp_path / "pack")
    words = ("--data", data, "--out", tmp_path / "runs", "--steps", 2, "--batch", 2, "--imgsz", 128)
    said = recipe("compare.py", "--pack", tmp_path / "pack", *words, "--networks", "pico-plate")
    (line,) = [s for s in said.splitlines() if s.startswith("| pico |")]
    row = [c.strip() for c in line.strip("|").split("|")]
    assert row[:2] == ["pico", "plates"]
    assert float(row[2]) > 0.5, "million parameters"
    assert row[4:7] == ["", "", ""], "of faces it knows nothing"
    assert 0 <= float(row[7]) <= 1


def test_the_recipe_runs_from_start_to_end(data: Path, tmp_path: Path) -> None:
    from redact.detect import Card, load_cards

    assert "2 images packed" in recipe("build_data.py", "--data", data, "--out", tmp_path / "pack")
    said = recipe("generate.py", "--pack", tmp_path / "pack", "--out", tmp_path / "bank", "--count", 24, may_fail=True)
    drawn = "sprites in" in said
    assert "found in 2 pictures" in recipe("second_look.py", "--pack", tmp_path / "pack")
    assert drawn or "fonts-noto-cjk" in said, said  # without that font it says so, and training goes on without a bank
    run = tmp_path / "run"
    common = ("--size", "pico", "--pack", tmp_path / "pack", "--out", run, "--imgsz", 128, "--batch", 2)
    common = (*common, "--workers", 0, "--threads", 1, *(("--bank", tmp_path / "bank") if drawn else ()))
    assert "stopped at step 2" in recipe("train.py", *common, "--steps", 2)
    said = recipe("train.py", *common, "--steps", 3)
    assert "continues at step 2" in said
    assert "stopped at step 3" in said

    recipe("train.py", *common[:4], "--out", tmp_path / "other", *common[6:], "--steps", 1)
    runs = ("--run", run, "--run", tmp_path / "other")

    models = tmp_path / "models"
    for part in ("cards", "weights"):
        (models / part).mkdir(parents=True)
    card_file = models / "cards" / "smoke.toml"
    like = (MODELS / "cards" / "redact-pico.toml").read_text()
    card_file.write_text(like.replace('name = "redact-pico"', 'name = "smoke"', 1))
    assert "safetensors" in recipe("export.py", *runs, "--size", "pico", "--name", "smoke", "--models", models)
    said = recipe(
        "evaluate.py", "smoke", "--data", data, "--cards", models / "cards", "--sizes", 320, "--write-card", "--no-far"
    )
    assert "| smoke | val | plate | 320 |" in said

    os.environ["REDACT_CARDS"] = str(models / "cards")
    try:
        card: Card = load_cards()["smoke"]
    finally:
        del os.environ["REDACT_CARDS"]
    assert {(e.set, e.kind, e.pictures, e.boxes) for e in card.evaluation} == {
        ("val", "face", 1, 2),
        ("val", "plate", 1, 1),
    }
    assert card.onnx is not None
    assert Path(card.onnx.location).stat().st_size < 4e6
