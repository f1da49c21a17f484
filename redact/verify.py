"""Judges a finished file. Pure: it is handed what the witness saw and says what is wrong with it.

Each check adds a named result with its numbers; one failed check keeps the file in quarantine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction

import numpy as np

from redact.findings import Detection, Region
from redact.geometry import Box, Display
from redact.policy import EncodePolicy
from redact.verdict import Check, Contents, Leak
from redact.words import plural

# dB: what is loudest where nothing may be heard. Speech is 30 to 40 dB louder; coded silence is silent.
MAX_SOUND = -60.0
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


def check_contents(contents: Contents, *, audio: int, frames: int, display: Display) -> Check:
    """Whether the file carries only its video, the audio the recipe keeps, and tags that say nothing.

    ``audio``: streams of sound that it may have; ``frames`` that it shows, and ``display``: how.
    """
    video = [s for s in contents.streams if s.startswith("video:")]
    wrong = [] if len(video) == 1 else [f"{len(video)} video streams"]
    sounds = sum(s.startswith("audio:") for s in contents.streams)
    if sounds > audio > 0:
        wrong.append(f"{sounds} streams of sound of a source that has {audio}")
    if contents.left_out or contents.packets > frames:
        wrong.append(f"{contents.left_out or contents.packets - frames} frames that are not shown")
    if contents.cropped:
        wrong.append(f"a border of {contents.cropped} pixels that is not shown")
    allowed = {"video", "audio"} if audio else {"video"}
    wrong += [f"a {s} stream" for s in contents.streams if s.split(":")[0] not in allowed]
    for tag in contents.tags:
        key, _, value = tag.split(":", 1)[1].partition("=")
        values = _ALLOWED_TAGS.get(key, set())
        if values is not None and value not in values:
            wrong.append(f"the tag {key!r}")
    wrong += contents.foreign
    if contents.chapters:
        wrong.append(f"{contents.chapters} chapters")
    wrong += [f"side data {s!r}" for s in contents.side_data if s.upper() not in _ALLOWED_SIDE_DATA]
    codec = video[0].split(":")[1] if video else ""
    wrong += [f"NAL units of type {t}" for t in contents.nal_types if t not in _ALLOWED_NAL.get(codec, set())]
    if wrong:
        sentence = f"The release carries what it must not: {', '.join(wrong)}."
        return Check("contents", False, sentence, {"items": float(len(wrong))})
    if not _shown_alike(contents.display, display):
        return Check("contents", False, "The release is turned or stretched in another way than the source.")
    return Check("contents", True, "It carries its video" + (", its audio" if audio else "") + " and nothing else.")


def _shown_alike(a: Display | None, b: Display) -> bool:
    """Whether two pictures are shown alike, up to a column: containers say in whole numbers how wide one is."""
    if a is None or (a.width, a.height, a.rotation) != (b.width, b.height, b.rotation):
        return False
    return abs(Fraction(a.width * a.sar_num, a.sar_den) - Fraction(b.width * b.sar_num, b.sar_den)) <= 1


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
        return Check("leaks", True, f"A detector found nothing clear on {plural(looked, 'frame')}.", numbers)
    first, more = leaks[0], len(leaks) - 1
    return Check(
        "leaks",
        False,
        f"Frame {first.index} shows a clear {first.detection.kind}"
        + (f" (and {more} more finding{'' if more == 1 else 's'})." if more else "."),
        numbers,
    )
