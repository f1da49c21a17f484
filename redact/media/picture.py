"""What a video's picture is, by its header and its first frame: size, form, turn, colours."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.codec.context import Flags
from av.video.stream import VideoStream

from redact.geometry import Display
from redact.media.container import open_source, source_error
from redact.media.source import VideoFormat

MAX_SIDE = 16384  # px: the largest H.264/H.265 picture side (H.265 level 6.2 allows 16888 x 4096 and the like)
MAX_PIXELS = 8192 * 8192
LONGEST_TICK = 3600  # seconds: a time lapse may show a frame an hour; beyond that a header is damaged
_FIELDS_LOOKED_AT = 40  # packets


def check_fields(path: Path, index: int, codec: str) -> None:
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


def crop_exactly(stream: VideoStream) -> None:
    """To be called before anything of the stream is decoded.

    By itself the library cuts off less at the left than the stream asks for, so that its rows stay aligned in memory,
    and shows what no player does.
    """
    stream.codec_context.flags |= Flags.unaligned


def first_frame(path: Path, index: int) -> av.VideoFrame:
    """Decodes the first frame that the decoder gives, for what only a frame tells (rotation, pixel format)."""
    with open_source(path) as container:
        stream = container.streams[index]
        assert isinstance(stream, VideoStream)
        crop_exactly(stream)
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


def video_format(stream: VideoStream, frame: av.VideoFrame, path: Path) -> VideoFormat:
    """What the release must keep of the picture. Raises SourceError for what cannot be kept, such as a mirrored one."""
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
    unread = stream.metadata.get("alpha_mode") == "1"  # VP8 and VP9 keep it apart, where the usual decoder passes it by
    if unread or any(part.is_alpha for part in frame.format.components):
        how = f"-c:v libvpx{'-vp9' if c.name == 'vp9' else ''} " if unread else ""
        raise source_error(
            path,
            "is transparent in part, and would show what is hidden there",
            f"Make a copy on black first: ffmpeg {how}-i SOURCE -c:a copy -vf premultiply=inplace=1 "
            "-pix_fmt yuv420p -crf 16 COPY.mp4",
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
