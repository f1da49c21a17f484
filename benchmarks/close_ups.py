"""Faces that fill the frame, and more than it: how many are found at which size of the second opinion's picture.

    python benchmarks/close_ups.py --data $REDACT_DATA/detect --write

Labelled faces that are high enough are cut out of their pictures, so that each is so many times as high as a frame of
1920 x 1080, and shown to ours and to CenterFace, to this one with and without the smaller copies that it is shown
besides. A face counts as found where one of both finds it (IoU 0.4) at its score for a sure finding.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from machine import ROOT, machine
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT / "models"))

from labelled import read_set
from redact.api import policy_of
from redact.detect import Card, Detector, load_card, open_detector
from redact.findings import Kind
from redact.geometry import Box
from redact.media.frames import shrink

SIZE = (1920, 1080)
LEAST = 80  # px: a lower face is too coarse to be enlarged
FACES = 100
HEIGHTS = (0.15, 0.3, 0.6, 1.0, 1.3)
SECOND = (640, 960, 1280)  # px
IOU = 0.4
POLICY = policy_of("public-release")
WORDS = (__doc__ or "").split("\n\n")


def faces(data: Path) -> Iterator[tuple[NDArray[np.uint8], Box]]:
    """The highest face of each validation picture that has one high enough, and the picture (H, W, 3; RGB uint8)."""
    for picture in read_set(data, "val"):
        boxes = [b for known in picture.labels if known.kind is Kind.FACE for b in known.boxes]
        highest = max(boxes, key=lambda b: b.height, default=None)
        if highest is not None and highest.height >= LEAST:
            yield picture.pixels, highest


def close_up(pixels: NDArray[np.uint8], face: Box, height: float) -> tuple[NDArray[np.uint8], Box]:
    """A frame with the face in its middle, ``height`` times as high as the frame, and the face's box in it."""
    w, h = SIZE
    factor = height * h / face.height
    x, y = (face.x1 + face.x2) / 2, (face.y1 + face.y2) / 2
    move = np.array([[factor, 0, w / 2 - x * factor], [0, factor, h / 2 - y * factor]])
    frame = cv2.warpAffine(pixels, move, SIZE, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    half = np.array((face.width, face.height)) * factor / 2
    x1, y1, x2, y2 = (*(np.array(SIZE) / 2 - half), *(np.array(SIZE) / 2 + half))
    return frame.astype(np.uint8), Box(max(x1, 0), max(y1, 0), min(x2, w), min(y2, h))


def sees(detector: Detector, card: Card, frame: NDArray[np.uint8], face: Box, size_px: int) -> bool:
    """Whether a detector that is shown the frame ``size_px`` long surely finds the face."""
    view = shrink(frame, size_px)
    found = (d for d in detector.detect(view.pixels) if d.kind is Kind.FACE and d.score >= card.thresholds.high)
    return any(d.box.iou(face.scale(*view.scale)) >= IOU for d in found)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, required=True, help="folder with val/")
    p.add_argument("--write", action="store_true", help="into benchmarks/results/close_ups.md")
    a = p.parse_args()
    ours, second = (load_card(n) for n in (*POLICY.detect.detectors, *POLICY.detect.second_detectors))
    alone = second.model_copy(update={"input": second.input.model_copy(update={"trained_px": None})})
    first = open_detector(ours, min_score=ours.thresholds.high)
    others = {
        f"{words} {px} px{copies}": (px, open_detector(card, min_score=card.thresholds.high))
        for px in SECOND
        for words, copies, card in ((second.name, " alone", alone), (second.name, " and copies", second))
    }
    counts = {name: np.zeros(len(HEIGHTS), int) for name in ("ours only", *others)}
    shown = list(islice(faces(a.data), FACES))
    for pixels, face in shown:
        for i, height in enumerate(HEIGHTS):
            frame, box = close_up(pixels, face, height)
            mine = sees(first, ours, frame, box, POLICY.detect.size_px)
            counts["ours only"][i] += mine
            for name, (px, detector) in others.items():
                counts[name][i] += mine or sees(detector, second, frame, box, px)
    lines = ["| second opinion | " + " | ".join(f"face {h:g} of the frame" for h in HEIGHTS) + " |"]
    lines.append("|" + "---|" * (1 + len(HEIGHTS)))
    lines += [f"| {n} | " + " | ".join(f"{v / len(shown):.2f}" for v in c) + " |" for n, c in counts.items()]
    table = "\n".join(lines)
    print(table)
    if a.write:
        text = f"# Close-ups\n\n{machine()}\n\n{WORDS[0]}\n\n{WORDS[2].strip()} {len(shown)} faces.\n\n{table}\n"
        (Path(__file__).parent / "results" / "close_ups.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
