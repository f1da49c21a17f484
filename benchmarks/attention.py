"""What looking only at what changed costs, and what it loses against looking at the whole picture each time.

    python benchmarks/attention.py [--write]

Each real clip is shown frame by frame, as often as the recipe ``public-release`` looks, to our detector and to its
second opinion, both ways in turn. A finding of the whole look counts as lost where the other way has none of its kind
that covers 60 % of it; one of the other way counts as added where the whole look has none of its kind with an IoU of
0.3. ``sure`` ones have the score from which on a track begins. One thread; CPU time of the detectors alone.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import av
from machine import ROOT, machine, real_clips

from redact.api import policy_of
from redact.detect import Attention, load_detector
from redact.findings import Detection
from redact.geometry import Display
from redact.media.frames import view

POLICY = policy_of("public-release")
COVERED, SAME = 0.6, 0.3


@dataclass
class Row:
    """A clip as one detector saw it: CPU seconds of whole looks and of the others, and findings."""

    clip: str
    detector: str
    looks: int = 0
    whole: float = 0.0
    parts: float = 0.0
    found: int = 0
    lost: int = 0
    sure: int = 0
    sure_lost: int = 0
    sure_added: int = 0

    def count(self, whole: tuple[Detection, ...], other: tuple[Detection, ...]) -> None:
        """Takes in the findings of one frame."""
        for d in whole:
            lost = not any(o.kind is d.kind and o.box.intersection(d.box) >= COVERED * d.box.area for o in other)
            sure = d.score >= POLICY.detect.high_score
            self.found += 1
            self.lost += lost
            self.sure += sure
            self.sure_lost += sure and lost
        for o in other:
            if o.score >= POLICY.detect.high_score:
                self.sure_added += not any(d.kind is o.kind and d.box.iou(o.box) > SAME for d in whole)


def watch(clip: Path, name: str, size: int, every: float) -> Row:
    """Shows a clip to a detector, at most ``size`` px long, a look at least ``every`` seconds."""
    detector = load_detector(name, min_score=POLICY.detect.low_score, threads=1)
    attention, row, last = Attention(detector), Row(clip.stem, name), -every
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            seconds = float(frame.time or 0)
            if seconds - last < every - 1e-6:
                continue
            last = seconds
            pixels = view(frame, Display(frame.width, frame.height), size).pixels
            began = time.process_time()
            whole = detector.detect(pixels)
            between = time.process_time()
            (other,) = attention.look_all([pixels])
            row.parts += time.process_time() - between
            row.whole += between - began
            row.looks += 1
            row.count(whole, other)
    return row


def page(rows: list[Row]) -> str:
    """The table in Markdown."""
    out = [
        "# Looking at what changed",
        "",
        machine(),
        "",
        "| clip | detector | looks | CPU, ms a whole look | CPU, share of that | found | lost | sure | sure, lost "
        "| sure, added |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    out += [
        f"| {r.clip} | {r.detector} | {r.looks} | {r.whole / r.looks * 1000:.0f} | {r.parts / r.whole:.2f} | {r.found} "
        f"| {r.lost} | {r.sure} | {r.sure_lost} | {r.sure_added} |"
        for r in rows
    ]
    return "\n".join(out) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write benchmarks/results/attention.md")
    options = parser.parse_args()
    d, rows = POLICY.detect, []
    ways = [(n, d.size_px, d.look_seconds) for n in d.detectors]
    ways += [(n, d.second_size_px, d.second_look_seconds) for n in d.second_detectors]
    for clip in sorted(real_clips().glob("*.mp4")):
        for way in ways:
            rows.append(watch(clip, *way))
            print(rows[-1], flush=True)
    text = page(rows)
    print(text)
    if options.write:
        (ROOT / "benchmarks" / "results" / "attention.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
