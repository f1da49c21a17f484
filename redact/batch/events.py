"""The file that a batch appends what happens to: its own, and nothing else that lies on a disk."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from redact.errors import UsageError
from redact.staging import output_error

_LONGEST = 1 << 16  # bytes of a line


def check_events(file: Path, inputs: Iterable[Path]) -> None:
    """Refuses a file that is one of the ``inputs``, or holds something else than events. Raises UsageError."""
    try:
        if not file.exists():
            return
        if any(i.exists() and file.samefile(i) for i in inputs):
            raise UsageError(f"{str(file)!r}: is an input of this batch.", "Name another file for the events.")
        if file.is_file() and file.stat().st_size and not _holds_events(file):
            raise UsageError(
                f"{str(file)!r}: exists already, and holds something else than events.",
                "Name a new file for the events, or one that a batch wrote before.",
            )
    except OSError as e:
        raise output_error(file, e) from None


def _holds_events(file: Path) -> bool:
    """Whether the first line is what ``Tracker.event`` writes."""
    with file.open("rb") as f:
        line = f.readline(_LONGEST)
    try:
        row = json.loads(line)
    except ValueError:
        return False
    return isinstance(row, dict) and {"time", "event"} <= row.keys()


def open_events(file: Path, inputs: Iterable[Path]) -> TextIO:
    """Opens a file for events, after ``check_events``. Raises UsageError or SpaceError."""
    check_events(file, inputs)
    try:
        return file.open("a", encoding="utf-8", errors="backslashreplace")
    except OSError as e:
        raise output_error(file, e) from None
