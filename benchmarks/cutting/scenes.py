"""Pairs of pictures as two looks at a video would show them, made of photographs: one scene, or a cut.

A camera is a window on a photograph. It pans, tilts, zooms, rolls and shakes at a known speed, with the blur of up to
a third of the way between two looks; something may pass through the picture on its own; light changes; noise differs.
What a pair is depends on its kind and number alone.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
from cutting.camera import (
    DRIVES,
    LONG,
    Camera,
    Photographs,
    Pixels,
    Random,
    Window,
    as_filmed,
    panned,
    pass_through,
    place,
    read,
    rolled,
    shaken,
    shape,
    show,
)
from cutting.lights import Light, flash, from_the_side, gamma, lamps, night, times

SPEEDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


STILL = Camera()
Pair = tuple[Pixels, Pixels]


def one_scene(
    photos: Photographs,
    rng: Random,
    camera: Camera = STILL,
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
