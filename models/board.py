"""A board while something is drawn on it, flat and face on: a plate or a sign."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

import fonts

Rgb = tuple[int, int, int]
Rng = np.random.Generator
WHITE, BLACK = (236, 237, 238), (22, 22, 26)
YELLOW, GREEN, RED = (246, 188, 28), (20, 132, 80), (200, 28, 36)
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I and no O: they would read as 1 and 0
DIGITS = "0123456789"


def pick(text: str, n: int, rng: Rng) -> str:
    return "".join(text[int(i)] for i in rng.integers(len(text), size=n))


def fill(pattern: str, rng: Rng) -> str:
    """Replaces A/B by letters and 0 by digits."""
    return "".join(pick(LETTERS, 1, rng) if c in "AB" else pick(DIGITS, 1, rng) if c == "0" else c for c in pattern)


@dataclass
class Board:
    """A plate while it is drawn: ``picture`` RGB and ``relief`` L (what is pressed out), 1 px a mm."""

    width: int
    height: int
    ground: Rgb
    picture: Image.Image = field(init=False)
    relief: Image.Image = field(init=False)

    def __post_init__(self) -> None:
        self.picture = Image.new("RGB", (self.width, self.height), self.ground)
        self.relief = Image.new("L", (self.width, self.height))

    def stamp(self, mask: Image.Image, x: float, y: float, colour: Rgb, *, pressed: bool = True) -> None:
        self.picture.paste(colour, (round(x), round(y)), mask)
        if pressed:
            self.relief.paste(255, (round(x), round(y)), mask)

    def cell(self, char: str, face: tuple[str, int], x: float, y: float, w: float, h: float, colour: Rgb) -> None:
        """One character stretched into its cell."""
        self.stamp(fonts.glyph(char, face, round(w), round(h)), x, y, colour)

    def row(
        self, text: str, face: tuple[str, int], box: tuple[float, float, float, float], colour: Rgb, ratio: float = 0.54
    ) -> None:
        """A row of equal cells centred in ``box`` (x1, y1, x2, y2); ``ratio`` is width over height of a cell."""
        x1, y1, x2, y2 = box
        h = y2 - y1
        units = [0.55 if c == " " else 0.6 if c in "-·.|" else 1.0 for c in text]
        w = min(ratio * h, (x2 - x1) / (sum(units) * 1.18))
        gap = 0.18 * w
        x = (x1 + x2 - sum(units) * (w + gap) + gap) / 2
        draw, press = ImageDraw.Draw(self.picture), ImageDraw.Draw(self.relief)
        for c, u in zip(text, units, strict=True):
            cx, cy = x + u * w / 2, (y1 + y2) / 2
            if c == "-":
                bar = (cx - 0.22 * w, cy - 0.06 * h, cx + 0.22 * w, cy + 0.06 * h)
                draw.rectangle(bar, colour)
                press.rectangle(bar, 255)
            elif c in "·.":
                r = 0.055 * h
                cy = cy if c == "·" else y2 - r
                draw.ellipse((cx - r, cy - r, cx + r, cy + r), colour)
            elif c == "|":
                draw.rectangle((cx - 1, y1, cx + 1, y2), colour)
            elif c != " ":
                self.cell(c, face, x, y1, w, h, colour)
            x += u * (w + gap)

    def words(
        self, text: str, face: tuple[str, int], centre: tuple[float, float], height: float, colour: Rgb, most: float
    ) -> None:
        """A line of ordinary text, at most ``most`` mm long."""
        mask = fonts.line(text, face, max(3, round(height)))
        if mask.width > most:
            mask = mask.resize((max(1, round(most)), mask.height))
        self.stamp(mask, centre[0] - mask.width / 2, centre[1] - mask.height / 2, colour, pressed=False)

    def frame(self, inset: float, line: float, colour: Rgb, radius: float = 8) -> None:
        box = (inset, inset, self.width - 1 - inset, self.height - 1 - inset)
        ImageDraw.Draw(self.picture).rounded_rectangle(box, radius, outline=colour, width=round(line))
        ImageDraw.Draw(self.relief).rounded_rectangle(box, radius, outline=255, width=round(line))

    def bolts(self, at: list[tuple[float, float]], rng: Rng, radius: float = 6.5) -> None:
        shade = int(rng.integers(60, 215))
        draw = ImageDraw.Draw(self.picture)
        for x, y in at:
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), (shade, shade, shade + 4))
            draw.line((x - radius * 0.6, y, x + radius * 0.6, y), (shade // 2,) * 3, 2)

    def ramp(self, top: Rgb, bottom: Rgb, bend: float = 1.0) -> None:
        """A vertical gradient over the whole plate."""
        t = np.linspace(0, 1, self.height)[:, None, None] ** bend
        rows = np.array(top) * (1 - t) + np.array(bottom) * t
        self.picture.paste(Image.fromarray(np.broadcast_to(rows, (self.height, self.width, 3)).astype(np.uint8)))
