"""Gives the packets of an excerpt, and notices where they are not those that were counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from redact.media.container import open_source, source_error
from redact.media.source import NO_PTS, Excerpt

if TYPE_CHECKING:
    from av.packet import Packet

    VideoPacket = Packet[VideoStream]


def packets(container: InputContainer, stream: VideoStream) -> Iterator[VideoPacket]:
    """The stream's packets as the scan counted them; a demuxer error ends them, as it did there."""
    try:
        for p in container.demux(stream):
            if p.size or p.pts is not None or p.dts is not None:  # all but the flush packet at the end
                yield p
    except av.error.FFmpegError:
        return


def ticks(value: int | None) -> int:
    """A packet's time as the packet table writes it."""
    return NO_PTS if value is None else value


def matches(source: Excerpt, number: int, p: VideoPacket) -> bool:
    """Whether a packet is the one that was counted at this place; what lies after the excerpt is not compared."""
    t, i = source.packets, number - source.segment.start_packet
    if i >= len(t):
        return number < source.total_packets
    return (ticks(p.pts), ticks(p.dts), p.size) == (int(t.pts[i]), int(t.dts[i]), int(t.size[i]))


def packets_of(source: Excerpt, container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, VideoPacket]]:
    """(number, packet) from the segment's start on: by seeking where that lands right, else by reading up to it."""
    start, dts = source.segment.start_packet, int(source.packets.dts[0])
    if not start:
        yield from enumerate(packets(container, stream))
        return
    if source.regular and dts != NO_PTS and _sought(container, stream, dts):
        stream_packets = packets(container, stream)
        for p in stream_packets:
            if matches(source, start, p):
                yield start, p
                for number, q in enumerate(stream_packets, start + 1):
                    yield number, q
                return
            if p.dts is None or p.dts > dts:
                break
    # Opened anew: seeking to the start need not land at the first packet, nor anywhere where there is no index.
    with open_source(source.path) as again:
        same = again.streams[source.stream_index]
        assert isinstance(same, VideoStream)
        for number, p in enumerate(packets(again, same)):
            if number >= start:
                yield number, p


def _sought(container: InputContainer, stream: VideoStream, dts: int) -> bool:
    """Seeks to a decode time; whether the container could."""
    try:
        container.seek(dts, stream=stream, backward=True)
    except av.error.FFmpegError:
        return False
    return True


def check_unchanged(source: Excerpt) -> None:
    """Raises SourceError where the file was written to since it was counted."""
    # What is found in other bytes must not be kept under the digest of these.
    if source.modified_ns:
        try:
            modified = source.path.stat().st_mtime_ns
        except OSError as e:
            raise source_error(source.path, f"cannot be read: {e.strerror}", "Check the disk that holds it.") from None
        if modified != source.modified_ns:
            raise changed(source)


def changed(source: Excerpt) -> Exception:
    """The error for a file that is not what was counted."""
    return source_error(source.path, "changed while it was read", "Run again on a copy that nothing writes to.")
