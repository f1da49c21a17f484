"""Goes through the packets of a finished MPEG-TS file and names what our muxer does not write (ISO/IEC 13818-1 2.4)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SIZE, _SYNC = 188, 0x47
_AHEAD = 4  # bytes ahead of each packet of an M2TS file: when it is due
_AT_ONCE = 1 << 15  # packets
_PROGRAMS, _SERVICES, _NOTHING = 0, 0x11, 0x1FFF  # identifiers of packets
# The only service and its provider, by the names that ffmpeg has for them.
_SERVICE = (
    bytes.fromhex("0042f0250001c10000ff01ff0001fc80144812") + b"\x01\x06FFmpeg\x09Service01" + bytes.fromhex("777c43ca")
)
_CLOCK, _ENTRY = 0x10, 0x40  # flags of a packet that has a clock's time, of one at which decoding may begin


def foreign_packets(file: Path) -> tuple[str, ...]:
    """What lies in an MPEG-TS file and does not belong there, in words. Raises OSError."""
    with file.open("rb") as f:
        head = f.read(_AHEAD + 1)
        ahead = 0 if head[:1] == bytes([_SYNC]) else _AHEAD
        f.seek(0)
        step = ahead + _SIZE
        out: list[str] = []
        tables: dict[int, set[bytes]] = {_PROGRAMS: set(), _SERVICES: set()}
        streams = {_PROGRAMS, _SERVICES} | ({_NOTHING} if ahead else set())
        maps: set[int] = set()
        while data := f.read(step * _AT_ONCE):
            whole = len(data) // step * step
            if whole < len(data):
                out.append("a packet that is cut off")
            packets = np.frombuffer(data, np.uint8, whole).reshape(-1, step)[:, ahead:]
            if (packets[:, 0] != _SYNC).any():
                return (*out, "bytes that are no packet")
            which = (packets[:, 1] & 0x1F).astype(np.int32) << 8 | packets[:, 2]
            for number in (_PROGRAMS, _SERVICES):
                tables[number] |= _payloads(packets[which == number])
            maps |= {int.from_bytes(t[11:13]) & 0x1FFF for t in tables[_PROGRAMS]}
            for number in maps:
                tables.setdefault(number, set()).update(_payloads(packets[which == number]))
                for table in tables[number]:
                    streams |= {number, *_announced(table)}
            if not set(np.unique(which).tolist()) <= streams:
                out.append("packets of no stream")
            empty = packets[which == _NOTHING][:, 4:]
            if (empty != empty[:, :1]).any() or _filled_with_more(packets):
                out.append("bytes in what fills its packets")
    for number, some in tables.items():
        if any(set(t[_end(t) :]) - {0xFF} for t in some) or (number != _SERVICES and len(some) > 1):
            out.append("bytes behind a table")
    if any(not t.startswith(_SERVICE) for t in tables[_SERVICES]):
        out.append("the name of a service")
    return tuple(dict.fromkeys(out))


def _payloads(packets: NDArray[Any]) -> set[bytes]:
    """What packets of a table hold, each once: a table of ours fits into one."""
    return {p.tobytes() for p in np.unique(packets[:, 4:], axis=0)} if len(packets) else set()


def _end(table: bytes) -> int:
    """Where a table ends in its packet, its checksum included."""
    return 4 + (int.from_bytes(table[2:4]) & 0xFFF)


def _announced(table: bytes) -> set[int]:
    """The streams of a program, that of its clock too."""
    out = {int.from_bytes(table[9:11]) & 0x1FFF}
    at, end = 13 + (int.from_bytes(table[11:13]) & 0xFFF), _end(table) - 4
    while at + 5 <= end:
        out.add(int.from_bytes(table[at + 1 : at + 3]) & 0x1FFF)
        at += 5 + (int.from_bytes(table[at + 3 : at + 5]) & 0xFFF)
    return out


def _filled_with_more(packets: NDArray[Any]) -> bool:
    """Whether what lies between a packet's header and its data is more than a clock's time and filling."""
    some = packets[(packets[:, 3] & 0x20) > 0]
    length, flags = some[:, 4].astype(np.int32), np.where(some[:, 4] > 0, some[:, 5], 0)
    if (flags & ~np.uint8(_CLOCK | _ENTRY)).any():
        return True
    begin = 6 + 6 * ((flags & _CLOCK) > 0)
    column = np.arange(_SIZE)
    filling = (column >= begin[:, None]) & (column < 5 + length[:, None])
    return bool((some[filling] != 0xFF).any())
