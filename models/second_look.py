"""Lets the detector so far look at the training images for what their labels leave out.

python models/second_look.py --pack work/packs/real

The sources label near plates and leave many far ones out, which teaches a training not to find them; and what a
detector takes for an object in the training images, and is none, is what it has to see more of. So each picture is
looked at enlarged, and what is found without being labelled is kept beside the pack as ``found.npz``
(rows of picture ``i``: ``first[i] : first[i + 1]`` of ``boxes``, ``labels``, ``scores``). ``Pack`` reads it: of the
places that may be objects nothing is said, neither "object" nor "background"; the others are mistakes, of which
the training is shown more.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from net import CLASSES
from pack import FOUND, HARD, Example, Pack
from redact.detect import Detector, load_cards, open_detector
from redact.findings import Detection
from redact.geometry import Box
from redact.run.local import cores

LONG_SIDE = 1280  # px
PART = 100  # pictures that a process looks at, at a time
SAME = 0.3  # IoU from which on a finding is a labelled object


def look(detector: Detector, picture: np.ndarray) -> tuple[Detection, ...]:
    """What the detector finds in the enlarged ``picture`` (HxWx3 RGB uint8) and the copies it makes of that itself."""
    h, w = picture.shape[:2]
    factor = LONG_SIDE / max(h, w)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    shown = cv2.resize(picture, (round(w * factor), round(h * factor)), interpolation=how)
    sx, sy = w / shown.shape[1], h / shown.shape[0]
    return tuple(Detection(d.kind, d.box.scale(sx, sy), d.score) for d in detector.detect(shown))


def unlabelled(found: tuple[Detection, ...], e: Example) -> Iterator[tuple[Box, int, float]]:
    """What of ``found`` is none of the picture's labelled objects: box, class, score."""
    for d in found:
        c = CLASSES.index(d.kind)
        known = (Box(*map(float, b)) for b in e.boxes[e.labels == c])
        if all(d.box.iou(b) < SAME for b in known):
            yield d.box, c, d.score


def search(pack: Path, name: str, part: range) -> list[list[tuple[Box, int, float]]]:
    """What the detector of a card's ``name`` finds in the pictures of ``part``, beside their labels."""
    detector = open_detector(load_cards()[name], min_score=HARD)
    return [list(unlabelled(look(detector, e.image), e)) for e in map(Pack(pack).__getitem__, part)]


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pack", type=Path, required=True)
    p.add_argument("--detector", default="redact-pico", help="a card's name")
    a = p.parse_args()
    count = len(Pack(a.pack))
    parts = [range(i, min(i + PART, count)) for i in range(0, count, PART)]
    first, rows = [0], list[tuple[Box, int, float]]()
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn")) as pool:
        for found in pool.map(partial(search, a.pack, a.detector), parts):
            for of_one in found:
                rows += of_one
                first.append(len(rows))
            print(f"{len(first) - 1} of {count} pictures, {len(rows)} places", flush=True)
    np.savez(
        a.pack / FOUND,
        first=np.array(first, np.int64),
        boxes=np.array([b.edges for b, _, _ in rows], np.float32).reshape(-1, 4),
        labels=np.array([c for _, c, _ in rows], np.int64),
        scores=np.array([s for _, _, s in rows], np.float32),
    )
    print(f"{len(rows)} unlabelled places found in {count} pictures")


if __name__ == "__main__":
    main()
