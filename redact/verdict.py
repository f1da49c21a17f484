"""What verification says of a release: named checks with numbers, and what leaks. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field

from redact.findings import Detection
from redact.geometry import Display


@dataclass(frozen=True, slots=True)
class Check:
    """One question asked of the release: ``passed``, a sentence, and its numbers by name."""

    name: str
    passed: bool
    sentence: str
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Leak:
    """Something found in the release that no region covers; ``box`` in display pixels."""

    index: int
    detection: Detection


@dataclass(frozen=True, slots=True)
class Verdict:
    """All checks of one release and what it leaks."""

    checks: tuple[Check, ...]
    leaks: tuple[Leak, ...] = ()

    @property
    def passed(self) -> bool:
        return all(c.passed for c in self.checks)

    @property
    def reason(self) -> str:
        """The first failed check in one sentence; empty where all passed."""
        return next((c.sentence for c in self.checks if not c.passed), "")


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a container: streams "type:codec", tags "where:key=value", side data by name."""

    streams: tuple[str, ...]
    tags: tuple[str, ...]
    chapters: int
    side_data: tuple[str, ...]
    nal_types: tuple[int, ...]
    """Types of H.264 or H.265 NAL units in the video packets and ahead of them, each once, rising; empty for others."""
    packets: int
    """Video packets that players show."""
    left_out: int
    """Video packets that are there, and that the container tells players not to show."""
    cropped: int
    """Columns or rows at the most that are coded, are no filling of blocks, and are not shown."""
    foreign: tuple[str, ...]
    """What lies in the file that our muxer does not write, in words."""
    display: Display | None
    """How players show the pictures; None where they show them in a way that no release asks for."""
