"""Measures a detector on labelled pictures, and writes what was measured into its card.

python models/evaluate.py redact-pico --data DIR/detect                # prints
python models/evaluate.py redact-pico --data DIR/detect --write-card   # and writes models/cards/redact-pico.toml
python models/evaluate.py redact-pico --data DIR/detect --onnx FILE    # another training of the same network

Three sets come out of the validation images: faces where faces are labelled, plates where plates are,
and far people, made by shrinking the faces (see labelled.py).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit

from labelled import INCOMPLETE, Labelled, far_sheets, read_set
from redact.detect import Card, Detector, open_detector
from redact.detect.cards import WeightsFile, file_sha256, read_card
from redact.detect.measure import Numbers, Tally
from redact.findings import Detection, Kind
from redact.policy import DetectPolicy, ObscurePolicy
from redact.track import unite

ROOT = Path(__file__).parent
# The score from which on findings are kept, as the default recipe keeps them: what is less sure must not widen the
# box of a finding that it lies on. Figures at higher scores follow from these.
LOWEST = float(DetectPolicy.model_fields["low_score"].default)
SIZES = (640, 1280)
JOINED = "+"


@dataclass(frozen=True, order=True)
class Where:
    """One measurement: ``name`` of a detector (or several, joined by +), set, kind and long side in px."""

    name: str
    set: str
    kind: Kind
    size_px: int


def padding(kind: Kind) -> float:
    """What the default recipe pads a finding by."""
    fields = ObscurePolicy.model_fields
    return float(fields["face_padding" if kind is Kind.FACE else "plate_padding"].default)


def measure(
    detectors: Mapping[str, Detector],
    pictures: Iterable[Labelled],
    sizes: Sequence[int],
    *,
    joined: Sequence[Sequence[str]] = (),
    far: bool = True,
    split: str = "val",
) -> dict[Where, Tally]:
    """Looks at all pictures with all detectors, each picture read once, and tallies.

    A detector sees a picture only where a kind of its own is labelled. ``joined``: names of detectors
    whose findings are also counted as one. ``far``: also make sheets of far people and look at them in full.
    """
    tallies: dict[Where, Tally] = {}
    with_faces = []
    for picture in pictures:
        for size in sizes:
            _look(detectors, picture.shown(size), size, split, joined, tallies)
        if far and any(known.kind is Kind.FACE and known.boxes for known in picture.labels):
            with_faces.append(picture)
    for sheet in far_sheets(with_faces) if far else ():
        _look(detectors, sheet, max(sheet.pixels.shape), split, joined, tallies)
    return tallies


def _look(
    detectors: Mapping[str, Detector],
    shown: Labelled,
    size: int,
    split: str,
    joined: Sequence[Sequence[str]],
    tallies: dict[Where, Tally],
) -> None:
    found: dict[str, tuple[tuple[Detection, ...], float]] = {}
    kinds = {known.kind for known in shown.labels}
    for name, detector in detectors.items():
        if detector.kinds & kinds:
            began = time.process_time()
            seen = detector.detect(shown.pixels)
            # As ``redact`` counts them: one finding where several lie on one another.
            found[name] = unite(seen), time.process_time() - began
    for names in joined:
        if all(n in found for n in names):
            together = unite(d for n in names for d in found[n][0])
            found[JOINED.join(names)] = together, sum(found[n][1] for n in names)
    for name, (detections, cpu_s) in found.items():
        for known in shown.labels:
            if all(known.kind in detectors[n].kinds for n in name.split(JOINED)):
                where = Where(name, "far" if shown.source == "far" else split, known.kind, size)
                if where not in tallies:
                    tallies[where] = Tally(known.kind, padding(known.kind))
                tallies[where].add(known, detections, cpu_s)


def all_labelled(where: Where) -> bool:
    """Whether every object of the kind is labelled in the set, so that a finding on nothing is a wrong one."""
    return where.kind not in {kind for kind, _source in INCOMPLETE}


def table(tallies: Mapping[Where, Tally], scores: Sequence[float]) -> str:
    """A Markdown table, a row for each measurement and score."""
    head = ("detector", "set", "kind", "px", "score", "recall", "8-16", "16-32", "32+", "covered")
    lines = ["| " + " | ".join((*head, "unmatched", "CPU-ms")) + " |", "|" + "---|" * (len(head) + 2)]
    for where, tally in sorted(tallies.items(), key=lambda t: (t[0].set, t[0].kind, t[0].size_px, t[0].name)):
        for score in scores:
            n = tally.at(score)
            bins = {b.px: f"{b.recall:.3f} ({b.boxes})" for b in n.bins}
            unmatched = f"{n.unmatched_per_picture:.2f}"
            row = (
                where.name,
                where.set,
                where.kind,
                str(where.size_px),
                f"{score:.2f}",
                f"{n.recall:.3f}",
                *(bins.get(px, "") for px in ("8-16", "16-32", "32+")),
                f"{n.covered:.3f}",
                unmatched if all_labelled(where) else f"<= {unmatched}",
                f"{tally.cpu_ms_per_picture:.0f}",
            )
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines)


def as_toml(where: Where, tally: Tally, n: Numbers) -> tomlkit.items.Table:
    """An ``[[evaluation]]`` table of a card."""
    row = tomlkit.table()
    row.add("set", where.set)
    row.add("kind", str(where.kind))
    row.add("size_px", where.size_px)
    row.add("score", n.score)
    row.add("pictures", tally.pictures)
    row.add("boxes", n.boxes)
    row.add("recall", round(n.recall, 4))
    row.add("covered", round(n.covered, 4))
    row.add("unmatched_per_picture", round(n.unmatched_per_picture, 4))
    row.add("all_labelled", all_labelled(where))
    row.add("cpu_ms_per_picture", round(tally.cpu_ms_per_picture, 1))
    bins = tomlkit.array()
    for b in n.bins:
        cell = tomlkit.inline_table()
        cell.update({"px": b.px, "boxes": b.boxes, "recall": round(b.recall, 4), "covered": round(b.covered, 4)})
        bins.append(cell)
    row.add("bins", bins.multiline(True))
    return row


def write_card(file: Path, tallies: Mapping[Where, Tally]) -> None:
    """Replaces what the card says was measured, at the card's two scores; leaves the rest of the file as it is."""
    thresholds = read_card(file).thresholds
    scores = (thresholds.low, thresholds.high)
    card = tomlkit.parse(file.read_text(encoding="utf-8"))
    card.pop("evaluation", None)
    rows = tomlkit.aot()
    for where, tally in sorted(tallies.items(), key=lambda t: t[0]):
        for score in scores:
            rows.append(as_toml(where, tally, tally.at(score)))
    card.append("evaluation", rows)
    text = tomlkit.dumps(card)
    aside = file.with_suffix(".part")
    aside.write_text(text, encoding="utf-8")
    read_card(aside)  # what is no valid card never gets its name
    aside.replace(file)


def with_onnx(card: Card, file: Path) -> Card:
    """The card with another ONNX file in its place."""
    weights = WeightsFile(location=str(file.resolve()), sha256=file_sha256(file))
    return card.model_copy(update={"onnx": weights, "torch": None})


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("name", help="of the card")
    p.add_argument("--data", type=Path, required=True, help="folder with val/")
    p.add_argument("--split", default="val")
    p.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="long sides of the pictures shown")
    p.add_argument("--limit", type=int, help="only the first N pictures of each source (smoke test)")
    p.add_argument("--onnx", type=Path, help="measure this file instead of the card's")
    p.add_argument("--cards", type=Path, default=ROOT / "cards")
    p.add_argument("--write-card", action="store_true", help="write what was measured into the card")
    p.add_argument("--no-far", action="store_true", help="without the sheets of far people")
    a = p.parse_args()
    if a.onnx and a.write_card:
        p.error("--onnx measures a file that is not the card's: it cannot be written into it")
    file = a.cards / f"{a.name}.toml"
    card = with_onnx(read_card(file), a.onnx) if a.onnx else read_card(file)
    detector = open_detector(card, min_score=LOWEST)
    tallies = measure(
        {card.name: detector}, read_set(a.data, a.split, a.limit), a.sizes, far=not a.no_far, split=a.split
    )
    scores = (card.thresholds.low, card.thresholds.high)
    print(table(tallies, scores))
    for where, tally in tallies.items():
        if all_labelled(where):
            n = tally.at(tally.score_for(0.2))
            bins = ", ".join(f"{b.px} {b.recall:.3f}" for b in n.bins)
            print(
                f"{where.kind} {where.size_px} px at {n.unmatched_per_picture:.2f} a picture: "
                f"{n.recall:.3f} ({bins}) from {n.score:.3f} on"
            )
    if a.write_card:
        write_card(file, tallies)
        print(f"written into {file}")


if __name__ == "__main__":
    main()
