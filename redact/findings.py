"""What was found in a video and what is to be obscured in it. Pure data, in display pixels but for ``StoredRegion``.

A plan describes each region by key boxes; between two of them the box moves in a straight line.
Sparse keys keep the plan of a ten-hour video small and give a person few numbers to correct.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from redact.geometry import Box, Display, Polygon
from redact.motion import Motion
from redact.pictures import PictureSums
from redact.scope import EVERYTHING, Scope
from redact.timeline import Span


class Kind(StrEnum):
    """What a region hides."""

    FACE = "face"
    PLATE = "plate"
    ZONE = "zone"


@dataclass(frozen=True, slots=True)
class Detection:
    """One finding in one frame: ``box`` in display pixels, ``score`` in 0..1."""

    kind: Kind
    box: Box
    score: float


@dataclass(frozen=True, slots=True)
class FrameDetections:
    """All findings of one examined frame; ``index`` counts frames in display order from 0.

    ``scene_cut`` says that the picture changed entirely since the examined frame before it, ``motion``
    how it moved since then; None where it stood still or nobody knows. ``added``: only verification looked at it;
    of what changed at it nothing is known.
    """

    index: int
    detections: tuple[Detection, ...]
    scene_cut: bool = False
    motion: Motion | None = None
    added: bool = False


@dataclass(frozen=True, slots=True)
class KeyBox:
    """Where a region is at one frame; ``score`` is None where the box was filled in, not detected."""

    index: int
    box: Box
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """One object followed through the video: key boxes in rising frame order, at least one.

    Exists from its first to its last key, both included. ``outline``: of a zone, its corners in
    display pixels; only what lies inside is obscured. ``sighted``: of a part of a track, the frame in
    which the whole one was first detected.
    """

    id: int
    kind: Kind
    keys: tuple[KeyBox, ...]
    outline: Polygon | None = None
    sighted: int | None = None

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError(f"track {self.id} has no key box")
        for a, b in pairwise(self.keys):
            if a.index >= b.index:
                raise ValueError(
                    f"track {self.id}: its key boxes must stand in the order of their frames, each frame once; "
                    f"frame {b.index} stands behind frame {a.index}"
                )

    @property
    def span(self) -> Span:
        return Span(self.keys[0].index, self.keys[-1].index + 1)

    @property
    def first_sighting(self) -> int | None:
        """The frame in which it was first detected, and not only expected; None where a person drew it."""
        if self.sighted is not None:
            return self.sighted
        return next((k.index for k in self.keys if k.score is not None), None)

    def within(self, span: Span) -> Track:
        """The track with the keys that decide its boxes in ``span``, which it must touch."""
        a = max(bisect_right(self.keys, span.start, key=lambda k: k.index) - 1, 0)
        b = bisect_left(self.keys, span.stop - 1, key=lambda k: k.index) + 1
        return replace(self, keys=self.keys[a:b], sighted=self.first_sighting)

    def at(self, index: int) -> Box | None:
        """The box at a frame, interpolated between keys; None outside the track."""
        if index not in self.span:
            return None
        i = bisect_right(self.keys, index, key=lambda k: k.index) - 1
        a = self.keys[i]
        if a.index == index:
            return a.box
        b = self.keys[i + 1]
        return a.box.lerp(b.box, (index - a.index) / (b.index - a.index))

    def region(self, index: int, width: int, height: int) -> Region | None:
        """What is obscured at a frame of a picture of ``width`` x ``height``; None where nothing is."""
        box = self.at(index)
        if box is None:
            return None
        box = box.round_out().clip(width, height)
        first = self.first_sighting
        return None if box.is_empty else Region(self.id, self.kind, box, self.outline, first is None or index >= first)


@dataclass(frozen=True, slots=True)
class Region:
    """What to obscure in one frame: ``box`` has whole-number edges inside the picture, ``outline`` as in its track.

    ``sighted`` is False before the object was first detected: what is there then may be the background.
    """

    track: int
    kind: Kind
    box: Box
    outline: Polygon | None = None
    sighted: bool = True

    def stored(self, display: Display) -> StoredRegion:
        """The same region where it lies in the stored frame, before it is turned and stretched to be shown."""
        outline = None if self.outline is None else display.outline_to_stored(self.outline)
        return StoredRegion(self.track, self.kind, display.to_stored(self.box), outline, self.sighted)


@dataclass(frozen=True, slots=True)
class StoredRegion:
    """A region in samples of the stored frame; edges need not be whole numbers, nor lie inside the frame.

    A type of its own though it has the fields of ``Region``: in a turned video a region that was not
    mapped is painted, or judged, in another place, and the type checker tells.
    """

    track: int
    kind: Kind
    box: Box
    outline: Polygon | None = None
    sighted: bool = True


@dataclass(frozen=True, slots=True)
class SourceId:
    """The source a plan was made for: its SHA-256 and what pass 1 counted in it."""

    sha256: str
    frames: int
    width: int
    height: int
    """Display pixels."""


@dataclass(frozen=True, slots=True)
class RedactionPlan:
    """Everything pass 2 needs besides the source and the recipe.

    ``tracks`` are final: padded, with lead-in and lead-out. ``black`` lists the frames, by index,
    that could not be decoded cleanly and are replaced by black ones.
    """

    source: SourceId
    recipe_sha256: str
    detectors: tuple[str, ...]
    tracks: tuple[Track, ...]
    black: tuple[int, ...] = ()
    examined: int = 0
    """How many frames detection looked at; those between were filled by tracking."""
    pictures: PictureSums | None = None
    """What the decoded frames looked like when they were examined; None where nobody knows."""
    scope: Scope = EVERYTHING
    """The part that it is for, and where sound is silent. Its zones are tracks by now: here there are none."""
    looked: Span | None = None
    """The frames that detection went through, of which it examined some; None for all of the video."""

    def within(self, span: Span) -> RedactionPlan:
        """The part of the plan that touches ``span``: its regions are the same in all frames of it."""
        tracks = [t.within(span) for t in self.tracks if t.span.start < span.stop and t.span.stop > span.start]
        pictures = None if self.pictures is None else self.pictures.within(span)
        return replace(self, tracks=tuple(tracks), black=tuple(i for i in self.black if i in span), pictures=pictures)

    def regions(self, index: int) -> tuple[Region, ...]:
        """The regions of one frame, in track order, rounded outwards and clipped to the picture."""
        here = (t.region(index, self.source.width, self.source.height) for t in self.tracks)
        return tuple(r for r in here if r is not None)
