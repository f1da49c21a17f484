"""Tells what a file is that is no video, from how it begins: so that the sentence that refuses it says so."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path


class Sort(StrEnum):
    """What a file holds, as far as it matters for what to do about it."""

    PICTURE = "picture"
    SOUND = "sound"
    PLAYLIST = "playlist"
    VIDEO = "video"
    OTHER = "other"


_BEGIN = (
    (b"\xff\xd8\xff", Sort.PICTURE, "JPEG"),
    (b"\x89PNG\r\n\x1a\n", Sort.PICTURE, "PNG"),
    (b"RIFF....WEBP", Sort.PICTURE, "WebP"),
    (b"....ftypheic", Sort.PICTURE, "HEIC"),
    (b"....ftypheix", Sort.PICTURE, "HEIC"),
    (b"....ftypmif1", Sort.PICTURE, "HEIC"),
    (b"....ftypavif", Sort.PICTURE, "AVIF"),
    (b"BM", Sort.PICTURE, "BMP"),
    (b"GIF8", Sort.PICTURE, "GIF"),
    (b"II*\0", Sort.PICTURE, "TIFF"),
    (b"MM\0*", Sort.PICTURE, "TIFF"),
    (b"RIFF....WAVE", Sort.SOUND, "WAV"),
    (b"FORM....AIFF", Sort.SOUND, "AIFF"),
    (b"fLaC", Sort.SOUND, "FLAC"),
    (b"ID3", Sort.SOUND, "MP3"),
    (b"\xff\xfb", Sort.SOUND, "MP3"),
    (b"#!AMR", Sort.SOUND, "AMR"),
    (b"#EXTM3U", Sort.PLAYLIST, "M3U"),
    (b"....ftyp", Sort.VIDEO, "MP4"),
    (b"RIFF....AVI ", Sort.VIDEO, "AVI"),
    (b"\x1a\x45\xdf\xa3", Sort.VIDEO, "Matroska"),
    (b"\x00\x00\x01\xba", Sort.VIDEO, "MPEG-PS"),
    (b"%PDF", Sort.OTHER, "PDF"),
    (b"PK\x03\x04", Sort.OTHER, "ZIP"),
    (b"Rar!", Sort.OTHER, "RAR"),
    (b"7z\xbc\xaf", Sort.OTHER, "7-Zip"),
)
PICTURES = {"JPEG": ".jpg", "PNG": ".png", "WebP": ".webp", "HEIC": ".heic"}
"""The pictures that can be read, and how their names end."""
_LONGEST = max(len(begin) for begin, _, _ in _BEGIN)


def sort_of(path: Path) -> tuple[Sort, str] | None:
    """What a file is and what its format is called; None where nobody can tell, or it cannot be read."""
    try:
        with path.open("rb") as f:
            head = f.read(_LONGEST)
    except OSError:
        return None
    return next(((sort, name) for begin, sort, name in _BEGIN if _begins(head, begin)), None)


def _begins(head: bytes, pattern: bytes) -> bool:
    """Whether a file begins so; a full stop stands for any byte."""
    return len(head) >= len(pattern) and all(p in (h, ord(".")) for h, p in zip(head, pattern, strict=False))
