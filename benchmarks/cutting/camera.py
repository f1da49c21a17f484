"""A camera that is a window on a photograph, how it moves from one look to the next, and what it shows."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Random = np.random.Generator

LONG = 320  # px of a picture's long side
SHAPES = ((16, 9),) * 7 + ((4, 3),) * 2 + ((9, 16),)
LEAST = (380, 168)  # width and height of a photograph, px
# Sets of labelled pictures whose pictures are not copies of one another, turned or stretched.
SETS = ("unknowncz", "robertlucian", "oalprneg", "darun", "openimages", "rodashcam", "ilcmask")
DRIVES = ("robertlucian", "rodashcam")  # pictures of the same drives, in the order of time


@lru_cache(maxsize=2000)
def read(file: Path) -> Pixels:
    """A photograph, RGB (H, W, 3)."""
    return np.asarray(cv2.imread(str(file), cv2.IMREAD_COLOR_RGB), np.uint8)


@dataclass(frozen=True)
class Window:
    """What a camera sees: the part of a photograph around ``x``, ``y``, ``width`` px wide, turned by ``angle`` rad."""

    x: float
    y: float
    width: float
    angle: float = 0.0


@dataclass(frozen=True)
class Camera:
    """How a camera moves from one look to the next, in shares of the picture: (0.2, 0) is a pan by a fifth of it."""

    pan: tuple[float, float] = (0.0, 0.0)
    zoom: float = 1.0
    roll: float = 0.0
    blur: float | None = None
    """Share of ``pan`` that goes by while the shutter is open; None: any up to a third."""


@dataclass
class Photographs:
    """The photographs of one split that are large enough."""

    files: list[Path]
    fits: dict[Path, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, data: Path, split: str) -> Photographs:
        found = sorted(f for f in (data / split / "images").iterdir() if f.name.split("-")[0] in SETS)
        return cls(found)

    def any(self, rng: Random, names: tuple[str, ...] = SETS) -> Path:
        files = [f for f in self.files if f.name.split("-")[0] in names]
        while True:
            f = files[rng.integers(len(files))]
            if f not in self.fits:
                h, w = read(f).shape[:2]
                self.fits[f] = w >= LEAST[0] and h >= LEAST[1]
            if self.fits[f]:
                return f


def shape(rng: Random) -> tuple[int, int]:
    """Width and height of a picture: mostly 16:9, some 4:3, some upright."""
    w, h = SHAPES[rng.integers(len(SHAPES))]
    return round(LONG * w / max(w, h)), round(LONG * h / max(w, h))


def show(photo: Pixels, window: Window, size: tuple[int, int], blur: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """What a camera shows of a photograph, (h, w, 3); ``blur``: by what share of the picture it moves meanwhile."""
    shrink = min(1.0, size[0] / window.width)
    if shrink < 0.9:  # without aliasing
        photo = np.asarray(cv2.resize(photo, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    else:
        shrink = 1.0
    scale = size[0] / (window.width * shrink)
    cos, sin = math.cos(window.angle) * scale, math.sin(window.angle) * scale
    steps = max(1, round(max(abs(blur[0]) * size[0], abs(blur[1]) * size[1])))  # a pixel each
    out = np.zeros((size[1], size[0], 3), np.float32)
    for n in range(steps):
        t = (n + 0.5) / steps - 0.5
        x = window.x * shrink + blur[0] * t * size[0] / scale
        y = window.y * shrink + blur[1] * t * size[1] / scale
        move = np.array([[cos, -sin, size[0] / 2 - cos * x + sin * y], [sin, cos, size[1] / 2 - sin * x - cos * y]])
        out += cv2.warpAffine(photo, move, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return out / steps


def place(rng: Random, photo: Pixels, size: tuple[int, int], pan: tuple[float, float] = (0.0, 0.0)) -> Window:
    """A window from which the camera can pan by ``pan`` and still sees the photograph."""
    height, width = photo.shape[:2]
    aspect = size[0] / size[1]
    w = min(width / (1 + abs(pan[0])), height * aspect / (1 + abs(pan[1]))) * rng.uniform(0.85, 1)

    def middle(long: float, part: float, share: float) -> float:
        low, high = part / 2 + max(0.0, -share) * part, long - part / 2 - max(0.0, share) * part
        return float(rng.uniform(low, max(low, high)))

    return Window(middle(width, w, pan[0]), middle(height, w / aspect, pan[1]), w)


def pass_through(rng: Random, other: Pixels, pair: tuple[Floats, Floats], height: float, way: float) -> None:
    """Something ``height`` pictures high moves by ``way`` picture widths."""
    h, w = pair[0].shape[:2]
    high = round(h * height)
    wide = max(8, round(high * rng.uniform(0.4, 1.0)))
    thing = np.asarray(cv2.resize(other, (wide, high), interpolation=cv2.INTER_AREA), np.float32)
    mask = np.zeros((high, wide), np.float32)
    cv2.ellipse(mask, (wide // 2, high // 2), (wide // 2, high // 2), 0, 0, 360, 1.0, -1)
    x, y = rng.uniform(-0.2, 1) * w, rng.uniform(0.1, 0.9) * h - high / 2
    for picture, by in zip(pair, (0.0, way * w), strict=True):
        left, top = round(x + by), round(y)
        x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + wide, w), min(top + high, h)
        if x2 > x1 and y2 > y1:
            part = np.s_[y1 - top : y2 - top, x1 - left : x2 - left]
            m = mask[part][..., None]
            picture[y1:y2, x1:x2] = picture[y1:y2, x1:x2] * (1 - m) + thing[part] * m


def as_filmed(picture: Floats, rng: Random, noise: float | None = None) -> Pixels:
    """With noise, in 8 bits."""
    sigma = rng.uniform(0, 5) if noise is None else noise
    return np.clip(picture + rng.normal(0, 1, picture.shape) * sigma, 0, 255).astype(np.uint8)


def panned(rng: Random, share: float) -> Camera:
    """A pan by ``share`` of the picture, mostly sideways."""
    if rng.random() < 0.75:
        return Camera((float(rng.choice([-1, 1])) * share, rng.uniform(-0.1, 0.1) * min(1, 2 * share)))
    turn = rng.uniform(0, 2 * math.pi)
    return Camera((share * math.cos(turn), share * math.sin(turn)))


def shaken(rng: Random) -> Camera:
    pan = panned(rng, rng.uniform(0.05, 0.2)).pan
    return Camera(pan, rng.uniform(1, 1.1), rng.uniform(-6, 6), rng.uniform(0.3, 0.7))


def rolled(rng: Random, degrees: float) -> Camera:
    return Camera(panned(rng, 0.05).pan, roll=degrees * float(rng.choice([-1, 1])))
