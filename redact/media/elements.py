"""Walks the elements of a finished Matroska file and names what our muxer does not write: players pass by all that.

EBML (RFC 8794): an element is its number, the length of its data, its data; Matroska: RFC 9559.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

_FILE, _EBML, _SEGMENT = 0, 0x1A45DFA3, 0x18538067
_VOID, _CRC = 0xEC, 0xBF
_CLUSTER, _GROUP, _BLOCKS = 0x1F43B675, 0xA0, (0xA1, 0xA3)
_TRACK, _NUMBER = 0xAE, 0xD7
_SIMPLE_TAG, _TAG_NAME = 0x67C8, 0x45A3
# What may lie in which element; what is not listed holds no elements.
_INSIDE = {
    _FILE: {_EBML, _SEGMENT},
    _EBML: {0x4286, 0x42F7, 0x42F2, 0x42F3, 0x4282, 0x4287, 0x4285},
    _SEGMENT: {0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1254C367, _CLUSTER},
    0x114D9B74: {0x4DBB},  # where the other elements are
    0x4DBB: {0x53AB, 0x53AC},
    0x1549A966: {0x2AD7B1, 0x4D80, 0x5741, 0x4489},  # the ticks, who wrote it, how long it is
    0x1654AE6B: {_TRACK},
    _TRACK: {_NUMBER, 0x73C5, 0x9C, 0x22B59C, 0x88, 0x86, 0x83, 0x23E383, 0xE0, 0xE1, 0x55EE, 0x63A2, 0x56AA, 0x56BB},
    0xE0: {0xB0, 0xBA, 0x54B2, 0x54B0, 0x54BA, 0x55B0, 0x7670, 0x9A, 0x9D},  # pictures: no border that is cut off
    0x55B0: {*range(0x55B1, 0x55BE)},  # their colours
    0x7670: {0x7671, 0x7673, 0x7674, 0x7675},  # their turn
    0xE1: {0x9F, 0xB5, 0x6264, 0x78B5},  # sound
    0x1C53BB6B: {0xBB},  # where keyframes are
    0xBB: {0xB3, 0xB7},
    0xB7: {0xF7, 0xF1, 0xF0, 0xB2},
    0x1254C367: {0x7373},  # tags: only how long a track is
    0x7373: {0x63C0, _SIMPLE_TAG},
    0x63C0: {0x63C5},
    _SIMPLE_TAG: {_TAG_NAME, 0x4487},
    _CLUSTER: {0xE7, _GROUP, 0xA3},
    _GROUP: {0xA1, 0x9B, 0xFB, 0x75A2},
}
_ONCE = {_EBML, _SEGMENT, 0x1549A966, 0x1654AE6B}


def foreign_elements(file: Path) -> tuple[str, ...]:
    """What lies in a Matroska file and does not belong there, in words. Raises OSError."""
    with file.open("rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
        tracks: set[int] = set()
        return tuple(dict.fromkeys(_foreign(data, 0, len(data), _FILE, tracks)))


def _foreign(data: mmap.mmap, at: int, end: int, parent: int, tracks: set[int]) -> Iterator[str]:
    seen: set[int] = set()
    while at < end:
        number, here = _whole_number(data, at, with_length=True)
        size, here = _whole_number(data, here, with_length=False)
        if here < 0 or here + size > end:
            yield f"{end - at} bytes that are no element"
            return
        if number == _VOID:
            if any(data[here : here + size]):
                yield "bytes in a gap"
        elif (number == _CRC and parent != _FILE and size == 4) or number in _INSIDE[parent]:
            if number in seen & _ONCE:
                yield f"a second element {number:X}"
            seen.add(number)
            if number in _INSIDE:
                yield from _foreign(data, here, here + size, number, tracks)
            elif number == _NUMBER and parent == _TRACK:
                tracks.add(int.from_bytes(data[here : here + size]))
            elif number in _BLOCKS and _whole_number(data, here, with_length=False)[0] not in tracks:
                yield "bytes that no track has"
            elif number == _TAG_NAME and data[here : here + size] != b"DURATION":
                yield "a tag"
        else:
            yield f"an element {number:X}"
        at = here + size


def _whole_number(data: mmap.mmap, at: int, *, with_length: bool) -> tuple[int, int]:
    """A number whose first byte says how long it is, by the zeros ahead of its first one, and where it ends.

    ``with_length``: with that one, as elements' numbers are given. -1 for where none ends.
    """
    if not 0 <= at < len(data) or not data[at]:
        return 0, -1
    length = 9 - data[at].bit_length()
    number = int.from_bytes(data[at : at + length])
    return number if with_length else number & ((1 << 7 * length) - 1), at + length
