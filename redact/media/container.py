"""Opens a file with PyAV so that it can only ever read that file, and turns its errors into ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import av.logging
from av.container import InputContainer

from redact.errors import RedactError, SourceError
from redact.media.kind import PICTURES, Sort, sort_of

# The library's log is read where it matters (see ``first_error``); it is not the operator's to read.
logging.getLogger("libav").addHandler(logging.NullHandler())
logging.getLogger("libav").propagate = False
# PyAV holds back a line that is logged twice and hands it over with the next line, whatever file that one is about: a
# sound file was taken for damaged after one that was not. Said ahead of all reading, as what is held back stays so.
av.logging.set_skip_repeated(False)

# Playlists and manifests (HLS, DASH, concat, SDP) make the library read other files or the network.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,m4v,mjpeg,ivf,obu,"
    "asf,flv,mxf,dhav,nut,gif,apng,ogg,dv,vc1"
)
_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": FORMATS,
    # Enough to find the first pack header behind the junk that recorders write ahead of it.
    "probesize": "20000000",
    "analyzeduration": "20000000",
}


DAMAGED = "Export the footage again, or use `--recipe export-batch`: there damaged frames are black, and sound is kept."
"""What to do about damage where the recipe refuses it."""


def source_error(
    path: Path, what: str, remedy: str = "Export it again, or play it to see whether it is whole."
) -> SourceError:
    """A SourceError about ``path`` in one sentence."""
    return SourceError(f"{str(path)!r}: {what}.", remedy)


def first_error(capture: list[tuple[int, str, str]]) -> str | None:
    """The first captured log line of level ERROR or worse, as part of a sentence; None where there is none."""
    for level, name, text in capture:
        if level <= av.logging.ERROR:
            line = " ".join(text.split()).rstrip(".")
            return f"{name}: {line}" if name else line
    return None


@contextmanager
def open_source(path: Path, **options: str) -> Iterator[InputContainer]:
    """Opens a media file read-only, with further ``options`` of its demuxer.

    Raises SourceError where it is missing, unreadable, empty or of no known format; also turns
    PyAV's errors inside the ``with`` block into SourceError: who writes something there looks after its errors.
    """
    try:
        # The "file:" prefix keeps names such as "concat:a|b" or "-" from meaning anything.
        with av.open(f"file:{path}", mode="r", options=_OPTIONS | options, metadata_errors="replace") as container:
            yield container
    except RedactError:
        raise
    except FileNotFoundError:
        raise source_error(path, "there is no such file", "Check the path.") from None
    except PermissionError:
        raise source_error(path, "may not be read", "Ask for read permission on the file and its folder.") from None
    except IsADirectoryError:
        raise source_error(path, "is a folder", "Name a file, or give the folder with --recursive.") from None
    except av.error.FFmpegError as e:
        raise _no_video(path, e) from None
    except MemoryError:
        raise source_error(path, "claims a picture too large for this machine's memory") from None


def _no_video(path: Path, e: av.error.FFmpegError) -> SourceError:
    sort, name = sort_of(path) or (None, "")
    if sort is Sort.PICTURE:
        return picture_error(path, name)
    if sort is Sort.SOUND:
        return source_error(path, f"holds no video, only sound ({name})", "Give a file with a video stream.")
    if sort is Sort.PLAYLIST:
        return source_error(path, "is a playlist, which names other files", "Give the video itself.")
    if sort is Sort.OTHER:
        return source_error(path, f"is no video but a {name} file", "Give the video itself.")
    if sort is Sort.VIDEO and name == "MP4" and isinstance(e, av.error.InvalidDataError):
        what = "begins as an MP4 file, but its index is damaged or missing, as where a recording or a copy ended early"
        return source_error(path, what, "Copy or export it again.")
    if isinstance(e, av.error.InvalidDataError | av.error.ArgumentError):  # the latter: a format that we don't allow
        return source_error(path, "is not a video in a format that can be read, or its header is damaged")
    return source_error(path, f"cannot be read: {e.strerror}")


def picture_error(path: Path, name: str) -> SourceError:
    """The refusal of a picture of the format ``name`` whose ending is not that of a picture that can be read."""
    ending = PICTURES.get(name)
    if ending is None:
        return source_error(path, f"is a {name} picture, which cannot be read", "Save it as PNG or JPEG.")
    return source_error(path, f"is a {name} picture by another ending", f"Give a copy a name that ends in {ending}.")
