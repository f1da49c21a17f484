"""Encodes a segment with settings that depend on the source and the recipe only.

One thread and a fresh encoder for each segment: x264 and x265 give other bytes with other thread
counts. What is written aside is a NUT file, the one container that keeps any time base exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType

import av
from av.bitstream import BitStreamFilterContext
from av.codec.context import Flags
from av.video.frame import PictureType
from av.video.stream import VideoStream

from redact.errors import RedactError, WorkerError
from redact.media.source import Excerpt, VideoFormat
from redact.policy import EncodePolicy
from redact.staging import output_error

# Pixel formats each encoder takes as they are; others are converted to the nearest that loses nothing.
_H264_FORMATS = {
    *("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray"),
    *("yuv420p10le", "yuv422p10le", "yuv444p10le", "gray10le", "nv12"),
}
_H265_FORMATS = (_H264_FORMATS | {"yuv420p12le", "yuv422p12le", "yuv444p12le", "gray12le", "gbrp", "gbrp10le"}) - {
    "nv12"
}
_CONVERTED = {
    **dict.fromkeys(("yuv411p", "yuv410p", "yuv440p", "yuvj440p", "yuvj411p"), "yuv444p"),
    **dict.fromkeys(("yuyv422", "uyvy422"), "yuv422p"),
    **dict.fromkeys(("p010le",), "yuv420p10le"),
}
# NAL types of supplemental enhancement information (ITU-T H.264 table 7-1: 6; H.265 table 7-1: 39, 40).
# User data, captions and the encoder's own signature travel there; a release carries none of it.
_SEI = {"libx264": "6", "libx265": "39-40"}


_RGB, _BT601 = 0, 5  # matrix coefficients, ISO/IEC 23091-2


@dataclass(frozen=True, slots=True)
class Encoding:
    """The encoder and pixel format chosen for a source."""

    codec: str
    pix_fmt: str


def choose_encoding(fmt: VideoFormat) -> Encoding:
    """H.265 for H.265, H.264 for everything else; the source's own pixel format wherever the encoder takes it.

    Where the encoder does not take it at the picture's size, with finer chroma.
    """
    codec = "libx265" if fmt.codec == "hevc" else "libx264"
    takes = _H265_FORMATS if codec == "libx265" else _H264_FORMATS
    deep = any(d in fmt.pix_fmt for d in ("10", "12", "14", "16"))
    default = "yuv444p10le" if deep else "yuv444p"
    target = fmt.pix_fmt if fmt.pix_fmt in takes else _CONVERTED.get(fmt.pix_fmt, default)
    return Encoding(codec, _at_size(target if target in takes else default, fmt))


def _at_size(pix_fmt: str, fmt: VideoFormat) -> str:
    """The pixel format in which a picture of this size can be coded: whole samples of chroma, in each field."""
    w, h = fmt.display.width, fmt.display.height
    pix_fmt = "yuv420p" if pix_fmt == "nv12" and (w % 2 or h % (4 if fmt.interlaced else 2)) else pix_fmt
    if "420" in pix_fmt and fmt.interlaced and h % 4 == 2 and w % 2 == 0:
        return pix_fmt.replace("420", "422")
    if ("420" in pix_fmt and (w % 2 or h % 2)) or ("422" in pix_fmt and w % 2):
        return pix_fmt.replace("420", "444").replace("422", "444")
    return pix_fmt


def aside_offset(start_pts: int, time_base: Fraction) -> int:
    """Ticks added to all times in a segment file.

    NUT has no negative times and shifts a file that would need them, each by another amount. Packets
    are due at ticks 0, 1, 2 and so on, which must not be later than they are shown: reordering
    moves a frame by 16 places at most (H.264 and H.265, annex A).
    """
    return max(0, -start_pts) + max(int(60 / time_base), 64)


class SegmentWriter:
    """Writes one segment's frames to ``file``; use it as a context manager.

    Raises SpaceError where the disk is full, UsageError where the file cannot be written and WorkerError
    where the encoder fails. A file that was not closed without error is no segment; the caller removes it.
    """

    def __init__(self, file: Path, source: Excerpt, policy: EncodePolicy) -> None:
        self._file = file
        self._encoding = choose_encoding(source.format)
        self._format = source.format
        self._offset = aside_offset(source.start_pts, source.format.time_base)
        self._policy = policy
        self._filter: BitStreamFilterContext | None = None
        self.frames = 0
        self._packets = 0

    def __enter__(self) -> SegmentWriter:
        try:
            self._container = av.open(f"file:{self._file}", "w", format="nut", options={"fflags": "+bitexact"})
        except av.error.FFmpegError as e:
            raise write_error(self._file, e) from None
        f = self._format
        rate = f.frame_rate or 25
        stream = self._container.add_stream(self._encoding.codec, rate=rate)
        assert isinstance(stream, VideoStream)
        c = stream.codec_context
        c.width, c.height, c.pix_fmt = f.display.width, f.display.height, self._encoding.pix_fmt
        c.time_base = stream.time_base = f.time_base
        c.thread_count = 1
        c.flags |= Flags.global_header | Flags.bitexact
        if f.interlaced:
            c.flags |= Flags.interlaced_dct | Flags.interlaced_me
        c.color_primaries, c.color_trc, c.colorspace = f.color_primaries, f.color_trc, f.colorspace
        c.color_range = 2 if self._encoding.pix_fmt.startswith("yuvj") else f.color_range
        if f.colorspace == _RGB and not self._encoding.pix_fmt.startswith("gbr"):
            c.colorspace, c.color_range = _BT601, 1  # as the library converts
        if (f.display.sar_num, f.display.sar_den) != (1, 1):
            c.sample_aspect_ratio = stream.sample_aspect_ratio = Fraction(f.display.sar_num, f.display.sar_den)
        options = {"preset": self._policy.preset, "crf": str(self._policy.crf)}
        if self._encoding.codec == "libx264" and has_avx512():
            # x264's macroblock tree reads memory that nobody wrote where it uses AVX-512: the same pictures then
            # give other bytes from run to run. With AVX2 it gives what it gives on machines that have no more.
            options["x264-params"] = "asm=avx2"
        if self._encoding.codec == "libx265":
            options["x265-params"] = "pools=none:frame-threads=1:log-level=error:info=0"
        c.options = options
        self._stream = stream
        return self

    def write(self, image: av.VideoFrame, pts: int) -> None:
        """Encodes a picture shown at ``pts`` ticks of the source's time base."""
        if image.format.name != self._encoding.pix_fmt:
            image = image.reformat(format=self._encoding.pix_fmt)
        image.pts = pts + self._offset
        image.time_base = self._format.time_base
        image.pict_type = PictureType.NONE  # the source's own would be taken as an order
        self.frames += 1
        self._put(image)

    def _put(self, image: av.VideoFrame | None) -> None:
        try:
            for packet in self._stream.encode(image):
                if self._filter is None:
                    types = _SEI[self._encoding.codec]
                    self._filter = BitStreamFilterContext(f"filter_units=remove_types={types}", self._stream)
                for clean in self._filter.filter(packet):
                    clean.stream = self._stream
                    # x265 leaves decode times undefined in streams of a frame or two; muxing makes its own.
                    clean.dts = self._packets
                    self._packets += 1
                    self._container.mux(clean)
        except av.error.FFmpegError as e:
            raise write_error(self._file, e) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._put(None)
        try:
            self._container.close()
        except av.error.FFmpegError as e:
            if kind is None:
                raise write_error(self._file, e) from None


@cache
def has_avx512() -> bool:
    """Whether this machine's processor has AVX-512 (of Linux only; False where it does not say)."""
    try:
        return "avx512" in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False


def write_error(file: Path, e: av.error.FFmpegError) -> RedactError:
    """What an error while ``file`` is made means to the operator: the operating system's about the place, or ours."""
    if isinstance(e, OSError):
        return output_error(file, e)
    return WorkerError(
        f"{str(file)!r}: encoding failed: {e.strerror}.", "Run again; `redact doctor` tests the encoders."
    )
