"""What stands at a request's output before any work: its own release is made again, nothing else is replaced."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from redact.batch.jobs import Job
from redact.batch.places import Delivery
from redact.errors import UsageError
from redact.staging import output_error, plan_path, record_path


def is_own(job: Job, record: Path) -> bool:
    """Whether a record is of this very request: its id, and the digest of all that it asks for."""
    try:
        return _says(job, record.read_bytes())
    except OSError:
        return False


def _says(job: Job, record: bytes) -> bool:
    try:
        request = json.loads(record)["request"]
        return bool(request["id"] == job.id and request["sha256"] == job.sha256)
    except (ValueError, LookupError, TypeError):
        return False


def check_free(output: Path) -> None:
    """Refuses an output where something lies, or beside it what would be written there. Raises UsageError."""
    for file in (output, record_path(output), plan_path(output)):
        if file.exists():
            raise _taken(str(file))


def check_free_there(job: Job, output: Path, there: Delivery, known: str = "") -> None:
    """As ``check_free``, of the place that a request's ``output`` is delivered to, if nothing of its own lies there.

    What is the same as here was delivered from here, if perhaps not all of it. ``known``: the digest of the
    release, where the journal knows it; by that it is told where its record is lost.
    """
    record = there.read(record_path(output).name)
    if record is not None and _says(job, record):
        return
    if record is None and known and there.has(output.name) and there.sha256(output.name) == known:
        return
    for file in (record_path(output), plan_path(output), output):
        if not there.holds(file):
            raise _taken(f"{there.address}/{file.name}")


def _taken(place: str) -> UsageError:
    return UsageError(
        f"{place!r}: exists already, and is not of this request.",
        "Give the request another output, or move away what lies there.",
    )


def deliver(job: Job, output: Path, there: Delivery, known: str = "") -> str:
    """Delivers a release, its record and its plan: what of them does not lie there yet.

    Asks once more whether that place is free: somebody else may have delivered during the work. Returns what
    a file is called now that lay under the release's name beside its record and was not the release: a person's,
    or a piece of it; empty where there was none. Raises UsageError.
    """
    check_free_there(job, output, there, known)
    record = record_path(output)
    written, stranger = there.read(record.name), ""
    recorded = json.loads(written)["output"]["sha256"] if written is not None else ""
    if recorded and not there.holds(output) and there.sha256(output.name) != recorded:
        stranger = next(n for n in _stranger_names(output.name) if not there.has(n))
        there.move(output.name, stranger)
    # The record first: by it others know from then on that the name is taken.
    for file in (record, plan_path(output), output):
        lies = there.has(file.name)
        if not (lies and there.holds(file)):
            there.put(file, file.name, force=lies)
    return stranger


def set_stranger_aside(output: Path) -> str:
    """Renames what lies at an output and is not what its record tells of; returns its name now.

    It may be a person's, or a piece of the release: nobody must take it for the release. Raises UsageError.
    """
    name = next(n for n in _stranger_names(output.name) if not output.with_name(n).exists())
    try:
        output.rename(output.with_name(name))
    except OSError as e:
        raise output_error(output, e) from None
    return name


def stranger_kept(output: str, name: str) -> str:
    """What is said of a file that was set aside."""
    return f"What lay at {output!r} was not this release, or not all of it; it is kept as {name!r}."


def _stranger_names(name: str) -> Iterator[str]:
    return (f"{name}.replaced-{n}" for n in count(1))
