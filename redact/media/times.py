"""When frames are shown, by the times that a container gives, or by what can be told where it gives none. Pure."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from redact.media.source import NO_PTS, PacketTable, VideoFormat
from redact.words import plural


def display_times(table: PacketTable, fmt: VideoFormat, wrong: list[str]) -> tuple[np.ndarray, bool]:
    """(presentation times in ticks and in display order, whether the container gave all of them).

    Adds to ``wrong`` what is wrong with them.
    """
    given = table.pts[table.shown]
    rate = fmt.frame_rate or Fraction(25)
    if (given == NO_PTS).all():
        due = table.dts[table.shown]
        if (due != NO_PTS).all() and (np.diff(due) > 0).all():
            return due - due[0], False  # AVI: one tick a frame, more where a frame is shown longer
        ticks = 1 / (rate * fmt.time_base)
        return np.array([round(i * ticks) for i in range(len(given))], np.int64), False
    missing = int((given == NO_PTS).sum())
    if missing:
        every = fill(given, float(1 / (rate * fmt.time_base)))
        if every is not None:
            return every, False
        wrong.append(f"{plural(missing, 'frame')} without a presentation time, left out")
        given = given[given != NO_PTS]
    shown = np.unique(given)
    real = table.dts[table.dts != NO_PTS]
    if (np.diff(real) < 0).any():
        wrong.append("a decode timestamp runs backwards")
    if len(shown) < len(given):
        double = plural(len(given) - len(shown), "packet")
        wrong.append(f"{double} with a presentation time that another has, too")
    return shown, True


def fill(pts: np.ndarray, step: float) -> np.ndarray | None:
    """Times (ticks) in display order where the container gives some only, as recorders' program streams do.

    ``pts``: in the order of the packets, NO_PTS where missing; ``step``: ticks a frame. What has a time keeps it.
    None where nobody can tell which frames the others lie between.

    A frame with the time of the next one has none: where its start code lies across two packets of a program stream,
    the library gives it the time of the first frame that begins in the second.
    """
    has = pts != NO_PTS
    has[:-1] &= pts[:-1] != pts[1:]
    at = np.flatnonzero(has)
    known, every = pts[at], np.arange(len(pts))
    in_order = bool((np.diff(known) > 0).all())
    even = bool((np.abs(np.diff(known) - np.diff(at) * step) <= step / 2).all())
    grid = None if in_order and even else _on_grid(known, len(pts), step)
    if grid is not None:
        return grid
    if not in_order:
        return None
    beyond = np.minimum(every - at[0], 0) + np.maximum(every - at[-1], 0)
    filled = np.rint(np.interp(every, at, known) + beyond * step).astype(np.int64)
    return filled if (np.diff(filled) > 0).all() else None


def _on_grid(known: np.ndarray, count: int, step: float) -> np.ndarray | None:
    """``count`` times at a constant rate of which all ``known`` ones are part; None where they are not."""
    slots = np.rint((known - known.min()) / step).astype(np.int64)
    if len(np.unique(slots)) < len(slots) or slots.max() >= count:
        return None
    filled = known.min() + np.rint(np.arange(count) * step).astype(np.int64)
    if np.abs(filled[slots] - known).max() > step / 4:
        return None
    filled[slots] = known
    return filled if (np.diff(filled) > 0).all() else None
