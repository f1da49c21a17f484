"""Finished pieces of work, kept aside under the digest of everything that made them.

Whoever asks for a piece that is there already gets it: a run that was interrupted goes on where it
stopped, two requests for one source share what was found in it, and a repaired plan renders only
the segments that it changes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from redact.record import code_sha256, versions
from redact.staging import output_error


@cache
def _makers() -> str:
    """Our code and the libraries whose results are kept, by digest: another version makes its own pieces."""
    return hashlib.sha256(json.dumps([code_sha256(), versions()], sort_keys=True).encode()).hexdigest()


def key(*parts: Any) -> str:
    """Digest (SHA-256, hexadecimal) of JSON-able parts and of the code that works on them."""
    text = json.dumps([_makers(), *parts], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def kept_bytes(file: Path, data: bytes) -> None:
    """Keeps ``data`` as ``file``. Raises as ``kept`` does."""

    def write(aside: Path) -> None:
        aside.write_bytes(data)

    kept(file, write)


def kept(file: Path, make: Callable[[Path], None]) -> Path:
    """``file``, made by ``make`` (which writes to the path it is given) unless it is there already.

    The name appears only once the piece is whole; of two that make it at the same time the last
    wins, with the same bytes. Raises what ``make`` raises, UsageError or SpaceError where the folder
    cannot be written.
    """
    if file.exists():
        return file
    aside = file.with_name(f"{file.stem}.{os.uname().nodename}-{os.getpid()}.part{file.suffix}")
    try:
        make(aside)
        aside.replace(file)
    except OSError as e:
        raise output_error(file, e) from None
    finally:
        aside.unlink(missing_ok=True)
    return file
