"""Judges a finished file. Pure: it is handed what the witness saw and says what is wrong with it.

Each check adds a named result with its numbers; one failed check keeps the file in quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.findings import Detection, Region, StoredRegion
from redact.geometry import Box
from redact.misfit import misfit
from redact.policy import EncodePolicy
from redact.verdict import Check, Contents, Leak

# Root mean square distance (8-bit steps) of a region from the nearest blur of ours, by the most averages a side that
# it may have. Measured on six real clips at CRF 20, 943 regions: with 2 a side 999 of 1000 painted ones stay below
# 1.9, and of the same places unpainted 98 of 100 are above 5.8 (the others show walls and roads). With 6 a side it is
# 1.6 and 1.6, so that what is unpainted may pass.
MAX_MISFIT = 4.0
MAX_MISFIT_OF_MANY = 2.5  # with more than 2 a side
_RIM = 2  # samples along a region's edge, at the least, that coding mixes with what lies outside
_LEAST_FITTED = 20  # samples: of smaller regions, what is left beside their edges is mostly coding noise
# Mean absolute high-pass (8-bit steps) that a smoothed 6x6 grid of averages keeps after coding;
# the photograph of a face has three times that and more. Measured: benchmarks/results/verify.md.
MAX_DETAIL = 4.0
# Mean absolute luma difference (8-bit steps) outside all regions that coding noise explains at CRF 30.
MAX_OUTSIDE = 4.0
# dB: what is loudest where nothing may be heard. Speech is 30 to 40 dB louder; coded silence is silent.
MAX_SOUND = -60.0
EDGE = 8  # samples around a region that deblocking and motion compensation may change: half a macroblock
# A finding counts as covered where at least this share of it lies in regions: a blurred head may
# still be found, a little off.
COVERED = 0.6
# Share of an uncovered finding that lies under regions, from which on it may be made of what was painted there.
_PAINTED = 0.1
# IoU with a finding in the source, or share of it inside one, from which on the source shows the same.
_SAME, _INSIDE = 0.3, 0.5
# Presets whose coding noise may fail a release even at the usual rate factor: benchmarks/results/quality.md.
_NOISY = ("ultrafast", "superfast")


def check_times(
    expected: Sequence[int], base: Fraction, seen: Sequence[int], seen_base: Fraction, *, may_shift: bool
) -> Check:
    """Whether every frame is shown when it was in the source.

    Times are ticks of their bases. A container with a coarser tick rounds each time once, so half
    a tick of the coarser base is allowed. ``may_shift``: MPEG-TS cannot begin at zero, so there
    only the differences count.
    """
    if len(expected) != len(seen):
        return Check(
            "times",
            False,
            f"The release shows {len(seen)} frames, the source {len(expected)}.",
            {"frames": float(len(seen)), "expected": float(len(expected))},
        )
    tick = Fraction(0) if seen_base <= base and (base / seen_base).denominator == 1 else seen_base
    shift = seen[0] * seen_base - expected[0] * base if may_shift and expected else Fraction(0)
    slack = tick if may_shift else tick / 2
    worst = Fraction(0)
    for a, b in zip(expected, seen, strict=True):
        worst = max(worst, abs(a * base + shift - b * seen_base))
    ok = worst <= slack
    worst_ms = float(worst) * 1000
    sentence = "Every frame is shown at its time." if ok else f"A frame is shown {worst_ms:.3f} ms off its time."
    return Check("times", ok, sentence, {"frames": float(len(seen)), "worst_ms": round(worst_ms, 3)})


def check_decodes(errors: Sequence[str]) -> Check:
    """Whether an independent decoder read the release without complaint."""
    if not errors:
        return Check("decodes", True, "An independent decoder reads it without error.")
    return Check("decodes", False, f"An independent decoder reports: {errors[0]}", {"errors": float(len(errors))})


# Written by the container format itself; their values are checked, not only their names.
_ALLOWED_TAGS: dict[str, set[str] | None] = {
    "major_brand": None,
    "minor_version": None,
    "compatible_brands": None,
    "language": {"und"},
    "handler_name": {"VideoHandler", "SoundHandler"},
    "vendor_id": {"[0][0][0][0]", "FFMP"},
    "encoder": {"Lavf"},
    "DURATION": None,
}
# Coded slices, parameter sets, access unit delimiters: all that a decoder needs.
_ALLOWED_NAL = {"h264": {1, 5, 7, 8, 9}, "hevc": {*range(0, 10), *range(16, 22), 32, 33, 34, 35}}
_ALLOWED_SIDE_DATA = {"MPEGTS_STREAM_ID", "DISPLAYMATRIX", "SKIP_SAMPLES", "NEW_EXTRADATA"}


def check_contents(contents: Contents, *, audio: bool) -> Check:
    """Whether the file carries only its video, the audio the recipe keeps, and tags that say nothing."""
    video = [s for s in contents.streams if s.startswith("video:")]
    wrong = [] if len(video) == 1 else [f"{len(video)} video streams"]
    allowed = {"video", "audio"} if audio else {"video"}
    wrong += [f"a {s} stream" for s in contents.streams if s.split(":")[0] not in allowed]
    for tag in contents.tags:
        key, _, value = tag.split(":", 1)[1].partition("=")
        values = _ALLOWED_TAGS.get(key, set())
        if values is not None and value not in values:
            wrong.append(f"the tag {key!r}")
    if contents.chapters:
        wrong.append(f"{contents.chapters} chapters")
    wrong += [f"side data {s!r}" for s in contents.side_data if s.upper() not in _ALLOWED_SIDE_DATA]
    codec = video[0].split(":")[1] if video else ""
    wrong += [f"NAL units of type {t}" for t in contents.nal_types if t not in _ALLOWED_NAL.get(codec, set())]
    if wrong:
        sentence = f"The release carries what it must not: {', '.join(wrong)}."
        return Check("contents", False, sentence, {"items": float(len(wrong))})
    return Check("contents", True, "It carries its video" + (", its audio" if audio else "") + " and nothing else.")


def check_sound(loudest: float, seconds: float) -> Check:
    """Whether nothing is heard where sound was silenced or cut off: the ``loudest`` there, in dB, at ``seconds``."""
    numbers = {"loudest_db": round(max(loudest, -200.0), 1)}
    if loudest <= MAX_SOUND:
        return Check("sound", True, "Nothing is heard where sound was to be silent.", numbers)
    return Check("sound", False, f"At {seconds:.2f} s there is sound where nothing is to be heard.", numbers)


def coding_noise(encode: EncodePolicy) -> str:
    """What a failed check must say where the recipe asks for coding that alone may fail it; else empty."""
    usual = EncodePolicy()
    if encode.crf <= usual.crf and encode.preset not in _NOISY:
        return ""
    return (
        f"At crf = {encode.crf} and preset = {encode.preset!r} coding noise alone may look like that: "
        f"try crf = {usual.crf} and {usual.preset!r}."
    )


@dataclass
class DetailMeter:
    """Measures what detail is left inside regions, frame by frame: how much, and whether a blur can look like it."""

    worst: float = 0.0
    worst_frame: int = -1
    regions: int = 0
    worst_misfit: float = 0.0
    misfit_frame: int = -1
    fitted: int = 0
    cells: int = 0

    def look(self, index: int, luma: NDArray[np.uint8], regions: Sequence[StoredRegion], *, cells: int = 0) -> None:
        """``luma`` (H, W) of the release; ``regions`` in its samples. ``cells``: fits a blur of up to so
        many averages a side to each as well; 0: does not.

        The middle 60 % of each region (of a zone, what lies well inside its outline) is judged,
        without the parts where another region lies over it: the edge of a region is meant to be seen.
        """
        h, w = luma.shape
        areas = [r.box.clip(w, h).to_ints() for r in regions]
        for i, (x1, y1, x2, y2) in enumerate(areas):
            dx, dy = (max(_RIM, side // 5) for side in (x2 - x1, y2 - y1))
            width, height = x2 - x1, y2 - y1
            x1, y1, x2, y2 = x1 + dx, y1 + dy, x2 - dx, y2 - dy
            if x2 - x1 < 6 or y2 - y1 < 6:
                continue
            alone = _well_inside(regions[i], x1, y1, x2, y2)
            for j, (a1, b1, a2, b2) in enumerate(areas):
                if i != j and a1 - 2 < x2 and a2 + 2 > x1 and b1 - 2 < y2 and b2 + 2 > y1:
                    alone[max(b1 - 2 - y1, 0) : max(b2 + 2 - y1, 0), max(a1 - 2 - x1, 0) : max(a2 + 2 - x1, 0)] = False
            if alone.sum() < 36:
                continue  # what lies over it is judged in its own turn
            self.regions += 1
            if cells and min(width, height) >= _LEAST_FITTED and alone.all():
                self.cells = cells
                self.fitted += 1
                far = misfit(luma[y1:y2, x1:x2], (height, dy, height - dy), (width, dx, width - dx), cells)
                if far > self.worst_misfit:
                    self.worst_misfit, self.misfit_frame = far, index
            value = float(high_pass(luma[y1:y2, x1:x2])[alone].mean())
            if value > self.worst:
                self.worst, self.worst_frame = value, index

    def add(self, other: DetailMeter) -> None:
        """Takes in what another meter measured on other frames."""
        self.regions += other.regions
        self.fitted += other.fitted
        self.cells = max(self.cells, other.cells)
        if other.worst > self.worst:
            self.worst, self.worst_frame = other.worst, other.worst_frame
        if other.worst_misfit > self.worst_misfit:
            self.worst_misfit, self.misfit_frame = other.worst_misfit, other.misfit_frame

    def check(self, noise: str = "") -> Check:
        """``noise``: what to say of a failure where coding alone may be the reason."""
        sentence = "No detail is left inside the regions."
        most = MAX_MISFIT if self.cells <= 2 else MAX_MISFIT_OF_MANY
        ok = self.worst <= MAX_DETAIL and self.worst_misfit <= most
        if self.worst > MAX_DETAIL:
            sentence = (
                f"Frame {self.worst_frame} shows detail inside a region ({self.worst:.1f}; {MAX_DETAIL} is allowed)."
            )
        elif not ok:
            sentence = (
                f"Frame {self.misfit_frame} has a region that does not look obscured "
                f"({self.worst_misfit:.1f} from any blur; {most} is allowed)."
            )
        if not ok and noise:
            sentence += f" {noise}"
        numbers = {
            "worst": round(self.worst, 3),
            "regions": float(self.regions),
            "worst_misfit": round(self.worst_misfit, 3),
            "fitted": float(self.fitted),
        }
        return Check("detail", ok, sentence, numbers)


def _well_inside(region: StoredRegion, x1: int, y1: int, x2: int, y2: int) -> NDArray[np.bool_]:
    """(y2 - y1, x2 - x1): the samples of a part of a region that lie at least EDGE samples inside its outline."""
    if region.outline is None:
        return np.ones((y2 - y1, x2 - x1), bool)
    x, y = np.arange(x1, x2, dtype=np.float64) + 0.5, np.arange(y1, y2, dtype=np.float64) + 0.5
    inside = region.outline.contains(x[None, :], y[:, None]).astype(np.uint8)
    return np.asarray(cv2.erode(inside, np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)) > 0)


def high_pass(patch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Absolute difference between a luma patch and its own 3x3 mean, in 8-bit steps."""
    p = patch.astype(np.float32)
    return np.asarray(np.abs(p - cv2.blur(p, (3, 3), borderType=cv2.BORDER_REFLECT)), np.float32)


@dataclass
class OutsideMeter:
    """Measures what changed outside all regions, on frames that source and release share."""

    worst: float = 0.0
    worst_frame: int = -1
    total: float = 0.0
    frames: int = 0

    def look(self, index: int, source: NDArray[np.uint8], release: NDArray[np.uint8], boxes: Iterable[Box]) -> None:
        """``source`` and ``release``: luma (H, W) of the same frame; ``boxes`` in its samples."""
        if source.shape != release.shape:
            self.worst, self.worst_frame = 255.0, index
            return
        difference = cv2.absdiff(source, release)
        for box in boxes:
            grown = Box(box.x1 - EDGE, box.y1 - EDGE, box.x2 + EDGE, box.y2 + EDGE)
            x1, y1, x2, y2 = grown.clip(source.shape[1], source.shape[0]).to_ints()
            difference[y1:y2, x1:x2] = 0
        value = float(difference.mean())
        self.total += value
        self.frames += 1
        if value > self.worst:
            self.worst, self.worst_frame = value, index

    def add(self, other: OutsideMeter) -> None:
        """Takes in what another meter measured on other frames."""
        self.total += other.total
        self.frames += other.frames
        if other.worst > self.worst:
            self.worst, self.worst_frame = other.worst, other.worst_frame

    def check(self, noise: str = "") -> Check:
        """``noise``: as of the other meter."""
        if not self.frames:
            return Check("outside", True, "The picture outside the regions was not compared.", {"frames": 0.0})
        ok = self.worst <= MAX_OUTSIDE
        sentence = (
            f"Outside the regions nothing changed but coding noise, on {_frames(self.frames)} that could be compared."
            if ok
            else f"Frame {self.worst_frame} differs from the source outside all regions (by {self.worst:.1f} of 255)."
        )
        if not ok and noise:
            sentence += f" {noise}"
        numbers = {
            "worst": round(self.worst, 3),
            "mean": round(self.total / self.frames, 3),
            "frames": float(self.frames),
        }
        return Check("outside", ok, sentence, numbers)


def uncovered(detections: Iterable[Detection], regions: Sequence[Region], min_score: float) -> list[Detection]:
    """The findings from ``min_score`` on that regions do not cover; all in the same pixels."""
    out = []
    for d in detections:
        if d.score < min_score or d.box.is_empty:
            continue
        if _covered_share(d.box, regions) < COVERED:
            out.append(d)
    return out


def is_painted(d: Detection, regions: Sequence[Region], source: Callable[[], Iterable[Detection]]) -> bool:
    """Whether an uncovered finding in a release is made of what was painted there.

    Blurs among out-of-focus shapes may look like a face as large as the picture. So it is where the finding lies partly
    on regions and the source shows nothing like it, nor something larger that it is a part of. ``source``: tells what
    the same detector finds in the source's picture at the same scale, doubtful findings too; rarely asked.
    """
    return _covered_share(d.box, regions) >= _PAINTED and not any(
        d.box.iou(s.box) >= _SAME or d.box.intersection(s.box) >= _INSIDE * d.box.area
        for s in source()
        if s.kind is d.kind
    )


def _covered_share(box: Box, regions: Sequence[Region]) -> float:
    """Share of ``box`` that the union of ``regions`` covers, on a grid of 32 x 32 points."""
    xs = box.x1 + (np.arange(32) + 0.5) / 32 * box.width
    ys = box.y1 + (np.arange(32) + 0.5) / 32 * box.height
    hit = np.zeros((32, 32), bool)
    for r in regions:
        b = r.box
        here = ((ys >= b.y1) & (ys < b.y2))[:, None] & ((xs >= b.x1) & (xs < b.x2))[None, :]
        if r.outline is not None:
            here &= r.outline.contains(xs[None, :], ys[:, None])
        hit |= here
    return float(hit.mean())


def check_leaks(leaks: Sequence[Leak], looked: int, painted: int) -> Check:
    """Whether a detector found nothing that the plan does not cover, on ``looked`` frames.

    ``painted``: how many findings were left out because only the release shows them.
    """
    numbers = {"frames": float(looked), "found": float(len(leaks)), "painted": float(painted)}
    if not leaks:
        return Check("leaks", True, f"A detector found nothing clear on {_frames(looked)}.", numbers)
    first, more = leaks[0], len(leaks) - 1
    return Check(
        "leaks",
        False,
        f"Frame {first.index} shows a clear {first.detection.kind}"
        + (f" (and {more} more finding{'' if more == 1 else 's'})." if more else "."),
        numbers,
    )


def _frames(n: int) -> str:
    return f"{n} frame{'' if n == 1 else 's'}"
