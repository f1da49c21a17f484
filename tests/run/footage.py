"""Short clips with real faces, a recipe that is quick, files of requests over them, and what a batch gave."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from clips import Clip, write_clip

from redact.demo import frames

FAST = """
schema = 1
name = "fast"
description = "For tests: few pixels, few looks, little compression."
[obscure]
kinds = ["face", "plate"]
[detect]
detectors = ["redact-pico"]
size_px = 320
look_seconds = 0.2
second_detectors = []
[audio]
mode = "keep"
[damage]
on_damage = "refuse"
[verify]
look_seconds = 1
min_score = 0.9
[encode]
crf = 20
preset = "ultrafast"
"""

SIZE = (320, 180)


@dataclass(frozen=True)
class Footage:
    """A folder of clips."""

    folder: Path
    clips: tuple[Path, ...]


@cache
def _scenes() -> tuple[np.ndarray, ...]:
    return tuple(cv2.resize(pixels, SIZE, interpolation=cv2.INTER_AREA) for pixels in frames())


def write_footage(
    file: Path, first: int, last: int, *, mirrored: bool = False, sound: bool = True, noise: bool = False
) -> Path:
    """Frames ``first`` to ``last`` of the demo's scenes, small, with a tone; ``noise`` makes a large file."""
    rng = np.random.default_rng(1)

    def picture(_: Clip, i: int) -> np.ndarray:
        small = _scenes()[first + i]
        out = small[:, ::-1] if mirrored else small
        if noise:
            out = np.clip(out + rng.normal(0, 25, out.shape), 0, 255).astype(np.uint8)
        return np.ascontiguousarray(out)

    options = (("crf", "20"), ("preset", "veryfast"))
    clip = Clip(width=SIZE[0], height=SIZE[1], frames=last - first, gop=24, options=options, audio=sound)
    return write_clip(file, clip, picture)


def make_footage(folder: Path) -> Footage:
    """Four clips of two to four seconds."""
    return Footage(
        folder,
        (
            write_footage(folder / "street.mp4", 0, 60),
            write_footage(folder / "walk.mp4", 80, 150, sound=False),
            write_footage(folder / "cut.mp4", 40, 120),
            write_footage(folder / "mirror.mkv", 0, 50, mirrored=True),
        ),
    )


def write_requests(file: Path, requests: Iterable[dict[str, Any]], recipe: Path | str = "") -> Path:
    """A file of requests as JSON Lines."""
    defaults = {"operator": "07", "purpose": "a test", "legal_basis": "none needed"}
    if recipe:
        defaults["recipe"] = str(recipe)
    rows = [{"defaults": defaults}, *requests]
    file.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
    return file


def released(folder: Path) -> dict[str, str]:
    """Digest of each release and each plan in the folder of a batch, by name."""
    names = sorted(p for p in folder.glob("*") if p.suffix in (".mp4", ".mkv", ".png") or p.name.endswith(".plan.json"))
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in names}


def leftovers(folder: Path) -> list[str]:
    """What a finished batch must not leave: work in progress, and pieces of segments."""
    return [str(p.relative_to(folder)) for pattern in (".redact-*", ".batch/scratch/*") for p in folder.glob(pattern)]
