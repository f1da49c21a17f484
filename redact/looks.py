"""Which frames are looked at. Pure."""

from __future__ import annotations

from redact.media.source import Excerpt


def look_at(source: Excerpt, every_seconds: float) -> frozenset[int]:
    """Frames of a segment such that no two looks are further apart than ``every_seconds``, by index.

    The first of the segment and the last of the video are among them. Frames that are further apart
    than that are all looked at. By time and not by number: a camera with ten frames a second shows
    three times as much movement from one frame to the next as one with thirty.
    """
    span, limit = source.span, every_seconds / float(source.format.time_base)
    looks = {span.start}
    last = source.pts_of(span.start)
    for i in range(span.start + 1, span.stop):
        if i == source.frames - 1 or source.pts_of(i + 1) - last > limit:
            looks.add(i)
            last = source.pts_of(i)
    return frozenset(looks)
