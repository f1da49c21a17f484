"""Pairs of pictures as two looks at a video would show them, made of photographs: one scene, or a cut.

A camera is a window on a photograph. It pans, tilts, zooms, rolls and shakes at a known speed, with the blur of up to
a third of the way between two looks; something may pass through the picture on its own; light changes; noise differs.
What a pair is depends on its kind and number alone.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
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
SPEEDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


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


Light = Callable[[Floats, Random], Floats]
Pair = tuple[Pixels, Pixels]


def one_scene(
    photos: Photographs,
    rng: Random,
    camera: Camera = Camera(),
    *,
    light: Light | None = None,
    passer: tuple[float, float] | None = None,
    noise: float | None = None,
    both: Light | None = None,
) -> Pair:
    """Two looks at one scene. ``light`` changes between them; ``both`` holds in both."""
    size = shape(rng)
    photo = read(photos.any(rng))
    before = place(rng, photo, size, camera.pan)
    wide, high = before.width, before.width * size[1] / size[0]
    after = Window(
        before.x + camera.pan[0] * wide, before.y + camera.pan[1] * high, wide / camera.zoom, math.radians(camera.roll)
    )
    open_for = rng.uniform(0, 1 / 3) if camera.blur is None else camera.blur
    blur = camera.pan[0] * open_for, camera.pan[1] * open_for
    a, b = show(photo, before, size, blur), show(photo, after, size, blur)
    if passer:
        pass_through(rng, read(photos.any(rng)), (a, b), *passer)
    elif rng.random() < 0.5:
        pass_through(rng, read(photos.any(rng)), (a, b), rng.uniform(0.1, 0.5), rng.uniform(-0.3, 0.3))
    if light:
        b = light(b, rng)
    elif rng.random() < 0.5:
        b = b * np.float32(rng.uniform(0.9, 1.1))
    if both:
        state = rng.bit_generator.state
        a = both(a, rng)
        rng.bit_generator.state = state  # the same in both
        b = both(b, rng)
    if rng.random() < 0.5:
        a, b = b, a
    return as_filmed(a, rng, noise), as_filmed(b, rng, noise)


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


def times(low: float, high: float) -> Light:
    """Exposure: all of it by one factor."""
    return lambda p, rng: p * np.float32(rng.uniform(low, high))


def gamma(p: Floats, rng: Random) -> Floats:
    return (255 * (np.clip(p, 0, 255) / 255) ** rng.choice([0.5, 0.6, 1.7, 2.2])).astype(np.float32)


def flash(p: Floats, rng: Random) -> Floats:
    return p * np.float32(rng.uniform(1.2, 2)) + np.float32(rng.uniform(40, 140))


def lamps(p: Floats, rng: Random) -> Floats:
    """Two headlights or lamps switched on."""
    h, w = p.shape[:2]
    y, x = np.mgrid[0:h, 0:w]
    out, cx, cy, apart = p.copy(), rng.uniform(0.1, 0.9) * w, rng.uniform(0.2, 0.8) * h, rng.uniform(0.05, 0.2) * w
    for at in (cx - apart, cx + apart):
        glow = np.exp(-((x - at) ** 2 + (y - cy) ** 2) / (2 * (0.6 * apart) ** 2))
        out += (rng.uniform(150, 400) * glow)[..., None].astype(np.float32)
    return out * np.float32(rng.uniform(0.8, 1.1))


def from_the_side(p: Floats, rng: Random) -> Floats:
    ramp = np.linspace(rng.uniform(0.4, 1), rng.uniform(1, 1.8), p.shape[1], dtype=np.float32)
    return p * (ramp if rng.random() < 0.5 else ramp[::-1])[None, :, None]


def night(p: Floats, rng: Random) -> Floats:
    """The same place by night: dark, bluish, with lamps."""
    dark = gamma_of(p, 1.8) * np.array([0.25, 0.28, 0.4], np.float32) * np.float32(rng.uniform(0.6, 1.2))
    return lamps(dark, rng)


def gamma_of(p: Floats, by: float) -> Floats:
    return (255 * (np.clip(p, 0, 255) / 255) ** by).astype(np.float32)


def cut(
    photos: Photographs,
    rng: Random,
    other: Callable[[Path], Path] | None = None,
    *,
    blur: float = 0.0,
    both: Light | None = None,
) -> Pair:
    """Two photographs, ``other`` chosen by the first."""
    size = shape(rng)
    first = photos.any(rng)
    second = other(first) if other else first
    while second == first:
        second = photos.any(rng)
    out = []
    for f in (first, second):
        photo = read(f)
        shown = show(photo, place(rng, photo, size), size, (float(rng.choice([-1, 1])) * blur, 0.0))
        out.append(as_filmed(both(shown, rng) if both else shown, rng))
    return out[0], out[1]


def like(photos: Photographs, rng: Random) -> Pair:
    """A cut to another photograph of the same set: of the same kind, often from the same camera."""

    def same_set(first: Path) -> Path:
        while (found := photos.any(rng, (first.name.split("-")[0],))) == first:
            pass
        return found

    return cut(photos, rng, same_set)


def later(photos: Photographs, rng: Random) -> Pair:
    """A cut in the film of one drive, to three pictures later."""
    drive = [f for f in photos.files if f.name.split("-")[0] in DRIVES]
    n = int(rng.integers(len(drive) - 3))
    size = (LONG, LONG * 9 // 16)
    a, b = (as_filmed(show(p, place(rng, p, size), size), rng) for p in (read(drive[n]), read(drive[n + 3])))
    return a, b


def elsewhere(photos: Photographs, rng: Random) -> Pair:
    """A cut to another part of the same photograph, of the same light and things: no part is in both."""
    size = (LONG, LONG * 9 // 16)
    photo = read(photos.any(rng))
    high, wide = photo.shape[:2]
    w = min(wide * 0.48, high * 16 / 9)
    h, gap = w * 9 / 16, wide - 2 * w
    left, right = w / 2 + rng.uniform(0, gap / 2), wide - w / 2 - rng.uniform(0, gap / 2)
    y = rng.uniform(h / 2, high - h / 2)
    other = float(np.clip(y + rng.uniform(-0.2, 0.2) * h, h / 2, high - h / 2))
    return as_filmed(show(photo, Window(left, y, w), size), rng), as_filmed(
        show(photo, Window(right, other, w), size), rng
    )


def close_up(photos: Photographs, rng: Random) -> Pair:
    """A cut from a whole scene to a part of it, 2.5 to 4 times as large."""
    size = (LONG, LONG * 9 // 16)
    photo = read(photos.any(rng))
    whole = place(rng, photo, size)
    w = whole.width / rng.uniform(2.5, 4)
    room = whole.width - w
    part = Window(whole.x + rng.uniform(-0.5, 0.5) * room, whole.y + rng.uniform(-0.5, 0.5) * room * 9 / 16, w)
    return as_filmed(show(photo, whole, size), rng), as_filmed(show(photo, part, size), rng)


def dissolved(photos: Photographs, rng: Random) -> Pair:
    """Two looks in a dissolve that takes six: most of the one is in the other."""
    a, b = (p.astype(np.float32) for p in cut(photos, rng))
    share = rng.integers(0, 6) / 6
    first, second = (a * (1 - s) + b * s for s in (share, share + 1 / 6))
    return as_filmed(first, rng, 0), as_filmed(second, rng, 0)


def dressed(pair: Pair, rng: Random) -> Pair:
    """With black bars above and below, or at the sides, and the time written in."""
    high, wide = pair[0].shape[:2]
    share = rng.uniform(0.08, 0.14)
    rows, columns = (round(share * high), 0) if rng.random() < 0.5 else (0, round(share * wide))
    out = []
    for p in pair:
        q = np.zeros_like(p)
        q[rows : high - rows, columns : wide - columns] = p[rows : high - rows, columns : wide - columns]
        at, size = (columns + 4, high - rows - 8), wide / 800
        for shade, thickness in ((0, 2), (255, 1)):
            cv2.putText(q, "2026-03-14 21:07:55 CAM 04", at, 0, size, (shade,) * 3, thickness, cv2.LINE_AA)
        out.append(q)
    return out[0], out[1]


Kind = Callable[[Photographs, Random], Pair]


def _scenes() -> dict[str, Kind]:
    still = Camera()
    out: dict[str, Kind] = {"still camera": one_scene}
    for v in SPEEDS:
        out[f"pan {v:.0%}"] = lambda p, r, v=v: one_scene(p, r, panned(r, v))  # type: ignore[misc]
    for z in (1.1, 1.25, 1.5):
        out[f"zoom {z:g}"] = lambda p, r, z=z: one_scene(p, r, Camera(zoom=z))  # type: ignore[misc]
    for d in (5, 10, 20):
        out[f"roll {d}°"] = lambda p, r, d=d: one_scene(p, r, rolled(r, d))  # type: ignore[misc]
    dark, noisy = times(0.1, 0.25), (2.0, 6.0)
    return out | {
        "shaken camera": lambda p, r: one_scene(p, r, shaken(r)),
        "passer-by as high as the picture": lambda p, r: one_scene(
            p, r, passer=(r.uniform(0.8, 1.2), r.uniform(0.3, 0.9) * float(r.choice([-1, 1])))
        ),
        "dark and noisy": lambda p, r: one_scene(p, r, both=dark, noise=r.uniform(*noisy)),
        "dark and noisy, pan 15%": lambda p, r: one_scene(p, r, panned(r, 0.15), both=dark, noise=r.uniform(*noisy)),
        "bars and the time written in, pan 15%": lambda p, r: dressed(one_scene(p, r, panned(r, 0.15)), r),
        "light: darker": lambda p, r: one_scene(p, r, still, light=times(0.2, 0.6)),
        "light: brighter": lambda p, r: one_scene(p, r, still, light=times(1.5, 2.5)),
        "light: fading to black": lambda p, r: one_scene(p, r, still, light=times(0.0, 0.2)),
        "light: gamma": lambda p, r: one_scene(p, r, still, light=gamma),
        "light: flash": lambda p, r: one_scene(p, r, still, light=flash),
        "light: lamps": lambda p, r: one_scene(p, r, still, light=lamps),
        "light: from the side": lambda p, r: one_scene(p, r, still, light=from_the_side),
        "light: darker, pan 20%": lambda p, r: one_scene(p, r, panned(r, 0.2), light=times(0.5, 0.8)),
    }


# More than cameras on people and cars do in an eighth of a second: not counted where limits are chosen.
EXTREME = ("pan 60%", "pan 70%", "pan 80%", "zoom 1.5", "roll 20°")
SCENES: dict[str, Kind] = _scenes()
CUTS: dict[str, Kind] = {
    "another scene": cut,
    "another scene of the same kind": like,
    "later on the same drive": later,
    "elsewhere in the same scene": elsewhere,
    "to a close-up": close_up,
    "both blurred by a pan": lambda p, r: cut(p, r, blur=r.uniform(0.05, 0.2)),
    "bars and the time written in": lambda p, r: dressed(cut(p, r), r),
    "both dark": lambda p, r: cut(p, r, both=times(0.12, 0.3)),
}
NEITHER: dict[str, Kind] = {
    "the same place by day and by night": lambda p, r: one_scene(p, r, light=night),
    "a sixth of a dissolve": dissolved,
}


def pairs(kind: str, photos: Photographs, split: str, number: int) -> Iterator[Pair]:
    """The first ``number`` pairs of a kind."""
    make = {**SCENES, **CUTS, **NEITHER}[kind]
    for n in range(number):
        yield make(photos, np.random.default_rng([zlib.crc32(f"{split}/{kind}".encode()), n]))
