"""Lists everything that a file carries besides its pictures, by name, so that nothing rides along unseen."""

from __future__ import annotations

from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from redact.errors import SourceError
from redact.geometry import Display
from redact.media.boxes import foreign_boxes
from redact.media.container import open_source
from redact.media.cropping import SEQUENCE_PARAMETER_SETS, Cropping
from redact.media.elements import foreign_elements
from redact.media.nal import header_types, nal_types
from redact.media.packets import all_packets
from redact.media.picture import first_frame, video_format
from redact.media.ts_packets import foreign_packets
from redact.verdict import Contents

_WALKS = {"mp4": foreign_boxes, "matroska": foreign_elements, "mpegts": foreign_packets}
"""What goes through a file of a format, by a part of the demuxer's name."""


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
        shown = discarded = 0
        cropping = {s.index: Cropping(s) for s in container.streams.video if s.codec_context}
        for s in container.streams.video:
            if s.codec_context:
                seen |= header_types(s.codec_context.name, s.codec_context.extradata)
        for packet in container.demux():
            assert isinstance(packet, Packet)
            side.update(str(d.data_type) for d in packet.iter_sidedata())
            if isinstance(packet.stream, VideoStream) and packet.size:
                shown += not packet.is_discard
                discarded += packet.is_discard
                c = packet.stream.codec_context
                types = nal_types(c.name, c.extradata, memoryview(packet))
                seen |= types
                if SEQUENCE_PARAMETER_SETS.get(c.name) in types:
                    cropping[packet.stream_index].read(packet)
        display = _display(file, container)
        walk = next((w for name, w in _WALKS.items() if name in container.format.name), None)
        foreign = walk(file) if walk else ()
        by_edit_list = container.streams.video if "mp4" in container.format.name else ()
        hidden = sum(all_packets(file, s.index) for s in by_edit_list) - shown
    left_out = max(discarded, hidden)
    cropped = max((c.hidden for c in cropping.values()), default=0)
    known = tuple(sorted(side)), tuple(sorted(seen))
    return Contents(streams, tuple(tags), chapters, *known, shown, left_out, cropped, foreign, display)


def _display(file: Path, container: InputContainer) -> Display | None:
    try:
        stream = container.streams.video[0]
        return video_format(stream, first_frame(file, stream.index), file).display
    except (IndexError, SourceError):
        return None
