"""Exact time: a whole number of ticks and what a tick is. Seconds as float are for people only."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import total_ordering


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Timestamp:
    """A presentation time: ``pts`` ticks of ``time_base`` seconds each. Compares by exact time."""

    pts: int
    time_base: Fraction

    @property
    def time(self) -> Fraction:
        """Exact seconds."""
        return self.pts * self.time_base

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Timestamp) and self.time == other.time

    def __lt__(self, other: Timestamp) -> bool:
        return self.time < other.time

    def __hash__(self) -> int:
        return hash(self.time)

    def __str__(self) -> str:
        ms = round(self.time * 1000)
        sign, ms = ("-", -ms) if ms < 0 else ("", ms)
        return f"{sign}{ms // 3600000:02d}:{ms // 60000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"


@dataclass(frozen=True, slots=True)
class Span:
    """A range of frames by index in display order, half-open: start <= i < stop."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"a span needs 0 <= start <= stop, got {self}")

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, index: object) -> bool:
        return isinstance(index, int) and self.start <= index < self.stop
