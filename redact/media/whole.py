"""Tells whether a file ends where its container says, and holds one movie: demuxers read what is there, content."""

from __future__ import annotations

from pathlib import Path

from redact.words import plural

_HEADER = 16  # bytes of an ISO base media box header with a 64-bit size (ISO/IEC 14496-12 4.2)
_TS_PACKET = 188  # bytes (ISO/IEC 13818-1 2.4.3.2)
_TS_SYNC = 0x47


def cut_short(path: Path, container: str) -> list[str]:
    """What shows that the file lacks its end or holds another one, a sentence each. ``container``: the demuxer's name.

    Raises OSError where the file cannot be read.
    """
    if "mp4" in container:
        return _cut_boxes(path)
    if container == "mpegts":
        return _cut_packets(path)
    return []


def _cut_boxes(path: Path) -> list[str]:
    """The top-level boxes must fill the file exactly; only the last may say "to the end" by a size of zero.

    One of them is the movie; players pass by a second one.
    """
    end = path.stat().st_size
    at = movies = 0
    with path.open("rb") as f:
        while at < end:
            f.seek(at)
            header = f.read(_HEADER)
            size = int.from_bytes(header[:4])
            movies += header[4:8] == b"moov"
            if movies > 1:
                return ["another movie lies behind its first one, as where two files were put together"]
            if size == 0:
                return []
            if size == 1:
                size = int.from_bytes(header[8:16])
            if size < 8:
                # Recorders pad the end of a file with what is no box; players stop there as well.
                return []
            at += size
    return [f"it ends {plural(at - end, 'byte')} too early"] if at > end else []


def _cut_packets(path: Path) -> list[str]:
    """A transport stream that begins with a packet ends with a whole one."""
    size = path.stat().st_size
    with path.open("rb") as f:
        head = f.read(2 * _TS_PACKET)
    plain = head[:1] == head[_TS_PACKET : _TS_PACKET + 1] == bytes([_TS_SYNC])
    return [f"it ends in the middle of a packet of {_TS_PACKET} bytes"] if plain and size % _TS_PACKET else []
