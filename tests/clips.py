"""Generates clips with a stated pattern, in any codec, format and timing that the tests need."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg
import numpy as np
from av.codec.context import Flags

from redact.media.encode import has_avx512
from redact.media.witness import ffmpeg_program


@dataclass(frozen=True)
class Clip:
    """What to generate. Frame i is a moving gradient with a bright square at x = 4 i."""

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    width: int = 320
    height: int = 240
    frames: int = 50
    rate: int = 25
    times: tuple[int, ...] | None = None
    """Presentation times in ticks of 1/1000 s; None for a constant rate from zero."""
    gop: int = 12
    options: tuple[tuple[str, str], ...] = ()
    audio: bool = False
    sar: Fraction | None = None
    rotation: int = 0
    """Clockwise, as a player turns it."""
    metadata: tuple[tuple[str, str], ...] = ()
    container: str | None = None
    interlaced: bool = False
    color: tuple[int, int, int, int] | None = None
    """Primaries, transfer, matrix, range."""
    bitexact: bool = False
    """The same file each time: no random numbers in its header, no dates, no versions."""


def pattern(clip: Clip, i: int) -> np.ndarray:
    """Frame ``i`` as RGB (H, W, 3) uint8."""
    y, x = np.mgrid[0 : clip.height, 0 : clip.width]
    image = np.stack([(x + 3 * i) % 256, (y + 2 * i) % 256, (x + y) // 2 % 256], 2).astype(np.uint8)
    left = 4 * i % max(1, clip.width - 20)
    image[20:40, left : left + 20] = 250
    return image


def write_clip(file: Path, clip: Clip, picture: Callable[[Clip, int], np.ndarray] = pattern) -> Path:
    """Writes ``clip`` to ``file`` and returns it; ``picture`` draws its frames."""
    flags = {"fflags": "+bitexact"} if clip.bitexact else {}
    with _as_urgent_as_before(), av.open(str(file), "w", format=clip.container, options=flags) as out:
        for k, v in clip.metadata:
            out.metadata[k] = v
        s = out.add_stream(clip.codec, rate=clip.rate)
        c = s.codec_context
        s.width, s.height, s.pix_fmt = clip.width, clip.height, clip.pix_fmt
        c.gop_size = clip.gop
        c.options = dict(clip.options)
        if clip.codec == "libx264" and "x264-params" not in c.options and has_avx512():
            c.options = {**c.options, "x264-params": "asm=avx2"}  # with AVX-512 no two files are alike
        base = Fraction(1, 1000) if clip.times else Fraction(1, clip.rate)
        c.time_base = s.time_base = base
        c.thread_count = 1
        if clip.sar:
            c.sample_aspect_ratio = s.sample_aspect_ratio = clip.sar
        if clip.rotation:
            s.set_display_rotation(-clip.rotation)
        if clip.interlaced:
            c.flags |= Flags.interlaced_dct | Flags.interlaced_me
        if clip.color:
            c.color_primaries, c.color_trc, c.colorspace, c.color_range = clip.color
        sound = out.add_stream("aac", rate=48000) if clip.audio else None
        for i in range(clip.frames):
            frame = av.VideoFrame.from_ndarray(picture(clip, i), format="rgb24").reformat(format=clip.pix_fmt)
            frame.pts = clip.times[i] if clip.times else i
            frame.time_base = base
            out.mux(s.encode(frame))
        out.mux(s.encode(None))
        if sound is not None:
            total = clip.frames * 48000 // clip.rate
            for start in range(0, total, 1024):
                t = np.arange(start, start + 1024) / 48000
                samples = (0.2 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)[None]
                a = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
                a.sample_rate, a.pts, a.time_base = 48000, start, Fraction(1, 48000)
                out.mux(sound.encode(a))
            out.mux(sound.encode(None))
    return file


@contextmanager
def _as_urgent_as_before() -> Iterator[None]:
    """SVT-AV1 makes root's calling thread a real-time one: all that the tests started after it starved the machine."""
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, priority)


def repeat_clip(file: Path, times: int) -> Path:
    """Writes two seconds of 640x480 to ``file``, ``times`` times over but encoded once: long, and made in no time."""
    once = write_clip(file.with_name("once.mp4"), Clip(frames=50, width=640, height=480))
    many = ffmpeg.input(str(once), stream_loop=times - 1)
    ffmpeg.output(many, str(file), c="copy").run(cmd=ffmpeg_program(), quiet=True)
    return file
