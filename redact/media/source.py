"""Value objects that describe a source: what pass 0 counted in it, never what its header claims."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from redact.geometry import Display
from redact.timeline import Span

NO_PTS = int(np.iinfo(np.int64).min)
"""Stands for a time that a packet lacks."""


@dataclass(frozen=True, slots=True)
class StreamNote:
    """A stream other than the chosen video: its number, type, codec and disposition, for the record."""

    index: int
    type: str
    codec: str
    attached_picture: bool = False


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What the release must keep of the picture. Colour values are the numbers of ISO/IEC 23091-2."""

    codec: str
    pix_fmt: str
    display: Display
    time_base: Fraction
    frame_rate: Fraction | None
    """Average frames per second; None where the source has no usable one."""
    color_primaries: int
    color_trc: int
    colorspace: int
    color_range: int
    """0 unspecified, 1 limited, 2 full."""
    interlaced: bool
    top_field_first: bool


@dataclass(frozen=True)
class PacketTable:
    """One row per video packet in decode order; ``pts`` in ticks of the stream's time base.

    ``seekable[i]``: decoding may begin at this packet and every frame shown from it on comes out whole.
    ``corrupt[i]``: the demuxer says that the packet is damaged. ``shown[i]``: its frame is shown; what a
    trim left out is not, but others may refer to it.
    """

    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    size: NDArray[np.int64]
    seekable: NDArray[np.bool_]
    corrupt: NDArray[np.bool_]
    shown: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pts)

    def cut(self, start: int, stop: int) -> PacketTable:
        """Rows ``start`` to ``stop`` (not included), copied, so that pickling them does not carry the rest."""
        s = slice(start, stop)
        return PacketTable(
            self.pts[s].copy(),
            self.dts[s].copy(),
            self.size[s].copy(),
            self.seekable[s].copy(),
            self.corrupt[s].copy(),
            self.shown[s].copy(),
        )


@dataclass(frozen=True)
class Source:
    """A video file that was counted packet by packet.

    ``pts`` holds the presentation time of every frame in display order (ticks of the time base,
    strictly rising). ``regular`` is False where the container gives no times (raw streams, AVI), or
    not all: then ``pts`` is made from the frame rate, or filled, and the file is decoded from its start.
    """

    path: Path
    sha256: str
    bytes: int
    container: str
    stream_index: int
    format: VideoFormat
    pts: NDArray[np.int64]
    last_duration: int
    """Ticks that the last frame is shown; 0 where unknown."""
    packets: PacketTable
    regular: bool
    others: tuple[StreamNote, ...]
    metadata_keys: tuple[str, ...]
    """Names (not values) of the tags and side data that the source carries."""
    damage: tuple[str, ...] = field(default=())
    """What demuxing already showed to be wrong, one sentence each."""
    modified_ns: int = 0
    """When the file was last written, before it was counted; 0 where nobody asked."""

    @property
    def frames(self) -> int:
        return len(self.pts)

    @property
    def begins(self) -> Fraction:
        """When the first frame is shown, in seconds of the source's own clock."""
        return int(self.pts[0]) * self.format.time_base

    @property
    def seconds(self) -> float:
        """Length of the video in seconds, for people."""
        if not len(self.pts):
            return 0.0
        ticks = int(self.pts[-1]) - int(self.pts[0]) + max(self.last_duration, 0)
        return float(ticks * self.format.time_base)


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of frames that one worker handles: decode from ``start_packet`` on, keep ``span``."""

    number: int
    span: Span
    start_packet: int


_BEYOND = 64  # frames after a segment that its decoder may meet: H.264 and H.265 reorder by 16 at most


@dataclass(frozen=True)
class Excerpt:
    """What a worker needs of a source to handle one segment: its size does not grow with the video.

    ``pts`` holds the times of the frames from the segment's first on (and some beyond it), ``packets``
    the packets from ``segment.start_packet`` on. Frame and packet numbers count from the start of the video.
    """

    path: Path
    sha256: str
    stream_index: int
    format: VideoFormat
    regular: bool
    frames: int
    """Frames of the whole video."""
    start_pts: int
    """Ticks at which the whole video begins."""
    segment: Segment
    pts: NDArray[np.int64]
    packets: PacketTable
    total_packets: int
    modified_ns: int = 0
    """As in the source: a file that is written meanwhile is another file."""

    @property
    def span(self) -> Span:
        return self.segment.span

    @property
    def identity(self) -> list[str | int]:
        """What names this part of this source among all."""
        return [self.sha256, self.stream_index, self.span.start, self.span.stop]

    def pts_of(self, index: int) -> int:
        """Ticks at which frame ``index`` (of the segment or shortly after it) is shown."""
        return int(self.pts[index - self.span.start])

    def index_of(self, pts: int | None) -> int | None:
        """The frame shown at ``pts``; None where no packet announced one here."""
        if pts is None:
            return None
        i = int(np.searchsorted(self.pts, pts))
        return i + self.span.start if i < len(self.pts) and int(self.pts[i]) == pts else None


def excerpt(source: Source, segment: Segment) -> Excerpt:
    """The part of a source that handling ``segment`` takes."""
    stop_frame = min(segment.span.stop + _BEYOND, source.frames)
    stop_packet = len(source.packets)
    if source.regular and stop_frame < source.frames:
        stop_packet = int(np.flatnonzero(source.packets.pts < source.pts[stop_frame])[-1]) + 1
    return Excerpt(
        path=source.path,
        sha256=source.sha256,
        stream_index=source.stream_index,
        format=source.format,
        regular=source.regular,
        frames=source.frames,
        start_pts=int(source.pts[0]),
        segment=segment,
        pts=source.pts[segment.span.start : stop_frame].copy(),
        packets=source.packets.cut(segment.start_packet, stop_packet),
        total_packets=len(source.packets),
        modified_ns=source.modified_ns,
    )
