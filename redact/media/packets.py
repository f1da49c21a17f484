"""Reads off a video stream's packets what headers may lie about: how many, when shown, where decoding may begin."""

from __future__ import annotations

from array import array
from contextlib import suppress
from pathlib import Path

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from redact.media.container import first_error, open_source
from redact.media.nal import may_begin_here
from redact.media.source import NO_PTS, PacketTable
from redact.words import plural

_ENDED_EARLY = "File ended prematurely"  # Matroska's demuxer


def _is_shown(codec: str, p: Packet[VideoStream]) -> bool:
    """Whether a packet's frame is shown: VP8 has some that others only refer to (RFC 6386 9.1: show_frame)."""
    return codec != "vp8" or not p.size or bool(bytes(p)[0] >> 4 & 1)


def _left_out(container: InputContainer, stream: VideoStream) -> bool:
    """Whether all frames that a header announces are there, some left out by an edit list that trims the end."""
    if "mp4" not in container.format.name:
        return False
    return all_packets(Path(container.name.removeprefix("file:")), stream.index) == stream.frames


def all_packets(file: Path, index: int) -> int:
    """How many packets a stream of an MP4 or MOV file has up to its first damage, shown by its edit list or not."""
    there = 0
    with open_source(file, ignore_editlist="1") as container, suppress(av.error.FFmpegError):
        for p in container.demux(container.streams[index]):
            there += p.size > 0
    return there


def scan(container: InputContainer, stream: VideoStream) -> tuple[PacketTable, int, list[str]]:
    """Demuxes everything once. Returns the table, the last shown packet's duration and what was wrong."""
    codec = stream.codec_context.name
    extradata = stream.codec_context.extradata
    pts, dts, size = array("q"), array("q"), array("q")
    seekable, corrupt, shown = bytearray(), bytearray(), bytearray()
    last, last_shown = 0, NO_PTS
    wrong: list[str] = []
    av.logging.set_level(av.logging.ERROR)
    with av.logging.Capture() as logs:
        try:
            for p in container.demux(stream):
                if p.size == 0 and p.pts is None and p.dts is None:
                    continue  # the flush packet at the end
                pts.append(NO_PTS if p.pts is None else p.pts)
                dts.append(NO_PTS if p.dts is None else p.dts)
                size.append(p.size)
                seekable.append(bool(p.is_keyframe) and may_begin_here(codec, extradata, memoryview(p)))
                corrupt.append(bool(p.is_corrupt))
                shown.append(not p.is_discard and _is_shown(codec, p))
                if shown[-1] and p.pts is not None and p.pts >= last_shown:
                    last, last_shown = p.duration or 0, p.pts
        except av.error.FFmpegError as e:
            wrong.append(f"demuxing stops after {plural(len(pts), 'packet')}: {e.strerror}")
    complaint = first_error(logs)
    if complaint and _ENDED_EARLY in complaint:
        wrong.append("it ends before its container says so")
    elif complaint and not wrong:
        wrong.append(f"the container is broken ({complaint})")
    slots = len(pts)
    if container.format.name == "avi" and dts and min(dts) != NO_PTS:
        slots = max(slots, dts[-1] - dts[0] + 1)  # AVI counts empty chunks, too: the frame before is shown on
    if stream.frames > slots and (wrong or not _left_out(container, stream)):
        # First: what is missing altogether matters most.
        wrong.insert(0, f"its header announces {stream.frames} frames, {len(pts)} are there")
    table = PacketTable(
        np.array(pts, np.int64),
        np.array(dts, np.int64),
        np.array(size, np.int64),
        np.frombuffer(bytes(seekable), bool),
        np.frombuffer(bytes(corrupt), bool),
        np.frombuffer(bytes(shown), bool),
    )
    return table, last, wrong
