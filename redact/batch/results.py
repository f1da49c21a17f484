"""What became of each request, and of the batch. Pure values; the table and the report are made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Fate(StrEnum):
    """How a request ended."""

    RELEASED = "released"
    QUARANTINED = "quarantined"
    """The finished file could not be shown to be safe, or its worker died again and again."""
    REFUSED = "refused"
    """Nothing was rendered: the source cannot be read, or holds what the recipe does not allow."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A picture that shows why a request was not released: an image file and one sentence."""

    file: Path
    caption: str


@dataclass(frozen=True, slots=True)
class RequestResult:
    """What became of one job.

    ``output``, ``record`` and ``quarantine`` are paths relative to the folder of the batch, empty
    where there is none. ``faces``, ``plates`` and ``zones`` count tracks. ``frames``,
    ``obscured_frames`` and ``black_frames`` are of the release, ``video_seconds`` its length;
    ``wall_seconds`` is how long it was worked on. ``reason``: one sentence, empty where released.
    ``scope``: the part, the zones and the mutes that were asked for, as text. ``notes``: what is to be known
    of a release besides, one sentence each. ``earlier``: done before this run, by an earlier
    one or by hand, so its time is not part of this run's speed.
    """

    id: str
    source: str
    fate: Fate
    output: str = ""
    faces: int = 0
    plates: int = 0
    zones: int = 0
    frames: int = 0
    obscured_frames: int = 0
    black_frames: int = 0
    video_seconds: float = 0.0
    wall_seconds: float = 0.0
    record: str = ""
    reason: str = ""
    operator: str = ""
    purpose: str = ""
    legal_basis: str = ""
    requester: str = ""
    scope: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    quarantine: str = ""
    evidence: tuple[Evidence, ...] = ()
    earlier: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A machine that took part: its name, CPU cores and GPUs as the batch used them."""

    name: str
    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True, slots=True)
class BatchSummary:
    """A whole batch. ``listed``: jobs in all; those without a result are unfinished.

    ``wall_seconds``: how long this run took, by a clock that does not jump.
    """

    title: str
    listed: int
    results: tuple[RequestResult, ...]
    started: datetime
    finished: datetime
    wall_seconds: float
    nodes: tuple[Node, ...] = ()
    version: str = ""

    @property
    def unfinished(self) -> int:
        return max(0, self.listed - len(self.results))

    @property
    def footage_seconds(self) -> float:
        """Seconds of footage that this run released or quarantined: it looked at all of them."""
        return sum(r.video_seconds for r in self.results if not r.earlier)

    @property
    def hours_per_hour(self) -> float | None:
        """Hours of footage in an hour; None where this run took no time or made nothing."""
        return self.footage_seconds / self.wall_seconds if self.wall_seconds > 0 and self.footage_seconds else None


def count_fates(results: Iterable[RequestResult]) -> dict[Fate, int]:
    """How many ended how; every fate is there."""
    counts = Counter(r.fate for r in results)
    return {fate: counts[fate] for fate in Fate}
