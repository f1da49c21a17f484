"""How light changes from one look to the next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from cutting.camera import Floats, Random

Light = Callable[[Floats, Random], Floats]


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
