"""Judges releases frame by frame: what is clear, for how long, and what is obscured without need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from leaking.films import Luma, Shown, aligned, frames, thumbnails
from leaking.measures import likeness, obscured, unneeded
from leaking.references import Mark, Reference

from redact.findings import Kind
from redact.geometry import Box

CLEAR = 0.5
CLEAR_HALF = 0.6
BINS = ((12, 20), (20, 40), (40, 10**6))  # px of width: see "Faces and plates that count" in docs/
LINKED = 0.3  # IoU from which boxes of two looks are one object


@dataclass
class Tally:
    """Of one kind in one release. ``seen`` and ``clear`` by size; a run in frames and seconds."""

    seen: list[int] = field(default_factory=lambda: [0] * len(BINS))
    clear: list[int] = field(default_factory=lambda: [0] * len(BINS))
    run_frames: int = 0
    run_seconds: float = 0.0
    likenesses: list[tuple[float, float]] = field(default_factory=list)


@dataclass
class Judged:
    """What became of a video: tallies by kind, and the share of the picture that was obscured without need."""

    kinds: dict[Kind, Tally] = field(default_factory=dict)
    unneeded: list[float] = field(default_factory=list)


@dataclass
class _Run:
    """An object that is followed from look to look; ``since``: when it became clear, (frame, seconds)."""

    box: Box
    since: tuple[int, float] | None


class _Judge:
    """Judges one release frame by frame."""

    def __init__(self, film: Iterator[tuple[float, Luma]], reference: Reference) -> None:
        self._shown = Shown(film)
        self._runs: dict[Kind, list[_Run]] = {k: [] for k in reference.looked}
        self.result = Judged({k: Tally() for k in reference.looked})

    def look(self, index: int, begins: float, ends: float, source: Luma, plain: Luma, reference: Reference) -> None:
        """Frame ``index`` of the source is shown from ``begins`` to ``ends`` (seconds)."""
        shown = self._shown.at((begins + ends) / 2)
        if shown.shape != source.shape:
            shown = np.asarray(cv2.resize(shown, source.shape[::-1], interpolation=cv2.INTER_AREA), np.uint8)
        marks = reference.at(index)
        for kind, tally in self.result.kinds.items():
            if index in reference.looked[kind]:
                here = [m for m in marks if m.kind is kind]
                clear = [self._is_clear(m, tally, source, shown) for m in here]
                self._follow(kind, tally, here, clear, (index, begins), ends)
        if index in reference.complete:
            self.result.unneeded.append(unneeded(obscured(source, shown, plain), reference.needed.get(index, [])))

    def _is_clear(self, m: Mark, tally: Tally, source: Luma, shown: Luma) -> bool:
        where = next((n for n, (a, b) in enumerate(BINS) if a <= m.box.width < b), None)
        like = None if where is None else likeness(source, shown, m.kind, m.box)
        if where is None or like is None:
            return False
        is_clear = like[0] >= CLEAR or like[1] >= CLEAR_HALF
        tally.likenesses.append(like)
        tally.seen[where] += 1
        tally.clear[where] += is_clear
        return is_clear

    def _follow(
        self, kind: Kind, tally: Tally, marks: list[Mark], clear: list[bool], now: tuple[int, float], ends: float
    ) -> None:
        """Links marks to those of the look before and lengthens the runs of what is clear still."""
        before, after = list(self._runs[kind]), []
        for m, is_clear in zip(marks, clear, strict=True):
            same = max(before, key=lambda r: r.box.iou(m.box), default=None)
            if same is not None and same.box.iou(m.box) >= LINKED:
                before.remove(same)
            else:
                same = None
            since = ((same and same.since) or now) if is_clear else None
            after.append(_Run(m.box, since))
            if since is not None:
                tally.run_frames = max(tally.run_frames, now[0] - since[0] + 1)
                tally.run_seconds = max(tally.run_seconds, ends - since[1])
        self._runs[kind] = after


def judge(source: Path, releases: dict[str, Path], plain: Path, reference: Reference) -> dict[str, Judged]:
    """What stays clear in each release, by name. ``plain``: a plain transcode of the source."""
    small = thumbnails(source)
    judges = {name: _Judge(frames(file, aligned(small, file)), reference) for name, file in releases.items()}
    control = Shown(frames(plain, aligned(small, plain)))
    film = frames(source)
    now, index = next(film), 0
    length = 0.04
    while now is not None:
        after = next(film, None)
        length = after[0] - now[0] if after else length
        shown = control.at(now[0] + length / 2)
        for j in judges.values():
            j.look(index, now[0], now[0] + length, now[1], shown, reference)
        now, index = after, index + 1
    return {name: j.result for name, j in judges.items()}
