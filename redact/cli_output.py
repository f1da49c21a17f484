"""What the commands write to: that nobody reads it any more, or that its disk is full, ends no work."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Literal, TextIO, cast

from rich.console import Console

from redact.errors import RedactError
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


def console(answers: Answers) -> Console:
    """Prints for people to there."""
    return Console(file=cast("TextIO", answers), highlight=False, soft_wrap=True)


def _turn_away(stream: TextIO) -> None:
    """Lets a stream end nowhere: at its end Python writes what it still holds, and would fail again."""
    with suppress(OSError, ValueError):  # no file of the operating system
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
