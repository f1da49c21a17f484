"""Lets the detector so far look at the training images for what their labels leave out.

python models/second_look.py --pack work/packs/real

The sources label near plates and leave many far ones out, which teaches a training not to find them; and what a
detector takes for an object in the training images, and is none, is what it has to see more of. So each picture is
looked at, as it is and enlarged, and what is found without being labelled is kept beside the pack as ``found.npz``
(rows of picture ``i``: ``first[i] : first[i + 1]`` of ``boxes``, ``labels``, ``scores``). ``Pack`` reads it: of the
places that may be objects nothing is said, neither "object" nor "background"; the others are mistakes, of which
the training is shown more.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from net import CLASSES
from pack import FOUND, HARD, Example, Pack
from redact.detect import Detector, load_cards, open_detector
from redact.findings import Detection
from redact.geometry import Box
from redact.track import unite

LONG_SIDES = (640, 1280)  # px
SAME = 0.3  # IoU from which on a finding is a labelled object


def look(detector: Detector, picture: np.ndarray) -> tuple[Detection, ...]:
    """What the detector finds at all sizes, boxes in pixels of ``picture`` (HxWx3 RGB uint8)."""
    found = []
    for long_side in LONG_SIDES:
        h, w = picture.shape[:2]
        factor = long_side / max(h, w)
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        shown = cv2.resize(picture, (round(w * factor), round(h * factor)), interpolation=how)
        sx, sy = w / shown.shape[1], h / shown.shape[0]
        found += [Detection(d.kind, d.box.scale(sx, sy), d.score) for d in detector.detect(shown)]
    return unite(found)


def unlabelled(found: tuple[Detection, ...], e: Example) -> Iterator[tuple[Box, int, float]]:
    """What of ``found`` is none of the picture's labelled objects: box, class, score."""
    for d in found:
        c = CLASSES.index(d.kind)
        known = (Box(*map(float, b)) for b in e.boxes[e.labels == c])
        if all(d.box.iou(b) < SAME for b in known):
            yield d.box, c, d.score


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pack", type=Path, required=True)
    p.add_argument("--detector", default="redact-pico", help="a card's name")
    a = p.parse_args()
    detector = open_detector(load_cards()[a.detector], min_score=HARD)
    pack = Pack(a.pack)
    first, rows = [0], []
    for i in range(len(pack)):
        e = pack[i]
        rows += list(unlabelled(look(detector, e.image), e))
        first.append(len(rows))
        if (i + 1) % 500 == 0:
            print(f"{i + 1} of {len(pack)} pictures, {len(rows)} places", flush=True)
    np.savez(
        a.pack / FOUND,
        first=np.array(first, np.int64),
        boxes=np.array([b.edges for b, _, _ in rows], np.float32).reshape(-1, 4),
        labels=np.array([c for _, c, _ in rows], np.int64),
        scores=np.array([s for _, _, s in rows], np.float32),
    )
    print(f"{len(rows)} unlabelled places found in {len(pack)} pictures")


if __name__ == "__main__":
    main()
