"""What stands at a request's output before any work: its own release is made again, nothing else is replaced."""

from __future__ import annotations

import json
from pathlib import Path

from redact.batch.jobs import Job
from redact.batch.places import Delivery
from redact.errors import UsageError
from redact.staging import plan_path, record_path


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


def check_free_there(job: Job, output: Path, there: Delivery) -> None:
    """As ``check_free``, of the place that a request's ``output`` is delivered to, if nothing of its own lies there.

    What is the same as here was delivered from here, if perhaps not all of it.
    """
    record = there.read(record_path(output).name)
    if record is not None and _says(job, record):
        return
    for file in (record_path(output), plan_path(output), output):
        if not there.holds(file):
            raise _taken(f"{there.address}/{file.name}")


def _taken(place: str) -> UsageError:
    return UsageError(
        f"{place!r}: exists already, and is not of this request.",
        "Give the request another output, or move away what lies there.",
    )
