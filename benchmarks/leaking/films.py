"""The pictures of a film by time, and the shift by which two films run together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from redact.media.frames import luma

Luma = NDArray[np.uint8]


def frames(file: Path, shift: float = 0.0) -> Iterator[tuple[float, Luma]]:
    """(seconds plus ``shift``, luma) of every frame, in order."""
    with av.open(f"file:{file}") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for image in container.decode(stream):
            assert image.time is not None, f"{file}: a frame without a time"
            yield image.time + shift, luma(image)


class Shown:
    """What a player shows of a film at rising times; holds two frames at once."""

    def __init__(self, film: Iterator[tuple[float, Luma]]) -> None:
        self._film = film
        self._now: Luma | None = None
        self._next = next(film, None)

    def at(self, seconds: float) -> Luma:
        """The frame that is shown at this time; the first one before it begins, the last one after it ended."""
        while self._next is not None and (self._now is None or self._next[0] <= seconds):
            self._now = self._next[1]
            self._next = next(self._film, None)
        assert self._now is not None, "a film without frames"
        return self._now


def thumbnails(file: Path) -> list[tuple[float, Luma]]:
    size = (64, 36)
    return [(t, np.asarray(cv2.resize(y, size, interpolation=cv2.INTER_AREA), np.uint8)) for t, y in frames(file)]


def aligned(source: list[tuple[float, Luma]], file: Path) -> float:
    """Seconds to add to a release's times so that it runs with its source.

    Some tools keep times, some let them begin at zero: what looks more like the source is right.
    ``source``: its thumbnails.
    """
    film = thumbnails(file)

    def unlike(shift: float) -> float:
        shown = Shown((t + shift, y) for t, y in film)
        return float(np.mean([np.abs(y.astype(int) - shown.at(t)).mean() for t, y in source]))

    return min((0.0, source[0][0] - film[0][0]), key=unlike)
