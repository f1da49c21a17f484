"""What verification finds is evidence like any other: it joins the findings of pass 1. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from redact.findings import FrameDetections
from redact.track import unite
from redact.verdict import Leak

MOST_FRUITLESS = 5  # repairs that did not halve what verification finds, after which a file is quarantined


def worth_repairing(found: Sequence[int]) -> bool:
    """Whether to cover what verification found and render again, after verifications that found so many leaks each.

    Each repair is looked at in new places, just outside the regions that it added, and encoded anew: some of what is
    new there is found, too. How many rounds that takes grows with the number of leaks, thus with the video's length:
    a limit on all rounds would quarantine what is long, so only those count that led nowhere.
    """
    return sum(2 * after > before for before, after in pairwise(found)) < MOST_FRUITLESS


def with_leaks(
    frames: Iterable[FrameDetections], leaks: Iterable[Leak], seconds: NDArray[np.float64]
) -> tuple[FrameDetections, ...]:
    """The findings of pass 1 with those of verification added, each sure enough to begin a track of its own.

    ``seconds`` (frames of the video,): the time of each.
    """
    out = list(frames)
    for leak in leaks:
        n = bisect_left(out, leak.index, key=lambda f: f.index)
        if n == len(out) or out[n].index != leak.index:
            out[n : n + 1] = _parted(out[n - 1] if n else None, leak.index, out[n] if n < len(out) else None, seconds)
        sure = replace(leak.detection, score=1.0)
        out[n] = replace(out[n], detections=unite([*out[n].detections, sure]))
    return tuple(out)


def _parted(
    before: FrameDetections | None, index: int, after: FrameDetections | None, seconds: NDArray[np.float64]
) -> list[FrameDetections]:
    """Frame ``index``, examined after all, and the one examined after it: the motion between two is parted by it."""
    new = FrameDetections(index, (), added=True)
    if after is None:
        return [new]
    if before is None or after.motion is None:
        return [new, after]
    begun, now, over = (float(seconds[i]) for i in (before.index, index, after.index))
    share = (now - begun) / (over - begun)
    first, second = after.motion.part(share), after.motion.part(1 - share)
    return [replace(new, motion=first), replace(after, motion=second)]
