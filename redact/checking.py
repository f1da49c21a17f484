"""Looks at a stretch of a finished release with other eyes. Runs in any process on any node.

An ffmpeg process decodes the release, not the library that wrote it. What it shows is compared with
the source, measured inside the regions, and searched again at another scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from pydantic import TypeAdapter

from redact.findings import Detection, RedactionPlan, Region
from redact.looks import look_at, look_where_unsure
from redact.media.coded import stretch_sha256
from redact.media.decode import decode, decode_some
from redact.media.frames import Frame, luma, view
from redact.media.source import Excerpt
from redact.media.witness import Picture, Stretch, Witness
from redact.memory import give_back
from redact.meters import DetailMeter, OutsideMeter
from redact.policy import Policy, Verifier
from redact.rendering import places
from redact.stages import Searcher, damage_error, detector_ids, find
from redact.staging import output_error
from redact.store import kept_bytes, key
from redact.track import RegionsByFrame
from redact.verdict import Leak
from redact.verify import is_painted, uncovered

_MOST_PICTURES = 6  # of leaks, for each stretch
_NO_MORE: tuple[int, Frame | None] = (-1, None)


@dataclass
class StretchChecks:
    """What the second look at some consecutive frames gave; ``times`` in ticks of ``time_base`` seconds."""

    times: list[int]
    time_base: Fraction
    errors: list[str]
    looked: int = 0
    painted: int = 0
    """Findings that only the release shows: made of what was painted."""
    detail: DetailMeter = field(default_factory=DetailMeter)
    outside: OutsideMeter = field(default_factory=OutsideMeter)
    leaks: list[Leak] = field(default_factory=list)
    kept: bool = False
    """Whether this was judged before, and only read again."""


_CHECKS = TypeAdapter(StretchChecks)


def check_stretch(
    release: Path, stretch: Stretch, source: Excerpt, plan: RedactionPlan, policy: Policy, evidence: Path, folder: Path
) -> StretchChecks:
    """Decodes and judges the frames of a release that ``source`` and ``plan`` (its part) stand for.

    Pictures of frames that leak are written into the folder ``evidence``. A judgement that found
    nothing is kept in ``folder``: a repair changes some stretches, and the others, of the same coded
    bytes and under the same regions, need not be looked at again.
    Raises WorkerError where ffmpeg cannot be started, SpaceError where a picture cannot be written.
    """
    give_back()  # what rendering took
    regions = RegionsByFrame(plan, source.span)
    shown = {i: regions.at(i) for i in range(source.span.start, source.span.stop)}
    regular = _looks(source, policy)
    looks = regular | look_where_unsure(source, plan, regular)
    what = [source.identity, stretch_sha256(release, stretch), places(shown), sorted(looks)]
    what += [sorted(plan.black)]
    by = [policy.verify.model_dump(mode="json"), policy.obscure.model_dump(mode="json"), sorted(policy.kinds)]
    who = [[asdict(v) for v in policy.verifiers], [asdict(d) for d in detector_ids(policy)]]
    file = folder / f"checked-{key(what, by, who)}.json"
    if file.exists():
        return replace(_CHECKS.validate_json(file.read_bytes()), kept=True)
    out = _look(release, stretch, source, _Cover(shown, looks, len(regular), frozenset(plan.black)), policy, evidence)
    if not out.leaks and not out.errors:
        kept_bytes(file, _CHECKS.dump_json(out))
    return out


@dataclass(frozen=True, slots=True)
class _Cover:
    """What a plan covers in a stretch, and where to look.

    ``regions`` by frame; ``looks``: what the detectors search; ``compared``: how many frames are compared with
    the source; ``black``: the frames that are to be black.
    """

    regions: Mapping[int, tuple[Region, ...]]
    looks: frozenset[int]
    compared: int
    black: frozenset[int]


def _looks(source: Excerpt, policy: Policy) -> frozenset[int]:
    """The frames that detectors search: those that pass 1 did not look at, where there are any."""
    d = policy.detect
    pass_1 = look_at(source, d.look_seconds) | look_at(source, d.second_look_seconds)
    return look_at(source, policy.verify.look_seconds, beside=pass_1)


def _look(
    release: Path, stretch: Stretch, source: Excerpt, cover: _Cover, policy: Policy, evidence: Path
) -> StretchChecks:
    display, span = source.format.display, source.span
    witness = Witness(release, display.width, display.height, stretch)
    out = StretchChecks([], Fraction(1), [])
    look = cover.looks
    least = policy.verify.min_score
    searchers = [(v, Searcher(v.detector, policy, least)) for v in policy.verifiers]
    originals = ((f.index, f) for f in decode_some(source, max(1, len(span) // cover.compared)))
    next_original, original = next(originals, _NO_MORE)
    for picture in witness.pictures():
        index = span.start + picture.number
        if index >= span.stop:
            continue  # one frame too many is told by the times
        shown = cover.regions[index]
        stored = [r.stored(display) for r in shown]
        planes = (picture.y, picture.u, picture.v)
        if index in cover.black:
            out.detail.look_black(index, planes)
        else:
            out.detail.look(index, planes, stored, policy.obscure)
        if index == next_original:
            if original is not None and original.image is not None and not original.damage and index not in cover.black:
                out.outside.look(index, luma(original.image), picture.y, [r.box for r in stored])
            next_original, original = next(originals, _NO_MORE)
        if index not in look:
            continue
        out.looked += 1
        seen = {size: picture.view(display, size) for size in {v.size_px for v in policy.verifiers}}
        new = []
        for verifier, searcher in searchers:
            (found,) = searcher.find_all([seen[verifier.size_px]])
            there = cache(partial(_in_source, source, index, verifier, policy))
            for d in uncovered(found, shown, least):
                if is_painted(d, shown, there):
                    out.painted += 1
                else:
                    new.append(Leak(index, d))
        if new and len(list(evidence.glob(f"frame-{span.start:08d}*"))) < _MOST_PICTURES:
            _keep(picture, [display.to_stored(x.detection.box).to_ints() for x in new], evidence, index, span.start)
        out.leaks += new
    out.times, out.time_base, out.errors = witness.times, witness.time_base, witness.errors
    return out


def _in_source(source: Excerpt, index: int, verifier: Verifier, policy: Policy) -> tuple[Detection, ...]:
    """What a verifier finds in a frame of the source, doubtful findings too. Decodes up to there.

    Raises SourceError where the frame does not decode cleanly: rendering would have, too.
    """
    frame = next(f for f in decode(source) if f.index == index)
    if frame.image is None or frame.damage:
        raise damage_error(source, frame)
    shown = view(frame.image, source.format.display, verifier.size_px)
    return tuple(find(verifier.detector, policy, policy.least_score, shown))


def _keep(picture: Picture, boxes: list[tuple[int, int, int, int]], folder: Path, index: int, start: int) -> None:
    """Writes a picture of a frame that leaks, with what was found framed."""
    bgr = np.ascontiguousarray(cv2.cvtColor(picture.rgb(), cv2.COLOR_RGB2BGR))
    for x1, y1, x2, y2 in boxes:
        cv2.rectangle(bgr, (x1, y1), (x2, y2), (0, 0, 255), 2)
    ok, png = cv2.imencode(".png", bgr)
    try:
        if ok:
            (folder / f"frame-{start:08d}-{index:08d}.png").write_bytes(png.tobytes())
    except OSError as e:
        raise output_error(folder, e) from None
