"""Where work in progress lies, and how a finished release gets its name: aside, verified, then moved."""

from __future__ import annotations

import errno
import fcntl
import filecmp
import json
import os
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import TextIO

from redact.errors import RedactError, SpaceError, UsageError


def output_error(path: Path, e: OSError) -> RedactError:
    """What an operating system error while writing ``path`` means to the operator.

    What lies in a folder of ours is gone before anybody could look at it: the folder that holds that is named.
    """
    place = next((p.parent for p in (path, *path.parents) if p.name.startswith(_WORKSPACE)), path)
    if e.errno == errno.ENOSPC:
        return SpaceError(f"{str(place)!r}: the disk is full.", "Free some space or write to another disk.")
    if e.errno == errno.EDQUOT:
        return SpaceError(f"{str(place)!r}: your share of the disk is used up.", "Free some space or ask for more.")
    if e.errno == errno.ENAMETOOLONG:
        return UsageError(f"{str(place)!r}: the name is too long.", "Name a shorter one.")
    return UsageError(f"{str(place)!r}: cannot be written: {e.strerror or e}.", "Check the folder and its permissions.")


def check_new_file(output: Path, inputs: Iterable[Path], force: bool) -> None:
    """Refuses a file to be written: one that is there already, unless by ``force``; an input, or no file, always.

    No file: a folder, a device, a pipe, a link to one. Raises UsageError, also where no such file can be written.
    """
    _check_folder(output)
    if any(_same(output, i) for i in inputs):
        raise UsageError(
            f"{str(output)!r}: the output is the input.", "Name another output; originals are never altered."
        )
    try:
        if output.is_dir():
            raise UsageError(f"{str(output)!r}: is a folder.", "Name a file.")
        there = output.exists() or output.is_symlink()
        if there and not output.is_file():
            raise UsageError(
                f"{str(output)!r}: is no file but a device, a pipe, or a link that leads nowhere.", "Name a file."
            )
        if there and not force:
            raise UsageError(f"{str(output)!r}: exists already.", "Name another output, or overwrite it with --force.")
    except OSError as e:
        raise output_error(output, e) from None


def check_output(source: Path, output: Path, force: bool, *, same_plan: bool = False) -> None:
    """As ``check_new_file`` for a release and what is written beside it: a plan there may be a person's work.

    ``same_plan``: the plan that lies there is the one that will be written. Raises UsageError.
    """
    _check_folder(output)
    sweep(output.parent)  # first: it may complete what a killed run had begun to hand over
    longest = len(os.fsencode(_earlier(output, 1).name))
    room = os.pathconf(output.parent, "PC_NAME_MAX") - longest
    if room < 0:
        raise UsageError(
            f"{str(output)!r}: the name is {-room} bytes too long: names beside it are longer.", "Name a shorter one."
        )
    check_new_file(output, (source,), force)
    check_new_file(record_path(output), (source,), force)
    check_new_file(plan_path(output), (source,), force or same_plan)


def _same(a: Path, b: Path) -> bool:
    """Whether two names mean one file, through links too."""
    try:
        return a.samefile(b)
    except OSError:
        return False


def _check_folder(output: Path) -> None:
    """Raises UsageError where nothing can be written into the folder of ``output``."""
    folder = output.parent
    try:
        there = folder.is_dir()
    except OSError as e:
        raise output_error(folder, e) from None
    if not there:
        raise UsageError(f"{str(folder)!r}: there is no such folder.", "Make it first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{str(folder)!r}: may not be written to.", "Ask for write permission on the folder.")


_WORKSPACE = ".redact-"
_IN_USE = ".in-use"
_HANDING_OVER = "handing-over.json"  # file in the workspace: name beside it


@contextmanager
def workspace(output: Path) -> Iterator[Path]:
    """A private folder beside ``output`` (same disk, so that a move is atomic); gone afterwards, whatever happens.

    Raises UsageError where it cannot be made, or vanishes; SpaceError where the disk is full.
    """
    sweep(output.parent)
    try:
        folder = Path(tempfile.mkdtemp(prefix=_WORKSPACE, dir=output.parent))
    except OSError as e:
        raise output_error(output.parent, e) from None
    try:
        with _lock(folder):
            yield folder
    except (OSError, RedactError):
        if folder.is_dir():
            raise
        # Whoever missed a file in it cannot know that the folder was taken away.
        raise output_error(folder, FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))) from None
    finally:
        with suppress(OSError, ValueError, LookupError):
            _complete(folder)  # Ctrl-C may come while it is handed over
        shutil.rmtree(folder, ignore_errors=True)


def _lock(folder: Path) -> TextIO:
    """Marks a workspace as in use by this machine for as long as what is returned is open."""
    try:
        lock = (folder / "lock").open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)  # falls with this process, however it ends
        lock.write(os.uname().nodename)
        lock.flush()
        (folder / "lock").rename(folder / _IN_USE)  # only now: nobody finds it unlocked
    except OSError as e:
        raise output_error(folder, e) from None
    return lock


def sweep(folder: Path, *, of_all_machines: bool = False) -> None:
    """Removes what runs that were killed left in ``folder``: workspaces that no process holds any more.

    A run that was killed while it handed over what it had finished and verified is completed. Only runs
    of this machine count as killed, unless nobody else can be at work in the folder: on a network share
    other machines' locks may not be seen.
    """
    for left in folder.glob(f"{_WORKSPACE}*"):
        try:
            with (left / _IN_USE).open("r+") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if of_all_machines or lock.read() == os.uname().nodename:
                    _complete(left)
                    shutil.rmtree(left, ignore_errors=True)
        except (OSError, ValueError, LookupError):
            continue  # in use, or not ours


def publish(aside: Path, final: Path) -> None:
    """Moves a finished file to its name: its bytes reach the disk first, then the name appears at once."""
    try:
        _reach_disk(aside)
        aside.replace(final)
        _reach_disk(final.parent)
    except OSError as e:
        raise output_error(final, e) from None


def publish_text(text: str, final: Path) -> None:
    """Writes ``text`` as UTF-8 under its name, all of it or nothing. Raises UsageError or SpaceError."""
    with workspace(final) as folder:
        try:
            (folder / "text").write_text(text, encoding="utf-8")
        except OSError as e:
            raise output_error(final, e) from None
        publish(folder / "text", final)


def publish_together(files: Mapping[Path, Path], *, force: bool = True, same: Collection[Path] = ()) -> None:
    """Moves finished files out of one workspace to their names beside it, in the order given.

    What a kill or a power cut interrupts here, ``sweep`` completes: nobody finds a record without its release.
    Without ``force`` nothing is replaced that others put there during the work, unless it holds the same bytes, or
    is in ``same``. Where a name is taken all stays as it was, and UsageError is raised.
    """
    folder = next(iter(files)).parent
    names = {aside.name: final.name for aside, final in files.items()}
    final = next(iter(files.values()))
    try:
        for aside in files:
            _reach_disk(aside)
        begun = folder / "handing-over.part"
        begun.write_text(json.dumps({"names": names, "force": force}))
        publish(begun, folder / _HANDING_OVER)
        if not force:
            _claim({aside: final for aside, final in files.items() if final not in same}, folder)
        for aside, final in files.items():
            aside.replace(final)
        _reach_disk(final.parent)
    except OSError as e:
        raise output_error(final, e) from None


def check_still_free(files: Mapping[Path, Path], same: Collection[Path] = ()) -> None:
    """Refuses names that others took during the work, unless for what holds the same. Raises UsageError."""
    for aside, final in files.items():
        if final not in same and os.path.lexists(final) and not _holds_same(aside, final):
            raise _taken_meanwhile(final)


def _claim(files: Mapping[Path, Path], folder: Path) -> None:
    """Gives finished files their names and replaces nothing: none of them where one is taken. Raises UsageError."""
    claimed: list[Path] = []
    try:
        for aside, final in files.items():
            try:
                os.link(aside, final)
                claimed.append(final)
            except FileExistsError:
                if not _holds_same(aside, final):
                    raise _taken_meanwhile(final) from None
            except OSError:  # a file system without links: nothing better than to look
                if os.path.lexists(final):
                    raise _taken_meanwhile(final) from None
    except UsageError:
        (folder / _HANDING_OVER).unlink()  # nobody is to complete it
        for final in claimed:
            final.unlink()
        raise


def _holds_same(a: Path, b: Path) -> bool:
    try:
        return filecmp.cmp(a, b, shallow=False)
    except OSError:
        return False


def _taken_meanwhile(final: Path) -> UsageError:
    return UsageError(
        f"{str(final)!r}: exists already: somebody put it there during the work.", "Move it away and run again."
    )


def _complete(folder: Path) -> None:
    """Moves what ``publish_together`` had not yet moved out of a workspace when its process was killed."""
    if not (folder / _HANDING_OVER).exists():
        return
    begun = json.loads((folder / _HANDING_OVER).read_text())
    for aside, name in begun["names"].items():
        final = folder.parent / Path(name).name
        if not (folder / aside).exists():
            continue
        if begun["force"] or not os.path.lexists(final) or _holds_same(folder / aside, final):
            (folder / aside).replace(final)


def _reach_disk(path: Path) -> None:
    """Waits until a file's bytes, or a folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def quarantine_folder(output: Path) -> Path:
    """Where a release that failed verification is kept, with its report."""
    return output.with_name(output.name + ".quarantine")


def set_quarantine_aside(output: Path) -> None:
    """Gives the quarantine that an earlier run left beside ``output``, if any, a name that says so.

    It is evidence and stays, but tells nothing of what lies, or will lie, under that name now. Raises
    UsageError where it cannot be renamed.
    """
    folder = quarantine_folder(output)
    if not folder.exists():
        return
    try:
        folder.rename(earlier_quarantine(output))
    except OSError as e:
        raise output_error(folder, e) from None


def earlier_quarantine(output: Path) -> Path:
    """Where the next quarantine of ``output`` that is set aside will lie."""
    return next(p for n in count(1) if not (p := _earlier(output, n)).exists())


def _earlier(output: Path, number: int) -> Path:
    return output.with_name(f"{output.name}.earlier-quarantine-{number}")


def record_path(output: Path) -> Path:
    """Where the record of a release lies: beside it, with ``.record.json`` added to its name."""
    return output.with_name(output.name + ".record.json")


def plan_path(output: Path) -> Path:
    """Where the plan of a release lies: beside it, with ``.plan.json`` added to its name."""
    return output.with_name(output.name + ".plan.json")


def plan_beside(file: Path) -> Path:
    """The plan that lies beside a release; beside what is in quarantine it has a name of its own."""
    kept = file.with_name("plan.json")
    return kept if os.path.lexists(kept) and not os.path.lexists(plan_path(file)) else plan_path(file)
