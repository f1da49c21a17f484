"""``python -m redact`` and the ``redact`` command: stops cleanly even while the rest is still loading."""

import io
import os
import signal
import sys


def main() -> None:
    """Runs the command line; SIGTERM ends it like Ctrl-C."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may hold what a terminal cannot show

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        from redact.cli import app
    except KeyboardInterrupt:
        sys.stderr.write("redact: Stopped before anything was done.\n")
        sys.stderr.flush()
        os._exit(130)  # half-loaded libraries do not always survive an orderly exit
    sys.exit(app())


if __name__ == "__main__":
    main()
