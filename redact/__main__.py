"""``python -m redact`` and the ``redact`` command: stops cleanly even while the rest is still loading."""

import io
import os
import signal
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs


def _end(sentence: bytes) -> None:
    with suppress(OSError):  # the terminal may be gone
        os.write(2, sentence)
    os._exit(130)


def _leave(number: int, frame: FrameType | None) -> None:
    _end(b"redact: Stopped before anything was done.\n")


def _stop(number: int, frame: FrameType | None) -> None:
    from redact.cli.output import Stage, course

    if course.stage is Stage.BEFORE:
        _leave(number, frame)
    if course.stage is Stage.AT_WORK:
        raise KeyboardInterrupt(number)
    # Later on the exit code is to say how the work went.


def _ask_again(lost: "UnraisableHookArgs") -> None:
    """Repeats a stop that a library's compiled code, or a destructor, met and could not hand on."""
    if isinstance(lost.exc_value, KeyboardInterrupt) and lost.exc_value.args:
        again = (threading.get_ident(), lost.exc_value.args[0])
        threading.Timer(0.02, signal.pthread_kill, again).start()  # at once it would be lost again
    else:
        sys.__unraisablehook__(lost)


def main() -> None:
    """Runs the command line; SIGTERM ends it like Ctrl-C, as does a terminal that is closed."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may hold what a terminal cannot show
    # Half-loaded libraries do not survive an exception: they crash, or report an error of their own.
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    stops = [s for s in ends if signal.getsignal(s) is not signal.SIG_IGN]  # such as SIGHUP by nohup
    for s in stops:
        signal.signal(s, _leave)
    import typer

    from redact.cli import app

    command = typer.main.get_command(app)
    for s in stops:
        signal.signal(s, _stop)
    sys.unraisablehook = _ask_again
    try:
        command()
    except KeyboardInterrupt:  # outside of what a command does: that one says itself what became of its work
        _end(b"redact: Stopped.\n")
    finally:
        for s in stops:
            signal.signal(s, signal.SIG_IGN)  # the work is over, and the exit code is to say how it went


if __name__ == "__main__":
    main()
