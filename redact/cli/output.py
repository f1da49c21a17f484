"""What the commands say, errors included, and what they write to.

That nobody reads it any more, or that its disk is full, ends no work.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TextIO, cast

import typer
from rich.console import Console
from rich.markup import escape

from redact.errors import Interrupted, RedactError
from redact.staging import output_error


class Answers(io.TextIOBase):
    """Standard output, or error output, as a stream that takes everything: what follows a failure is dropped."""

    def __init__(self, name: Literal["stdout", "stderr"]) -> None:
        self._name = name
        self.lost: OSError | None = None
        """The failure; None where all was written."""

    @property
    def error(self) -> RedactError | None:
        """What to say of the failure, if anything: who closes a pipe has read enough."""
        if self.lost is None or isinstance(self.lost, BrokenPipeError):
            return None
        return output_error(Path(self._name), self.lost)

    def write(self, text: str) -> int:
        """Writes at once: who reads along waits for it."""
        stream = self._stream()
        if stream is not None and self.lost is None:
            try:
                stream.write(text)
                stream.flush()
            except OSError as e:
                self.lost = e
                _turn_away(stream)
        return len(text)

    def isatty(self) -> bool:
        """Whether a person watches."""
        stream = self._stream()
        return stream is not None and stream.isatty()

    def _stream(self) -> TextIO | None:
        """The stream as it is now; None where it was closed before redact was started."""
        stream = getattr(sys, self._name)
        # A progress bar takes what is written meanwhile for its own terminal, not to where it was to go.
        proxied: TextIO | None = getattr(stream, "rich_proxied_file", stream)
        return proxied


def _console(answers: Answers) -> Console:
    """Prints for people to there."""
    return Console(file=cast("TextIO", answers), highlight=False, soft_wrap=True)


def _turn_away(stream: TextIO) -> None:
    """Lets a stream end nowhere: at its end Python writes what it still holds, and would fail again."""
    with suppress(OSError, ValueError):  # no file of the operating system
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class Stage(Enum):
    """How far a command is: what a signal that is to stop it means depends on that."""

    BEFORE = "its words are read"
    AT_WORK = "it works"
    OVER = "its work is done or given up"


@dataclass
class Course:
    """Where the command of this process is."""

    stage: Stage = Stage.BEFORE


course = Course()
answers = Answers("stdout")
out = _console(answers)
err = _console(Answers("stderr"))


def report(e: RedactError) -> None:
    """Prints an error and what to do about it, in one line."""
    err.print(f"[bold red]redact:[/] {escape(e.message)}" + (f" {escape(e.remedy)}" if e.remedy else ""))


@contextmanager
def errors() -> Iterator[None]:
    """Turns errors into one sentence and their exit code; that an answer could not be written is one, if the only."""
    code = 0
    course.stage = Stage.AT_WORK
    try:
        yield
    except RedactError as e:
        report(e)
        code = e.exit_code
    except KeyboardInterrupt:
        report(Interrupted("Stopped: what was not finished is not released, and nothing half-made is left."))
        code = Interrupted.exit_code
    except typer.Exit as e:
        code = e.exit_code
    course.stage = Stage.OVER
    if answers.error is not None:
        report(answers.error)
        code = code or answers.error.exit_code
    if code:
        raise typer.Exit(code)


def json_line(value: dict[str, Any]) -> None:
    """Writes an object as a line of JSON."""
    answers.write(json.dumps(value) + "\n")
