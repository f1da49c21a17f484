"""Everything that can go wrong, each with what to do about it and its exit code.

A message is one sentence that names the file and what is wrong with it; ``remedy`` is one
sentence that says what to do. The command line prints both and exits with ``exit_code``.
"""

from __future__ import annotations

from typing import ClassVar


class RedactError(Exception):
    """Root of all errors that redact raises on purpose.

    Instances survive pickling (they cross process borders) and compare by their text.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()


class UsageError(RedactError):
    """The request itself cannot be carried out: options, names or paths that contradict each other."""

    exit_code = 2


class RecipeError(UsageError):
    """A recipe, plan or zone file has an unknown key, a wrong type or an impossible value."""


class SourceError(RedactError):
    """The source cannot be read, is no video or image, is damaged, or holds what was not asked for."""

    exit_code = 3


class WeightsError(RedactError):
    """A detector's weights are missing or are not the ones their card describes."""

    exit_code = 4


class VerificationError(RedactError):
    """The finished file could not be shown to be safe; it stays in quarantine."""

    exit_code = 5


class SpaceError(RedactError):
    """The disk is full, or will be before the job is done."""

    exit_code = 6


class WorkerError(RedactError):
    """A worker or encoder process died, or the machine refused a resource."""

    exit_code = 7


class Interrupted(RedactError):
    """The operator stopped the job."""

    exit_code = 130
