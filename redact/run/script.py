"""What a script must be like for worker processes to start: each of them reads it anew, as a module.

Without ``if __name__ == "__main__":`` around its work it would begin that once more in every worker.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterable
from multiprocessing.process import BaseProcess
from pathlib import Path

from redact.errors import UsageError

_BEGAN_AGAIN = 93  # exit code of a worker that came to ``check_script`` while it was reading the script
_DYING_S = 1.0


def check_script() -> None:
    """To be called before worker processes are started; raises UsageError where they could not read the script.

    Does not return in a worker that is still reading it: its driver says what is wrong, once.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        os._exit(_BEGAN_AGAIN)
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is not None and main.__spec__ is None and not Path(file).exists():
        raise UsageError(
            f"{file!r}: is no file that worker processes could read, as they must.", "Run the script from a file."
        )


def check_workers(workers: Iterable[BaseProcess]) -> None:
    """Raises UsageError where one of the workers of a broken pool ended as the script began its work in it, too."""
    workers, until = list(workers), time.monotonic() + _DYING_S
    while any(p.exitcode is None for p in workers) and time.monotonic() < until:
        time.sleep(0.01)  # a pool tells that it is broken a moment before the system tells how its workers ended
    if any(p.exitcode == _BEGAN_AGAIN for p in workers):
        raise UsageError(
            f"{getattr(sys.modules['__main__'], '__file__', '')!r}: calls redact outside of "
            '`if __name__ == "__main__":`, so each worker process would begin the work once more.',
            "Write that line above what the script does; docs/python-api.md has examples.",
        )
