"""Finds the files that a request names: a path, a glob, or an fsspec address such as ``s3://bucket/key``."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit

from redact.inputs import is_release

_QUARANTINE = re.compile(r"\.(earlier-)?quarantine(-\d+)?$")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True, slots=True, order=True)
class Found:
    """A source file: ``listed`` as the request calls it, ``location`` to open it by (a path or an address)."""

    listed: str
    location: str


def is_address(source: str) -> bool:
    """Whether a source is an fsspec address, not a path."""
    return _ADDRESS.match(source) is not None


def find_sources(source: str, folder: Path, output: str = "") -> tuple[Found, ...]:
    """All files that a source means, by code points of their names; at least one.

    ``folder``: where relative paths begin. A name that exists is itself, even with ``*?[`` in it;
    ``**`` goes through subfolders; hidden files must be named. ``output``: the folder that the releases go to.
    What lies there, releases, and what is in quarantine are matched by no pattern that begins above.
    Raises ValueError with a sentence.
    """
    if is_address(source):
        return _find_addresses(source)
    path = folder / source
    try:
        if path.is_file():
            return (Found(source, str(path)),)
        if path.is_dir():
            raise ValueError(f"{source!r} is a folder; for all files in it write {source.rstrip('/') + '/*'!r}")
        if not glob.has_magic(source):
            raise ValueError(f"there is no file {source!r} (looked for {str(path)!r})")
        names = glob.glob(source, root_dir=folder, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        files = (name for name in names if (folder / name).is_file() and not is_release(folder / name))
        made = _made_at(folder / _fixed(source), Path(output)) if output and not is_address(output) else None
        found = tuple(
            sorted(
                Found(name, str(folder / name))
                for name in files
                if not (made and (folder / name).resolve().is_relative_to(made)) and not _in_quarantine(name, source)
            )
        )
    except OSError as e:
        raise ValueError(f"{source!r} cannot be looked at: {e.strerror or e}") from None
    if not found:
        raise ValueError(f"no file matches {source!r} (looked in {str(folder)!r})")
    for f in found:
        if any(0xD800 <= ord(c) < 0xE000 for c in f.listed):
            raise ValueError(f"{source!r} matches {f.listed!r}, a name that is not UTF-8; give a copy another name")
    return found


def _fixed(pattern: str) -> Path:
    """The folder that a pattern begins in: what stands before its first ``*?[``."""
    parts = Path(pattern).parts
    return Path(*(p for p in takewhile(lambda p: not glob.has_magic(p), parts)))


def _made_at(begins: Path, output: Path) -> Path | None:
    """The folder of the releases where a pattern begins above it; who begins in it means what lies there."""
    begins, output = begins.resolve(), output.resolve()
    return output if begins != output and output.is_relative_to(begins) else None


def _in_quarantine(name: str, pattern: str) -> bool:
    """Whether a file that a pattern matches lies in a quarantine that the pattern does not name."""
    return any(_QUARANTINE.search(part) for part in Path(name).parts[len(_fixed(pattern).parts) : -1])


def _find_addresses(source: str) -> tuple[Found, ...]:
    from fsspec.core import url_to_fs  # most requests name paths and need no fsspec

    if urlsplit(source).password:
        raise ValueError("the address holds a password, which would end up in records; give it by the environment")
    try:
        fs, path = url_to_fs(source)
        if fs.isfile(path):
            return (Found(source, source),)
        names = fs.glob(path, detail=True) if glob.has_magic(path) else {}
        records = set(fs.glob(f"{path}.record.json")) if names else set()
    except Exception as e:  # each back end has errors of its own; this one request cannot be carried out
        raise ValueError(f"{source!r} cannot be reached: {type(e).__name__}: {e}") from e
    # The part that the back end does not count as path: "s3://", or "sftp://host".
    root = source.removesuffix(path)
    files = sorted(
        name
        for name, info in names.items()
        if info["type"] == "file" and f"{name}.record.json" not in records and not _in_quarantine(name, path)
    )
    if not files:
        raise ValueError(f"there is no file at {source!r}")
    return tuple(Found(root + name, root + name) for name in files)
