"""The part of a source that is released: all of it, or the frames of a period, cut to the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from redact.errors import UsageError
from redact.media.source import Segment, Source
from redact.period import Period
from redact.timeline import Span


@dataclass(frozen=True)
class Cut:
    """Frames ``span`` of a source, and when the release shows them.

    ``pts`` (frames of the span,): ticks of the source's time base at which the release shows each;
    it begins when the source began, or at zero where that was earlier. ``start`` and ``end``: in exact seconds of
    the source's own clock, for what is not video: from its first frame on, or from the very beginning where that is
    None, up to when it was asked for; ``end`` None: to the end.
    """

    span: Span
    pts: NDArray[np.int64]
    last_duration: int
    shift: int
    """Ticks that the release shows each frame earlier than the source does."""
    start: Fraction | None
    end: Fraction | None

    def of(self, segments: Sequence[Segment]) -> tuple[Segment, ...]:
        """The segments with what of them is released; those without any are left out."""
        out = []
        for s in segments:
            a, b = max(s.span.start, self.span.start), min(s.span.stop, self.span.stop)
            if a < b:
                out.append(replace(s, span=Span(a, b)))
        return tuple(out)


def frames_in(source: Source, period: Period) -> Span:
    """The frames shown within a period that counts from the source's first frame. May be empty."""
    base, first = source.format.time_base, int(source.pts[0])
    # The first tick at or after a time of so many seconds.
    a = int(np.searchsorted(source.pts, first + -(-period.start // base)))
    b = source.frames if period.end is None else int(np.searchsorted(source.pts, first + -(-period.end // base)))
    return Span(a, max(a, b))


def cut(source: Source, period: Period) -> Cut:
    """Cuts a source to a period. Raises UsageError where no frame is shown in it."""
    span = frames_in(source, period)
    if not len(span):
        raise UsageError(
            f"{str(source.path)!r}: shows no frame in {period}; it lasts {source.seconds:.3f} s.",
            "Name a part that the video has.",
        )
    base = source.format.time_base
    # Hardly a container holds times before zero; a clock that was about to wrap gives such.
    shift = int(source.pts[span.start]) - max(int(source.pts[0]), 0)
    to_the_end = span.stop == source.frames
    last = source.last_duration if to_the_end else int(source.pts[span.stop]) - int(source.pts[span.stop - 1])
    end = None if period.end is None else int(source.pts[0]) * base + period.end
    if end is not None:
        last = min(last, max(1, -(-end // base) - int(source.pts[span.stop - 1])))  # sparse frames last long
    return Cut(
        span=span,
        pts=source.pts[span.start : span.stop] - shift,
        last_duration=last,
        shift=shift,
        # What is heard ahead of the first frame belongs to the whole, and to no part of it.
        start=None if period == Period() else int(source.pts[span.start]) * base,
        end=end,
    )
