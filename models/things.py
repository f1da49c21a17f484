"""Draws round and barred things that are taken for a face or a plate: discs, clocks, balls, lamps, wheels, grids."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

import fonts
from board import BLACK, WHITE, Rng

SIDE = 160  # px


def blank() -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((SIDE, SIDE), np.uint8)


def disc(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """A speed limit or another round road sign."""
    picture, alpha = blank()
    c = SIDE // 2
    ground, ring, ink = [
        (WHITE, (200, 25, 35), BLACK),
        ((25, 80, 180), WHITE, WHITE),
        (WHITE, BLACK, BLACK),
        ((250, 205, 40), BLACK, BLACK),
    ][int(rng.choice(4, p=[0.6, 0.2, 0.1, 0.1]))]
    cv2.circle(alpha, (c, c), c - 3, 255, -1, cv2.LINE_AA)
    cv2.circle(picture, (c, c), c, ring, -1)
    cv2.circle(picture, (c, c), round(c * rng.uniform(0.74, 0.86)), ground, -1, cv2.LINE_AA)
    text = [str(10 * int(rng.integers(1, 13))), "P", "停", "禁", "STOP", "5t", "3.5m"][
        int(rng.choice(7, p=[0.58] + [0.07] * 6))
    ]
    mask = fonts.line(text, fonts.choose("chinese-text" if text > "z" else "plate", rng), SIDE * 3 // 8)
    mask = mask.resize((min(mask.width, SIDE * 5 // 8), mask.height))
    sheet = Image.fromarray(picture)
    sheet.paste(ink, ((SIDE - mask.width) // 2, (SIDE - mask.height) // 2), mask)
    return np.asarray(sheet), alpha


def clock(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    picture, alpha = blank()
    c = SIDE // 2
    pale = bool(rng.random() < 0.7)
    ground, ink = (WHITE, BLACK) if pale else ((30, 30, 36), WHITE)
    cv2.circle(alpha, (c, c), c - 3, 255, -1, cv2.LINE_AA)
    picture[:] = (70, 60, 50)
    cv2.circle(picture, (c, c), round(c * 0.88), ground, -1, cv2.LINE_AA)
    for k in range(12):
        a = k * np.pi / 6
        p, q = ((round(c + c * r * np.cos(a)), round(c + c * r * np.sin(a))) for r in (0.68, 0.8))
        cv2.line(picture, p, q, ink, 4, cv2.LINE_AA)
    for length, thick in ((0.42, 7), (0.64, 4)):
        a = rng.uniform(0, 2 * np.pi)
        cv2.line(
            picture, (c, c), (round(c + c * length * np.cos(a)), round(c + c * length * np.sin(a))), ink, thick, 16
        )
    return picture, alpha


def shaded_ball(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """A balloon, a lantern, a street lamp's globe, a cap: an ellipse with a highlight.

    Skin colours are rare and never under something dark: a few pixels wide, that is what a face looks like.
    """
    y, x = (np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) - SIDE / 2) / (SIDE / 2)
    wide = rng.uniform(0.65, 0.95)
    r = np.hypot(x / wide, y / 0.95)
    skin = rng.random() < 0.1
    colour = np.array([205, 160, 130]) * rng.uniform(0.4, 1.15) if skin else rng.uniform(20, 250, 3)
    hx, hy = rng.uniform(-0.4, 0.4, 2)
    shade = (1.15 - 0.7 * np.hypot(x - hx, y - hy)).clip(0.15, 1.2)
    glint = np.exp(-((x - hx) ** 2 + (y - hy) ** 2) / rng.uniform(0.005, 0.1)) * rng.uniform(0, 160)
    picture = colour * shade[..., None] + glint[..., None]
    if rng.random() < 0.3:  # ribs, as of a paper lantern
        picture *= (0.85 + 0.15 * np.cos(x / wide * rng.uniform(8, 25)))[..., None]
    if not skin and rng.random() < 0.3:  # of two colours
        picture = np.where((y < rng.uniform(-0.5, 0.3))[..., None], rng.uniform(10, 80, 3) * shade[..., None], picture)
    alpha = ((1 - r) * 30).clip(0, 1) * 255
    return picture.clip(0, 255).astype(np.uint8), alpha.astype(np.uint8)


def lamp(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """A light source and its halo."""
    y, x = (np.mgrid[0:SIDE, 0:SIDE].astype(np.float32) - SIDE / 2) / (SIDE / 2)
    r = np.hypot(x / rng.uniform(0.5, 1), y)
    colour = np.array([[255, 245, 220], [255, 190, 110], [255, 60, 40], [220, 235, 255]][int(rng.integers(4))])
    core = rng.uniform(0.1, 0.35)
    glow = np.exp(-((r / core) ** 2)) + 0.5 * np.exp(-r / rng.uniform(0.1, 0.25))
    glow *= (1 - r).clip(0, 0.2) * 5
    picture = colour + (255 - colour) * np.exp(-((r / core / 0.7) ** 2))[..., None]
    return picture.clip(0, 255).astype(np.uint8), (glow.clip(0, 1) * 255).astype(np.uint8)


def wheel(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    picture, alpha = blank()
    c = SIDE // 2
    cv2.circle(alpha, (c, c), c - 2, 255, -1, cv2.LINE_AA)
    picture[:] = int(rng.integers(15, 45))
    rim = rng.uniform(0.58, 0.75) * c
    metal = int(rng.integers(90, 220))
    cv2.circle(picture, (c, c), round(rim), (metal // 3,) * 3, -1, cv2.LINE_AA)
    cv2.circle(picture, (c, c), round(rim), (metal,) * 3, 5, cv2.LINE_AA)
    n, start, thick = int(rng.integers(4, 11)), rng.uniform(0, np.pi), int(rng.integers(5, 16))
    for k in range(n):
        a = start + 2 * np.pi * k / n
        cv2.line(picture, (c, c), (round(c + rim * np.cos(a)), round(c + rim * np.sin(a))), (metal,) * 3, thick, 16)
    cv2.circle(picture, (c, c), round(0.16 * c), (metal // 2,) * 3, -1, cv2.LINE_AA)
    return picture, alpha


def grid(rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """A fence that one sees through, or a front of windows."""
    picture, alpha = blank()
    ink = tuple(int(v) for v in rng.integers(10, 230, 3))
    picture[:] = ink
    sx, sy = int(rng.integers(8, 40)), int(rng.integers(8, 60))
    if rng.random() < 0.5:
        thick = int(rng.integers(1, 4))
        for x in range(0, SIDE, sx):
            cv2.line(alpha, (x, 0), (x, SIDE), 255, thick)
        for y in range(0, SIDE, sy):
            cv2.line(alpha, (0, y), (SIDE, y), 255, thick)
        return picture, alpha
    alpha[:] = 255
    for y in range(3, SIDE - sy, sy):
        for x in range(3, SIDE - sx, sx):
            pane = tuple(int(v) for v in np.array([120, 140, 160]) * rng.uniform(0.2, 1.5))
            cv2.rectangle(picture, (x, y), (x + sx * 3 // 4, y + sy * 2 // 3), pane, -1)
    return picture, alpha


THINGS: dict[str, tuple[Callable[[Rng], tuple[np.ndarray, np.ndarray]], float]] = {
    "disc": (disc, 3),
    "clock": (clock, 1),
    "ball": (shaded_ball, 4),
    "lamp": (lamp, 2),
    "wheel": (wheel, 2),
    "grid": (grid, 2),
}
