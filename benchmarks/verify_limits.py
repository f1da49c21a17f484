"""Measures what the limits of verification were set by.

    python benchmarks/verify_limits.py               # on the clip of `redact demo`
    python benchmarks/verify_limits.py --clips DIR   # on real clips with reference boxes
    python benchmarks/verify_limits.py --sabotage    # leaves one region clear on purpose: is it noticed?

- detail: what is left inside obscured regions after coding, against what clear faces and plates show there
  (``MAX_DETAIL`` of redact/meters.py). Both are measured by the meter that verification itself uses.
- outside: how much the picture outside the regions changes by coding alone (``MAX_OUTSIDE``).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
from here import Here

import redact
from redact.demo import make_clip
from redact.findings import Kind, RedactionPlan, StoredRegion
from redact.geometry import Box
from redact.media.frames import luma
from redact.media.witness import Witness
from redact.meters import MAX_DETAIL, MAX_OUTSIDE, DetailMeter, OutsideMeter
from redact.obscure import FramePlanes, Obscurer
from redact.period import Period
from redact.policy import EncodePolicy, ObscurePolicy, Policy
from redact.run.local import LocalRunner
from redact.scope import Scope
from redact.track import RegionsByFrame
from redact.video import Runner, Work, begin, look_through, open_video, plan_video, render_video, verify_video

RATES = (18, 20, 28, 34, 40)  # constant rate factors; recipes allow 0 to 28
WIDTHS = ((12, 20), (20, 40), (40, 80), (80, 10_000))  # px


@dataclass
class Measured:
    """What was measured on all clips."""

    detail: dict[tuple[str, int], list[float]] = field(default_factory=dict)
    """By method and rate factor: the most detailed region of each frame."""
    outside: dict[int, list[float]] = field(default_factory=dict)
    clear: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """By kind: (width in px, detail) of each clear face and plate."""


def lumas(file: Path, frames: int) -> Iterator[np.ndarray]:
    with av.open(str(file)) as container:
        for n, frame in enumerate(container.decode(video=0)):
            if n == frames:
                return
            yield luma(frame)


def references(clip: Path, plan: RedactionPlan) -> dict[int, list[tuple[str, Box]]]:
    """Boxes of faces and plates by frame: from the files beside the clip, else what was found surely."""
    out: dict[int, list[tuple[str, Box]]] = {}
    faces, plates = (clip.with_name(f"{clip.stem}.{k}.json") for k in ("faces", "plates"))
    if faces.is_file():
        data: dict[str, Any] = json.loads(faces.read_text())
        for frame, boxes in data.get("agreed", data["frames"]).items():
            out.setdefault(int(frame), []).extend(("face", Box(*b[:4])) for b in boxes)
    if plates.is_file():
        for frame, found in json.loads(plates.read_text())["frames"].items():
            out.setdefault(int(frame), []).extend(("plate", Box(*b)) for b in found["plates"])
    if not (faces.is_file() or plates.is_file()):
        for t in plan.tracks:
            for k in t.keys:
                if k.score is not None and k.score >= 0.5 and t.kind is Kind.FACE:
                    out.setdefault(k.index, []).append(("face", k.box.pad(-1 / 7)))  # the plan's boxes are padded
    return out


def measure_release(source: Path, release: Path, work: Work, plan: RedactionPlan, name: tuple[str, int]) -> Measured:
    """Looks at one release as verification does."""
    out = Measured()
    display = work.source.format.display
    regions = RegionsByFrame(plan)
    witness = Witness(release, display.width, display.height)
    for before, after in zip(lumas(source, len(work.part.span)), witness.pictures(), strict=True):
        stored = [r.stored(display) for r in regions.at(after.number)]
        inside, outside = DetailMeter(), OutsideMeter()
        inside.look(after.number, (after.y,), stored, work.policy.obscure)
        if inside.regions:
            out.detail.setdefault(name, []).append(inside.worst.value)
        outside.look(after.number, before, after.y, [r.box for r in stored])
        if name[0] == "blur":
            out.outside.setdefault(name[1], []).append(outside.worst.value)
    if witness.errors:
        sys.exit(f"{release}: {witness.errors[0]}")
    return out


def begin_first(clip: Path, policy: Policy, seconds: float, runner: Runner, folder: Path) -> Work:
    """Work on the first ``seconds`` of a clip."""
    source = open_video(clip, policy)
    scope = Scope() if source.seconds <= seconds else Scope(Period(Fraction(0), Fraction(seconds)))
    return begin(source, policy, runner, folder, scope=scope)


def measure(clip: Path, policy: Policy, seconds: float, runner: LocalRunner, folder: Path) -> Measured:
    """Everything about the first ``seconds`` of a clip."""
    out = Measured()
    work = begin_first(clip, policy, seconds, runner, folder)
    plan = plan_video(work, look_through(work))
    for name, rate in [("blur", r) for r in RATES] + [("solid", r) for r in RATES]:
        how = policy.model_copy(
            update={
                "encode": EncodePolicy().model_copy(update={"crf": rate}),
                "obscure": ObscurePolicy(**(policy.obscure.model_dump() | {"method": name})),
            }
        )
        release = folder / f"{clip.stem}-{name}-{rate}.mp4"
        render_video(replace(work, policy=how), plan, release)
        add(out, measure_release(clip, release, work, plan, (name, rate)))
        release.unlink()
    known = references(clip, plan)
    with av.open(str(clip)) as container:
        for n, frame in enumerate(container.decode(video=0)):
            if n == len(work.part.span):
                break
            grey = luma(frame)
            for kind, box in known.get(n, ()):
                pad = policy.obscure.face_padding if kind == "face" else policy.obscure.plate_padding
                meter = DetailMeter()
                meter.look(n, (grey,), [StoredRegion(1, Kind(kind), box.pad(pad).round_out())], policy.obscure)
                if meter.regions:
                    out.clear.setdefault(kind, []).append((box.width, meter.worst.value))
    return out


def add(all_of_it: Measured, new: Measured) -> None:
    """Takes in what was measured elsewhere."""
    for name in ("detail", "outside", "clear"):
        mine, more = getattr(all_of_it, name), getattr(new, name)
        for k, v in more.items():
            mine.setdefault(k, []).extend(v)


def sabotage(clip: Path, policy: Policy, seconds: float, folder: Path) -> list[str]:
    """Rows of a table: each kind's surest region is planned but not painted; what verification says of it."""
    work = begin_first(clip, policy, seconds, Here(), folder)
    plan = plan_video(work, look_through(work))
    paint = Obscurer.apply
    rows = []
    for kind in (Kind.FACE, Kind.PLATE):
        tracks = [t for t in plan.tracks if t.kind is kind and t.span.start < len(work.part.span)]
        if not tracks:
            continue
        chosen = max(tracks, key=lambda t: sum(k.score or 0 for k in t.keys))

        def without(self: Obscurer, frame: FramePlanes, regions: Sequence[StoredRegion], id_: int = chosen.id) -> None:
            paint(self, frame, [r for r in regions if r.track != id_])

        Obscurer.apply = without  # type: ignore[method-assign]
        try:
            release = folder / f"{clip.stem}-{kind}.mp4"
            own = folder / f"{clip.stem}-{kind}"
            own.mkdir()
            render_video(replace(work, folder=own), plan, release)
        finally:
            Obscurer.apply = paint  # type: ignore[method-assign]
        verdict = verify_video(work, release, plan, own)
        box = chosen.keys[len(chosen.keys) // 2].box
        said = "passed" if verdict.passed else f"failed: {verdict.reason}"
        rows.append(f"| {clip.stem.split('_')[0]} | {kind} | {box.width:.0f} x {box.height:.0f} | {said} |")
    return rows


def tables(m: Measured) -> str:
    """All tables, each under a heading and a sentence."""
    parts = (detail_table(m), clear_table(m), outside_table(m))
    return "\n".join(line for part in parts for line in (*part, "")).rstrip("\n")


def detail_table(m: Measured) -> list[str]:
    return [
        "## Detail inside obscured regions, after coding",
        "",
        f"The most detailed region of each frame; verification allows {MAX_DETAIL:g}.",
        "",
        "| method | CRF | frames | median | 99 of 100 below | most |",
        "|---|---|---|---|---|---|",
        *(
            f"| {method} | {rate} | {len(v)} | {np.median(v):.2f} | {np.percentile(v, 99):.2f} | {max(v):.2f} |"
            for (method, rate), v in m.detail.items()
        ),
    ]


def clear_table(m: Measured) -> list[str]:
    out = [
        "## Detail of clear faces and plates",
        "",
        "Measured in the same way, in the regions that would cover them.",
        "",
        f"| what | width, px | number | 1 of 100 below | 5 of 100 below | median | at most {MAX_DETAIL:g} |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, found in m.clear.items():
        for low, high in WIDTHS:
            v = [d for w, d in found if low <= w < high]
            if v:
                width = f"{low} to {high}" if high < 1000 else f"from {low}"
                share = float(np.mean(np.array(v) <= MAX_DETAIL))
                out.append(
                    f"| {kind} | {width} | {len(v)} | {np.percentile(v, 1):.1f} | {np.percentile(v, 5):.1f} "
                    f"| {np.median(v):.1f} | {share:.1%} |"
                )
    return out


def outside_table(m: Measured) -> list[str]:
    return [
        "## Change outside all regions, by coding alone",
        "",
        f"Mean absolute difference of luma, of 255, frame by frame; verification allows {MAX_OUTSIDE:g}.",
        "",
        "| CRF | frames | median | most |",
        "|---|---|---|---|",
        *(f"| {rate} | {len(v)} | {np.median(v):.2f} | {max(v):.2f} |" for rate, v in m.outside.items()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures what the limits of verification were set by.")
    parser.add_argument("--clips", type=Path, help="a folder of clips, with NAME.faces.json and NAME.plates.json")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each clip")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sabotage", action="store_true", help="only leave regions clear on purpose")
    args = parser.parse_args()
    policy = redact.policy_of("public-release")
    with TemporaryDirectory(prefix="redact-limits-") as name, LocalRunner(args.workers) as runner:
        folder = Path(name)
        if args.clips:
            clips = sorted(args.clips.glob("*.mp4"))
        else:
            clips = [folder / "street.mp4"]
            make_clip(clips[0])
        if args.sabotage:
            print("| clip | left clear | region, px | verification |\n|---|---|---|---|")
            for clip in clips:
                for row in sabotage(clip, policy, args.seconds, folder):
                    print(row, flush=True)
            return
        everything = Measured()
        for clip in clips:
            add(everything, measure(clip, policy, args.seconds, runner, folder))
            print(clip.name, file=sys.stderr)
    print(tables(everything))


if __name__ == "__main__":
    main()
