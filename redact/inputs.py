"""Which files a command works on, and where their releases go: nothing is left out without being named."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from glob import has_magic
from pathlib import Path

from redact.errors import RedactError, SourceError, UsageError
from redact.media.container import source_error
from redact.media.file import check_file
from redact.media.images import is_image
from redact.media.mux import CONTAINERS
from redact.staging import output_error, record_path
from redact.words import readable

_FOOTAGE = {
    *(".mp4", ".m4v", ".mov", ".mkv", ".avi", ".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".ps", ".vob", ".webm"),
    *(".h264", ".264", ".h265", ".265", ".hevc", ".dav", ".flv", ".wmv", ".3gp"),
}
_BESIDE = (".record.json", ".plan.json")
_QUARANTINE = (".quarantine", ".earlier-quarantine-")


@dataclass
class Footage:
    """Files to work on, what of folders was skipped, by the reason, and what is wrong with which input."""

    files: list[tuple[Path, Path]] = field(default_factory=list)
    """Each with its name below the input that it comes from."""
    skipped: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))
    wrong: list[tuple[Path, SourceError]] = field(default_factory=list)

    def left_out(self) -> str:
        """One sentence about what was skipped; empty where nothing was."""
        if not self.skipped:
            return ""
        parts = [f"{len(files)} {why} ({_some(files)})" for why, files in self.skipped.items()]
        return f"Skipped {sum(map(len, self.skipped.values()))}: {'; '.join(parts)}."


def _some(files: list[Path]) -> str:
    names = ", ".join(repr(f.name) for f in files[:3])
    return names + (f" and {len(files) - 3} more" if len(files) > 3 else "")


def check_named(*names: str) -> None:
    """Refuses an empty name, which would mean the current folder. Raises UsageError."""
    if not all(names):
        raise UsageError("An input or output has an empty name.", "Name it; a variable of a script may be empty.")


def find_footage(inputs: Sequence[Path], recursive: bool, *, besides: Path | None = None) -> Footage:
    """The files that are given, and the footage in the folders that are given, by name.

    ``recursive``: also in the folders below those. ``besides``: where releases are made, the folder for them,
    which is none of the inputs; nor are then the releases that lie in other folders. Raises SourceError where no
    input can be read, UsageError where they hold no footage.
    """
    found = Footage()
    empty = 0
    for item in inputs:
        try:
            if is_folder(item):
                before = len(found.files), len(found.wrong)
                _look_into(item, item, recursive, besides, found)
                if (len(found.files), len(found.wrong)) == before:
                    empty += 1
                    # A camera's share that is not there leaves an empty folder.
                    remedy = "Check that it is the right folder, and that its disk or share is connected."
                    raise source_error(item, "holds no video or picture", remedy)
            else:
                check_input(item)
                found.files.append((item, Path(item.name)))
        except SourceError as e:
            found.wrong.append((item, e))
    if not found.files and len(found.wrong) > empty:
        raise found.wrong[0][1]
    if not found.files:
        where = ", ".join(repr(str(i)) for i in inputs)
        raise UsageError(f"{where}: holds no video or picture.", found.left_out())
    return found


def is_folder(path: Path) -> bool:
    """Whether an input is a folder, as far as can be told: who opens it as a file is told more."""
    try:
        return path.is_dir()
    except OSError:
        return False


def check_input(path: Path) -> None:
    """Raises SourceError for an input that is missing or cannot be read, and for a folder."""
    if is_folder(path):
        raise source_error(path, "is a folder", "Name a file.")
    try:
        check_file(path)
    except SourceError as e:
        if has_magic(str(path)) and not os.path.lexists(path):
            raise SourceError(
                e.message, "The quotation marks kept the shell from filling in names: write it without them."
            ) from None
        raise


def _look_into(folder: Path, top: Path, recursive: bool, besides: Path | None, found: Footage) -> None:
    for path in _listed(folder):
        try:
            below = path.is_dir()
            why = _no_folder(path, recursive, besides) if below else _no_footage(path, besides)
        except OSError as e:
            wrong = source_error(path, f"cannot be looked at: {e.strerror}", "Ask for permission on its folder.")
            found.wrong.append((path, wrong))
            continue
        if why:
            found.skipped[why].append(path)
        elif not below:
            found.files.append((path, path.relative_to(top)))
        else:
            try:
                _look_into(path, top, recursive, besides, found)
            except SourceError as e:
                found.wrong.append((path, e))


def _listed(folder: Path) -> Iterator[Path]:
    try:
        yield from sorted(folder.iterdir())
    except PermissionError:
        raise source_error(folder, "may not be looked into", "Ask for permission to read the folder.") from None
    except OSError as e:
        raise source_error(folder, f"cannot be looked into: {e.strerror}", "Check the disk that holds it.") from None


def _no_folder(path: Path, recursive: bool, besides: Path | None) -> str:
    """Why a folder is not looked into; empty where it is."""
    if path.name.startswith("."):
        return "hidden"
    if any(part in path.suffix for part in _QUARANTINE):
        return "in quarantine"
    if path.is_symlink():
        return "linked from elsewhere"
    if besides is not None and besides.exists() and besides.samefile(path):
        return "for the releases"
    return "" if recursive else "below the folder, where --recursive looks"


def _no_footage(path: Path, besides: Path | None) -> str:
    """Why a file in a folder is not worked on; empty where it is."""
    if path.name.startswith("."):
        return "hidden"
    if path.name.endswith(_BESIDE):
        return "beside a release"
    if not (path.suffix.lower() in _FOOTAGE or is_image(path)):
        return "named as no footage is"
    if besides is not None and is_release(path):
        return "made by redact"
    return "" if path.is_file() else "leading to no file"


def is_release(path: Path) -> bool:
    """Whether a file is a release: what the record beside it tells of, by name and size."""
    try:
        output = json.loads(record_path(path).read_bytes())["output"]
        return bool(output["name"] == readable(path.name) and output["bytes"] == path.stat().st_size)
    except (OSError, ValueError, LookupError, TypeError):
        return False


@dataclass(frozen=True)
class Assignment:
    """What a run makes of what: pairs of source and release, and the footage that they come from."""

    pairs: tuple[tuple[Path, Path], ...]
    footage: Footage


def outputs_for(inputs: Sequence[Path], output: str, recursive: bool) -> Assignment:
    """Pairs inputs with their releases; the folder for them is made if it is missing.

    A single file goes to ``output`` itself unless that is a folder, or ends with a slash; several
    files, or a folder, go into the folder ``output`` under their own names, in subfolders with ``recursive``.
    Raises SourceError where no input can be read, UsageError where two would get the same name, a folder
    holds nothing to redact, or ``output`` is the name of a file where a folder is needed.
    """
    target = Path(output)
    footage = find_footage(inputs, recursive, besides=target)
    try:
        several = len(inputs) > 1 or is_folder(inputs[0])
        into = is_folder(target) or output.endswith(os.sep)
        if not several and not into:
            return Assignment(((inputs[0], target),), footage)
        needs = "several inputs need a folder" if len(inputs) > 1 else "the files of a folder need a folder"
        if os.path.lexists(target) and not is_folder(target):
            why = needs if several else "is written as a folder"
            raise UsageError(f"{output!r}: is a file, but {why}.", "Name a folder.")
        if not into and (target.suffix.lower() in CONTAINERS or is_image(target)):
            raise UsageError(
                f"{output!r}: is the name of one release, but {needs}.",
                f"Name a folder, or write {output + os.sep!r} if it is one.",
            )
        pairs = tuple((f, target / below.with_name(_released_name(f))) for f, below in footage.files)
        _check_names(pairs)
        for folder in {o.parent for _, o in pairs}:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise output_error(target, e) from None
    except RedactError:
        if footage.wrong:
            raise footage.wrong[0][1] from None  # what is wrong with an input comes first
        raise
    return Assignment(pairs, footage)


def _check_names(pairs: Iterable[tuple[Path, Path]]) -> None:
    first: dict[Path, Path] = {}
    inputs = {(s.st_dev, s.st_ino) for s in (source.stat() for source, _ in pairs)}
    for source, output in pairs:
        if first.setdefault(output, source) is not source:
            raise UsageError(
                f"{str(output)!r}: {str(first[output])!r} and {str(source)!r} would both get this name.",
                "Redact them into different folders.",
            )
        if output.exists() and (output.stat().st_dev, output.stat().st_ino) in inputs:
            raise UsageError(
                f"{str(output)!r}: the output is an input.", "Name another output; originals are never altered."
            )


def _released_name(path: Path) -> str:
    """The name of a release in a folder: the source's own where that container can be written, else .mp4."""
    if is_image(path) or path.suffix.lower() in CONTAINERS:
        return path.name
    return path.stem + ".mp4"
