"""Where a release cannot be written the sentence says so of the release, not of the source."""

from __future__ import annotations

import errno
import json
import resource
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from clips import Clip, write_clip

import redact
from redact.errors import RedactError, SpaceError, UsageError, WorkerError
from redact.media.encode import write_error
from redact.media.witness import ffmpeg_program
from redact.run.local import LocalRunner
from redact.staging import output_error


class _Meddler:
    """Runs the jobs in this process, and does something before the first of a kind."""

    def __init__(self, kind: str, act: Callable[[], Any]) -> None:
        self._kind, self._act = kind, act

    def map(self, function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        for job in jobs:
            if function.__name__ == self._kind:
                self._act()
                self._kind = ""
            yield function(*job)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "in.mp4", Clip(audio=True))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "releases").mkdir()
    return tmp_path / "releases" / "out.mp4"


@pytest.mark.parametrize("kind", ["analyse", "render", "mux", "check_stretch", "inspect", "file_sha256"])
def test_a_folder_that_vanishes(kind: str, source: Path, out: Path) -> None:
    with pytest.raises(UsageError) as e:
        redact.run(source, out, "export-batch", runner=_Meddler(kind, lambda: shutil.rmtree(out.parent)))
    assert e.value.message == f"{str(out.parent)!r}: cannot be written: No such file or directory."


@pytest.fixture
def limit() -> Iterator[Callable[[], None]]:
    """From the call on no file may grow beyond 10 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_file_that_may_not_grow(source: Path, out: Path, suffix: str, limit: Callable[[], None]) -> None:
    """The system refuses in the middle of it."""
    out = out.with_suffix(suffix)
    with pytest.raises(UsageError) as e:
        redact.run(source, out, "export-batch", runner=_Meddler("mux", limit))
    assert e.value.message == f"{str(out.parent)!r}: cannot be written: File too large."
    assert not list(out.parent.iterdir())


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, SpaceError, "disk is full"),
        (errno.EDQUOT, SpaceError, "share of the disk"),
        (errno.EROFS, UsageError, "cannot be written: Read-only file system"),
        (errno.EACCES, UsageError, "cannot be written: Permission denied"),
        (errno.EIO, UsageError, "cannot be written: Input/output error"),
    ],
)
def test_the_systems_errors_name_the_folder_that_people_know(number: int, kind: type[RedactError], words: str) -> None:
    inside = Path("/releases/.redact-x7/release.mp4")
    try:
        av.error.err_check(-number)
    except av.error.FFmpegError as e:
        told = write_error(inside, e)
    assert isinstance(told, kind)
    assert told.message.startswith("'/releases': ")
    assert words in told.message
    assert str(output_error(Path("/a/b.mp4"), OSError(number, "x"))).startswith("'/a/b.mp4': ")


def test_an_encoder_that_fails_is_told_as_such() -> None:
    told = write_error(Path("/releases/.redact-x7/shown.nut"), av.error.ExternalError(1, "no memory"))
    assert isinstance(told, WorkerError)
    assert "encoding failed: no memory" in told.message


@pytest.mark.parametrize("rate", [1500, 2000])
def test_frames_that_the_container_cannot_tell_apart(rate: int, out: Path, runner: LocalRunner, tmp_path: Path) -> None:
    """A high-speed camera, and Matroska's milliseconds: refused before anything is rendered, with a name that works."""
    source = write_clip(tmp_path / "fast.mp4", Clip(rate=rate))
    with pytest.raises(UsageError, match=r"out\.mkv': frames \d and \d are closer together than \.mkv") as e:
        redact.run(source, out.with_suffix(".mkv"), runner=runner)
    assert e.value.remedy == "Name the output .mp4."
    assert not list(out.parent.iterdir())
    redact.run(source, out, runner=runner)
    redact.run(source, out.with_suffix(".ts"), runner=runner)


def test_a_millisecond_between_frames_is_enough(out: Path, runner: LocalRunner, tmp_path: Path) -> None:
    source = write_clip(tmp_path / "fast.mp4", Clip(rate=1000))
    redact.run(source, out.with_suffix(".mkv"), runner=runner)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_a_constant_rate_is_declared(suffix: str, plain_clip: Path, runner: LocalRunner, tmp_path: Path) -> None:
    """Matroska said that a frame lasts a millisecond."""
    with av.open(str(redact.run(plain_clip, tmp_path / f"out{suffix}", runner=runner).output)) as c:
        assert c.streams.video[0].average_rate == 25


def test_chapters_that_are_left_behind_are_listed(plain_clip: Path, runner: LocalRunner, tmp_path: Path) -> None:
    notes, source = tmp_path / "notes.txt", tmp_path / "in.mkv"
    notes.write_text(";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle=at the door\n")
    command = [
        ffmpeg_program(),
        "-v",
        "error",
        "-i",
        plain_clip,
        "-i",
        notes,
        "-map_metadata",
        "1",
        "-c",
        "copy",
        source,
    ]
    subprocess.run(command, check=True)
    record = json.loads(redact.run(source, tmp_path / "out.mkv", runner=runner).record.read_text())
    assert "chapters" in record["streams"]["metadata_dropped"]
