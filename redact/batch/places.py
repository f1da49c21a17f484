"""Sources and releases behind an address (``s3://``, ``sftp://``, ``https://``): copied in, delivered whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit

from redact.batch.aside import earlier_name
from redact.batch.sources import is_address
from redact.errors import Interrupted, SourceError, UsageError
from redact.media.file import file_sha256
from redact.staging import output_error

T = TypeVar("T")
_CHUNK = 4 << 20


def fetched(location: str, folder: Path, going_on: Callable[[], None] = lambda: None) -> Path:
    """The local path of a source: its own, or that of a copy in ``folder`` where it lies behind an address.

    A copy that is there is taken as it is: a batch drops those of earlier runs when it begins. ``going_on`` is
    asked between two pieces, and raises where the batch was stopped. Raises SourceError where it cannot be
    fetched, UsageError or SpaceError where it cannot be kept.
    """
    if not is_address(location):
        return Path(location)
    name = hashlib.sha256(location.encode()).hexdigest()[:16] + PurePosixPath(urlsplit(location).path).suffix
    copy = folder / name
    if copy.exists():
        return copy
    aside = folder / f"{name}.part"
    fs, path = _open(location)
    try:
        with fs.open(path, "rb") as source, aside.open("wb") as target:
            while chunk := _read(source, location):
                going_on()
                target.write(chunk)
        aside.replace(copy)
    except (SourceError, Interrupted):
        raise
    except FileNotFoundError:
        raise SourceError(f"{location!r}: there is no such file.", "Check the address.") from None
    except OSError as e:
        raise output_error(copy, e) from None
    finally:
        aside.unlink(missing_ok=True)
    return copy


def _open(location: str) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        fs, path = url_to_fs(location)
    except (ImportError, ValueError, OSError) as e:
        raise UsageError(f"{location!r}: cannot be reached: {e}.", "Check the address and what it needs.") from None
    return fs, path


def _read(source: Any, location: str) -> bytes:
    try:
        return bytes(source.read(_CHUNK))
    except Exception as e:  # noqa: BLE001 - each back end has errors of its own
        raise SourceError(
            f"{location!r}: reading it stopped: {type(e).__name__}: {e}.", "Run again; finished work is kept."
        ) from None


class Delivery:
    """Puts finished files into the batch's place: a folder, or a folder behind an address.

    Behind an address a file first gets a name that ends in ``.part`` and then its own: what is
    interrupted never appears under a final name.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._root = _open(self.address)[1]

    @property
    def _fs(self) -> Any:
        """The storage as this thread reaches it: two must not speak at once on one connection to an FTP server."""
        return _open(self.address)[0]

    def has(self, name: str) -> bool:
        """Whether something lies there as ``name``. Raises UsageError where the place does not say."""
        return self._asked(name, lambda fs, path: bool(fs.exists(path)))

    def read(self, name: str) -> bytes | None:
        """What lies there as ``name``, None where nothing does. Raises UsageError where the place does not say."""
        return self._asked(name, lambda fs, path: bytes(fs.cat_file(path))) if self.has(name) else None

    def _asked(self, name: str, how: Callable[[Any, str], T]) -> T:
        try:
            fs = self._fs
            fs.invalidate_cache()  # others may write there, too
            return how(fs, f"{self._root}/{name}")
        except Exception as e:  # noqa: BLE001 - each back end has errors of its own
            raise UsageError(
                f"{self.address}/{name}: cannot be looked at: {type(e).__name__}: {e}.",
                "Check the address and run again; finished work is kept.",
            ) from None

    def keep_others(self, files: Sequence[Path]) -> None:
        """Gives what lies there under the names of ``files`` names that say so, unless it is what they hold.

        All get the same number: "summary.csv" becomes "summary.earlier-1.csv". Raises UsageError.
        """
        others = [f.name for f in files if not self.holds(f)]
        number = next(n for n in count(1) if not any(self.has(earlier_name(o, n)) for o in others))
        for name in others:
            self.move(name, earlier_name(name, number))

    def holds(self, file: Path) -> bool:
        """Whether the place has nothing but what ``file`` holds under its name. Raises UsageError."""
        if not self.has(file.name):
            return True
        size = self._asked(file.name, lambda fs, path: int(fs.size(path)))
        if not (file.is_file() and file.stat().st_size == size):
            return False
        return file_sha256(file) == self.sha256(file.name)

    def sha256(self, name: str) -> str:
        """The digest of what lies there as ``name``. Raises UsageError."""

        def digest(fs: Any, path: str) -> str:
            found = hashlib.sha256()
            with fs.open(path, "rb") as f:
                while chunk := f.read(_CHUNK):  # a release may be larger than the memory
                    found.update(chunk)
            return found.hexdigest()

        return self._asked(name, digest)

    def move(self, old: str, new: str) -> None:
        """Gives a file there another name. Raises UsageError."""
        try:
            self._fs.mv(f"{self._root}/{old}", f"{self._root}/{new}")
        except Exception as e:  # noqa: BLE001 - each back end has errors of its own
            raise UsageError(
                f"{self.address}/{old}: cannot be renamed: {type(e).__name__}: {e}.", "Rename it by hand."
            ) from None

    def put(self, file: Path, name: str, *, force: bool = True) -> None:
        """Delivers ``file`` as ``name``. Raises UsageError where the place does not take it.

        Without ``force`` nothing is replaced that somebody else put there while it came.
        """
        final = f"{self._root}/{name}"
        try:
            self._fs.makedirs(final.rpartition("/")[0], exist_ok=True)
            self._fs.put_file(str(file), f"{final}.part")
            if not force and not self.holds(file):
                self._fs.rm_file(f"{final}.part")
                raise UsageError(
                    f"{self.address}/{name}: exists already: somebody put it there during the work.",
                    "Move it away and run again; finished work is kept.",
                )
            self._fs.mv(f"{final}.part", final)
        except UsageError:
            raise
        except Exception as e:  # noqa: BLE001 - each back end has errors of its own
            raise UsageError(
                f"{self.address}/{name}: cannot be delivered: {type(e).__name__}: {e}.",
                "Check the address and run again; finished work is kept.",
            ) from None

    def rename(self, old: str, new: str) -> None:
        """Gives a folder of files that was delivered another name, if it is there. Raises UsageError."""
        try:
            self._fs.invalidate_cache()  # it may still list the names that files had while they came
            if not self._fs.exists(f"{self._root}/{old}"):
                return
            self._fs.makedirs(f"{self._root}/{new}", exist_ok=True)
            # One by one: a storage that knows no folders cannot move one.
            for name in self._fs.find(f"{self._root}/{old}"):
                self._fs.mv(name, f"{self._root}/{new}/{name.rpartition('/')[2]}")
            if self._fs.exists(f"{self._root}/{old}"):
                self._fs.rmdir(f"{self._root}/{old}")
        except Exception as e:  # noqa: BLE001 - each back end has errors of its own
            raise UsageError(
                f"{self.address}/{old}: cannot be renamed: {type(e).__name__}: {e}.", "Rename it by hand."
            ) from None

    def put_folder(self, folder: Path, name: str) -> None:
        """Delivers every file of a folder."""
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            self.put(file, f"{name}/{file.relative_to(folder).as_posix()}")
