"""The faces that are attacked: drawn or photographed, with what is around them; and other pictures of the same."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from redact.geometry import Box

SIDE = 128  # a scene: a face with what is around it
FACE = 64  # its height, px
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """``yuv`` (3, SIDE, SIDE) float64, 0..255; ``face``: the detected box in it."""

    yuv: Floats
    face: Box


def generated_faces(count: int, seed: int = 0) -> list[Scene]:
    """Drawn faces, each with features, tones, marks and a background of its own."""
    return [_drawn(np.random.default_rng([seed, i])) for i in range(count)]


def _drawn(rng: np.random.Generator) -> Scene:
    big = 4  # drawn larger, then shrunk, for smooth lines
    n = SIDE * big
    skin = np.array([1.0, 0.80, 0.68]) * rng.uniform(95, 240)
    skin *= rng.uniform(0.94, 1.06, 3)
    hair = np.array([1.0, 0.8, 0.6]) * rng.uniform(15, 150)
    low = rng.integers(30, 220, (6, 6, 3)).astype(np.uint8)
    img = cv2.resize(low, (n, n), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    cx, cy, u = n / 2, n / 2, FACE * big / 2  # u: half a face's height
    wide = rng.uniform(0.68, 0.86)

    def oval(x: float, y: float, rx: float, ry: float, colour: Sequence[float] | Floats, angle: float = 0) -> None:
        middle, axes = (round(cx + x * u), round(cy + y * u)), (max(1, round(rx * u)), max(1, round(ry * u)))
        cv2.ellipse(img, middle, axes, angle, 0, 360, [float(c) for c in colour], -1, cv2.LINE_AA)

    oval(0, 1.5, 1.7, 0.6, rng.uniform(20, 220, 3))
    oval(0, 0.9, 0.4, 0.7, skin * 0.82)
    oval(0, -0.2, wide * rng.uniform(1.05, 1.25), rng.uniform(1.05, 1.2), hair)
    oval(0, 0.05, wide, 1.0, skin)
    oval(0, rng.uniform(-0.95, -0.75), wide * rng.uniform(0.7, 0.98), rng.uniform(0.1, 0.35), hair)
    apart, at, tilt = rng.uniform(0.27, 0.38), rng.uniform(-0.22, -0.08), rng.uniform(-12, 12)
    size, lid, iris = rng.uniform(0.10, 0.16), rng.uniform(0.05, 0.09), rng.uniform(15, 120, 3)
    brow, lift = rng.uniform(0.02, 0.06), rng.uniform(0.16, 0.26)
    for s in (-1, 1):
        oval(s * apart, at, size * 1.3, lid * 1.7, skin * 0.8)
        oval(s * apart, at, size, lid, (225, 225, 225), s * tilt)
        oval(s * apart + rng.uniform(-0.02, 0.02), at, lid * 0.9, lid * 0.9, iris)
        oval(s * apart, at - lift, size * 1.4, brow, hair * 0.8, s * rng.uniform(-18, 18))
    long, broad = rng.uniform(0.2, 0.36), rng.uniform(0.07, 0.15)
    oval(0.03, at + long * 0.7, broad * 0.5, long * 0.7, skin * 1.08)
    oval(0, at + long * 1.4, broad, 0.05, skin * 0.7)
    oval(0, rng.uniform(0.45, 0.6), rng.uniform(0.16, 0.36), rng.uniform(0.03, 0.11), (rng.uniform(90, 190), 60, 65))
    if rng.random() < 0.3:
        oval(0, 0.78, wide * 0.6, 0.2, hair * 0.9)
    if rng.random() < 0.3:
        for s in (-1, 1):
            middle = (round(cx + s * apart * u), round(cy + at * u))
            cv2.ellipse(img, middle, (round(0.2 * u), round(0.16 * u)), 0, 0, 360, (25, 25, 25), big, cv2.LINE_AA)
    for _ in range(rng.integers(3, 14)):
        oval(rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.85), 0.025, 0.025, skin * rng.uniform(0.5, 0.8))
    img = np.clip(img, 0, 255)
    small = cv2.resize(img, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    small = np.clip(small + cv2.GaussianBlur(rng.normal(0, 9, small.shape), (0, 0), 1.0), 0, 255)
    half = FACE / 2
    return Scene(_yuv(small), Box(SIDE / 2 - half * wide, SIDE / 2 - half, SIDE / 2 + half * wide, SIDE / 2 + half))


def photographed_faces(folder: Path, seed: int = 0) -> list[Scene]:
    """Labelled faces of at least 64 px (width 40 px), one of each picture, in a shuffled but fixed order.

    ``folder``: images/ and labels/ beside each other under train/. Left out: pictures that the
    sources sheared or made grey (daniyal), and sources that show few people often.
    """
    scenes = []
    for label in sorted((folder / "train" / "labels").glob("*.txt")):
        if label.name.split("-")[0] in ("daniyal", "flstupid", "nisasiimsek"):
            continue
        boxes = [[float(v) for v in line.split()] for line in label.read_text().splitlines()]
        faces = sorted((b[4], b[3], b[1], b[2]) for b in boxes if b[0] == 0)
        if not faces:
            continue
        bgr = cv2.imread(str(folder / "train" / "images" / f"{label.stem}.webp"))
        if bgr is None:
            sys.exit(f"{label.stem}: the picture cannot be read")
        ih, iw = bgr.shape[:2]
        h, w, cx, cy = faces[-1]
        h, w, cx, cy = h * ih, w * iw, cx * iw, cy * ih
        if h < FACE or w < 40 or w > 1.2 * h:
            continue
        scale = FACE / h
        shrunk = cv2.GaussianBlur(bgr, (0, 0), 0.4 / scale) if scale < 0.7 else bgr
        m = np.array([[scale, 0, SIDE / 2 - cx * scale], [0, scale, SIDE / 2 - cy * scale]])
        crop = cv2.warpAffine(shrunk, m, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        a, b = w * scale / 2, FACE / 2
        scenes.append(Scene(_yuv(crop[..., ::-1]), Box(SIDE / 2 - a, SIDE / 2 - b, SIDE / 2 + a, SIDE / 2 + b)))
    order = np.random.default_rng(seed).permutation(len(scenes))
    return [scenes[i] for i in order]


def _yuv(rgb: NDArray[np.generic]) -> Floats:
    """Full-range BT.601 YUV (3, H, W) of RGB (H, W, 3)."""
    m = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    out = np.asarray(rgb, np.float64) @ m.T
    out[..., 1:] += 128
    return np.ascontiguousarray(out.transpose(2, 0, 1))


def varied(scene: Scene, rng: np.random.Generator, strength: float = 1.0) -> Scene:
    """Another picture of the same face: moved, turned, lit otherwise, noisy, and detected a little off."""
    s = strength
    m = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.uniform(-3, 3) * s, 1 + rng.uniform(-0.04, 0.04) * s)
    m[:, 2] += rng.uniform(-0.04, 0.04, 2) * FACE * s
    planes = np.stack([cv2.warpAffine(p, m, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE) for p in scene.yuv])
    gamma, gain = np.exp(rng.uniform(-0.2, 0.2) * s), 1 + rng.uniform(-0.15, 0.15) * s
    ramp = 1 + rng.uniform(-0.15, 0.15) * s * np.linspace(-1, 1, SIDE)
    planes[0] = (np.clip(planes[0], 0, 255) / 255) ** gamma * 255 * gain * ramp
    planes[1:] += rng.uniform(-4, 4, (2, 1, 1)) * s
    planes += rng.normal(0, 3 * s, planes.shape)
    return Scene(np.clip(planes, 0, 255), scene.face)


def elsewhere(scene: Scene, place: Scene, rng: np.random.Generator) -> Scene:
    """The same face at another time: before what is around another face, twice as different in pose and light."""
    turned = varied(scene, rng, 2.0)
    (cx, cy), b = scene.face.center, scene.face
    y, x = np.mgrid[:SIDE, :SIDE]
    far = ((x + 0.5 - cx) / (0.55 * b.width)) ** 2 + ((y + 0.5 - cy) / (0.55 * b.height)) ** 2
    near = cv2.GaussianBlur((far <= 1).astype(np.float64), (0, 0), 2)
    return Scene(near * turned.yuv + (1 - near) * place.yuv, scene.face)
