"""Pass 1: how a worker looks at one segment. Runs in any process on any node.

A worker is handed an excerpt of a source, never frames, and decodes for itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, TypeAdapter, with_config

from redact.cuts import Change, compare, look
from redact.detect import Attention, Detector, best_device, load_detector
from redact.errors import SourceError
from redact.findings import Detection, FrameDetections, Kind
from redact.looks import look_at
from redact.media.container import DAMAGED
from redact.media.decode import decode
from redact.media.frames import Frame, View, luma_sum, view
from redact.media.source import Excerpt
from redact.motion import Motion, motion, small, to_png
from redact.pictures import EXACT_CODECS, PictureSums
from redact.policy import Policy
from redact.record import DetectorId
from redact.store import kept_bytes, key
from redact.timeline import Timestamp
from redact.track import unite


@with_config(ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))
@dataclass(frozen=True, slots=True)
class SegmentFindings:
    """What pass 1 saw in a segment.

    ``frames``: the examined frames. ``damaged``: (frame index, reason) of each frame that did not
    decode cleanly. ``first_look`` and ``last_look``: thumbnails (``cuts.look``, 2 kB of luma as bytes)
    of the first and last examined frame that shows anything, from which a cut between two segments is
    told; empty if there is none.
    """

    number: int
    frames: tuple[FrameDetections, ...]
    damaged: tuple[tuple[int, str], ...]
    first_look: bytes
    last_look: bytes
    first_small: bytes
    last_small: bytes
    """The first and last examined frame as ``motion.to_png`` gives them, from which the motion between two
    segments is told; empty where it shows nothing."""
    detectors: tuple[DetectorId, ...]
    """Who looked, and on which device."""
    pictures: PictureSums | None
    """Of every frame of the segment, for codecs whose pictures are exactly defined."""
    kept: bool = False
    """Whether this was found before, and only read again."""


_FINDINGS = TypeAdapter(SegmentFindings)


@lru_cache(maxsize=8)
def detector(name: str, min_score: float) -> Detector:
    """A detector of this process, loaded once: on its GPU if it has one, else on one thread of the CPU.

    One thread, because work is shared out by segments. All steps of a recipe ask for the same ``min_score``:
    each instance takes some hundred megabytes while it works.
    """
    return load_detector(name, min_score=min_score, threads=1, device=best_device())


def find(name: str, policy: Policy, min_score: float, shown: View) -> Iterator[Detection]:
    """A detector's findings from ``min_score`` on of what the recipe hides in one picture, in display pixels."""
    found = detector(name, policy.least_score).detect(shown.pixels)
    yield from _on_display(found, policy.kinds, min_score, shown)


class Searcher:
    """What a detector finds in the frames of a stretch of video, one after the other, of what a recipe hides."""

    def __init__(self, name: str, policy: Policy, min_score: float) -> None:
        """``min_score``: from which on findings count."""
        self._attention = Attention(detector(name, policy.least_score))
        self._kinds, self._min_score = policy.kinds, min_score

    def find_all(self, shown: Sequence[View]) -> list[list[Detection]]:
        """The findings in each of the next frames, in display pixels."""
        found = self._attention.look_all([v.pixels for v in shown])
        return [list(_on_display(f, self._kinds, self._min_score, v)) for f, v in zip(found, shown, strict=True)]


def _on_display(
    found: Iterable[Detection], kinds: frozenset[Kind], min_score: float, shown: View
) -> Iterator[Detection]:
    sx, sy = shown.scale
    for d in found:
        if d.kind in kinds and d.score >= min_score:
            yield Detection(d.kind, d.box.scale(1 / sx, 1 / sy), d.score)


def analyse(source: Excerpt, policy: Policy, folder: Path) -> SegmentFindings:
    """Pass 1 on one segment: decodes it and looks for what the recipe hides.

    What was found is kept in ``folder`` and taken from there next time.
    Raises SourceError at the first damaged frame where the recipe refuses damage.
    """
    made_by = [policy.detect.model_dump(mode="json"), sorted(policy.kinds), policy.damage.on_damage]
    ids = [asdict(d) for d in detector_ids(policy)]
    file = folder / f"found-{key(source.identity, made_by, ids)}.json"
    was_there = file.exists()
    if not was_there:
        kept_bytes(file, _FINDINGS.dump_json(_look_through(source, policy)))
    return replace(_FINDINGS.validate_json(file.read_bytes()), kept=was_there)


def _look_through(source: Excerpt, policy: Policy) -> SegmentFindings:
    p = policy.detect
    found: list[FrameDetections] = []
    damaged: list[tuple[int, str]] = []
    waiting: list[_Seen] = []
    ours_at = look_at(source, p.look_seconds)
    second_at = look_at(source, p.second_look_seconds) if p.second_detectors else frozenset()
    exact = source.format.codec in EXACT_CODECS
    sums = [0] * len(source.span) if exact else []
    together = max(detector(n, policy.least_score).batch for n in p.detectors)
    ours_by = [Searcher(n, policy, p.low_score) for n in p.detectors]
    second_by = [Searcher(n, policy, p.low_score) for n in p.second_detectors]
    first = last = b""
    first_small: NDArray[np.uint8] | None = None
    last_small: NDArray[np.uint8] | None = None
    for frame in decode(source):
        if frame.damage or frame.image is None:
            damaged.append((frame.index, frame.damage or "no picture"))
            if policy.damage.on_damage == "refuse":
                raise damage_error(source, frame)
            continue
        if exact:
            sums[frame.index - source.span.start] = luma_sum(frame.image)
        ours, second = frame.index in ours_at, frame.index in second_at
        if not (ours or second):
            continue
        display = source.format.display
        shown = view(frame.image, display, p.size_px)
        other = shown if p.second_size_px == p.size_px else view(frame.image, display, p.second_size_px)
        now = small(shown.pixels)
        thumbnail = look(now)
        change = compare(last, thumbnail)
        clear = now if thumbnail else None
        if not (found or waiting):
            first_small = clear
        # A motion told between two scenes would carry regions away from what they are to cover.
        moved = motion(last_small, now) if change is Change.NONE and last_small is not None else None
        cut = change is Change.CUT
        waiting.append(_Seen(frame.index, cut, moved, shown if ours else None, other if second else None))
        first, last = first or thumbnail, thumbnail or last
        last_small = clear
        if len(waiting) >= together:
            found += _find_in(waiting, ours_by, second_by)
            waiting.clear()
    found += _find_in(waiting, ours_by, second_by)
    ids = tuple(detector_ids(policy))
    pictures = PictureSums.of(source.span.start, sums) if exact else None
    ends = (first, last, to_png(first_small), to_png(last_small))
    return SegmentFindings(source.segment.number, tuple(found), tuple(damaged), *ends, ids, pictures)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A frame that waits to be looked at: as the detectors see it, and as the second ones do (None: they don't)."""

    index: int
    cut: bool
    motion: Motion | None
    ours: View | None
    second: View | None


def _find_in(
    waiting: Sequence[_Seen], ours_by: Sequence[Searcher], second_by: Sequence[Searcher]
) -> Iterator[FrameDetections]:
    """Looks at several frames at once, as many as a GPU likes."""
    found: list[list[Detection]] = [[] for _ in waiting]
    for searchers, views in ((ours_by, [s.ours for s in waiting]), (second_by, [s.second for s in waiting])):
        places = [(n, v) for n, v in enumerate(views) if v is not None]
        for searcher in searchers:
            for (n, _), here in zip(places, searcher.find_all([v for _, v in places]), strict=True):
                found[n] += here
    for seen, all_here in zip(waiting, found, strict=True):
        yield FrameDetections(seen.index, unite(all_here), seen.cut, seen.motion)


def detect_segment(source: Excerpt, policy: Policy) -> tuple[FrameDetections, ...]:
    """Raw findings of a segment's examined frames, for those who want them as they are."""
    return _look_through(source, policy).frames


def damage_error(source: Excerpt, frame: Frame) -> SourceError:
    """The refusal of a source with a damaged frame."""
    at = Timestamp(frame.pts - source.start_pts, source.format.time_base)
    return SourceError(
        f"{str(source.path)!r}: frame {frame.index} (at {at}) cannot be decoded cleanly: {frame.damage}.",
        DAMAGED,
    )


def detector_ids(policy: Policy) -> list[DetectorId]:
    """The detectors of a recipe, each once, for the record."""
    names = dict.fromkeys((*policy.detect.detectors, *policy.detect.second_detectors, *policy.verify.detectors))
    found = [detector(n, policy.least_score) for n in names]
    return [DetectorId(d.name, d.sha256, d.device) for d in found]
