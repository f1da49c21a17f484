"""Pass 2: how a worker obscures and encodes one segment, and what is painted alike in several of them.

Runs in any process on any node.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import av
import numpy as np

from redact.errors import SourceError
from redact.findings import RedactionPlan, Region
from redact.media.decode import decode
from redact.media.encode import SegmentWriter, choose_encoding
from redact.media.frames import Frame, luma_sum, plane_views
from redact.media.source import Excerpt, Segment
from redact.memory import give_back
from redact.obscure import FramePlanes, Held, Obscurer, Plane, black
from redact.pictures import PictureSums
from redact.policy import Policy
from redact.stages import damage_error
from redact.store import kept, kept_bytes, key
from redact.timeline import Span
from redact.track import RegionsByFrame


@dataclass(frozen=True, slots=True)
class SegmentRendered:
    """A segment written aside: its file, how many of its frames have a region, and whether it lay there already."""

    number: int
    file: Path
    frames: int
    obscured: int
    kept: bool


def borders(plan: RedactionPlan, segments: Sequence[Segment]) -> Iterator[tuple[Segment, tuple[Region, ...]]]:
    """Where to take what a track is painted by in more than one segment: the first frame of its second one.

    Gives those frames, each as a segment of its own, with all their regions. They are keyframes as a rule, so that
    taking costs next to nothing; of a segment that begins with black frames it is the first one that is not.
    """
    regions, known, black = RegionsByFrame(plan), set[tuple[int, bool]](), set(plan.black)
    for segment in segments[1:]:
        at = next((i for i in range(segment.span.start, segment.span.stop) if i not in black), None)
        here = () if at is None else regions.at(at)
        new = {(r.track, r.sighted) for r in here} - known
        if at is not None and new:
            known |= new
            yield replace(segment, span=Span(at, at + 1)), here


def take_levels(
    source: Excerpt, regions: Sequence[Region], pictures: PictureSums | None, policy: Policy, folder: Path
) -> tuple[Held, ...]:
    """What ``regions`` of the one frame of ``source`` are painted by, as if it were the first that shows them.

    It is kept in ``folder`` and taken from there next time: after a repair most frames have the same regions.
    Raises SourceError where the frame does not decode cleanly, or looks different than in pass 1.
    """
    shown = {source.span.start: tuple(regions)}
    known = None if pictures is None else pictures.at(source.span.start)
    made_by = policy.obscure.model_dump(mode="json")
    file = folder / f"held-{key(source.identity, made_by, places(shown), known)}.json"
    if not file.exists():
        kept_bytes(file, json.dumps(painted(shown, _taken(source, regions, pictures, policy))).encode())
    tracks = {n: t for t, n in _numbers(shown).items()}
    return tuple(
        Held(tracks[n], sighted, tuple(np.array(v, np.float32) for v in levels))
        for n, sighted, *levels in json.loads(file.read_bytes())
    )


def _taken(
    source: Excerpt, regions: Sequence[Region], pictures: PictureSums | None, policy: Policy
) -> tuple[Held, ...]:
    (frame,) = decode(source)
    image = _editable(_as_seen(frame, source, pictures), choose_encoding(source.format).pix_fmt)
    image.make_writable()
    obscurer = Obscurer(policy.obscure)
    # One after the other: of what lies under two regions, too, the second one is to see what is left by the first.
    obscurer.apply(_planes(image, source), [r.stored(source.format.display) for r in regions])
    return obscurer.held


def render(
    source: Excerpt, plan: RedactionPlan, given: Sequence[Held], policy: Policy, folder: Path
) -> SegmentRendered:
    """Pass 2 on one segment: obscures and encodes it into a file in ``folder``, unless it lies there already.

    ``plan``: the part for this segment; ``given``: what its tracks are painted by in other segments, too.
    Raises SourceError where a frame that pass 1 decoded cleanly does not decode now or looks different, SpaceError
    on a full disk, WorkerError where the encoder fails.
    """
    give_back()  # what the detectors took
    made_by = [policy.obscure.model_dump(mode="json"), policy.encode.model_dump(mode="json")]
    regions = RegionsByFrame(plan, source.span)
    shown = {i: regions.at(i) for i in range(source.span.start, source.span.stop)}
    sums = plan.pictures
    seen = [] if sums is None else [sums.first, sums.crc32.hex()]
    what = [*places(shown), *painted(shown, given)]
    file = folder / f"shown-{key(source.identity, made_by, what, sorted(plan.black), seen)}.nut"
    was_there = file.exists()
    kept(file, lambda aside: _write_segment(source, shown, plan, given, policy, aside))
    obscured = sum(bool(r) for i, r in shown.items() if i not in plan.black)
    return SegmentRendered(source.segment.number, file, len(source.span), obscured, was_there)


def places(shown: Mapping[int, tuple[Region, ...]]) -> list[list[object]]:
    """Regions as plain data, with tracks numbered within the segment: a track added elsewhere changes nothing here."""
    numbers = _numbers(shown)
    return [[i, [_place(numbers[r.track], r) for r in here]] for i, here in shown.items() if here]


def painted(shown: Mapping[int, tuple[Region, ...]], given: Sequence[Held]) -> list[list[object]]:
    """What the regions of a segment are painted by, as plain data, numbered as ``places`` does."""
    numbers = _numbers(shown)
    return [[numbers[h.track], h.sighted, *(v.tolist() for v in h.levels)] for h in given if h.track in numbers]


def _numbers(shown: Mapping[int, tuple[Region, ...]]) -> dict[int, int]:
    return {t: n for n, t in enumerate(sorted({r.track for here in shown.values() for r in here}))}


def _place(number: int, region: Region) -> list[object]:
    corners = [list(region.outline.corners)] if region.outline else []
    return [number, region.kind, region.sighted, *region.box.edges, *corners]


def _write_segment(
    source: Excerpt,
    regions: Mapping[int, tuple[Region, ...]],
    plan: RedactionPlan,
    given: Sequence[Held],
    policy: Policy,
    file: Path,
) -> None:
    dark = set(plan.black)
    display = source.format.display
    encoding = choose_encoding(source.format)
    obscurer = Obscurer(policy.obscure, given)
    with SegmentWriter(file, source, policy.encode) as writer:
        for frame in decode(source):
            if frame.index in dark:
                image = av.VideoFrame(display.width, display.height, encoding.pix_fmt)
                black(_planes(image, source))
            else:
                image = _editable(_as_seen(frame, source, plan.pictures), encoding.pix_fmt)
                here = regions[frame.index]
                if here:
                    image.make_writable()  # the decoder may still predict from this picture
                    obscurer.apply(_planes(image, source), [r.stored(display) for r in here])
            writer.write(image, frame.pts)
        frames = writer.frames
    if frames != len(source.span):
        raise SourceError(
            f"{str(source.path)!r}: segment {source.segment.number} gave {frames} frames, "
            f"{len(source.span)} were counted.",
            "Run again on a copy that nothing writes to.",
        )


def _as_seen(frame: Frame, source: Excerpt, pictures: PictureSums | None) -> av.VideoFrame:
    """The picture of a frame. Raises SourceError unless it decoded cleanly and looks as it did in pass 1."""
    if frame.damage or frame.image is None:
        raise damage_error(source, frame)
    known = None if pictures is None else pictures.at(frame.index)
    if known is not None and luma_sum(frame.image) != known:
        raise damage_error(source, replace(frame, damage="it looks different each time it is decoded"))
    return frame.image


def _editable(image: av.VideoFrame, pix_fmt: str) -> av.VideoFrame:
    """The picture in the format in which it is encoded."""
    return image if image.format.name == pix_fmt else image.reformat(format=pix_fmt)


def _planes(image: av.VideoFrame, source: Excerpt) -> FramePlanes:
    f = image.format
    return FramePlanes(
        planes=tuple(Plane(v.data, v.sub_x, v.sub_y) for v in plane_views(image)),
        width=image.width,
        height=image.height,
        bits=f.components[0].bits,
        full_range=source.format.color_range == 2 or f.name.startswith("yuvj"),
        rgb=f.is_rgb,
        interlaced=source.format.interlaced or bool(image.interlaced_frame),
    )
