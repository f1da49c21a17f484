"""What a batch of another file of requests left in a folder is kept, under names that say so."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from pathlib import Path, PurePath

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
    number = next(n for n in count(1) if not any(f.with_name(earlier_name(f.name, n)).exists() for f in there))
    for file in there:  # the state last: until then a run that was stopped here can tell whose they are
        try:
            file.rename(file.with_name(earlier_name(file.name, number)))
        except OSError as e:
            raise output_error(file, e) from None


def _is_of(requests: str, state: Path) -> bool:
    try:
        return read_state(state).requests == requests
    except UsageError:  # none, or none that can be read
        return False


def earlier_name(name: str, number: int) -> str:
    """What an earlier file called ``name`` is called now."""
    path = PurePath(name)
    return f"{path.stem}.earlier-{number}{path.suffix}"
