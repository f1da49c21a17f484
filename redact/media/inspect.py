"""Lists everything that a file carries besides its pictures, by name, so that nothing rides along unseen."""

from __future__ import annotations

from pathlib import Path

from av.packet import Packet
from av.video.stream import VideoStream

from redact.media.container import open_source
from redact.media.nal import nal_types
from redact.verdict import Contents


def inspect(file: Path) -> Contents:
    """Reads a file to its end and lists its contents. Raises SourceError where it cannot be read."""
    with open_source(file) as container:
        streams = tuple(f"{s.type}:{s.codec_context.name if s.codec_context else 'unknown'}" for s in container.streams)
        tags = [f"container:{k}={v}" for k, v in container.metadata.items()]
        for s in container.streams:
            tags += [f"stream {s.index}:{k}={v}" for k, v in s.metadata.items()]
        chapters = len(container.chapters())
        seen: set[int] = set()
        side: set[str] = set()
        for packet in container.demux():
            assert isinstance(packet, Packet)
            side.update(str(d.data_type) for d in packet.iter_sidedata())
            if isinstance(packet.stream, VideoStream) and packet.size:
                c = packet.stream.codec_context
                seen.update(nal_types(c.name, c.extradata, memoryview(packet)))
    return Contents(streams, tuple(tags), chapters, tuple(sorted(side)), tuple(sorted(seen)))
