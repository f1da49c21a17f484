"""Names what lies in a picture's file besides its pixels, by chunks and segments, whether or not a reader minds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from redact.media.boxes import boxes
from redact.words import shown

BEHIND = "bytes behind its end"
BROKEN = "bytes that are no part of a picture"
# What holds the pixels; transparency is named by who reads them.
_PNG = {"IHDR", "PLTE", "tRNS", "IDAT", "IEND"}
_WEBP = {"VP8 ", "VP8L", "VP8X", "ALPH"}
_HEIF = {"ftyp", "meta", "mdat"}
_HEIF_META = {"hdlr", "iloc", "iinf", "pitm", "iprp"}
# ITU-T T.81 table B.1: frames, tables of Huffman codes and quantization, restart intervals.
_JPEG = {0xC0, 0xC1, 0xC2, 0xC4, 0xDB, 0xDD}
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9
_JPEG_RESTARTS = range(0xD0, 0xD8)
_JFIF = b"\xff\xe0\0\x10JFIF\0"  # 16 bytes: without a thumbnail


def extras(data: bytes, form: str) -> set[str]:
    """``data``: a whole file; ``form``: its format as Pillow calls it."""
    walk = _WALKS.get(form)
    return set(map(shown, walk(data))) if walk else set()


def _png(data: bytes) -> Iterator[str]:
    """The specification of PNG, 5.3: length, name, data, checksum."""
    at, name = 8, ""
    while at < len(data) and name != "IEND":
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8].decode("latin-1")
        at += 12 + size
        if name not in _PNG or (name == "IEND" and size):
            yield f"chunk {name}"
    if at < len(data):
        yield BEHIND


def _webp(data: bytes) -> Iterator[str]:
    """RFC 9649 2.3: name, length, data, filled up to an even number of bytes."""
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    while at < end:
        size, name = int.from_bytes(data[at + 4 : at + 8], "little"), data[at : at + 4].decode("latin-1")
        at += 8 + size + size % 2
        if name not in _WEBP:
            yield f"chunk {name}"
    if end + end % 2 < len(data):
        yield BEHIND


def _jpeg(data: bytes) -> Iterator[str]:
    """ITU-T T.81 B.1.1: segments, each a marker, its length with itself, its data; and behind a scan's, its pixels."""
    at = 2
    while at + 1 < len(data):
        marker = data[at + 1]
        if data[at] != 0xFF:
            yield BROKEN
            return
        if marker == 0xFF:  # filling
            at += 1
            continue
        if marker == _JPEG_END:
            if at + 2 < len(data):
                yield BEHIND
            return
        size = int.from_bytes(data[at + 2 : at + 4])
        jfif = size == 16 and data.startswith(_JFIF, at)
        if marker not in _JPEG and marker != _JPEG_SCAN and not jfif:
            yield f"segment APP{marker - 0xE0}" if 0xE0 <= marker <= 0xEF else f"segment {marker:02X}"
        at += 2 + max(size, 2)
        if marker == _JPEG_SCAN:
            at = _behind_scan(data, at)


def _behind_scan(data: bytes, at: int) -> int:
    """Where the next marker stands; a zero says that the byte ahead of it belongs to the pixels."""
    while (at := data.find(b"\xff", at)) >= 0 and at + 1 < len(data):
        if data[at + 1] not in (0, *_JPEG_RESTARTS):
            return at
        at += 2
    return len(data)


def _heif(data: bytes) -> Iterator[str]:
    seen: set[str] = set()
    for name, a, b in boxes(data, 0, len(data)):
        if name not in _HEIF or name in seen:
            yield f"box {name}" if name else BEHIND
        elif name == "meta":
            inside = [n or "?" for n, _, _ in boxes(data, a + 12, b)]
            yield from (f"box {n}" for n in inside if n not in _HEIF_META)
        seen.add(name)


_WALKS: dict[str, Callable[[bytes], Iterator[str]]] = {
    "PNG": _png,
    "WEBP": _webp,
    "JPEG": _jpeg,
    "MPO": _jpeg,
    "HEIF": _heif,
}
