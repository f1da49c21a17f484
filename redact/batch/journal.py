"""What a batch folder remembers from run to run: which jobs are done, and with which content.

Everything lies in the hidden folder ``.batch`` beside the releases: one JSON file a finished job,
finished segments of unfinished ones, and the state that ``redact status`` shows.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from redact.batch.jobs import Job
from redact.batch.results import Fate, RequestResult
from redact.staging import output_error, publish

HOME = ".batch"


@dataclass(frozen=True, slots=True)
class Entry:
    """A job that was released: its id, the digests of its content, its source and its release, and its result."""

    id: str
    sha256: str
    source_sha256: str
    result: RequestResult
    output_sha256: str = ""
    """Empty where an older version wrote it: then the record beside the release says it."""


_ENTRY = TypeAdapter(Entry)


def done_in(folder: Path) -> dict[str, Entry]:
    """What a batch released in a folder before, by job id. An entry that cannot be read counts as not done.

    Nothing is written, and there need be no such folder.
    """
    entries = {}
    for file in sorted((folder / HOME / "done").glob("*.json")):
        try:
            entry = _ENTRY.validate_json(file.read_bytes())
        except (OSError, ValidationError):
            continue
        entries[entry.id] = replace(entry, result=replace(entry.result, earlier=True))
    return entries


class Journal:
    """The memory of one batch folder. Raises UsageError or SpaceError where the folder cannot be written."""

    def __init__(self, folder: Path) -> None:
        self._home = folder.absolute() / HOME
        try:
            (self._home / "done").mkdir(parents=True, exist_ok=True)
            (self._home / "scratch").mkdir(exist_ok=True)
        except OSError as e:
            raise output_error(folder, e) from None

    @property
    def state(self) -> Path:
        """The file that says how far the batch is."""
        return self._home / "status.json"

    def scratch(self, source: str) -> Path:
        """A folder for the finished segments of a source; its name says nothing about it. Raises OSError."""
        place = self._scratch(source)
        place.mkdir(exist_ok=True)
        return place

    def drop(self, source: str, pieces: str = "") -> None:
        """Removes pieces of a source that are no longer needed, by a pattern of their names; all without one."""
        place = self._scratch(source)
        if not pieces:
            shutil.rmtree(place, ignore_errors=True)
            return
        for piece in place.glob(pieces):
            piece.unlink(missing_ok=True)

    def drop_copies(self) -> None:
        """Removes copies of sources that a stopped run left: what lies at their addresses may be another file by now.

        What was found in them is kept: it goes by the digest of the source.
        """
        for place in (self._home / "scratch").iterdir():
            for copy in place.glob(f"{place.name}*"):  # ``fetched`` names a copy as ``_scratch`` names its folder
                copy.unlink(missing_ok=True)

    def _scratch(self, source: str) -> Path:
        return self._home / "scratch" / hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def done(self) -> dict[str, Entry]:
        """What was released before, by job id."""
        return done_in(self._home.parent)

    def remember(self, job: Job, source_sha256: str, output_sha256: str, result: RequestResult) -> None:
        """Notes a release; anything else is tried again next time."""
        if result.fate is not Fate.RELEASED:
            return
        name = hashlib.sha256(job.id.encode()).hexdigest()[:24]
        aside = self._home / "done" / f"{name}.part"
        try:
            entry = Entry(job.id, job.sha256, source_sha256, result, output_sha256)
            aside.write_bytes(_ENTRY.dump_json(entry, indent=1))
        except OSError as e:
            raise output_error(aside, e) from None
        publish(aside, aside.with_suffix(".json"))
