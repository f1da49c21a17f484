"""Which frames are looked at. Pure."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from itertools import pairwise

from redact.findings import Kind, RedactionPlan
from redact.media.source import Excerpt

_UNSEEN_SECONDS = 0.3  # a track that was not seen for so long may follow something else
_APART_SECONDS = 0.2  # nearer than this to another look there is little new to see


def look_at(source: Excerpt, every_seconds: float, *, beside: frozenset[int] = frozenset()) -> frozenset[int]:
    """Frames of a segment such that no two looks are further apart than ``every_seconds``, by index.

    The first of the segment and the last of the video are among them. Frames that are further apart
    than that are all looked at. By time and not by number: a camera with ten frames a second shows
    three times as much movement from one frame to the next as one with thirty. ``beside``: frames
    that others look at; instead of one of those, the last one before it that nobody looks at is taken.
    """
    span, limit = source.span, every_seconds / float(source.format.time_base)
    looks = {span.start}
    last = span.start
    i = last + 1
    while i < span.stop:
        if i == source.frames - 1 or source.pts_of(i + 1) - source.pts_of(last) > limit:
            i = next((n for n in range(i, last, -1) if n not in beside), i) if i < source.frames - 1 else i
            looks.add(i)
            last = i
        i += 1
    return frozenset(looks)


def look_where_unsure(source: Excerpt, plan: RedactionPlan, looks: frozenset[int]) -> frozenset[int]:
    """Frames of a segment in which a plan is likeliest to leave something clear, beyond those of ``looks``.

    Just before a track and just behind it, and halfway through each stretch in which it is covered but
    was not seen: who turns away or is hidden for a while may have gone another way. ``plan``: its part.
    """
    apart, chosen = _APART_SECONDS / float(source.format.time_base), sorted(looks)
    added = []
    for i in sorted({i for i in _unsure(source, plan) if i in source.span and i not in plan.black}):
        n = bisect_left(chosen, i)
        if all(abs(source.pts_of(i) - source.pts_of(other)) >= apart for other in chosen[max(n - 1, 0) : n + 1]):
            insort(chosen, i)
            added.append(i)
    return frozenset(added)


def _unsure(source: Excerpt, plan: RedactionPlan) -> Iterator[int]:
    long, span = _UNSEEN_SECONDS / float(source.format.time_base), source.span
    for t in plan.tracks:
        if t.kind is Kind.ZONE:
            continue
        yield from (t.span.start - 1, t.span.stop)
        seen = (k.index for k in t.keys if k.score is not None)
        marks = sorted({t.span.start, *seen, t.span.stop - 1})
        for a, b in pairwise(max(span.start, min(i, span.stop - 1)) for i in marks):
            if source.pts_of(b) - source.pts_of(a) > long:
                yield (a + b) // 2
