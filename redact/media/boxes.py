"""Walks the boxes of a finished MP4 or MOV file and names what our muxer does not write: players pass by all that.

Boxes: ISO/IEC 14496-12; a box is its size in four bytes (or 1 there, and eight behind its name), its name in four,
and its data.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

# What may lie in which box, each once, tracks as often as there are streams.
_INSIDE = {
    "file": {"ftyp", "free", "wide", "moov", "mdat"},
    "moov": {"mvhd", "trak", "udta"},
    "trak": {"tkhd", "edts", "mdia"},
    "edts": {"elst"},
    "mdia": {"mdhd", "hdlr", "minf"},
    "minf": {"vmhd", "smhd", "hdlr", "dinf", "stbl"},
    "dinf": {"dref"},
    "stbl": {*("stsd", "stts", "ctts", "stss", "stps", "sdtp"), *("stsc", "stsz", "stco", "co64", "sgpd", "sbgp")},
    "udta": {"meta"},
    "avc1": {"avcC", "colr", "pasp", "fiel", "btrt"},
    "hev1": {"hvcC", "colr", "pasp", "fiel", "btrt"},
}
_PICTURES = 86  # bytes from the start of a video stream's description to the boxes in it (8.5.2, 12.1.3)
_NAMED = 50  # bytes from there to the 32 that name a coding
_HEADER = 16
_HANDLERS = {b"VideoHandler", b"SoundHandler", b"DataHandler"}
# Bytes of a table's entry; their number stands 12 bytes from the box's start, the first of them 16.
_ENTRY = {"stts": 8, "ctts": 8, "stss": 4, "stps": 4, "stsc": 12, "stco": 4, "co64": 8}
# Bytes of a box by its version.
_SIZES = {"mvhd": (108, 120), "tkhd": (92, 104), "mdhd": (32, 44), "vmhd": (20,), "smhd": (16,)}
# An empty list of tags, as ffmpeg writes it into an MP4.
_NO_TAGS = (
    b"\0\0\0\x35meta\0\0\0\0" + b"\0\0\0\x21hdlr" + bytes(8) + b"mdirappl" + bytes(9) + b"\0\0\0\x08ilst"
)  # fmt: skip


def foreign_boxes(file: Path) -> tuple[str, ...]:
    """What lies in an MP4 or MOV file and does not belong there, in words. Raises OSError."""
    end = file.stat().st_size
    at, seen, out = 0, list[str](), list[str]()
    moov, pictures = b"", 0
    with file.open("rb") as f:
        while at < end:
            f.seek(at)
            header = f.read(_HEADER)
            size, name = int.from_bytes(header[:4]), _name(header)
            least = 16 if size == 1 else 8
            if size == 1:
                size = int.from_bytes(header[8:16])
            if size < least or at + size > end:
                out.append(f"{end - at} bytes behind its last box")
                break
            if name == "moov" and not moov:
                f.seek(at)
                moov = f.read(size)
            elif name == "mdat":
                pictures += size - least
            if name not in _INSIDE["file"] or name in seen or (name in ("free", "wide") and size > least):
                out.append(f"a box {name!r}")
            seen.append(name)
            at += size
    if moov:
        out += _foreign(moov, 8, len(moov), "moov", "moov")
        samples = sum(_bytes_of_samples(moov, a) for a in _tables_of_sizes(moov, 8, len(moov), "moov"))
        if samples != pictures:
            out.append(f"{abs(pictures - samples)} bytes among its pictures that no track has")
    return tuple(dict.fromkeys(out))


def _name(header: bytes) -> str:
    return header[4:8].decode("latin-1")


def boxes(data: bytes, at: int, end: int) -> Iterator[tuple[str, int, int]]:
    """(name, start, end) of each box from ``at`` on; one without a name for what is none."""
    while at < end:
        size = int.from_bytes(data[at : at + 4])
        if size < 8 or at + size > end:
            yield "", at, end
            return
        yield _name(data[at : at + 8]), at, at + size
        at += size


def _foreign(data: bytes, at: int, end: int, parent: str, where: str) -> Iterator[str]:
    seen: set[str] = set()
    for name, a, b in boxes(data, at, end):
        here = f"{where}/{name}"
        if name not in _INSIDE[parent] or (name in seen and name != "trak") or not _fits(data[a:b], name):
            yield f"a box {here!r}" if name else f"{b - a} bytes in the box {where!r}"
        elif name in _INSIDE:
            yield from _foreign(data, a + 8, b, name, here)
        elif name == "stsd":
            yield from _foreign_in_description(data, a, b, here)
        seen.add(name)


def _foreign_in_description(data: bytes, at: int, end: int, where: str) -> Iterator[str]:
    """Of a stream's description; of sound it is as its coding wants it."""
    entries = list(boxes(data, at + 16, end))
    if len(entries) != 1:
        yield f"a second description in the box {where!r}"
    for name, a, b in entries:
        if name in _INSIDE:
            if any(data[a + _NAMED : a + _NAMED + 32]):
                yield f"a name in the box {where!r}"
            yield from _foreign(data, a + _PICTURES, b, name, f"{where}/{name}")


def _fits(box: bytes, name: str) -> bool:
    """Whether a box is as long as what is in it, where that can be told."""
    size = len(box)
    if name in _SIZES:
        return size in _SIZES[name]
    if name in _ENTRY:
        return size == 16 + _ENTRY[name] * int.from_bytes(box[12:16])
    if name == "elst":
        return size == 16 + (20 if box[8] else 12) * int.from_bytes(box[12:16])
    if name == "stsz":
        return size == 20 + (0 if any(box[12:16]) else 4 * int.from_bytes(box[16:20]))
    if name == "hdlr":
        return box[33 if box[32] < ord(" ") else 32 :].rstrip(b"\0") in _HANDLERS  # MOV: ahead of it, how long it is
    return name != "meta" or box == _NO_TAGS


def _tables_of_sizes(data: bytes, at: int, end: int, parent: str) -> Iterator[int]:
    """Where the sizes of samples stand, of each track."""
    for name, a, b in boxes(data, at, end):
        if name == "stsz":
            yield a
        elif name in ("trak", "mdia", "minf", "stbl") and name in _INSIDE[parent]:
            yield from _tables_of_sizes(data, a + 8, b, name)


def _bytes_of_samples(data: bytes, at: int) -> int:
    size, number = int.from_bytes(data[at + 12 : at + 16]), int.from_bytes(data[at + 16 : at + 20])
    if size:
        return size * number
    return int(np.frombuffer(data, ">u4", number, at + 20).sum(dtype=np.int64))
