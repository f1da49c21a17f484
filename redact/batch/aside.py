"""What a batch of another file of requests left in a folder is kept, under names that say so."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path

from redact.batch.state import read_state
from redact.errors import UsageError
from redact.staging import output_error


def set_others_aside(state: Path, requests: str, files: Iterable[Path]) -> None:
    """Renames ``files``, and the ``state`` that says whose they are, unless they are of ``requests``.

    All get the same number: "summary.csv" becomes "summary.earlier-1.csv". Raises UsageError where one
    cannot be renamed.
    """
    if _is_of(requests, state):
        return
    there = [f for f in (*files, state) if f.exists()]
    number = next(n for n in count(1) if not any(_earlier(f, n).exists() for f in there))
    for file in there:  # the state last: until then a run that was stopped here can tell whose they are
        try:
            file.rename(_earlier(file, number))
        except OSError as e:
            raise output_error(file, e) from None


def _is_of(requests: str, state: Path) -> bool:
    try:
        return read_state(state).requests == requests
    except UsageError:  # none, or none that can be read
        return False


def _earlier(file: Path, number: int) -> Path:
    return file.with_name(f"{file.stem}.earlier-{number}{file.suffix}")
