"""Lets the detector so far look at the training images for what their labels leave out.

python models/second_look.py --pack work/packs/real

The sources label near plates and leave many far ones out, which teaches a training not to find them; and what a
detector takes for an object in the training images, and is none, is what it has to see more of. So each picture is
looked at enlarged, and what is found without being labelled is kept beside the pack as ``found.npz``
(rows of picture ``i``: ``first[i] : first[i + 1]`` of ``boxes``, ``labels``, ``scores``). ``Pack`` reads it: of the
places that may be objects nothing is said, neither "object" nor "background"; the others are mistakes, of which
the training is shown more.

Stops and goes on at any time: what was found in each hundred pictures is kept beside the pack until all are done.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from net import CLASSES
from pack import FOUND, HARD, Example, Pack
from redact.detect import Detector, load_cards, open_detector
from redact.detect.cards import file_sha256
from redact.findings import Detection
from redact.geometry import Box
from redact.run.local import LocalRunner
from redact.store import kept_bytes, key

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


def search(pack: Path, name: str, part: range, folder: Path) -> Path:
    """Writes what the detector of a card's ``name`` finds beside the labels of the pictures of ``part``.

    The file, in ``folder``, has a list of (box, class, score) for each picture; one that is there already is kept.
    """
    card = load_cards()[name]
    assert card.onnx is not None
    of = file_sha256(pack / "index.npz")
    file = folder / f"{key(of, card.onnx.sha256, HARD, LONG_SIDE, part.start, part.stop)}.json"
    if not file.exists():
        detector = open_detector(card, min_score=HARD)
        found = [list(unlabelled(look(detector, e.image), e)) for e in map(Pack(pack).__getitem__, part)]
        kept_bytes(file, json.dumps([[(b.edges, c, s) for b, c, s in of_one] for of_one in found]).encode())
    return file


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--pack", type=Path, required=True)
    p.add_argument("--detector", default="redact-pico", help="a card's name")
    a = p.parse_args()
    count = len(Pack(a.pack))
    folder = a.pack / "found"
    folder.mkdir(exist_ok=True)
    jobs = ((a.pack, a.detector, range(i, min(i + PART, count)), folder) for i in range(0, count, PART))
    first, rows = [0], list[tuple[list[float], int, float]]()
    with LocalRunner() as runner:
        for file in runner.map(search, jobs):
            for of_one in json.loads(file.read_bytes()):
                rows += of_one
                first.append(len(rows))
            print(f"{len(first) - 1} of {count} pictures, {len(rows)} places", flush=True)
    np.savez(
        a.pack / FOUND,
        first=np.array(first, np.int64),
        boxes=np.array([b for b, _, _ in rows], np.float32).reshape(-1, 4),
        labels=np.array([c for _, c, _ in rows], np.int64),
        scores=np.array([s for _, _, s in rows], np.float32),
    )
    shutil.rmtree(folder)
    print(f"{len(rows)} unlabelled places found in {count} pictures")


if __name__ == "__main__":
    main()
