"""What a job reports back while it runs and when it ends. Pure data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a phase ("plan", "render", "verify") has come: frames done of frames in all."""

    file: Path
    phase: str
    done: int
    total: int
    seconds: float
    """Length of the whole video."""
    kept: int = 0
    """Frames of those done that an earlier run had worked on, or an earlier round."""


Watcher = Callable[[Progress], None]


def silent(_: Progress) -> None:
    """The watcher of those who watch nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input."""

    source: Path
    output: Path
    record: Path
    frames: int
    seconds: float
    tracks: dict[str, int]
    obscured_frames: int
    black_frames: int
    repairs: int
    silent_seconds: float = 0.0
    """Damaged sound that is silent in the release."""
    notes: tuple[str, ...] = ()
    """What whoever hands it out must know besides, one sentence each."""
