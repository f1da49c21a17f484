"""Packs a labelled image folder (Ultralytics layout) for training.

python models/build_data.py --data DIR/detect --split train --out work/packs/real
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pack import Example, write_pack


def read_labels(file: Path, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns (boxes Nx4 xyxy in pixels, labels N) of one ``class cx cy w h`` file."""
    text = file.read_text() if file.exists() else ""
    rows = np.array([line.split() for line in text.splitlines() if line.strip()], np.float64).reshape(-1, 5)
    centre, size = rows[:, 1:3], rows[:, 3:5]
    scale = np.array([width, height] * 2)
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1) * scale
    return boxes.astype(np.float32), rows[:, 0].astype(np.int64)


# In these sources only faces were labelled; a plate in the background of one is not background.
FACES_ONLY = {"daniyal", "darun", "formatcom", "flstupid", "nisasiimsek", "oalprneg", "ilcmask"}
PLATES_ONLY = {"openimages", "rodashcam"}


def read_folder(data: Path, split: str, limit: int | None) -> Iterator[Example]:
    for file in sorted((data / split / "images").iterdir())[:limit]:
        image = cv2.cvtColor(cv2.imread(str(file)), cv2.COLOR_BGR2RGB)
        h, w = image.shape[:2]
        boxes, labels = read_labels(data / split / "labels" / f"{file.stem}.txt", w, h)
        group = file.stem.split("-")[0]
        yield Example(image, boxes, labels, group, (group not in PLATES_ONLY, group not in FACES_ONLY))


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--data", type=Path, required=True, help="folder with train/ and val/")
    args.add_argument("--split", default="train")
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--limit", type=int, help="use only the first N images (smoke test)")
    a = args.parse_args()
    n = write_pack(a.out, read_folder(a.data, a.split, a.limit))
    print(f"{n} images packed in {a.out}")


if __name__ == "__main__":
    main()
