"""Tries to undo obscuring: rebuilds faces from one frame and from 100, and finds people by their obscured faces.

    python benchmarks/attack.py                                # on generated faces
    python benchmarks/attack.py --faces $REDACT_DATA/detect    # on labelled photographs (YOLO layout)

The attacker knows the method and all of its parameters, where the region lies, and how the face
moved (to a fraction of a pixel). What the attacker does is in three parts:

- rebuild: the picture that best explains what is seen, by regularised least squares. Each method is
  linear but for rounding, so one solver serves all: for a Gaussian it is the Wiener filter, for a
  moving mosaic it is multi-frame super-resolution.
- recognise: the rebuilt face is looked up among clear ones.
- parrot: every face of the gallery is obscured in the same way, and the obscured faces are compared
  (Newton, Sweeney and Malin 2005).

Faces are compared by luma (and, obscured ones, chroma) in a metric learned on other faces: directions
in which pictures of one face differ among themselves count little (within-class whitening).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from attacking.faces import Floats, Scene, generated_faces, photographed_faces
from attacking.methods import Method, deface_blur, deface_mosaic, gaussian, moving_mosaic, redact_blur, region_of
from attacking.rebuilding import film, quality, rebuild
from attacking.recognising import People, as_shown, grid_of, learned, looks, people
from numpy.typing import NDArray

from redact.obscure.grid import LEVELS

FRAMES = 100


def methods() -> list[Method]:
    return [
        gaussian(0.05),
        gaussian(0.10),
        gaussian(0.20),
        deface_blur(),
        deface_mosaic(),
        moving_mosaic(),
        redact_blur(anew=1),
        redact_blur(anew=10),
        redact_blur(),
        redact_blur(cells=4, anew=10),
        redact_blur(cells=4),
        redact_blur(cells=2, anew=10),
        redact_blur(cells=2),
    ]


def rebuild_table(faces: Sequence[Scene]) -> list[str]:
    """How near rebuilt faces come to the truth."""
    out = [
        f"| what is released | detail as shown | 1 frame: PSNR | SSIM | detail "
        f"| {FRAMES} frames: PSNR | SSIM | detail |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for m in methods():
        rows = []
        for i, f in enumerate(faces):
            seen, shown = film(f, m, FRAMES, np.random.default_rng([1, i]))
            q = [quality(f.yuv[0], x, f.face) for x in (shown[0], rebuild(seen[:1], m.noise), rebuild(seen, m.noise))]
            rows.append([q[0].detail, *(v for x in q[1:] for v in (x.psnr, x.ssim, x.detail))])
        d0, p1, s1, d1, p2, s2, d2 = np.mean(rows, axis=0)
        out.append(f"| {m.name} | {d0:.2f} | {p1:.1f} | {s1:.2f} | {d1:.2f} | {p2:.1f} | {s2:.2f} | {d2:.2f} |")
        print(out[-1], file=sys.stderr)
    return out


def recognise_table(group: People) -> list[str]:
    """How often people are found by one obscured frame."""
    n = len(group.gallery)
    out = [
        f"| what is released | rebuilt, then compared with clear faces: rank 1 of {n} | parrot: rank 1 of {n} |",
        "|---|---|---|",
    ]
    rng = np.random.default_rng(11)

    def luma(s: Scene) -> Floats:
        return looks([s.yuv[0]], s.face.to_ints())

    clear = learned(np.array([[luma(s) for s in pictures] for pictures in group.others]))
    gallery = np.array([luma(s) for s in group.gallery])
    found = clear.rank1(gallery, np.array([luma(s) for s in group.probes]))
    everything = group.rank1(lambda s: looks(s.yuv, region_of(s.face)))
    out.append(f"| nothing obscured | {found:.0%} | {everything:.0%} |")
    for m in [x for x in methods() if x.anew in (0, 1) and "anew" not in x.name]:
        rebuilt = []
        for s in group.probes:
            seen, _ = film(s, m, 1, rng)
            rebuilt.append(looks([rebuild(seen, m.noise, steps=3)], s.face.to_ints()))

        def seen_by_parrot(s: Scene, m: Method = m) -> Floats:
            return looks(as_shown(s, m, rng), region_of(s.face))

        out.append(f"| {m.name} | {clear.rank1(gallery, np.array(rebuilt)):.0%} | {group.rank1(seen_by_parrot):.0%} |")
        print(out[-1], file=sys.stderr)
    out.append(f"| chance, or a solid | {1 / n:.1%} | {1 / n:.1%} |")
    return out


def grid_table(group: People) -> list[str]:
    """How parrot recognition falls with cells and levels."""
    levels = (256, 32, 16, 8, 4)
    out = [
        "| cells | " + " | ".join(f"{v} levels" for v in levels) + " |",
        "|---|" + "---|" * len(levels),
    ]
    for cells in (8, 6, 5, 4, 3, 2, 1):
        shares = [group.rank1(lambda s, c=cells, v=v: grid_of(s, c, v)) for v in levels]  # type: ignore[misc]
        out.append(f"| {cells} x {cells} | " + " | ".join(f"{v:.0%}" for v in shares) + " |")
        print(out[-1], file=sys.stderr)
    return out


def gallery_table(faces: Sequence[Scene]) -> list[str]:
    """How parrot recognition behind our grid falls with the number of people who come into question."""
    counts = [n for n in (5, 20, 50, 200, 600) if n + 200 <= len(faces)]
    out = ["| people who come into question | 6 x 6 | 4 x 4 | 2 x 2 |", "|---|---|---|---|"]
    for n in counts:
        group = people(faces[-(n + 500) :], n, other_time=True)
        out.append(
            f"| {n} | "
            + " | ".join(f"{group.rank1(lambda s, c=c: grid_of(s, c, LEVELS)):.0%}" for c in (6, 4, 2))
            + " |"
        )  # type: ignore[misc]
    return out


def picture(faces: Sequence[Scene]) -> NDArray[np.uint8]:
    """Rows: methods. Columns, for each face: the truth, as released, rebuilt from one frame, from all."""
    rows = []
    for m in methods():
        row = []
        for i, f in enumerate(faces):
            seen, shown = film(f, m, FRAMES, np.random.default_rng([2, i]))
            row += [f.yuv[0], shown[0], rebuild(seen[:1], m.noise), rebuild(seen, m.noise)]
        band = np.clip(np.concatenate(row, axis=1), 0, 255).astype(np.uint8)
        label = np.full((18, band.shape[1]), 255, np.uint8)
        cv2.putText(label, m.name, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)
        rows += [label, band]
    return np.concatenate(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Tries to undo obscuring.")
    parser.add_argument("--faces", type=Path, help="labelled photographs, YOLO layout; generated faces without it")
    parser.add_argument("--rebuilt", type=int, default=24, help="how many faces are rebuilt from many frames")
    parser.add_argument("--people", type=int, default=200, help="how many people are in the gallery")
    parser.add_argument("--figure", type=Path, help="writes a PNG of generated faces, rebuilt, and does nothing else")
    args = parser.parse_args()
    if args.figure:
        cv2.imwrite(str(args.figure), picture(generated_faces(3, seed=5)))
        return
    faces = photographed_faces(args.faces) if args.faces else generated_faces(args.people + 500)
    kind = "photographed" if args.faces else "generated"
    same, other = (people(faces, args.people, other_time=v) for v in (False, True))
    n = args.people
    tables = [
        (f"Rebuilding, {args.rebuilt} {kind} faces", lambda: rebuild_table(faces[: args.rebuilt])),
        (f"Recognising by one frame, {n} {kind} faces, the same photograph varied", lambda: recognise_table(same)),
        (f"Recognising by one frame, {n} {kind} faces, another time and place", lambda: recognise_table(other)),
        ("Parrot recognition by cells and levels, the same photograph varied", lambda: grid_table(same)),
        ("Parrot recognition by cells and levels, another time and place", lambda: grid_table(other)),
        ("Parrot recognition by the number of people, another time and place", lambda: gallery_table(faces)),
    ]
    for title, table in tables:
        print(f"\n## {title}\n\n" + "\n".join(table()), flush=True)


if __name__ == "__main__":
    main()
