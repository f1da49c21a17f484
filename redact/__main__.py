"""``python -m redact`` and the ``redact`` command: stops cleanly even while the rest is still loading."""

import io
import os
import signal
import sys
from types import FrameType


def _leave(number: int, frame: FrameType | None) -> None:
    os.write(2, b"redact: Stopped before anything was done.\n")
    os._exit(130)


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Runs the command line; SIGTERM ends it like Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may hold what a terminal cannot show
    # Half-loaded libraries do not survive an exception: they crash, or report an error of their own.
    stops = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) is not signal.SIG_IGN]
    for s in stops:
        signal.signal(s, _leave)
    import typer

    from redact.cli import app

    command = typer.main.get_command(app)
    for s in stops:
        signal.signal(s, _stop)
    try:
        command()
    except KeyboardInterrupt:  # outside of what a command does: that one says itself what became of its work
        os.write(2, b"redact: Stopped.\n")
        os._exit(130)
    finally:
        for s in stops:
            signal.signal(s, signal.SIG_IGN)  # the work is over, and the exit code is to say how it went


if __name__ == "__main__":
    main()
