"""Redacts one still image: the same finding, obscuring, verifying and recording as for a video's frame."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.decide import decide_still
from redact.errors import SourceError
from redact.findings import Detection, Kind, RedactionPlan, SourceId
from redact.geometry import Display
from redact.media.file import file_sha256
from redact.media.frames import View, shrink
from redact.media.images import StillImage, check_image_output, read_image, write_image
from redact.meters import DetailMeter, OutsideMeter
from redact.obscure import FramePlanes, Obscurer, Plane
from redact.outcome import Outcome
from redact.plan_io import check_plan, holds
from redact.policy import Policy, Verifier
from redact.record import FileId, Kept, make_record
from redact.release import Finished, hand_over
from redact.repair import worth_repairing
from redact.stages import detector_ids, find
from redact.staging import check_output, output_error, plan_path, record_path, workspace
from redact.track import unite
from redact.verdict import Check, Leak, Verdict
from redact.verify import check_leaks, is_painted, uncovered
from redact.words import readable


def find_still(pixels: NDArray[np.uint8], policy: Policy, size: int) -> tuple[Detection, ...]:
    """What all detectors of a recipe find in an RGB picture (H, W, 3), in its pixels."""
    shown: View = shrink(pixels, size)
    p = policy.detect
    found: list[Detection] = []
    for name in (*p.detectors, *p.second_detectors):
        found += find(name, policy, p.low_score, shown)
    return unite(found)


def plan_still(path: Path, policy: Policy) -> RedactionPlan:
    """What would be obscured in a picture. Raises SourceError where it cannot be read."""
    return _plan(read_image(path), policy)


def _plan(image: StillImage, policy: Policy) -> RedactionPlan:
    return _decide(image, find_still(image.pixels, policy, policy.detect.size_px), policy)


def _decide(image: StillImage, found: tuple[Detection, ...], policy: Policy) -> RedactionPlan:
    h, w = image.pixels.shape[:2]
    return decide_still(found, policy, SourceId(image.sha256, 1, w, h))


def _obscured(image: StillImage, plan: RedactionPlan, policy: Policy) -> NDArray[np.uint8]:
    """The picture's pixels (H, W, 3) with what the plan says obscured."""
    h, w = image.pixels.shape[:2]
    pixels = np.zeros_like(image.pixels) if 0 in plan.black else image.pixels.copy()
    frame = FramePlanes((Plane(pixels, 1, 1),), w, h, rgb=True)
    Obscurer(policy.obscure).apply(frame, [r.stored(Display(w, h)) for r in plan.regions(0)])
    return pixels


def _evidence(release: Path, verdict: Verdict, folder: Path) -> Path:
    """A folder with a picture of what leaks, framed, if anything does."""
    evidence = folder / "evidence"
    try:
        evidence.mkdir()
        if verdict.leaks:
            pixels = read_image(release).pixels.copy()
            for leak in verdict.leaks:
                x1, y1, x2, y2 = leak.detection.box.to_ints()
                cv2.rectangle(pixels, (x1, y1), (x2, y2), (255, 0, 0), 2)
            write_image(pixels, evidence / "frame-00000000-00000000.png", ".png")
    except OSError as e:
        raise output_error(folder, e) from None
    return evidence


def run_still(
    path: Path,
    output: Path,
    policy: Policy,
    *,
    force: bool = False,
    plan: RedactionPlan | None = None,
    request: dict[str, Any] | None = None,
) -> Outcome:
    """Redacts one picture from ``path`` to ``output``; ``plan``: by this plan instead of one that is made.

    Raises RedactError as ``run_video`` does.
    """
    check_output(path, output, force, same_plan=plan is not None and holds(plan_path(output), plan))
    check_image_output(output)
    began = time.monotonic()
    image = read_image(path)
    if plan is None:
        found = find_still(image.pixels, policy, policy.detect.size_px)
        made = _decide(image, found, policy)
    else:
        check_plan(path, image.sha256, plan)
        made = plan
    leaks: list[int] = []
    with workspace(output) as folder:
        release = folder / f"release{output.suffix}"
        while True:
            try:
                write_image(_obscured(image, made, policy), release, output.suffix)
            except OSError as e:
                raise output_error(output, e) from None
            verdict = _verify(release, image.pixels, made, policy)
            only_leaks = all(c.passed or c.name == "leaks" for c in verdict.checks)
            leaks.append(len(verdict.leaks))
            if verdict.passed or plan is not None or not only_leaks or not worth_repairing(leaks):
                break
            found = unite([*found, *(replace(leak.detection, score=1.0) for leak in verdict.leaks)])
            made = _decide(image, found, policy)
        evidence = _evidence(release, verdict, folder)
        if file_sha256(path) != image.sha256:
            raise SourceError(f"{str(path)!r}: changed while it was read.", "Run again on a copy nothing writes to.")
        record = make_record(
            source=FileId(readable(path.name), image.sha256, image.bytes),
            output=FileId(readable(output.name), file_sha256(release), release.stat().st_size),
            plan=made,
            policy=policy,
            detectors=detector_ids(policy),
            kept=Kept(("0:picture",), (), image.dropped),
            verdict=verdict,
            obscured_frames=int(bool(made.regions(0))),
            black={0: "blackened by the plan"} if 0 in made.black else {},
            repairs=len(leaks) - 1,
            seconds={"all": time.monotonic() - began},
            request=request,
        )
        hand_over(Finished(release, output, record, made, verdict, evidence, force))
    return Outcome(
        source=path,
        output=output,
        record=record_path(output),
        frames=1,
        seconds=0.0,
        tracks={str(k): sum(t.kind is k for t in made.tracks) for k in Kind},
        obscured_frames=int(bool(made.regions(0))),
        black_frames=int(0 in made.black),
        repairs=len(leaks) - 1,
    )


# What says how the pixels are coded and nothing about where they come from: JPEG's version and density, the
# background and timing of a WebP's only picture, and of HEIF that it is the main picture, its bits and its colours.
_HARMLESS = frozenset(
    {
        *("jfif", "jfif_version", "jfif_unit", "jfif_density"),
        *("background", "loop", "duration", "timestamp"),
        *("primary", "bit_depth", "chroma", "nclx_profile"),
    }
)


def verify_still(source: Path, release: Path, plan: RedactionPlan, policy: Policy) -> Verdict:
    """Checks a released picture against its source again. Raises SourceError where either cannot be read."""
    return _verify(release, read_image(source).pixels, plan, policy)


def _seen(v: Verifier, pixels: NDArray[np.uint8], policy: Policy, min_score: float) -> tuple[Detection, ...]:
    return tuple(find(v.detector, policy, min_score, shrink(pixels, v.size_px)))


def _verify(release: Path, original: NDArray[np.uint8], plan: RedactionPlan, policy: Policy) -> Verdict:
    """Reads the written picture again: size, metadata, what is left inside regions, what is clear at another scale."""
    regions = plan.regions(0)
    again = read_image(release)
    same = again.pixels.shape == original.shape
    extra = [k for k in again.dropped if k not in _HARMLESS]
    least, leaks, painted = policy.verify.min_score, [], 0
    for v in policy.verifiers:
        there = cache(partial(_seen, v, original, policy, policy.least_score))
        for d in uncovered(_seen(v, again.pixels, policy, least), regions, least):
            if is_painted(d, regions, there):
                painted += 1
            else:
                leaks.append(Leak(0, d))
    size = "It has the size of the original." if same else "It has another size than the original."
    contents = "It carries its pixels and nothing else." if not extra else f"It carries {', '.join(extra)}."
    checks = [Check("decodes", same, size), Check("contents", not extra, contents)]
    checks += _looks(again.pixels, original, plan, policy) if same else []
    return Verdict((*checks, check_leaks(leaks, 1, painted)), tuple(leaks))


def _looks(pixels: NDArray[np.uint8], original: NDArray[np.uint8], plan: RedactionPlan, policy: Policy) -> list[Check]:
    """Whether nothing is left inside the regions, colour by colour, and nothing changed outside of them."""
    detail, outside = DetailMeter(), OutsideMeter()
    h, w = pixels.shape[:2]
    regions = [r.stored(Display(w, h)) for r in plan.regions(0)]
    for colour in range(3):
        plane, before = (np.ascontiguousarray(p[..., colour]) for p in (pixels, original))
        if 0 in plan.black:
            detail.look_black(0, (plane,))
            continue
        detail.look(0, (plane,), regions, policy.obscure)
        outside.look(0, before, plane, [r.box for r in regions])
    return [detail.check(), outside.check()]
