"""Chinese plates after GA 36-2018: sizes, character cells, gaps. The numbers on them are random."""

from __future__ import annotations

from collections.abc import Callable

from PIL import ImageDraw

import fonts
from board import BLACK, DIGITS, LETTERS, RED, WHITE, YELLOW, Board, Rgb, Rng, pick

PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


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


# name: (drawing function, share of all plates)
CHINA: dict[str, tuple[Callable[[Rng], Board], float]] = {
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
}
