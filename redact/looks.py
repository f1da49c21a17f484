"""Which frames are looked at. Pure."""

from __future__ import annotations

from redact.media.source import Excerpt


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
