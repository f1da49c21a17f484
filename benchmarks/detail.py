"""How closely to look: faces covered against CPU time for each frame of video, for sizes, paces and second opinions.

    python benchmarks/detail.py --data $REDACT_DATA/detect --write

The footage is made of labelled pictures, as no labelled 1080p video of far people is at hand: pictures with faces,
shrunk till their median face is 10 to 40 px high, lie side by side on a world larger than the frame; a camera pans over
it for two seconds, with noise and JPEG artefacts that differ from frame to frame. Each frame is found in, linked and
decided on as the main job does it, and a face counts as covered in a frame where regions hide 95 % of its box. Pictures
are decoded ones, so what is measured is finding and following, and not decoding, which is the same for all.

The CPU time is that of finding (of one thread), divided by all frames, also those that are not looked at.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import product
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from machine import ROOT, machine
from numpy.typing import NDArray

sys.path.insert(0, str(ROOT / "models"))

from labelled import Labelled, read_set
from redact.api import policy_of
from redact.decide import decide
from redact.detect import load_detector
from redact.findings import Detection, FrameDetections, Kind, SourceId
from redact.geometry import Box
from redact.media.frames import shrink
from redact.motion import motion, small
from redact.track import link, unite

mpl.use("Agg")
import matplotlib.pyplot as plt

SIZE = (1920, 1080)
WORLD = (2304, 1296)
FACES_PX = (10, 14, 20, 28, 40)
FRAMES, RATE = 50, 25
BINS = ((8, 12), (12, 20), (20, 64))
COVERED = 0.95
POLICY = policy_of("public-release")
SIZES = (640, 960, 1280, 1600, 1920)
STRIDES = (1, 3, 6)
SECONDS = (None, (640, 15), (960, 15), (1280, 15), (1280, 6))  # CenterFace's long side in px, every so many frames


@dataclass(frozen=True)
class Setting:
    """How closely is looked: ours at ``size`` px every ``stride`` frames, CenterFace as in ``SECONDS``."""

    size: int
    stride: int
    second: tuple[int, int] | None

    @property
    def name(self) -> str:
        other = f", CenterFace {self.second[0]} px every {self.second[1]}" if self.second else ""
        return f"{self.size} px every {self.stride}{other}"


@dataclass
class Tally:
    """Faces seen and covered by height, share of the picture obscured, CPU seconds."""

    seen: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BINS), np.int64))
    covered: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(BINS), np.int64))
    area: float = 0.0
    seconds: float = 0.0
    frames: int = 0

    @property
    def recall(self) -> float:
        """Share of the faces of 12 px and more that are covered."""
        return float(self.covered[1:].sum() / max(1, self.seen[1:].sum()))

    @property
    def ms(self) -> float:
        return 1000 * self.seconds / max(1, self.frames)


def worlds(pictures: Sequence[Labelled], rng: np.random.Generator) -> Iterator[tuple[NDArray[np.uint8], list[Box]]]:
    """Pictures (h, w, 3) RGB larger than a frame, and the faces in them."""
    tiles = []
    for p, height in product(pictures, FACES_PX):
        faces = [b for known in p.labels if known.kind is Kind.FACE for b in known.boxes]
        if faces:
            factor = height / float(np.median([b.height for b in faces]))
            long_side = round(max(p.pixels.shape) * factor)
            if factor < 1 and 48 <= long_side <= 700:
                tiles.append(p.shown(long_side))
    rng.shuffle(tiles)  # type: ignore[arg-type]
    world, boxes, x, y, shelf = np.full((WORLD[1], WORLD[0], 3), 114, np.uint8), [], 0, 0, 0
    for t in tiles:
        h, w = t.pixels.shape[:2]
        if x + w > WORLD[0]:
            x, y, shelf = 0, y + shelf, 0
        if y + h > WORLD[1]:
            yield world, boxes
            world, boxes, x, y, shelf = np.full_like(world, 114), [], 0, 0, 0
        world[y : y + h, x : x + w] = t.pixels
        boxes += [b.move(x, y) for known in t.labels if known.kind is Kind.FACE for b in known.boxes]
        x, shelf = x + w, max(shelf, h)


def film(world: NDArray[np.uint8], rng: np.random.Generator) -> Iterator[tuple[NDArray[np.uint8], int, int]]:
    """Frames (H, W, 3) of a camera over the world, and where the frame's corner is."""
    room_x, room_y = WORLD[0] - SIZE[0], WORLD[1] - SIZE[1]
    for n in range(FRAMES):
        x = round(room_x / 2 * (1 - np.cos(np.pi * n / FRAMES)))
        y = round(room_y / 2 * (1 + np.sin(np.pi * 1.7 * n / FRAMES)))
        frame = world[y : y + SIZE[1], x : x + SIZE[0]].astype(np.int16)
        grain = np.clip(frame + rng.normal(0, 3, frame.shape), 0, 255).astype(np.uint8)
        _, data = cv2.imencode(".jpg", grain, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(45, 75))])
        yield cv2.imdecode(data, cv2.IMREAD_COLOR), x, y


def look(
    frames: Sequence[NDArray[np.uint8]], name: str, size: int, every: int
) -> tuple[dict[int, list[Detection]], float]:
    """Findings by frame, and what they took in CPU seconds."""
    finder = load_detector(name, min_score=POLICY.least_score, threads=1)
    out, spent = {}, 0.0
    for n in [*range(0, len(frames), every)]:
        begun = time.process_time()
        shown = shrink(frames[n], size)
        found = finder.detect(shown.pixels)
        spent += time.process_time() - begun
        sx, sy = shown.scale
        out[n] = [replace(d, box=d.box.scale(1 / sx, 1 / sy)) for d in found if d.kind is Kind.FACE]
    return out, spent


def judge(
    tally: Tally, found: list[dict[int, list[Detection]]], smalls: Sequence[NDArray[np.uint8]], truth: list[list[Box]]
) -> None:
    """Links, decides, and counts which faces are covered in which frames."""
    looks = sorted({n for f in found for n in f})
    frames, last = [], None
    for n in looks:
        moved = None if last is None else motion(last, smalls[n])
        last = smalls[n]
        here = [d for f in found for d in f.get(n, []) if d.score >= POLICY.detect.low_score]
        frames.append(FrameDetections(n, unite(here), motion=moved))
    pts, base = np.arange(FRAMES, dtype=np.int64), Fraction(1, RATE)
    tracks = link(frames, policy=POLICY.track, detect=POLICY.detect, pts=pts, time_base=base, size=SIZE)
    plan = decide(tracks, frames, policy=POLICY, source=SourceId("", FRAMES, *SIZE), pts=pts, time_base=base)
    for n, faces in enumerate(truth):
        mask = np.zeros((SIZE[1], SIZE[0]), np.uint8)
        for r in plan.regions(n):
            x1, y1, x2, y2 = r.box.to_ints()
            mask[y1:y2, x1:x2] = 1
        for b in faces:
            x1, y1, x2, y2 = b.to_ints()
            hidden = mask[y1:y2, x1:x2].mean() >= COVERED
            for k, (low, high) in enumerate(BINS):
                if low <= b.height < high:
                    tally.seen[k] += 1
                    tally.covered[k] += hidden
        tally.area += float(mask.mean())
        tally.frames += 1


def measure(data: Path, most: int) -> dict[Setting, Tally]:
    """All settings on the same footage."""
    rng = np.random.default_rng(0)
    pictures = [p for p in read_set(data, "val") if any(k.kind is Kind.FACE and k.boxes for k in p.labels)]
    settings = [Setting(*s) for s in product(SIZES, STRIDES, SECONDS)]
    out = {s: Tally() for s in settings}
    for number, (world, boxes) in enumerate(worlds(pictures, rng)):
        if number == most:
            break
        shots = list(film(world, rng))
        frames = [f for f, _, _ in shots]
        truth = [[m for b in boxes if (m := b.move(-x, -y)).clip(*SIZE) == m] for _, x, y in shots]
        smalls = [small(f) for f in frames]
        # Found once at each size in every frame; a setting takes those frames that it looks at.
        ours = {size: look(frames, "redact-pico", size, 1) for size in SIZES}
        theirs = {s: look(frames, "centerface", *s) for s in SECONDS if s}
        for s in settings:
            found, spent = ours[s.size]
            mine = {n: d for n, d in found.items() if n % s.stride == 0 or n == FRAMES - 1}
            out[s].seconds += spent * len(mine) / len(found)
            if s.second:
                out[s].seconds += theirs[s.second][1]
            judge(out[s], [mine, theirs[s.second][0]] if s.second else [mine], smalls, truth)
        print(f"world {number + 1}: {len(boxes)} faces", file=sys.stderr, flush=True)
    return out


def edge(tallies: dict[Setting, Tally]) -> list[Setting]:
    """The settings that nothing cheaper equals, by cost."""
    out: list[Setting] = []
    for s in sorted(tallies, key=lambda s: (tallies[s].ms, -tallies[s].recall)):
        if not out or tallies[s].recall > tallies[out[-1]].recall:
            out.append(s)
    return out


def table(tallies: dict[Setting, Tally]) -> list[str]:
    head = ["| setting | CPU, ms a frame | covered, 12 px and more |" + "".join(f" {a} to {b} px |" for a, b in BINS)]
    head[0] += " picture obscured | at the edge |"
    rows = [*head, "|---" * (5 + len(BINS)) + "|"]
    best = set(edge(tallies))
    for s in sorted(tallies, key=lambda s: tallies[s].ms):
        t = tallies[s]
        bins = [f"{c / n:.3f}" if n else "" for c, n in zip(t.covered, t.seen, strict=True)]
        cells = [
            s.name,
            f"{t.ms:.1f}",
            f"{t.recall:.3f}",
            *bins,
            f"{t.area / t.frames:.1%}",
            "yes" if s in best else "",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def draw(tallies: dict[Setting, Tally], file: Path) -> None:
    figure, axis = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for stride, marker in zip(STRIDES, "osv", strict=True):
        some = [s for s in tallies if s.stride == stride]
        axis.plot(
            [tallies[s].ms for s in some], [tallies[s].recall for s in some], marker, ms=4, label=f"every {stride}"
        )
    line = edge(tallies)
    axis.plot([tallies[s].ms for s in line], [tallies[s].recall for s in line], "-", color="grey", lw=1)
    for s in line:
        axis.annotate(
            s.name, (tallies[s].ms, tallies[s].recall), fontsize=6, xytext=(3, -7), textcoords="offset points"
        )
    axis.set(
        xscale="log", xlabel="CPU ms a frame of 1080p video, for finding", ylabel="faces of 12 px and more covered"
    )
    axis.legend()
    axis.grid(alpha=0.3)
    figure.savefig(file, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--worlds", type=int, default=6)
    parser.add_argument("--write", action="store_true", help="also write benchmarks/results/detail.md and .png")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    tallies = measure(args.data, args.worlds)
    rows = table(tallies)
    print("\n".join(rows))
    if args.write:
        folder = ROOT / "benchmarks" / "results"
        draw(tallies, folder / "detail.png")
        text = ["# How closely to look", "", machine(), "", *(__doc__ or "").split("\n\n", 1)[1].splitlines()[2:], ""]
        (folder / "detail.md").write_text("\n".join([*text, *rows, ""]))


if __name__ == "__main__":
    main()
