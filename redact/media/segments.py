"""Cuts a source into segments. Depends on the source alone, so that any number of workers gives the same bytes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from redact.media.source import Segment, Source
from redact.timeline import Span

TARGET_SECONDS = 8.0  # long enough that a fresh encoder costs little, short enough to share work out
MIN_SEGMENTS = 2  # a short clip is cut finer, so that a laptop's two cores both have something to do
MIN_FRAMES = 24


def plan_segments(source: Source) -> tuple[Segment, ...]:
    """Returns segments that together hold every frame once, in order.

    A segment begins where decoding may begin, if there is such a place near; otherwise the worker
    decodes from the place before and throws away what is not its own: cheap next to detecting and
    encoding, and never more than one segment's length.
    """
    n = source.frames
    if n == 0:
        return ()
    rate = n / source.seconds if source.seconds > 0 else 25.0
    length = max(MIN_FRAMES, min(round(rate * TARGET_SECONDS), -(-n // MIN_SEGMENTS)))
    if not source.regular:
        return (Segment(0, Span(0, n), 0),)
    table = source.packets
    at = np.flatnonzero(table.seekable)
    # Frame in display order at which each place lies; leading pictures of it belong to the segment before.
    places = np.searchsorted(source.pts, table.pts[at]) if len(at) else np.zeros(0, np.int64)
    cuts = [0]
    while n - cuts[-1] > 1.5 * length:
        ideal = cuts[-1] + length
        near = places[(places > cuts[-1] + length // 2) & (places <= cuts[-1] + 3 * length // 2)]
        if len(near):
            cuts.append(int(near[np.abs(near - ideal).argmin()]))
            continue
        before = places[places <= ideal]
        if len(before) and ideal - int(before[-1]) <= length:
            cuts.append(ideal)
            continue
        after = places[places > ideal]
        if not len(after):
            break
        cuts.append(int(after[0]))
    cuts.append(n)
    segments = []
    for number, (a, b) in enumerate(pairwise(cuts)):
        usable = at[places <= a] if a else at[:0]
        segments.append(Segment(number, Span(a, b), int(usable[-1]) if len(usable) else 0))
    return tuple(segments)
