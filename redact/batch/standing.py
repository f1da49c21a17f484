"""What stands at a request's output before any work: its own release is made again, nothing else is replaced."""

from __future__ import annotations

import json
from pathlib import Path

from redact.batch.jobs import Job
from redact.errors import UsageError
from redact.staging import plan_path, record_path


def is_own(job: Job, record: Path) -> bool:
    """Whether a record is of this very request: its id, and the digest of all that it asks for."""
    try:
        request = json.loads(record.read_text(encoding="utf-8"))["request"]
        return bool(request["id"] == job.id and request["sha256"] == job.sha256)
    except (OSError, ValueError, LookupError, TypeError):
        return False


def check_free(output: Path) -> None:
    """Refuses an output where something lies, or beside it what would be written there. Raises UsageError."""
    for file in (output, record_path(output), plan_path(output)):
        if file.exists():
            raise UsageError(
                f"{str(file)!r}: exists already, and is not of this request.",
                "Give the request another output, or move away what lies there.",
            )
