"""A file as such: whether it can be read, and its digest."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from redact.media.container import source_error


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises OSError."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def check_file(path: Path) -> int:
    """Returns the size in bytes of a regular, readable, non-empty file; raises SourceError otherwise."""
    try:
        info = path.stat()
    except FileNotFoundError:
        what = "is a link to a file that does not exist" if path.is_symlink() else "there is no such file"
        raise source_error(path, what, "Check the path.") from None
    except PermissionError:
        raise source_error(path, "may not be read", "Ask for permission on the folder that holds it.") from None
    except OSError as e:
        raise source_error(path, f"cannot be read: {e.strerror}", "Check the path.") from None
    if stat.S_ISDIR(info.st_mode):
        raise source_error(path, "is a folder", "Name a file, or several with a folder as output.")
    if not stat.S_ISREG(info.st_mode):
        raise source_error(path, "is not a regular file", "Copy the footage to a file first.")
    if info.st_size == 0:
        raise source_error(path, "is empty (0 bytes)", "Export it again.")
    if not os.access(path, os.R_OK):
        raise source_error(path, "may not be read", "Ask for read permission on the file.")
    return info.st_size
