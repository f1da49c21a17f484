"""Looks up the regions of frame after frame without going through all tracks each time."""

from __future__ import annotations

from redact.findings import RedactionPlan, Region, Track
from redact.timeline import Span


class RegionsByFrame:
    """The regions of a plan by frame, for frames asked in rising order (or any order, more slowly)."""

    def __init__(self, plan: RedactionPlan, span: Span | None = None) -> None:
        """``span``: the frames that will be asked for; tracks that do not touch it are left out."""
        self._size = plan.source.width, plan.source.height
        chosen = [t for t in plan.tracks if span is None or (t.span.start < span.stop and t.span.stop > span.start)]
        self._tracks = sorted(chosen, key=lambda t: (t.span.start, t.id))
        self._rewind()

    def _rewind(self) -> None:
        self._next = 0
        self._active: list[Track] = []
        self._last = -1

    def at(self, index: int) -> tuple[Region, ...]:
        """The regions of one frame, by track number: whole-number boxes inside the picture, in display pixels."""
        if index < self._last:
            self._rewind()
        self._last = index
        while self._next < len(self._tracks) and self._tracks[self._next].span.start <= index:
            self._active.append(self._tracks[self._next])
            self._next += 1
        self._active = [t for t in self._active if t.span.stop > index]
        here = (t.region(index, *self._size) for t in sorted(self._active, key=lambda t: t.id))
        return tuple(r for r in here if r is not None)
