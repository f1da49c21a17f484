"""Draws license plates flat and face on, at one pixel a millimetre, before ``finish`` wears and lights them.

Chinese plates follow GA 36-2018 (sizes, character cells, gaps); the others follow what is generally
published about their sizes and colours, with free fonts in place of the official ones. The numbers
on them are random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
from PIL import Image, ImageDraw

import fonts
from bank import Sprite, corners

Rgb = tuple[int, int, int]
Rng = np.random.Generator

WHITE, BLACK = (236, 237, 238), (22, 22, 26)
YELLOW, GREEN, RED = (246, 188, 28), (20, 132, 80), (200, 28, 36)
PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # no I and no O: they would read as 1 and 0
DIGITS = "0123456789"
WIDTH = 224  # px; of a finished sprite's plate


def pick(text: str, n: int, rng: Rng) -> str:
    return "".join(text[int(i)] for i in rng.integers(len(text), size=n))


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
            r = 0.11 * h
            if c == "-":
                bar = (cx - 0.22 * w, cy - 0.06 * h, cx + 0.22 * w, cy + 0.06 * h)
                draw.rectangle(bar, colour)
                press.rectangle(bar, 255)
            elif c in "·.":
                cy = cy if c == "·" else y2 - r / 2
                draw.ellipse((cx - r / 2, cy - r / 2, cx + r / 2, cy + r / 2), colour)
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


# --- China -----------------------------------------------------------------------------------------------------


def cn_number(rng: Rng, n: int = 5) -> str:
    """``n`` characters as they are issued: digits with at most two letters among them."""
    chars = list(pick(DIGITS, n, rng))
    for _ in range(int(rng.choice([0, 1, 2], p=[0.3, 0.45, 0.25]))):
        chars[int(rng.integers(n))] = pick(LETTERS, 1, rng)
    return "".join(chars)


def cn_single(board: Board, text: str, colour: Rgb, rng: Rng, special: dict[int, Rgb] | None = None) -> Board:
    """Seven cells of 45 x 90 mm, 12 mm apart, the dot in a gap of 34 mm after the second."""
    face, han = fonts.choose("plate", rng), fonts.choose("chinese", rng)
    x = 15.5
    for i, c in enumerate(text):
        ink = (special or {}).get(i, colour)
        board.cell(c, han if c > "z" else face, x, 25, 45, 90, ink)
        x += 45 + (34 if i == 1 else 12)
    if len(text) == 7:
        ImageDraw.Draw(board.picture).ellipse((129.5, 65, 139.5, 75), colour)
    board.frame(3, 3, colour, 10)
    board.bolts([(100, 13), (340, 13)] if rng.random() < 0.5 else [(100, 13), (340, 13), (100, 127), (340, 127)], rng)
    return board


def cn_double(board: Board, top: str, bottom: str, colour: Rgb, rng: Rng) -> Board:
    """440 x 220 mm: two cells of 80 x 60 above, five of 65 x 110 below."""
    face, han = fonts.choose("plate", rng), fonts.choose("chinese", rng)
    for c, x in zip(top, (110, 250), strict=True):
        board.cell(c, han if c > "z" else face, x, 15, 80, 60, colour)
    ImageDraw.Draw(board.picture).ellipse((212, 37, 228, 53), colour)
    for i, c in enumerate(bottom):
        board.cell(c, han if c > "z" else face, 27 + 80 * i, 90, 65, 110, colour)
    board.frame(4, 4, colour, 12)
    board.bolts([(60, 45), (380, 45)], rng, 8)
    return board


def cn_blue(rng: Rng) -> Board:
    blue = (int(rng.integers(4, 40)), int(rng.integers(48, 92)), int(rng.integers(140, 205)))
    return cn_single(
        Board(440, 140, blue), pick(PROVINCES, 1, rng) + pick(LETTERS, 1, rng) + cn_number(rng), WHITE, rng
    )


def cn_energy(rng: Rng, *, large: bool) -> Board:
    """New energy, 480 x 140 mm: eight cells (45, then 43 mm wide, 9 apart), 49 mm after the second."""
    green = (int(rng.integers(50, 110)), int(rng.integers(178, 205)), int(rng.integers(105, 140)))
    board = Board(480, 140, green)
    if large:
        ImageDraw.Draw(board.picture).rectangle((0, 0, 137, 140), (248, 200, 40))
    else:
        board.ramp((226, 240, 232), green, float(rng.uniform(0.8, 1.4)))
    face, han = fonts.choose("plate", rng), fonts.choose("chinese", rng)
    board.cell(pick(PROVINCES, 1, rng), han, 15.5, 25, 45, 90, BLACK)
    board.cell(pick(LETTERS, 1, rng), face, 69.5, 25, 43, 90, BLACK)
    number = cn_number(rng, 5)
    number = number + pick("DF", 1, rng) if large else pick("DFABCEGHJK", 1, rng) + number
    for i, c in enumerate(number):
        board.cell(c, face, 161.5 + 52 * i, 25, 43, 90, BLACK)
    draw = ImageDraw.Draw(board.picture)
    draw.ellipse((122, 55, 152, 85), outline=(30, 120, 80), width=3)  # the new-energy mark
    draw.line((129, 70, 146, 70), (30, 120, 80), 4)
    board.frame(3, 2.5, (40, 60, 50), 10)
    board.bolts([(115, 12), (365, 12)], rng, 6)
    return board


def cn_yellow(rng: Rng) -> Board:
    return cn_single(
        Board(440, 140, YELLOW), pick(PROVINCES, 1, rng) + pick(LETTERS, 1, rng) + cn_number(rng), BLACK, rng
    )


def cn_yellow_double(rng: Rng) -> Board:
    last = pick("挂", 1, rng) if rng.random() < 0.4 else pick(DIGITS, 1, rng)
    top = pick(PROVINCES, 1, rng) + pick(LETTERS, 1, rng)
    return cn_double(Board(440, 220, YELLOW), top, cn_number(rng, 4) + last, BLACK, rng)


def cn_learner(rng: Rng) -> Board:
    text = pick(PROVINCES, 1, rng) + pick(LETTERS, 1, rng) + pick(DIGITS, 4, rng) + "学"
    return cn_single(Board(440, 140, YELLOW), text, BLACK, rng)


def cn_police(rng: Rng) -> Board:
    text = pick(PROVINCES, 1, rng) + pick(LETTERS, 1, rng) + pick(DIGITS, 4, rng) + "警"
    return cn_single(Board(440, 140, WHITE), text, BLACK, rng, {6: RED})


def cn_army(rng: Rng) -> Board:
    board = Board(440, 140, WHITE)
    if rng.random() < 0.5:
        return cn_single(board, pick(LETTERS, 2, rng) + pick(DIGITS, 5, rng), BLACK, rng, {0: RED, 1: RED})
    return cn_single(board, "WJ" + pick(DIGITS, 5, rng), BLACK, rng, {0: RED, 1: RED})


def cn_black(rng: Rng) -> Board:
    head = pick(PROVINCES, 1, rng) + pick(LETTERS, 1, rng)
    text = [head + cn_number(rng), "粤Z" + pick(DIGITS + LETTERS, 4, rng) + pick("港澳", 1, rng)][int(rng.integers(2))]
    return cn_single(Board(440, 140, (26, 27, 32)), text, WHITE, rng)


def cn_embassy(rng: Rng) -> Board:
    board = Board(440, 140, (24, 26, 30))
    face, han = fonts.choose("plate", rng), fonts.choose("chinese", rng)
    text = pick(DIGITS, 3, rng) + "·" + pick(DIGITS, 3, rng)
    board.cell(pick("使领", 1, rng), han, 15.5, 25, 45, 90, RED if rng.random() < 0.5 else WHITE)
    board.row(text, face, (70, 25, 425, 115), WHITE, 0.5)
    board.frame(3, 3, WHITE, 10)
    return board


def cn_motorcycle(rng: Rng) -> Board:
    """220 x 140 mm in two rows, yellow or blue; e-bikes carry the like in white."""
    ground, ink = [(YELLOW, BLACK), ((20, 70, 170), WHITE), (WHITE, (30, 60, 150))][int(rng.integers(3))]
    board = Board(220, 140, ground)
    face, han = fonts.choose("plate", rng), fonts.choose("chinese", rng)
    board.cell(pick(PROVINCES, 1, rng), han, 55, 12, 42, 38, ink)
    board.cell(pick(LETTERS, 1, rng), face, 128, 12, 36, 38, ink)
    board.row(cn_number(rng), face, (12, 60, 208, 128), ink, 0.5)
    board.frame(2, 2.5, ink, 8)
    return board


# --- elsewhere -------------------------------------------------------------------------------------------------


def euro_band(board: Board, country: str, face: tuple[str, int], width: int = 44) -> None:
    draw = ImageDraw.Draw(board.picture)
    draw.rectangle((0, 0, width, board.height), (0, 54, 150))
    r, cy = width * 0.3, board.height * 0.32
    for k in range(12):
        a = k * np.pi / 6
        x, y = width / 2 + r * np.cos(a), cy + r * np.sin(a)
        draw.ellipse((x - 2.2, y - 2.2, x + 2.2, y + 2.2), (250, 210, 20))
    board.words(country, face, (width / 2, board.height * 0.76), board.height * 0.2, WHITE, width * 0.8)


EUROPE: dict[str, tuple[str, Rgb, Rgb]] = {
    # country letters: pattern (A letter, 0 digit), ground, ink
    "D": ("A AB 0000", WHITE, BLACK),
    "F": ("AA-000-AA", WHITE, BLACK),
    "I": ("AA 000AA", WHITE, BLACK),
    "NL": ("00-AAA-0", YELLOW, BLACK),
    "B": ("0-AAA-000", WHITE, (150, 30, 40)),
    "E": ("0000 AAA", WHITE, BLACK),
    "PL": ("AA 00000", WHITE, BLACK),
    "P": ("00-AA-00", WHITE, BLACK),
    "S": ("AAA 000", WHITE, BLACK),
    "CZ": ("0A0 0000", WHITE, BLACK),
    "RO": ("A 00 AAA", WHITE, BLACK),
    "A": ("A 00000A", WHITE, BLACK),
    "GR": ("AAA-0000", WHITE, BLACK),
    "H": ("AAA-000", WHITE, BLACK),
    "L": ("AA 0000", YELLOW, BLACK),
    "TR": ("00 AA 0000", WHITE, BLACK),
    "UA": ("AA 0000 AA", WHITE, BLACK),
}


def fill(pattern: str, rng: Rng) -> str:
    """Replaces A/B by letters and 0 by digits."""
    return "".join(pick(LETTERS, 1, rng) if c in "AB" else pick(DIGITS, 1, rng) if c == "0" else c for c in pattern)


def euro(rng: Rng) -> Board:
    country = list(EUROPE)[int(rng.integers(len(EUROPE)))]
    pattern, ground, ink = EUROPE[country]
    face = fonts.choose("plate", rng)
    text = fill(pattern, rng)
    if rng.random() < 0.12:  # two rows: motorcycles, jeeps, trailers
        board = Board(280, 200, ground)
        cut = max(1, len(text) // 2)
        euro_band(board, country, face, 40)
        board.row(text[:cut].strip(" -"), face, (48, 18, 270, 92), ink)
        board.row(text[cut:].strip(" -"), face, (48, 108, 270, 182), ink)
    else:
        board = Board(520, 110, ground)
        euro_band(board, country, face)
        right = 476 if country in ("F", "I", "P") and rng.random() < 0.7 else 512
        if right == 476:
            ImageDraw.Draw(board.picture).rectangle((476, 0, 520, 110), YELLOW if country == "P" else (0, 54, 150))
        board.row(text, face, (52, 17, right - 6, 93), ink, 0.58)
        if country == "D":
            x = 52 + 0.28 * (right - 58)
            ImageDraw.Draw(board.picture).ellipse((x - 13, 22, x + 13, 48), (200, 120, 60))
            ImageDraw.Draw(board.picture).ellipse((x - 13, 58, x + 13, 84), (170, 170, 180))
    board.frame(2, 2.5, ink if rng.random() < 0.7 else (120, 120, 120), 6)
    return board


def british(rng: Rng) -> Board:
    ground = WHITE if rng.random() < 0.5 else (244, 200, 24)
    face = fonts.choose("plate", rng)
    text = fill("AA00 AAA", rng)
    if rng.random() < 0.1:
        board = Board(285, 203, ground)
        board.row(text[:4], face, (15, 15, 270, 94), BLACK, 0.63)
        board.row(text[5:], face, (15, 109, 270, 188), BLACK, 0.63)
        return board
    board = Board(520, 111, ground)
    left = 10
    if rng.random() < 0.4:
        ImageDraw.Draw(board.picture).rectangle((0, 0, 40, 111), (0, 50, 150) if rng.random() < 0.7 else GREEN)
        board.words("GB", face, (20, 85), 18, WHITE, 30)
        left = 46
    board.row(text, face, (left, 16, 510, 95), BLACK, 0.63)
    if rng.random() < 0.5:
        board.words(pick(LETTERS, 8, rng), face, (265, 103), 6, BLACK, 120)
    return board


STATES = (
    "California",
    "Texas",
    "Florida",
    "Ohio",
    "Nevada",
    "Oregon",
    "Utah",
    "Georgia",
    "Arizona",
    "Michigan",
    "Virginia",
    "Iowa",
    "Maine",
    "Ontario",
    "Alberta",
    "Québec",
)


def american(rng: Rng) -> Board:
    schemes: list[tuple[Rgb, Rgb, Rgb, Rgb]] = [  # top, bottom, ink, name
        (WHITE, WHITE, (30, 40, 110), (200, 30, 40)),
        (WHITE, (190, 215, 240), (20, 40, 100), (20, 40, 100)),
        ((250, 225, 160), WHITE, (20, 90, 60), (210, 100, 20)),
        ((250, 190, 60), (250, 190, 60), (20, 40, 110), (20, 40, 110)),
        ((170, 205, 240), (240, 220, 200), (150, 30, 30), (40, 50, 110)),
        ((20, 60, 130), (20, 60, 130), (240, 210, 80), (240, 240, 240)),
        (WHITE, (200, 230, 200), BLACK, GREEN),
        ((24, 24, 26), (24, 24, 26), (240, 200, 60), (240, 200, 60)),
    ]
    top, bottom, ink, name = schemes[int(rng.integers(len(schemes)))]
    face, text = fonts.choose("plate", rng), fonts.choose("text", rng)
    motorcycle = rng.random() < 0.12
    w, h = (178, 102) if motorcycle else (305, 152)
    board = Board(w, h, top)
    board.ramp(top, bottom, float(rng.uniform(0.5, 2)))
    draw = ImageDraw.Draw(board.picture)
    if rng.random() < 0.3:  # hills or a sun behind the number
        for _ in range(int(rng.integers(1, 4))):
            x, r = rng.uniform(0, w), rng.uniform(20, 70)
            tint = tuple(int(v) for v in np.clip(np.array(bottom) * rng.uniform(0.75, 1.05, 3), 0, 255))
            draw.ellipse((x - r, h * 0.75 - r, x + r, h * 0.75 + r), tint)
    number = fill(["0AAA000", "AAA-0000", "AAA 000", "000 AAA", "AA0 00A", "AAAAAA"][int(rng.integers(6))], rng)
    board.row(number, face, (0.05 * w, 0.27 * h, 0.95 * w, 0.77 * h), ink, 0.5)
    board.words(STATES[int(rng.integers(len(STATES)))], text, (w / 2, 0.13 * h), 0.12 * h, name, 0.55 * w)
    if rng.random() < 0.7:
        slogan = ["dmv.state.gov", "The Sunny State", "Great Lakes", "FIRST IN FLIGHT", "Land of Plenty"]
        board.words(slogan[int(rng.integers(5))], text, (w / 2, 0.89 * h), 0.08 * h, name, 0.6 * w)
    for x in (0.03, 0.83):
        if rng.random() < 0.5:
            tint = [(200, 40, 40), (230, 200, 60), (60, 120, 190), (240, 140, 40)][int(rng.integers(4))]
            y = 0.06 if rng.random() < 0.6 else 0.8
            draw.rectangle((x * w, y * h, (x + 0.13) * w, (y + 0.14) * h), tint)
    board.bolts([(0.2 * w, 0.09 * h), (0.8 * w, 0.09 * h)], rng, 5)
    if rng.random() < 0.5:
        board.frame(2, 2, ink, 12)
    return board


def brazilian(rng: Rng) -> Board:
    board = Board(400, 130, WHITE)
    face = fonts.choose("plate", rng)
    if rng.random() < 0.3:  # the grey one from before 2018
        board = Board(400, 130, (172, 176, 180))
        board.words("SP-SAO PAULO", face, (200, 16), 16, BLACK, 200)
        board.row(fill("AAA-0000", rng), face, (14, 36, 386, 118), BLACK, 0.62)
    else:
        ImageDraw.Draw(board.picture).rectangle((0, 0, 400, 30), (0, 50, 150))
        country, pattern = [
            ("BRASIL", "AAA0A00"),
            ("REPUBLICA ARGENTINA", "AA 000 AA"),
            ("URUGUAY", "AAA 0000"),
            ("PARAGUAY", "AAAA 000"),
        ][int(rng.choice(4, p=[0.6, 0.2, 0.1, 0.1]))]
        board.words(country, face, (200, 15), 14, WHITE, 200)
        ink = [BLACK, BLACK, RED, (20, 60, 160)][int(rng.integers(4))]
        board.row(fill(pattern, rng), face, (16, 42, 384, 118), ink, 0.6)
    board.frame(1, 2.5, (60, 60, 60), 8)
    return board


def indian(rng: Rng) -> Board:
    ground, ink = [(WHITE, BLACK), (YELLOW, BLACK), (GREEN, WHITE)][int(rng.choice(3, p=[0.6, 0.28, 0.12]))]
    face = fonts.choose("plate", rng)
    state = ["MH", "DL", "KA", "TN", "GJ", "UP", "WB", "HR", "KL", "RJ"][int(rng.integers(10))]
    tail = fill("AA 0000", rng)
    if rng.random() < 0.3:
        board = Board(340, 200, ground)
        board.row(f"{state} {pick(DIGITS, 2, rng)}", face, (30, 18, 310, 92), ink, 0.6)
        board.row(tail, face, (20, 108, 320, 182), ink, 0.6)
    else:
        board = Board(500, 120, ground)
        board.row(f"{state}{pick(DIGITS, 2, rng)}{tail}", face, (40, 25, 490, 98), ink, 0.6)
        board.words("IND", face, (22, 80), 14, (40, 70, 160), 30)
        ImageDraw.Draw(board.picture).ellipse((12, 34, 34, 56), (180, 195, 210))
    board.frame(2, 3, ink, 8)
    return board


def vietnamese(rng: Rng) -> Board:
    ground, ink = [(WHITE, BLACK), (YELLOW, BLACK), ((20, 70, 160), WHITE), (RED, WHITE)][
        int(rng.choice(4, p=[0.65, 0.2, 0.1, 0.05]))
    ]
    face = fonts.choose("plate", rng)
    head = pick("123456789", 1, rng) + pick(DIGITS, 1, rng) + pick(LETTERS, 1, rng)
    number = f"{pick(DIGITS, 3, rng)}.{pick(DIGITS, 2, rng)}"
    if rng.random() < 0.6:
        w, h = (330, 165) if rng.random() < 0.5 else (190, 140)
        board = Board(w, h, ground)
        board.row(f"{head[:2]}-{head[2]}{pick(DIGITS, 1, rng)}", face, (0.1 * w, 0.09 * h, 0.9 * w, 0.46 * h), ink)
        board.row(number, face, (0.06 * w, 0.54 * h, 0.94 * w, 0.92 * h), ink, 0.56)
    else:
        board = Board(520, 110, ground)
        board.row(f"{head}-{number}", face, (14, 16, 506, 94), ink, 0.58)
    board.frame(2, 3, ink, 8)
    return board


def japanese(rng: Rng) -> Board:
    ground, ink = [
        (WHITE, (16, 92, 60)),
        (YELLOW, BLACK),
        ((16, 100, 66), WHITE),
        ((20, 20, 22), YELLOW),
    ][int(rng.choice(4, p=[0.55, 0.3, 0.12, 0.03]))]
    board = Board(330, 165, ground)
    face, kanji = fonts.choose("plate", rng), fonts.choose("japanese", rng)
    place = ["品川", "横浜", "大阪", "名古屋", "札幌", "神戸", "京都", "福岡", "練馬", "千葉"][int(rng.integers(10))]
    head = fonts.line(place, kanji, 40)
    number = fonts.line(pick("35", 1, rng) + pick("0123", 1, rng) + pick(DIGITS, 1, rng), face, 38)
    x = (330 - head.width - 12 - number.width) / 2
    board.stamp(head, x, 12, ink)
    board.stamp(number, x + head.width + 12, 13, ink)
    board.cell(pick("さすせそたちつてとなにぬねのはひふほまみむめもやゆらりるろ", 1, rng), kanji, 14, 88, 36, 36, ink)
    board.row(f"{pick(DIGITS, 2, rng)}-{pick(DIGITS, 2, rng)}", face, (60, 66, 318, 148), ink, 0.56)
    board.bolts([(55, 22), (275, 22)], rng, 7)
    if rng.random() < 0.4:
        board.frame(1, 3, ink, 10)
    return board


def arabic(rng: Rng) -> Board:
    face, arab = fonts.choose("plate", rng), fonts.choose("arabic", rng)
    number = pick(DIGITS, int(rng.integers(4, 6)), rng)
    eastern = number.translate(str.maketrans(DIGITS, "٠١٢٣٤٥٦٧٨٩"))
    if rng.random() < 0.5:  # four fields, as in Saudi Arabia
        w, h = (520, 110) if rng.random() < 0.5 else (310, 155)
        board = Board(w, h, [WHITE, WHITE, (245, 205, 60), (70, 130, 200)][int(rng.integers(4))])
        draw = ImageDraw.Draw(board.picture)
        band = round(0.08 * w)
        split = round(0.55 * w)
        draw.line((split, 0, split, h), BLACK, 4)
        draw.line((0, h // 2, w - band, h // 2), BLACK, 4)
        draw.line((w - band, 0, w - band, h), BLACK, 4)
        letters = pick("ابحدرسصطعقكلمنهوى", 3, rng)
        for text, font, x1, x2, y in (
            (eastern, arab, 8, split - 8, 0),
            (number, face, 8, split - 8, h / 2),
            (" ".join(letters), arab, split + 8, w - band - 8, 0),
            (pick(LETTERS, 3, rng), face, split + 8, w - band - 8, h / 2),
        ):
            board.row(text, font, (x1, y + 0.08 * h, x2, y + 0.42 * h), BLACK, 0.7)
        board.words("KSA", face, (w - band / 2, 0.6 * h), 0.12 * h, BLACK, band * 0.8)
    else:  # one row with the country beside it, as in the Emirates, Qatar, Egypt
        board = Board(520, 110, WHITE)
        tint = [RED, (20, 70, 160), (120, 20, 50), GREEN][int(rng.integers(4))]
        if rng.random() < 0.5:
            ImageDraw.Draw(board.picture).rectangle((0, 0, 80, 110), tint)
            board.words("دبي", arab, (40, 36), 26, WHITE, 60)
            board.words("DUBAI", face, (40, 78), 20, WHITE, 66)
            board.row(f"{pick(LETTERS, 1, rng)} {number}", face, (96, 18, 510, 92), BLACK, 0.6)
        else:
            ImageDraw.Draw(board.picture).rectangle((0, 0, 520, 26), tint)
            board.row(eastern if rng.random() < 0.5 else number, arab, (60, 36, 460, 100), BLACK, 0.7)
    board.frame(1, 3, BLACK, 8)
    return board


def korean(rng: Rng) -> Board:
    face, hangul = fonts.choose("plate", rng), fonts.choose("korean", rng)
    syllable = pick("가나다라마거너더러머고노도로모구누두루무하허호", 1, rng)
    if rng.random() < 0.2:  # the green one of two rows
        board = Board(335, 155, (20, 110, 70))
        board.words("서울" + pick(DIGITS, 2, rng), hangul, (167, 32), 40, WHITE, 200)
        board.cell(syllable, hangul, 20, 75, 50, 55, WHITE)
        board.row(pick(DIGITS, 4, rng), face, (84, 62, 322, 144), WHITE, 0.55)
        board.frame(2, 3, WHITE, 10)
        return board
    ground = [WHITE, WHITE, WHITE, YELLOW, (170, 205, 235)][int(rng.integers(5))]
    board = Board(520, 110, ground)
    left = 14
    if rng.random() < 0.5:
        ImageDraw.Draw(board.picture).rectangle((0, 0, 42, 110), (30, 80, 170))
        board.words("KOR", face, (21, 88), 13, WHITE, 34)
        left = 52
    board.row(pick(DIGITS, 3, rng), face, (left, 16, left + 150, 94), BLACK, 0.56)
    board.cell(syllable, hangul, left + 165, 22, 62, 66, BLACK)
    board.row(pick(DIGITS, 4, rng), face, (left + 240, 16, 512, 94), BLACK, 0.56)
    board.frame(2, 3, BLACK, 8)
    return board


def russian(rng: Rng) -> Board:
    board = Board(520, 112, WHITE)
    face = fonts.choose("plate", rng)
    cyr = "АВЕКМНОРСТУХ".translate(str.maketrans("АВЕКМНОРСТУХ", "ABEKMHOPCTYX"))
    text = pick(cyr, 1, rng) + pick(DIGITS, 3, rng) + pick(cyr, 2, rng)
    board.row(text, face, (12, 20, 380, 94), BLACK, 0.62)
    draw = ImageDraw.Draw(board.picture)
    draw.line((388, 4, 388, 108), BLACK, 3)
    board.row(pick("1279", 1, rng) + pick(DIGITS, int(rng.integers(1, 3)), rng), face, (396, 12, 508, 68), BLACK, 0.6)
    board.words("RUS", face, (430, 92), 18, BLACK, 60)
    for k, c in enumerate((WHITE, (20, 60, 170), RED)):
        draw.rectangle((466, 82 + 7 * k, 500, 88 + 7 * k), c, outline=(90, 90, 90))
    board.frame(2, 3, BLACK, 10)
    return board


def australian(rng: Rng) -> Board:
    ground, ink = [
        (WHITE, (20, 60, 150)),
        ((250, 200, 30), BLACK),
        (WHITE, (120, 20, 50)),
        ((20, 20, 22), WHITE),
        (WHITE, GREEN),
    ][int(rng.integers(5))]
    board = Board(372, 134, ground)
    face = fonts.choose("plate", rng)
    board.row(
        fill(["AAA-000", "AA-00-AA", "000·AAA", "0AA 0AA"][int(rng.integers(4))], rng), face, (14, 26, 358, 104), ink
    )
    state = ["NSW", "VICTORIA", "QUEENSLAND", "WESTERN AUSTRALIA", "SOUTH AUSTRALIA", "TAS"][int(rng.integers(6))]
    board.words(state, face, (186, 119), 13, ink, 220)
    board.frame(2, 2, ink, 10)
    return board


def plain_asian(rng: Rng) -> Board:
    """Hong Kong, Taiwan, Malaysia, Thailand: letters and digits without a band."""
    face = fonts.choose("plate", rng)
    which = int(rng.integers(4))
    if which == 0:
        board = Board(520, 110, WHITE if rng.random() < 0.5 else (244, 200, 24))
        board.row(fill("AA 0000", rng), face, (30, 16, 490, 94), BLACK, 0.63)
    elif which == 1:
        board = Board(380, 160, WHITE)
        board.row(fill("AAA-0000", rng), face, (14, 38, 366, 128), BLACK, 0.52)
        board.bolts([(90, 16), (290, 16), (90, 146), (290, 146)], rng, 6)
    elif which == 2:
        board = Board(440, 120, (20, 20, 22))
        board.row(fill("AAA 0000", rng), face, (20, 20, 420, 100), WHITE, 0.6)
    else:
        board = Board(340, 150, WHITE)
        board.row(fill("0AA 0000", rng), face, (14, 18, 326, 92), BLACK, 0.55)
        board.words("BANGKOK", face, (170, 122), 24, BLACK, 220)
        board.frame(3, 3, BLACK, 10)
    return board


# name: (drawing function, share). Chinese plates are half of all: the labelled images have none of them.
PLATES: dict[str, tuple[Callable[[Rng], Board], float]] = {
    "cn-blue": (cn_blue, 20),
    "cn-energy-small": (lambda r: cn_energy(r, large=False), 10),
    "cn-energy-large": (lambda r: cn_energy(r, large=True), 3),
    "cn-yellow": (cn_yellow, 5),
    "cn-yellow-double": (cn_yellow_double, 5),
    "cn-learner": (cn_learner, 1),
    "cn-police": (cn_police, 2),
    "cn-army": (cn_army, 1),
    "cn-black": (cn_black, 2),
    "cn-embassy": (cn_embassy, 1),
    "cn-motorcycle": (cn_motorcycle, 3),
    "euro": (euro, 11),
    "british": (british, 5),
    "american": (american, 7),
    "brazilian": (brazilian, 4),
    "indian": (indian, 4),
    "vietnamese": (vietnamese, 3),
    "japanese": (japanese, 3),
    "arabic": (arabic, 3),
    "korean": (korean, 2),
    "russian": (russian, 2),
    "australian": (australian, 2),
    "plain-asian": (plain_asian, 2),
}


# --- what happens to a plate on the road -----------------------------------------------------------------------


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


def draw_plate(name: str, rng: Rng) -> Sprite:
    """Draws one plate of kind ``name`` as it hangs on a vehicle."""
    picture, alpha = finish(PLATES[name][0](rng), rng)
    image, quad = mount(picture, alpha, rng)
    return Sprite(image, quad, "plate", name)
