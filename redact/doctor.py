"""Looks at the machine: what is there, what is missing, how to get it."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av

from redact.detect.cards import checked_weights, load_cards
from redact.errors import RedactError
from redact.media.witness import ffmpeg_version
from redact.run.local import cores

_DECODERS = ("h264", "hevc", "mpeg2video", "mpeg4", "mjpeg", "vp9", "libdav1d")
_ENCODERS = ("libx264", "libx265")
_LEAST_FREE_GB = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: ``ok``, whether redact needs it, and what was seen or what to do."""

    what: str
    ok: bool
    detail: str
    needed: bool = True


def _has(codec: str, mode: str) -> bool:
    try:
        av.codec.Codec(codec, "w" if mode == "w" else "r")
    except (ValueError, av.error.FFmpegError):
        return False
    return True


def examine() -> Iterator[Finding]:
    """Examines the machine, one finding at a time. Raises nothing."""
    yield Finding("CPU", True, f"{platform.machine()}, {cores()} cores for redact")
    yield _gpu()
    for codec in _DECODERS:
        ok = _has(codec, "r")
        yield Finding(f"decoder {codec}", ok, "" if ok else "reinstall PyAV: pip install --force-reinstall av")
    for codec in _ENCODERS:
        ok = _has(codec, "w")
        yield Finding(f"encoder {codec}", ok, "" if ok else "reinstall PyAV: pip install --force-reinstall av")
    yield _ffmpeg()
    try:
        cards = load_cards()
    except RedactError as e:
        yield Finding("model cards", False, str(e))
        cards = {}
    for card in cards.values():
        for weights in card.files.values():
            try:
                path = checked_weights(weights)
            except RedactError as e:
                yield Finding(f"weights {card.name}", False, str(e), needed=not card.can_be_pulled)
            else:
                yield Finding(f"weights {card.name}", True, f"{path.name}, SHA-256 {weights.sha256}")
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Finding(
        "free disk", free >= _LEAST_FREE_GB, f"{free:.1f} GB here; long videos need as much as they are large"
    )


def _gpu() -> Finding:
    try:
        import torch

        if torch.cuda.is_available():
            return Finding("GPU", True, torch.cuda.get_device_name(0), needed=False)
    except (ImportError, OSError, RuntimeError) as e:
        return Finding("GPU", False, f"torch cannot be loaded: {e}", needed=False)
    return Finding("GPU", False, "no CUDA device; the CPU is used", needed=False)


def _ffmpeg() -> Finding:
    try:
        return Finding("ffmpeg program", True, ffmpeg_version())
    except (OSError, subprocess.SubprocessError, RuntimeError) as e:
        return Finding(
            "ffmpeg program", False, f"{e}; install it: apt-get install ffmpeg, or pip install imageio-ffmpeg"
        )
