"""The files that are damaged: pictures of the demo clip in every container and codec that the tests know."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from machine import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from clips import Clip, write_clip
from kinds import CASES

FRAMES = 20
SIZE = (320, 180)


@cache
def _pictures() -> tuple[np.ndarray, ...]:
    """Frames from the demo clip, RGB: the end of its street with people, a cut, and a walk past the camera."""
    from redact.demo import frames

    chosen = [f for i, f in enumerate(frames()) if 60 <= i < 70 or 95 <= i < 105]
    return tuple(chosen[:FRAMES])


def picture(clip: Clip, i: int) -> np.ndarray:
    return cv2.resize(_pictures()[i], (clip.width, clip.height), interpolation=cv2.INTER_AREA)


def make_files(folder: Path, kinds: Iterable[str] = CASES) -> dict[str, Path]:
    """Writes one short clip of each kind, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name in kinds:
        clip = CASES[name]
        odd = clip.width % 2
        audio = name in ("h264.mp4", "h264.mkv", "mpeg2.ts")
        small = replace(clip, width=SIZE[0] + odd, height=SIZE[1] + odd, frames=FRAMES, gop=8, audio=audio)
        small = replace(small, bitexact=True, options=_same_each_time(clip))
        files[name] = write_clip(folder / name, small, picture)
    return files


def _same_each_time(clip: Clip) -> tuple[tuple[str, str], ...]:
    """The clip's options, and for x264 no macroblock tree: with AVX-512 its bytes differ from run to run."""
    if clip.codec != "libx264":
        return clip.options
    options = dict(clip.options)
    params = [v for v in (options.get("x264-params"), "mbtree=0") if v]
    return tuple((options | {"x264-params": ":".join(params)}).items())
