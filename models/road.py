"""What happens to a plate on the road: it is pressed, worn, dirtied, lit and framed."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

import fonts
from bank import corners
from board import LETTERS, Board, Rng, pick

WIDTH = 224  # px; of a finished sprite's plate


def cloud(h: int, w: int, cells: int, rng: Rng) -> np.ndarray:
    """Smooth noise in 0..1, HxW float32, with about ``cells`` lumps across."""
    coarse = rng.random((max(2, round(cells * h / w) + 1), cells + 1), np.float32)
    return cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC).clip(0, 1)


def light(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """A gradient of light, now and then a shadow's edge or the sun's reflection. HxWx3 float32 in and out."""
    h, w = picture.shape[:2]
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    a = rng.uniform(0, 2 * np.pi)
    t = (x / w - 0.5) * np.cos(a) + (y / h - 0.5) * np.sin(a)
    picture = picture * (1 + t * rng.uniform(0, 0.35))[..., None]
    if rng.random() < 0.2:  # a shadow falls across
        a = rng.uniform(0, 2 * np.pi)
        edge = (x - w * rng.uniform(0.2, 0.8)) * np.cos(a) + (y - h * rng.uniform(0.2, 0.8)) * np.sin(a)
        shade = 1 / (1 + np.exp(-np.clip(edge / rng.uniform(1, 8), -30, 30)))
        picture = picture * (1 - shade * rng.uniform(0.3, 0.65))[..., None]
    if rng.random() < 0.1:  # glare
        cx, cy, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.15, 0.5) * h
        spot = np.exp(-((x - cx) ** 2 / (3 * r) ** 2 + (y - cy) ** 2 / r**2))
        picture = picture + 255 * rng.uniform(0.3, 1.0) * spot[..., None]
    return picture


def finish(board: Board, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Presses, wears, dirties and lights a plate: (HxWx3 float32 at ``WIDTH`` px across, HxW alpha 0..1)."""
    scale = WIDTH / board.width
    size = (WIDTH, round(board.height * scale))
    picture = cv2.resize(np.asarray(board.picture), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    relief = cv2.resize(np.asarray(board.relief), size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    h, w = picture.shape[:2]
    if rng.random() < 0.2:  # paint worn off what stands out
        bare = picture[0, w // 2] * 0.5 + 90
        worn = relief * (cloud(h, w, 12, rng) > rng.uniform(0.55, 0.8)) * rng.uniform(0.4, 0.9)
        picture = picture * (1 - worn[..., None]) + bare * worn[..., None]
    slope = relief - np.roll(relief, (1, 1), (0, 1))
    picture += slope[..., None] * rng.uniform(-12, 40)
    if rng.random() < 0.35:  # bleached by the sun
        grey = picture.mean(2, keepdims=True)
        picture = picture + (grey - picture) * rng.uniform(0.05, 0.4) + rng.uniform(0, 18)
    if rng.random() < 0.4:  # dirt, more of it below
        rise = np.linspace(0.3, 1, h, dtype=np.float32)[:, None]
        dirt = ((cloud(h, w, 6, rng) + cloud(h, w, 24, rng)) / 2 * rise * rng.uniform(0.2, 1.0)).clip(0, 0.85)
        mud = np.array([110, 98, 82], np.float32) * rng.uniform(0.4, 1.3)
        picture = picture * (1 - dirt[..., None]) + mud * dirt[..., None]
    picture = light(picture, rng)
    mask = Image.new("L", (2 * w, 2 * h))
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, 2 * w - 1, 2 * h - 1), 16 * scale, fill=255)
    alpha = cv2.resize(np.asarray(mask), (w, h), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return picture, alpha


def mount(picture: np.ndarray, alpha: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Sets a plate into nothing, a dark or chromed frame, or a dealer's frame with a line of text.

    Returns (RGBA uint8, the plate's corners in it).
    """
    h, w = picture.shape[:2]
    kind = str(rng.choice(["none", "dark", "chrome", "dealer"], p=[0.45, 0.25, 0.1, 0.2]))
    if kind == "none":
        rgba = np.dstack([picture.clip(0, 255), alpha * 255]).astype(np.uint8)
        return rgba, corners(0, 0, w, h)
    rim = int(rng.integers(2, 7))
    below = int(rng.integers(8, 16)) if kind == "dealer" else rim
    tone = rng.uniform(120, 215) if kind == "chrome" else rng.uniform(12, 60)
    board = np.full((h + rim + below, w + 2 * rim, 3), tone, np.float32)
    board += np.linspace(18, -14, board.shape[0], dtype=np.float32)[:, None, None]
    if kind == "dealer":
        text = " ".join(pick(LETTERS + LETTERS.lower(), int(rng.integers(3, 8)), rng) for _ in range(2))
        mask = fonts.line(text, fonts.choose("text", rng), max(4, below - 5))
        mask = np.asarray(mask.resize((min(mask.width, w - 8), mask.height)), np.float32)[..., None] / 255
        y, x = h + rim + 2, (board.shape[1] - mask.shape[1]) // 2
        part = board[y : y + mask.shape[0], x : x + mask.shape[1]]
        part += (rng.uniform(160, 240) - part) * mask[: part.shape[0]]
    inner = board[rim : rim + h, rim : rim + w]
    inner[:] = inner * (1 - alpha[..., None]) + picture * alpha[..., None]
    rgba = np.dstack([board.clip(0, 255), np.full(board.shape[:2], 255.0)]).astype(np.uint8)
    return rgba, corners(rim, rim, rim + w, rim + h)
