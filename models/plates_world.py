"""Plates of other countries, after what is generally published about their sizes and colours.

With free fonts in place of the official ones, and random numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import ImageDraw

import fonts
from board import BLACK, DIGITS, GREEN, LETTERS, RED, WHITE, YELLOW, Board, Rgb, Rng, fill, pick


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


# name: (drawing function, share of all plates)
WORLD: dict[str, tuple[Callable[[Rng], Board], float]] = {
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
