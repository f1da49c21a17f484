"""Reads a labelled image folder for measuring: pictures as ``redact`` reads them, and what may be counted in each.

In the validation images faces are labelled in some sources and plates in others, and where
faces are labelled not all of them are: there a finding on nothing labelled may well be a face.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from build_data import FACES_ONLY, PLATES_ONLY, read_labels
from redact.detect.measure import Labels
from redact.findings import Kind
from redact.geometry import Box
from redact.media.frames import shrink
from redact.media.images import read_image

# Sources of which the people who packed them say that not every object is labelled.
INCOMPLETE = {(Kind.FACE, "ilcmask")}
# Plates in the validation images that nobody labelled, in the form of the data set's own ignore.json: all 210 places
# that redact-pico's former weights found at 640 or 1280 px from a score of 0.41 on were looked at; these are or may be
# plates. They count as neither found nor wrong.
UNLABELLED = Path(__file__).parent / "unlabelled.json"
SHEET = (1280, 720)  # width, height of a sheet of far people
FAR_PX = (10, 16, 24)  # the median face of a picture is made this high
GREY = 114


@dataclass(frozen=True)
class Labelled:
    """One picture (``pixels`` (H, W, 3) RGB uint8) and what is known of it; ``source`` is its set's name."""

    pixels: NDArray[np.uint8]
    source: str
    labels: tuple[Labels, ...]

    def shown(self, long_side: int) -> Labelled:
        """As a detector sees it: at most ``long_side`` pixels long, boxes moved along."""
        view = shrink(self.pixels, long_side)
        labels = tuple(
            replace(
                known,
                boxes=tuple(b.scale(*view.scale) for b in known.boxes),
                ignored=tuple(b.scale(*view.scale) for b in known.ignored),
            )
            for known in self.labels
        )
        return Labelled(view.pixels, self.source, labels)


def read_set(data: Path, split: str, limit: int | None = None) -> Iterator[Labelled]:
    """The pictures of ``data``/``split`` (Ultralytics layout), by name; the first ``limit`` of each source."""
    ignore_file = data / "ignore.json"
    ignore = json.loads(ignore_file.read_text()) if ignore_file.exists() else {}
    unlabelled = json.loads(UNLABELLED.read_text())
    counts: dict[str, int] = {}
    for file in sorted((data / split / "images").iterdir()):
        source = file.stem.split("-")[0]
        counts[source] = counts.get(source, 0) + 1
        if limit is not None and counts[source] > limit:
            continue
        pixels = read_image(file).pixels
        h, w = pixels.shape[:2]
        boxes, classes = read_labels(data / split / "labels" / f"{file.stem}.txt", w, h)
        place = f"{split}/images/{file.name}"
        ignored = tuple(_box(r[:4], w, h) for r in (*ignore.get(place, ()), *unlabelled.get(place, ())))
        labels = tuple(
            Labels(kind, tuple(_box(b, w, h) for b in boxes[classes == number].tolist()), ignored)
            for number, kind in enumerate((Kind.FACE, Kind.PLATE))
            if source not in (PLATES_ONLY if kind is Kind.FACE else FACES_ONLY)
        )
        yield Labelled(pixels, source, labels)


def _box(edges: list[float], width: int, height: int) -> Box:
    x1, y1, x2, y2 = edges
    return Box(x1, y1, x2, y2).clip(width, height)


def far_sheets(pictures: list[Labelled]) -> Iterator[Labelled]:
    """Crowds of far people: each picture with faces, shrunk till its median face is 10, 16 and 24 px high.

    The small pictures lie side by side on grey sheets of 1280x720; the same pictures give the same sheets.
    """
    tiles = []
    for height in FAR_PX:
        for p in pictures:
            faces = [b for known in p.labels if known.kind is Kind.FACE for b in known.boxes]
            if faces:
                factor = height / float(np.median([b.height for b in faces]))
                long_side = round(max(p.pixels.shape) * factor)
                if factor < 1 and 16 <= long_side <= min(SHEET):
                    tiles.append(p.shown(long_side))
    tiles.sort(key=lambda t: -t.pixels.shape[0])  # shelves waste least when pictures come by height
    width, height = SHEET
    x = y = shelf = 0
    placed: list[tuple[Labelled, int, int]] = []
    for t in tiles:
        h, w = t.pixels.shape[:2]
        if x + w > width:
            x, y, shelf = 0, y + shelf, 0
        if y + h > height:
            yield _sheet(placed)
            placed, x, y, shelf = [], 0, 0, 0
        placed.append((t, x, y))
        x, shelf = x + w, max(shelf, h)
    if placed:
        yield _sheet(placed)


def _sheet(placed: list[tuple[Labelled, int, int]]) -> Labelled:
    width, height = SHEET
    pixels = np.full((height, width, 3), GREY, np.uint8)
    boxes, ignored = [], []
    for t, x, y in placed:
        h, w = t.pixels.shape[:2]
        pixels[y : y + h, x : x + w] = t.pixels
        for known in t.labels:
            if known.kind is Kind.FACE:
                boxes += [Box(b.x1 + x, b.y1 + y, b.x2 + x, b.y2 + y) for b in known.boxes]
                ignored += [Box(b.x1 + x, b.y1 + y, b.x2 + x, b.y2 + y) for b in known.ignored]
    return Labelled(pixels, "far", (Labels(Kind.FACE, tuple(boxes), tuple(ignored)),))
