"""What it costs to be wrong: faces and plates that a plan leaves clear after a cut is told where none is, or missed.

What is found in real clips is linked and decided on as the main job does it. A false cut is put between two looks, one
after another. A true cut is made by going on with another clip, or with another part of the same one, in the middle
between two looks; it is told, or missed. Each time, what the plan covers is held against the clip's reference boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from leaking.references import read_reference
from numpy.typing import NDArray

from redact.api import policy_of
from redact.decide import decide
from redact.findings import Detection, FrameDetections, Kind, SourceId
from redact.geometry import Box
from redact.media.decode import decode
from redact.media.frames import view
from redact.media.segments import plan_segments
from redact.media.source import excerpt
from redact.motion import motion, small
from redact.stages import detect_segment
from redact.track import link
from redact.video import open_video

SIZE = (1920, 1080)  # px that all clips are scaled to
COVERED = 0.75  # of a reference box; the rest of it tells nobody who that is
AROUND = 1.2  # s of either clip, before and after a cut
TRIALS = 400

Mark = tuple[int, Kind, Box]


@dataclass(frozen=True)
class Found:
    """A clip: what was found in each look, what is there by its references, and its pictures for motion."""

    rate: Fraction
    looks: tuple[FrameDetections, ...]
    marks: tuple[Mark, ...]
    frames: int
    small: dict[int, NDArray[np.uint8]]
    """Of each look."""


def _scaled(b: Box, size: tuple[int, int]) -> Box:
    return b.scale(SIZE[0] / size[0], SIZE[1] / size[1])


def find(clip: Path) -> Found:
    """Looks through a clip as the recipe ``public-release`` does."""
    policy = policy_of("public-release")
    source = open_video(clip, policy)
    size = source.format.display.size
    looks: list[FrameDetections] = []
    smalls: dict[int, NDArray[np.uint8]] = {}
    for segment in plan_segments(source):
        part = excerpt(source, segment)
        looks += detect_segment(part, policy)
        wanted = {f.index for f in looks}
        for frame in decode(part):
            if frame.index in wanted and frame.image is not None:
                smalls[frame.index] = small(view(frame.image, source.format.display, 640).pixels)
    # Cuts are what is tried here: none is told yet.
    pairs = zip(looks, (None, *(smalls[f.index] for f in looks[:-1])), strict=True)
    bare = [
        FrameDetections(
            f.index,
            tuple(Detection(d.kind, _scaled(d.box, size), d.score) for d in f.detections),
            motion=None if before is None else motion(before, smalls[f.index]),
        )
        for f, before in pairs
    ]
    beside = (clip.with_name(f"{clip.stem}.{k}.json") for k in ("faces", "plates"))
    references = read_reference(f for f in beside if f.exists())
    marks = tuple((m.frame, m.kind, _scaled(m.box, size)) for m in references.marks)
    rate = 1 / (source.format.time_base * int(np.median(np.diff(source.pts))))
    return Found(rate, tuple(bare), marks, source.frames, smalls)


@dataclass(frozen=True)
class Outcome:
    """Reference boxes left clear, and the obscured share of the picture, added up over frames."""

    clear: int
    obscured: float


def plan(looks: Sequence[FrameDetections], marks: Sequence[Mark], frames: int, rate: Fraction) -> Outcome:
    """Links and decides as the main job does, and holds the plan against the references."""
    policy = policy_of("public-release")
    pts, base = np.arange(frames, dtype=np.int64), 1 / rate
    tracks = link(looks, policy=policy.track, detect=policy.detect, pts=pts, time_base=base, size=SIZE)
    made = decide(tracks, looks, policy=policy, source=SourceId("0" * 64, frames, *SIZE), pts=pts, time_base=base)
    there: dict[int, list[Box]] = {}
    for i, _, b in marks:
        there.setdefault(i, []).append(b)
    clear, obscured = 0, 0.0
    for i in range(frames):
        boxes = [r.box for r in made.regions(i)]
        obscured += sum(b.area for b in boxes) / (SIZE[0] * SIZE[1])
        clear += sum(max((b.intersection(r) / b.area for r in boxes), default=0.0) < COVERED for b in there.get(i, ()))
    return Outcome(clear, obscured)


@dataclass(frozen=True)
class Cost:
    """Reference boxes more left clear, and picture more obscured, by being wrong, one value a try."""

    clear: NDArray[np.float64]
    obscured: NDArray[np.float64]

    @classmethod
    def of(cls, pairs: Sequence[tuple[Outcome, Outcome]]) -> Cost:
        """Of (wrong, right)."""
        clear = np.array([w.clear - r.clear for w, r in pairs], np.float64)
        return cls(clear, np.array([w.obscured - r.obscured for w, r in pairs], np.float64))


def false_cuts(clip: Found) -> Cost:
    """A cut told at each look in turn, where there is none."""
    right = plan(clip.looks, clip.marks, clip.frames, clip.rate)
    out = []
    for n in range(1, len(clip.looks) - 1):
        wrong = [*clip.looks]
        wrong[n] = replace(wrong[n], scene_cut=True, motion=None)
        out.append((plan(wrong, clip.marks, clip.frames, clip.rate), right))
    return Cost.of(out)


def _part(clip: Found, start: int, stop: int, at: int) -> tuple[list[FrameDetections], list[Mark]]:
    """The looks and marks of frames ``start`` to ``stop``, moved to begin at frame ``at``."""
    looks = [replace(f, index=f.index - start + at) for f in clip.looks if start <= f.index < stop]
    return looks, [(i - start + at, k, b) for i, k, b in clip.marks if start <= i < stop]


def missed_cuts(clips: Sequence[Found], *, same: bool, moved: bool) -> Cost:
    """Cuts from one clip to another, or within one to at least a second away: missed, against told.

    ``moved``: with the motion that is told across the cut all the same.
    """
    rng = np.random.default_rng(1)
    out: list[tuple[Outcome, Outcome]] = []
    for _ in range(TRIALS):
        a = clips[rng.integers(len(clips))]
        b = a if same else clips[rng.integers(len(clips))]
        around, pace = round(AROUND * float(a.rate)), a.looks[1].index - a.looks[0].index
        # The cut lies somewhere between the last look at the one and the first look at the other.
        last, first = (c.looks[int(rng.integers(1, len(c.looks) - 1))].index for c in (a, b))
        if (a is b) is not same or (same and abs(first - last) < a.rate):
            continue
        shown = int(rng.integers(0, pace))  # frames of the first clip after its last look
        begin, end = max(0, last - around), min(last + shown + 1, a.frames)
        start, stop = max(0, first - (pace - 1 - shown)), min(first + around, b.frames)
        before, there = _part(a, begin, end, 0)
        after, then = _part(b, start, stop, end - begin)
        before = [f for f in before if f.index <= last - begin]
        after = [f for f in after if f.index >= first - start + end - begin]
        looks, n = before + after, len(before)
        marks, frames = there + then, stop - start + end - begin
        told, missed = [*looks], [*looks]
        told[n] = replace(looks[n], scene_cut=True, motion=None)
        x, y = a.small[last], b.small[first]
        missed[n] = replace(looks[n], motion=motion(x, y) if moved and x.shape == y.shape else None)
        out.append((plan(missed, marks, frames, a.rate), plan(told, marks, frames, a.rate)))
    return Cost.of(out)


def table(clips: dict[str, Found]) -> list[str]:
    """Rows: what is wrong, where, how often it was tried, and what it cost."""
    rows = [
        "| wrong | tried | boxes more left clear, each time | most | times that it left some clear | times that it "
        "covered some more | picture more obscured, frames |",
        "|---|---|---|---|---|---|---|",
    ]
    tried = {f"a false cut in {name.split('_')[0]}": false_cuts(c) for name, c in clips.items()}
    for same, where in ((False, "to another clip"), (True, "within a clip")):
        tried[f"a missed cut {where}"] = missed_cuts([*clips.values()], same=same, moved=False)
        tried[f"a missed cut {where}, with motion"] = missed_cuts([*clips.values()], same=same, moved=True)
    for what, cost in tried.items():
        if not len(cost.clear):  # there is one clip only, or none is longer than a second
            continue
        rows.append(
            f"| {what} | {len(cost.clear)} | {cost.clear.mean():+.2f} | {cost.clear.max():+.0f} "
            f"| {(cost.clear > 0).mean():.1%} | {(cost.clear < 0).mean():.1%} | {cost.obscured.mean():+.2f} |"
        )
    return rows
