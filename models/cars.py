"""Draws the piece of a vehicle that a plate hangs on: front, rear, or the tail of a lorry.

Coarse on purpose: what the detector should learn is that a plate stands among lamps, grille, seams and
shadows, at a fifth to a third of the vehicle's width, and that none of these is a plate itself.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

import fonts
from bank import Sprite, corners
from board import Rng

W, H = 384, 272  # px, for a vehicle 1.85 m wide: a plate of 440 mm is 91 px
MM = W / 1850  # px a mm

PAINTS = np.array(
    [
        [228, 230, 232],
        [180, 184, 188],
        [96, 100, 106],
        [34, 35, 38],
        [24, 44, 92],
        [130, 24, 28],
        [40, 84, 150],
        [150, 130, 100],
        [56, 76, 60],
        [210, 160, 40],
    ],
    np.float32,
)


def polygon(picture: np.ndarray, points: list[tuple[float, float]], colour: tuple[float, ...]) -> None:
    cv2.fillPoly(picture, [np.round(points).astype(np.int32)], colour, cv2.LINE_AA)


def mirrored(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(W - x, y) for x, y in points]


def body(rng: Rng) -> np.ndarray:
    """Painted sheet: brighter where it faces the sky, darker below the crease, with soft reflections."""
    paint = PAINTS[int(rng.integers(len(PAINTS)))] * rng.uniform(0.75, 1.1)
    y = np.linspace(0, 1, H, dtype=np.float32)
    crease = rng.uniform(0.35, 0.6)
    tone = 1.1 - 0.25 * y - 0.25 / (1 + np.exp(-(y - crease) * 40)) * rng.uniform(0.2, 1)
    picture = paint * tone[:, None, None] * np.ones((1, W, 1), np.float32)
    sheen = cv2.resize(rng.random((4, 5), np.float32), (W, H), interpolation=cv2.INTER_CUBIC)
    return picture + (sheen[..., None] - 0.5) * rng.uniform(10, 50)


def bars(picture: np.ndarray, x1: float, y1: float, x2: float, y2: float, tone: float, rng: Rng) -> None:
    """A grille: dark, with bars or a mesh."""
    cv2.rectangle(picture, (round(x1), round(y1)), (round(x2), round(y2)), (20, 20, 22), -1)
    step = int(rng.integers(5, 13))
    for y in range(round(y1), round(y2), step):
        cv2.line(picture, (round(x1), y), (round(x2), y), (tone,) * 3, int(rng.integers(1, 4)))
    if rng.random() < 0.5:
        for x in range(round(x1), round(x2), int(rng.integers(6, 26))):
            cv2.line(picture, (x, round(y1)), (x, round(y2)), (tone,) * 3, 1)


def window(picture: np.ndarray, rng: Rng, bottom: float) -> None:
    top = (float(rng.uniform(70, 110)), -5.0)
    low = (float(rng.uniform(30, 66)), bottom)
    glass = rng.uniform(25, 100)
    polygon(picture, [top, (W - top[0], -5), (W - low[0], bottom), low], (glass, glass * 1.05, glass * 1.1))
    if rng.random() < 0.6:  # the sky in it
        a, b = sorted(rng.uniform(60, W - 60, 2))
        polygon(picture, [(a, 0), (b, 0), (b - 30, bottom), (a - 30, bottom)], (glass + 45, glass + 50, glass + 55))


def lamps(picture: np.ndarray, rng: Rng, y: float, *, front: bool) -> None:
    w, h = rng.uniform(46, 80), rng.uniform(22, 52)
    x = rng.uniform(12, 30)
    outline = [(x, y), (x + w, y + rng.uniform(0, 12)), (x + w * rng.uniform(0.7, 1), y + h), (x, y + h * 0.8)]
    lit = rng.random() < 0.3
    shell = (190, 195, 200) if front else (150, 20, 24)
    core = (255, 252, 235) if front else ((255, 90, 70) if lit else (196, 40, 40))
    for points in (outline, mirrored(outline)):
        polygon(picture, points, shell)
        cx, cy = np.mean(points, 0)
        r = round(h * rng.uniform(0.22, 0.36))
        inner = core if lit or not front else (90, 95, 100)
        cv2.circle(picture, (round(cx), round(cy)), r, inner, -1, cv2.LINE_AA)
        if not front and rng.random() < 0.6:
            cv2.rectangle(
                picture,
                (round(cx - w * 0.3), round(cy + h * 0.1)),
                (round(cx), round(cy + h * 0.3)),
                (230, 215, 200),
                -1,
            )


def bumper(picture: np.ndarray, rng: Rng, y: float) -> None:
    cv2.line(picture, (0, round(y)), (W, round(y)), (25, 25, 28), int(rng.integers(1, 4)))
    if rng.random() < 0.4:
        picture[round(y) :] *= rng.uniform(0.25, 0.9)
    if rng.random() < 0.5:  # fog lamps or reflectors
        tint = [(160, 30, 30), (220, 220, 215), (30, 30, 30)][int(rng.integers(3))]
        fx, fy = rng.uniform(24, 60), y + rng.uniform(24, 50)
        for x in (fx, W - fx):
            cv2.ellipse(picture, (round(x), round(fy)), (18, 7), 0, 0, 360, tint, -1, cv2.LINE_AA)
    floor = H - int(rng.integers(14, 36))
    cv2.rectangle(picture, (0, floor), (W, H), (24, 24, 26), -1)


def badge(picture: np.ndarray, rng: Rng, y: float) -> None:
    r = int(rng.integers(7, 14))
    chrome = float(rng.uniform(150, 230))
    cv2.ellipse(
        picture, (W // 2, round(y)), (round(r * rng.uniform(1, 1.6)), r), 0, 0, 360, (chrome,) * 3, 2, cv2.LINE_AA
    )
    if rng.random() < 0.5:
        cv2.line(picture, (W // 2 - r, round(y)), (W // 2 + r, round(y)), (chrome,) * 3, 2, cv2.LINE_AA)
    if rng.random() < 0.5:  # the model's name in chrome letters, which is no plate
        text = "".join(chr(int(v)) for v in rng.integers(65, 91, int(rng.integers(3, 7))))
        mask = np.asarray(fonts.line(text, fonts.choose("text", rng), 10), np.float32)[:, :90, None] / 255
        x, top = int(rng.choice([56, W - 150])), round(y)
        part = picture[top : top + mask.shape[0], x : x + mask.shape[1]]
        part += (chrome - part) * mask


def rear(rng: Rng) -> tuple[np.ndarray, float]:
    picture = body(rng)
    window(picture, rng, rng.uniform(40, 78))
    lamps(picture, rng, rng.uniform(86, 112), front=False)
    edge = rng.uniform(186, 212)
    bumper(picture, rng, edge)
    badge(picture, rng, rng.uniform(92, 108))
    high = rng.random() < 0.7
    y = rng.uniform(138, 158) if high else rng.uniform(216, 228)
    if high:  # the recess in the lid
        d = rng.uniform(0.45, 0.9)
        x1, x2 = rng.uniform(104, 126), rng.uniform(258, 280)
        top, low = int(y - rng.uniform(26, 34)), int(y + rng.uniform(24, 34))
        picture[top:low, round(x1) : round(x2)] *= d
        if rng.random() < 0.6:
            cv2.line(picture, (round(x1), top), (round(x2), top), (220, 220, 222), int(rng.integers(2, 7)))
    for x in (rng.uniform(84, 100), rng.uniform(284, 300)):
        cv2.line(picture, (round(x), 84), (round(x), round(edge)), (30, 30, 32), 1, cv2.LINE_AA)
    return picture, y


def front(rng: Rng) -> tuple[np.ndarray, float]:
    picture = body(rng)
    window(picture, rng, rng.uniform(14, 40))
    lamps(picture, rng, rng.uniform(84, 120), front=True)
    chrome = float(rng.uniform(60, 225))
    a = rng.uniform(96, 120)
    bars(picture, a, rng.uniform(94, 108), W - a, rng.uniform(134, 154), chrome, rng)
    badge(picture, rng, rng.uniform(84, 116))
    bumper(picture, rng, rng.uniform(160, 172))
    if rng.random() < 0.7:
        b = rng.uniform(70, 110)
        bars(picture, b, rng.uniform(206, 218), W - b, rng.uniform(230, 246), chrome * 0.4, rng)
    return picture, rng.uniform(182, 208)


def lorry(rng: Rng) -> tuple[np.ndarray, float]:
    picture = body(rng)
    tone = float(rng.uniform(20, 90))
    for x in range(0, W, int(rng.integers(24, 80))):  # ribs or planks of the tail
        cv2.line(picture, (x, 0), (x, 170), (tone,) * 3, int(rng.integers(1, 5)))
    cv2.rectangle(picture, (0, 170), (W, H), (34, 34, 36), -1)
    for x in range(0, W, 26):  # red and white warning stripe
        if rng.random() < 0.9:
            cv2.rectangle(picture, (x, 172), (x + 13, 182), (200, 40, 40), -1)
            cv2.rectangle(picture, (x + 13, 172), (x + 26, 182), (225, 225, 225), -1)
    for x in (34, W - 34):
        cv2.rectangle(picture, (x - 24, 196), (x + 24, 214), (170, 26, 28), -1)
        cv2.rectangle(picture, (x - 6, 196), (x + 8, 214), (230, 140, 40), -1)
    return picture, rng.uniform(212, 232)


CARS: dict[str, tuple[Callable[[Rng], tuple[np.ndarray, float]], float]] = {
    "rear": (rear, 5),
    "front": (front, 5),
    "lorry": (lorry, 2),
}


def draw_car(name: str, rng: Rng) -> Sprite:
    """Draws one vehicle patch; its quad is where a plate of 440 x 140 mm hangs."""
    picture, y = CARS[name][0](rng)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7)
    picture += rng.standard_normal((H, W, 1), np.float32) * rng.uniform(0, 4)
    slope = np.linspace(-1, 1, W, dtype=np.float32)[None, :, None]
    picture *= 1 + slope * rng.uniform(-0.3, 0.3)
    alpha = np.zeros((H, W), np.uint8)
    r = int(rng.integers(20, 70))
    shoulder = 6 if name == "lorry" else r
    outline = [
        (shoulder, 0),
        (W - shoulder, 0),
        (W - 4, 84),
        (W - 3, H - r),
        (W - r / 2, H - 3),
        (r / 2, H - 3),
        (3, H - r),
        (4, 84),
    ]
    polygon(alpha, [(float(a), float(b)) for a, b in outline], (255,))
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1.5)
    w, h = 440 * MM, 140 * MM
    x = W / 2 - w / 2 + (rng.uniform(-80, 80) if name == "lorry" else rng.uniform(-6, 6))
    rgba = np.dstack([picture.clip(0, 255).astype(np.uint8), alpha])
    return Sprite(rgba, corners(x, y - h / 2, x + w, y + h / 2), "car", name)
