"""``redact detect`` on the validation images finds what the cards say was found on them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evaluate import padding
from labelled import Labelled, read_set
from redact.detect import Card, load_cards
from redact.detect.cards import Evaluation
from redact.detect.measure import Tally
from redact.findings import Detection, Kind
from redact.geometry import Box

SIZE = 640
MEASURED = [c for c in load_cards().values() if any(e.set == "val" and e.size_px == SIZE for e in c.evaluation)]
RECIPE = """
schema = 1
name = "one-detector"

[obscure]
kinds = {kinds}

[detect]
detectors = ["{name}"]
size_px = {size}
second_detectors = []
low_score = {low}
high_score = 0.5
"""


@pytest.fixture(scope="module")
def pictures(shared_pictures: Path) -> list[tuple[Path, Labelled]]:
    """Each picture's file and, at the size it is shown at, what is labelled in it."""
    files = sorted((shared_pictures / "val" / "images").iterdir())
    return [(f, p.shown(SIZE)) for f, p in zip(files, read_set(shared_pictures, "val"), strict=True)]


def test_cards_carry_measured_numbers() -> None:
    ours = [c for c in load_cards().values() if c.family == "yolo26"]
    assert ours
    for card in ours:
        assert {e.kind for e in card.evaluation} == set(card.classes), "measured by: models/evaluate.py --write-card"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("card", MEASURED, ids=lambda c: c.name)
def test_detect_reproduces_the_card(card: Card, pictures: list[tuple[Path, Labelled]], tmp_path: Path) -> None:
    from redact.cli import app

    recipe = tmp_path / "one.toml"
    rows = [e for e in card.evaluation if e.set == "val" and e.size_px == SIZE]
    recipe.write_text(
        RECIPE.format(kinds=json.dumps(sorted(card.finds)), name=card.name, size=SIZE, low=min(e.score for e in rows))
    )
    said = CliRunner().invoke(
        app, ["detect", *(str(f) for f, _ in pictures), "--recipe", str(recipe), "--json", "--workers", "1"]
    )
    assert said.exit_code == 0, said.output
    tallies: dict[str, Tally] = {}
    for line, (_, shown) in zip(said.stdout.splitlines(), pictures, strict=True):
        report = json.loads(line)
        sx, sy = shown.pixels.shape[1] / report["width"], shown.pixels.shape[0] / report["height"]
        found = [Detection(Kind(d["kind"]), Box(*d["box"]).scale(sx, sy), d["score"]) for d in report["detections"]]
        for labels in shown.labels:
            tally = tallies.setdefault(labels.kind, Tally(labels.kind, padding(labels.kind)))
            tally.add(labels, found, 0.0)
    for row in rows:
        compare(row, tallies[row.kind])


def compare(row: Evaluation, tally: Tally) -> None:
    """Scores and boxes are printed rounded, which may move a few findings across a limit."""
    n = tally.at(row.score)
    assert (n.boxes, tally.pictures) == (row.boxes, row.pictures)
    assert n.recall == pytest.approx(row.recall, abs=0.01)
    assert n.covered == pytest.approx(row.covered, abs=0.02)
    assert n.unmatched_per_picture == pytest.approx(row.unmatched_per_picture, rel=0.02, abs=0.02)
    for found, known in zip(n.bins, row.bins, strict=True):
        assert (found.px, found.boxes) == (known.px, known.boxes)
        assert found.recall == pytest.approx(known.recall, abs=0.02)
