"""Counts a source packet by packet before anything else is done with it.

Headers lie (a million frames over ten, a duration from another file), so frames, times and the
places where decoding may begin are read off the packets themselves.
"""

from __future__ import annotations

import hashlib
import os
import stat
from array import array
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import av.logging
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from redact.errors import SourceError
from redact.geometry import Display
from redact.media.container import first_error, open_source, source_error
from redact.media.nal import may_begin_here
from redact.media.source import PacketTable, Source, StreamNote, VideoFormat
from redact.media.whole import cut_short
from redact.media.witness import hides_a_border
from redact.words import plural

MAX_SIDE = 16384  # px: the largest H.264/H.265 picture side (H.265 level 6.2 allows 16888 x 4096 and the like)
MAX_PIXELS = 8192 * 8192
LONGEST_TICK = 3600  # seconds: a time lapse may show a frame an hour; beyond that a header is damaged
_ENDED_EARLY = "File ended prematurely"  # Matroska's demuxer
_ANNOUNCE_SECONDS = ("mp4", "matroska")  # containers whose length is written down, not guessed from the rate of bytes
NO_PTS = int(np.iinfo(np.int64).min)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal. Raises OSError."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def check_file(path: Path) -> int:
    """Returns the size in bytes of a regular, readable, non-empty file; raises SourceError otherwise."""
    try:
        info = path.stat()
    except FileNotFoundError:
        what = "is a link to a file that does not exist" if path.is_symlink() else "there is no such file"
        raise source_error(path, what, "Check the path.") from None
    except PermissionError:
        raise source_error(path, "may not be read", "Ask for permission on the folder that holds it.") from None
    except OSError as e:
        raise source_error(path, f"cannot be read: {e.strerror}", "Check the path.") from None
    if stat.S_ISDIR(info.st_mode):
        raise source_error(path, "is a folder", "Name a file, or several with a folder as output.")
    if not stat.S_ISREG(info.st_mode):
        raise source_error(path, "is not a regular file", "Copy the footage to a file first.")
    if info.st_size == 0:
        raise source_error(path, "is empty (0 bytes)", "Export it again.")
    if not os.access(path, os.R_OK):
        raise source_error(path, "may not be read", "Ask for read permission on the file.")
    return info.st_size


def _choose(container: InputContainer, path: Path, wanted: int) -> tuple[VideoStream, tuple[StreamNote, ...]]:
    """The video stream to release, and notes on all the others."""
    notes, videos = [], []
    for s in container.streams:
        cover = bool(s.disposition & Disposition.attached_pic)
        codec = s.codec_context.name if s.codec_context is not None else "unknown"
        if isinstance(s, VideoStream) and not cover:
            videos.append(s)
        notes.append(StreamNote(s.index, s.type, codec, cover))
    if not videos:
        raise source_error(path, "holds no video", "Give a file with a video stream; for stills use an image file.")
    if wanted >= 0:
        chosen = next((v for v in videos if v.index == wanted), None)
        if chosen is None:
            have = ", ".join(str(v.index) for v in videos)
            raise source_error(
                path,
                f"stream {wanted} is not one of its video streams ({have})",
                "Set [streams] video_index to one of them.",
            )
    elif len(videos) > 1:
        have = ", ".join(str(v.index) for v in videos)
        raise source_error(
            path,
            f"holds {len(videos)} video streams (numbers {have})",
            "Choose one with [streams] video_index in the recipe; each needs a run of its own.",
        )
    else:
        chosen = videos[0]
    if chosen.codec_context is None:
        raise source_error(path, "holds video in a coding that is not known, or its header is damaged")
    return chosen, tuple(n for n in notes if n.index != chosen.index)


_FIELDS_LOOKED_AT = 40  # packets


def _check_fields(path: Path, index: int, codec: str) -> None:
    """Refuses H.264 whose fields come as packets of their own: two of them are one frame, which is counted by packets.

    Raises SourceError.
    """
    if codec != "h264":
        return
    packets = pictures = 0
    with open_source(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, VideoStream)
        with suppress(av.error.FFmpegError):
            for packet in container.demux(stream):
                packets += bool(packet.size)
                pictures += len(packet.decode())
                if packets == _FIELDS_LOOKED_AT:
                    pictures += len(stream.codec_context.decode(None))
                    break
    if packets > 4 and pictures <= 0.75 * packets:
        raise source_error(
            path,
            "holds interlaced video whose two fields are coded as pictures of their own, which cannot be counted here",
            "Make a copy first: ffmpeg -i SOURCE -c:a copy -crf 16 COPY.mp4",
        )


def _first_frame(path: Path, index: int) -> av.VideoFrame:
    """Decodes the first frame that the decoder gives, for what only a frame tells (rotation, pixel format)."""
    with open_source(path) as container:
        stream = container.streams[index]
        try:
            for packet in container.demux(stream):
                try:
                    for frame in packet.decode():
                        assert isinstance(frame, av.VideoFrame)
                        return frame
                except av.error.InvalidDataError:
                    continue  # the damage is found and reported when the whole file is decoded
        except av.error.EOFError:
            pass
    raise source_error(path, "has a video stream of which no frame can be decoded")


def _mirrors(frame: av.VideoFrame) -> bool:
    """Whether a frame's display matrix mirrors the picture: its rotation alone would say nothing of that.

    The matrix is nine 32-bit numbers, row by row; the first two of the first two rows turn and mirror
    (libavutil/display.h).
    """
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False
    a, b, _, c, d = (int(v) for v in np.asarray(matrix).view(np.int32)[:5])
    return a * d - b * c < 0


def _video_format(stream: VideoStream, frame: av.VideoFrame, path: Path) -> VideoFormat:
    c = stream.codec_context
    w, h = frame.width, frame.height
    if not (0 < w <= MAX_SIDE and 0 < h <= MAX_SIDE and w * h <= MAX_PIXELS):
        raise source_error(
            path, f"claims a picture of {w}x{h} pixels, more than the {MAX_SIDE} a side that can be handled"
        )
    if _mirrors(frame):
        raise source_error(
            path,
            "asks players to mirror its picture",
            "Make an upright copy first: ffmpeg -i SOURCE -c:a copy -crf 16 COPY.mp4",
        )
    # PyAV counts the turn counter-clockwise, -180..180; players turn the picture clockwise.
    turn = round(-frame.rotation) % 360
    if turn % 90:
        raise source_error(path, f"asks players to turn its picture by {turn} degrees, which is no quarter turn")
    sar = stream.sample_aspect_ratio or c.sample_aspect_ratio or Fraction(1)
    if sar <= 0 or not Fraction(1, 16) <= sar <= 16:
        sar = Fraction(1)
    rate = stream.average_rate or stream.guessed_rate
    if stream.time_base is None:
        raise source_error(path, "gives no time base for its video")
    if stream.time_base > LONGEST_TICK:
        raise source_error(path, f"counts time in steps of {float(stream.time_base):.0f} seconds")
    return VideoFormat(
        codec=c.name,
        pix_fmt=frame.format.name,
        display=Display(w, h, sar.numerator, sar.denominator, turn),
        time_base=Fraction(stream.time_base),
        frame_rate=Fraction(rate) if rate else None,
        color_primaries=int(c.color_primaries),
        color_trc=int(c.color_trc),
        colorspace=int(c.colorspace),
        color_range=int(c.color_range),
        interlaced=bool(frame.interlaced_frame),
        top_field_first=bool(getattr(frame, "top_field_first", False)),
    )


def _is_shown(codec: str, p: Packet[VideoStream]) -> bool:
    """Whether a packet's frame is shown: VP8 has some that others only refer to (RFC 6386 9.1: show_frame)."""
    return codec != "vp8" or not p.size or bool(bytes(p)[0] >> 4 & 1)


def _scan(container: InputContainer, stream: VideoStream) -> tuple[PacketTable, int, list[str]]:
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
    if stream.frames > slots:
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


def _times(table: PacketTable, fmt: VideoFormat, wrong: list[str]) -> tuple[np.ndarray, bool]:
    """(presentation times in display order, whether the container gave all of them)."""
    given = table.pts[table.shown]
    rate = fmt.frame_rate or Fraction(25)
    if (given == NO_PTS).all():
        due = table.dts[table.shown]
        if (due != NO_PTS).all() and (np.diff(due) > 0).all():
            return due - due[0], False  # AVI: one tick a frame, more where a frame is shown longer
        ticks = 1 / (rate * fmt.time_base)
        return np.array([round(i * ticks) for i in range(len(given))], np.int64), False
    missing = int((given == NO_PTS).sum())
    if missing:
        filled = _filled(given, float(1 / (rate * fmt.time_base)))
        if filled is not None:
            return filled, False
        wrong.append(f"{plural(missing, 'frame')} without a presentation time, left out")
        given = given[given != NO_PTS]
    shown = np.unique(given)
    real = table.dts[table.dts != NO_PTS]
    if (np.diff(real) < 0).any():
        wrong.append("a decode timestamp runs backwards")
    if len(shown) < len(given):
        double = plural(len(given) - len(shown), "packet")
        wrong.append(f"{double} with a presentation time that another has, too")
    return shown, True


def _filled(pts: np.ndarray, step: float) -> np.ndarray | None:
    """Times (ticks) in display order where the container gives some only, as recorders' program streams do.

    ``pts``: in the order of the packets, NO_PTS where missing; ``step``: ticks a frame. What has a time keeps it.
    None where nobody can tell which frames the others lie between.
    """
    at = np.flatnonzero(pts != NO_PTS)
    known, every = pts[at], np.arange(len(pts))
    in_order = bool((np.diff(known) > 0).all())
    even = bool((np.abs(np.diff(known) - np.diff(at) * step) <= step / 2).all())
    grid = None if in_order and even else _on_grid(known, len(pts), step)
    if grid is not None:
        return grid
    if not in_order:
        return None
    beyond = np.minimum(every - at[0], 0) + np.maximum(every - at[-1], 0)
    filled = np.rint(np.interp(every, at, known) + beyond * step).astype(np.int64)
    return filled if (np.diff(filled) > 0).all() else None


def _on_grid(known: np.ndarray, count: int, step: float) -> np.ndarray | None:
    """``count`` times at a constant rate of which all ``known`` ones are part; None where they are not."""
    slots = np.rint((known - known.min()) / step).astype(np.int64)
    if len(np.unique(slots)) < len(slots) or slots.max() >= count:
        return None
    filled = known.min() + np.rint(np.arange(count) * step).astype(np.int64)
    if np.abs(filled[slots] - known).max() > step / 4:
        return None
    filled[slots] = known
    return filled if (np.diff(filled) > 0).all() else None


def glance(path: Path, video_index: int = -1) -> tuple[VideoFormat, float | None]:
    """What a file shows at once: its format, and how many seconds it claims to last; None where it claims nothing.

    Reads its header and first frame. Raises SourceError as ``probe`` does.
    """
    check_file(path)
    with open_source(path) as container:
        stream, _ = _choose(container, path, video_index)
        own = stream.duration and float(stream.duration * (stream.time_base or 0))
        whole = container.duration and container.duration / av.time_base
        return _video_format(stream, _first_frame(path, stream.index), path), own or whole or None


def probe(path: Path, video_index: int = -1) -> Source:
    """Counts a video file.

    ``video_index``: number of the stream to release; -1 for the only one.
    Raises SourceError where the file cannot be read, holds no or several video streams, or no
    frame of it can be decoded.
    """
    size = check_file(path)
    modified = path.stat().st_mtime_ns
    with open_source(path) as container:
        stream, others = _choose(container, path, video_index)
        table, last, wrong = _scan(container, stream)
        keys = set(container.metadata) | {f"stream:{k}" for s in container.streams for k in s.metadata}
        # A stream's attributes are read while its container is open: PyAV does not keep them after.
        name, index = container.format.name, stream.index
        announced = (container.duration or 0) / av.time_base if any(c in name for c in _ANNOUNCE_SECONDS) else 0.0
        fmt = _video_format(stream, _first_frame(path, index), path)
    if fmt.interlaced:
        _check_fields(path, index, fmt.codec)
    if any(c in name for c in _ANNOUNCE_SECONDS) and hides_a_border(path):
        raise source_error(
            path,
            "asks players to cut a border off its picture, which would be in the release",
            "Make a copy without it first: ffmpeg -i SOURCE -c:a copy -crf 16 COPY.mp4",
        )
    if not table.shown.any():
        raise source_error(path, "has a video stream without a single frame")
    pts, regular = _times(table, fmt, wrong)
    wrong = [*cut_short(path, name), *wrong]
    there = float((int(pts[-1]) - int(pts[0]) + max(last, 0)) * fmt.time_base)
    if wrong and announced > there + 1:  # by itself it is no damage: sound may last longer
        wrong.insert(0, f"its header announces {announced:.1f} s, its video lasts {there:.1f} s")
    if table.corrupt.any():
        wrong.append(f"{plural(int(table.corrupt.sum()), 'packet')} marked corrupt by the container")
    try:
        digest = file_sha256(path)
    except OSError as e:
        raise SourceError(f"{str(path)!r}: cannot be read: {e.strerror}.", "Check the disk that holds it.") from None
    return Source(
        path=path,
        sha256=digest,
        bytes=size,
        container=name,
        stream_index=index,
        format=fmt,
        pts=pts,
        last_duration=last,
        packets=table,
        regular=regular,
        others=others,
        metadata_keys=tuple(sorted(keys)),
        damage=tuple(wrong),
        modified_ns=modified,
    )
