"""A packed image set: every image decoded once, kept as raw pixels in one file.

Decoding WebP costs more than a training step of the smallest model on a CPU, so the set is
decoded once. ``pixels.u8`` holds the images one after another (RGB, uint8, row-major) and is
memory-mapped; ``index.npz`` holds, for image ``i``:

- ``offset[i]``: first byte in ``pixels.u8``; ``shape[i]``: height, width in pixels
- ``first[i] : first[i + 1]``: its rows in ``boxes`` (x1, y1, x2, y2 in pixels of the packed image,
  float32) and ``labels`` (0 = face, 1 = plate)
- ``group[i]``: index into ``groups``, the name of the source the image came from
- ``labelled[i]``: which classes are fully labelled in this image (bool, one column a class)

``found.npz``, if it is there, holds what a detector found besides the labels (``second_look.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

FOUND = "found.npz"
# Scores from which on a finding without a label may be an object: a face; a plate where plates were labelled, and where
# only faces were. Of the training images' findings 96 of each were looked at. Faces: of those from 0.5 on one in seven
# was one, most of these from 0.6 on. Plates: where they were labelled, half of those from 0.25 on; where they were not,
# none at all, even of those from 0.4 on.
DOUBT_FACE, DOUBT_PLATE, DOUBT_PLATE_UNLABELLED = 0.6, 0.25, 0.9
HARD = 0.15  # the score from which on a finding that is no object is worth being shown again
NONE = np.zeros((0, 4), np.float32)


@dataclass(frozen=True)
class Example:
    """One labelled image: ``image`` HxWx3 RGB uint8, ``boxes`` Nx4 xyxy pixels, ``labels`` N.

    ``labelled``: of which classes all objects are labelled, but for those that may be in ``doubts``:
    for each class, boxes (xyxy pixels) in which an unlabelled object may be. ``hard``: boxes of what
    was taken for an object and is none.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    group: str
    labelled: tuple[bool, bool] = (True, True)
    doubts: tuple[np.ndarray, np.ndarray] = (NONE, NONE)
    hard: np.ndarray = field(default_factory=NONE.copy)


class Pack:
    """Read access to a packed set; images are views into a memory map and must be copied to change."""

    def __init__(self, folder: Path) -> None:
        index = np.load(folder / "index.npz")
        self.offset = index["offset"]
        self.shape = index["shape"]
        self.first = index["first"]
        self.boxes = index["boxes"]
        self.labels = index["labels"]
        self.group = index["group"]
        self.groups = [str(g) for g in index["groups"]]
        self.labelled = index["labelled"]
        self.pixels = np.memmap(folder / "pixels.u8", dtype=np.uint8, mode="r")
        self.found = dict(np.load(folder / FOUND)) if (folder / FOUND).exists() else None

    def __len__(self) -> int:
        return len(self.offset)

    def __getitem__(self, i: int) -> Example:
        h, w = (int(v) for v in self.shape[i])
        start = int(self.offset[i])
        a, b = int(self.first[i]), int(self.first[i + 1])
        return Example(
            image=self.pixels[start : start + h * w * 3].reshape(h, w, 3),
            boxes=self.boxes[a:b],
            labels=self.labels[a:b],
            group=self.groups[self.group[i]],
            **self._second_look(i),
        )

    def _second_look(self, i: int) -> dict[str, Any]:
        """What is said of image ``i`` besides its labels."""
        faces, plates = (bool(v) for v in self.labelled[i])
        if self.found is None:
            return {"labelled": (faces, plates)}
        rows = slice(int(self.found["first"][i]), int(self.found["first"][i + 1]))
        boxes, labels, scores = (self.found[k][rows] for k in ("boxes", "labels", "scores"))
        least = np.array((DOUBT_FACE, DOUBT_PLATE if plates else DOUBT_PLATE_UNLABELLED))
        doubtful = scores >= least[labels]
        return {
            "labelled": (True, True),
            "doubts": (boxes[doubtful & (labels == 0)], boxes[doubtful & (labels == 1)]),
            "hard": boxes[~doubtful & (scores >= HARD)],
        }


def write_pack(folder: Path, examples: Iterable[Example]) -> int:
    """Writes a packed set into ``folder`` and returns how many images it holds.

    The index is written last, so a folder with an index is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for former in ("index.npz", FOUND):
        (folder / former).unlink(missing_ok=True)
    offset, shape, first, boxes, labels, group, labelled = [], [], [0], [], [], [], []
    groups: list[str] = []
    position = 0
    pixels = folder / "pixels.u8"
    pixels.unlink(missing_ok=True)  # whoever has the former one mapped keeps it
    with pixels.open("wb") as out:
        for e in examples:
            out.write(np.ascontiguousarray(e.image).tobytes())
            offset.append(position)
            position += e.image.size
            shape.append(e.image.shape[:2])
            boxes.append(np.asarray(e.boxes, np.float32).reshape(-1, 4))
            labels.append(np.asarray(e.labels, np.int64).reshape(-1))
            first.append(first[-1] + len(labels[-1]))
            if e.group not in groups:
                groups.append(e.group)
            group.append(groups.index(e.group))
            labelled.append(e.labelled)
    np.savez(
        folder / "index.npz",
        offset=np.array(offset, np.int64),
        shape=np.array(shape, np.int32),
        first=np.array(first, np.int64),
        boxes=np.concatenate(boxes),
        labels=np.concatenate(labels),
        group=np.array(group, np.int32),
        groups=np.array(groups),
        labelled=np.array(labelled, bool),
    )
    return len(offset)
