"""One small clip of every kind of file that is read, by name."""

from __future__ import annotations

from fractions import Fraction

from clips import Clip

# Times in milliseconds: variable rate, and one that does not begin at zero.
_VARIABLE = tuple(int(40 * i + 15 * (i % 3) + (400 if i > 30 else 0)) for i in range(50))
_LATE = tuple(1234 + 40 * i for i in range(50))

CASES = {
    "h264.mp4": Clip(),
    "h264.mov": Clip(),
    "h264.mkv": Clip(),
    "h264.ts": Clip(),
    "h264-no-b.mp4": Clip(options=(("bf", "0"),)),
    "h264-open-gop.mkv": Clip(options=(("x264-params", "open-gop=1:bframes=3:keyint=12"),)),
    "h264-10bit.mkv": Clip(pix_fmt="yuv420p10le"),
    "h264-422.mp4": Clip(pix_fmt="yuv422p"),
    "h264-444.mp4": Clip(pix_fmt="yuv444p"),
    "h264-grey.mp4": Clip(pix_fmt="gray"),
    "h264-full-range.mp4": Clip(pix_fmt="yuvj420p"),
    "h264-odd.mkv": Clip(width=321, height=241, pix_fmt="yuv444p"),
    "h264-variable.mkv": Clip(times=_VARIABLE),
    "h264-variable.mp4": Clip(times=_VARIABLE),
    "h264-late.mp4": Clip(times=_LATE),
    "h264-late.mkv": Clip(times=_LATE),
    "h264-anamorphic.mp4": Clip(width=352, height=288, sar=Fraction(16, 11)),
    "h264-turned.mp4": Clip(rotation=90),
    "h264-upside-down.mov": Clip(rotation=180),
    "h264-interlaced.mp4": Clip(interlaced=True),
    "h264-bt709.mp4": Clip(color=(1, 1, 1, 1)),
    "h265.mp4": Clip(codec="libx265", options=(("x265-params", "log-level=error"),)),
    "h265-10bit.mkv": Clip(codec="libx265", pix_fmt="yuv420p10le", options=(("x265-params", "log-level=error"),)),
    "h265-grey.mp4": Clip(codec="libx265", pix_fmt="gray", options=(("x265-params", "log-level=error"),)),
    "h265-grey-10bit.mkv": Clip(codec="libx265", pix_fmt="gray10le", options=(("x265-params", "log-level=error"),)),
    "h265.ts": Clip(codec="libx265", options=(("x265-params", "log-level=error"),)),
    "mpeg2.ts": Clip(codec="mpeg2video"),
    "mpeg2.mpg": Clip(codec="mpeg2video", container="vob"),
    "mpeg4.avi": Clip(codec="mpeg4"),
    "mpeg4-b.mp4": Clip(codec="mpeg4", options=(("bf", "2"),)),
    "mjpeg.avi": Clip(codec="mjpeg", pix_fmt="yuvj420p"),
    "mjpeg.mov": Clip(codec="mjpeg", pix_fmt="yuvj422p"),
    "vp9.webm": Clip(codec="libvpx-vp9", options=(("deadline", "realtime"), ("cpu-used", "8"))),
    "av1.mkv": Clip(codec="libsvtav1", options=(("preset", "12"),)),
    "raw.h264": Clip(container="h264"),
    "raw.h265": Clip(codec="libx265", container="hevc", options=(("x265-params", "log-level=error"),)),
}
