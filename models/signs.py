"""Draws what is easily taken for a plate or a face and is neither: signs, posters, captions, and ``things``."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image, ImageDraw

import fonts
from bank import Sprite, corners
from board import BLACK, DIGITS, WHITE, Board, Rgb, Rng, fill, pick
from road import cloud, light
from things import SIDE, THINGS

LONGEST = 224  # px; the longer side of a finished sign

HAN = (
    "大小上下中国人民路街道店饭馆超市银行医院学校公园酒家美食水果蔬菜五金建材电器手机维修理发药房停车场出口入口"
    "北京南山东海西湖光华新天地安全通行注意慢行禁止吸烟消防栓招聘出租房屋服务中心社区党建文明和谐发展快递驿站"
)
# fmt: off
WORDS = (
    "COFFEE", "BAKERY", "EXIT", "TAXI", "PARKING", "HOTEL", "MARKET", "BOOKS", "PIZZA", "NAILS", "BANK", "SALE",
    "OPEN", "CLOSED", "STOP", "YIELD", "SLOW", "SCHOOL", "BUS", "ONLY", "ONE", "WAY", "NO", "ENTRY", "METRO", "LINE",
    "PLATFORM", "GATE", "TOILET", "CAUTION", "WET", "FLOOR", "Street", "Avenue", "Road", "Station", "Museum",
    "Airport", "Center", "Pharmacy", "Laundry", "Barber", "Garage", "Tyres", "Service", "Delivery", "Express",
    "Logistics", "Security", "Police", "Ambulance", "Rent", "Cafe",
)
# fmt: on
PAIRS: tuple[tuple[Rgb, Rgb], ...] = (
    (WHITE, BLACK),
    ((20, 70, 170), WHITE),
    ((10, 110, 70), WHITE),
    ((245, 200, 30), BLACK),
    ((190, 25, 30), WHITE),
    ((30, 30, 34), (250, 200, 60)),
    ((30, 30, 34), WHITE),
    (WHITE, (190, 25, 30)),
    (WHITE, (20, 70, 170)),
    ((225, 110, 30), WHITE),
    ((110, 70, 45), WHITE),
    ((235, 225, 200), (90, 40, 30)),
)


def phrase(rng: Rng, *, han: bool) -> str:
    if han:
        return pick(HAN, int(rng.integers(2, 7)), rng)
    words = [WORDS[int(i)] for i in rng.integers(len(WORDS), size=int(rng.integers(1, 4)))]
    if rng.random() < 0.3:
        words.append(pick(DIGITS, int(rng.integers(1, 5)), rng))
    return " ".join(words)


def lines(board: Board, rng: Rng, box: tuple[float, float, float, float], n: int, ink: Rgb) -> None:
    """``n`` lines of text of different heights within ``box``."""
    x1, y1, x2, y2 = box
    heights = rng.uniform(0.5, 1.5, n)
    heights = heights / heights.sum() * (y2 - y1)
    y = y1
    for h in heights:
        han = rng.random() < 0.5
        face = fonts.choose("chinese-text" if han else "text", rng)
        board.words(phrase(rng, han=han), face, ((x1 + x2) / 2, y + h / 2), max(4, h * 0.7), ink, x2 - x1)
        y += h


def arrow(board: Board, centre: tuple[float, float], size: float, turn: float, ink: Rgb) -> None:
    shape = np.array([[0, -1], [0.6, -0.3], [0.2, -0.3], [0.2, 1], [-0.2, 1], [-0.2, -0.3], [-0.6, -0.3]]) * size
    c, s = np.cos(turn), np.sin(turn)
    points = shape @ np.array([[c, s], [-s, c]]) + centre
    ImageDraw.Draw(board.picture).polygon([(float(x), float(y)) for x, y in points], ink)


def any_board(rng: Rng, low: float, high: float) -> tuple[Board, Rgb]:
    """A blank board 300 mm high of an aspect between ``low`` and ``high``, and its ink."""
    ground, ink = PAIRS[int(rng.integers(len(PAIRS)))]
    return Board(round(300 * float(np.exp(rng.uniform(np.log(low), np.log(high))))), 300, ground), ink


def shop(rng: Rng) -> Board:
    board, ink = any_board(rng, 1.5, 6)
    w = board.width
    lines(board, rng, (0.06 * w, 30, 0.94 * w, 270), int(rng.choice([1, 2, 3], p=[0.45, 0.35, 0.2])), ink)
    if rng.random() < 0.4:
        board.frame(6, 6, ink, 4)
    return board


def street(rng: Rng) -> Board:
    """A street's name, as on a corner: near to a plate in colour and shape, but of words."""
    board = Board(int(rng.integers(700, 1300)), 300, [(20, 70, 170), (10, 110, 70), WHITE][int(rng.integers(3))])
    ink = BLACK if board.ground == WHITE else WHITE
    han = pick(HAN, int(rng.integers(2, 4)), rng) + "路街道巷"[int(rng.integers(4))]
    board.words(han, fonts.choose("chinese-text", rng), (board.width / 2, 110), 130, ink, 0.8 * board.width)
    latin = f"{WORDS[int(rng.integers(len(WORDS)))]} {('RD', 'ST', 'LU', 'JIE')[int(rng.integers(4))]}".upper()
    board.words(latin, fonts.choose("text", rng), (board.width / 2, 240), 56, ink, 0.8 * board.width)
    board.frame(8, 6, ink, 12)
    return board


def road(rng: Rng) -> Board:
    board = Board(
        int(rng.integers(300, 900)), 400, [(20, 70, 170), (10, 110, 70), (245, 200, 30)][int(rng.integers(3))]
    )
    ink = BLACK if board.ground[0] > 200 else WHITE
    board.frame(10, 8, ink, 20)
    w = board.width
    if rng.random() < 0.8:
        left = rng.random() < 0.5
        arrow(board, (0.17 * w if left else 0.83 * w, 200), 0.13 * w, float(rng.integers(4)) * np.pi / 2, ink)
        box = (0.34 * w, 50, 0.95 * w, 350) if left else (0.05 * w, 50, 0.66 * w, 350)
    else:
        box = (0.08 * w, 40, 0.92 * w, 360)
    lines(board, rng, box, int(rng.integers(1, 5)), ink)
    return board


def number(rng: Rng) -> Board:
    """House numbers, parking bays, telephone numbers, prices, the clock in the recorder's picture."""
    board, ink = any_board(rng, 1.2, 4.5)
    text = [
        pick(DIGITS, int(rng.integers(1, 4)), rng),
        "1" + pick("3578", 1, rng) + pick(DIGITS, 9, rng),
        f"{pick(DIGITS, 2, rng)}:{pick(DIGITS, 2, rng)}",
        f"{pick(DIGITS, 2, rng)}.{pick(DIGITS, 2, rng)}",
        f"{pick(DIGITS, 1, rng)}%",
        fill("2020-10-00", rng),
    ][int(rng.integers(6))]
    board.words(text, fonts.choose("text", rng), (board.width / 2, 150), 170, ink, 0.85 * board.width)
    return board


def poster(rng: Rng) -> Board:
    board, ink = any_board(rng, 0.5, 1.5)
    w = board.width
    draw = ImageDraw.Draw(board.picture)
    if rng.random() < 0.7:
        for _ in range(int(rng.integers(1, 4))):
            x, y, r = rng.uniform(0, w), rng.uniform(60, 260), rng.uniform(20, 90)
            tint = tuple(int(v) for v in rng.integers(20, 240, 3))
            if rng.random() < 0.5:
                draw.ellipse((x - r, y - r, x + r, y + r), tint)
            else:
                draw.rectangle((x - r, y - r / 2, x + r, y + r / 2), tint)
    lines(board, rng, (0.05 * w, 10, 0.95 * w, 290), int(rng.integers(3, 10)), ink)
    return board


def display(rng: Rng) -> Board:
    """A lit dot display: a bus's destination, a shop's running text."""
    board = Board(int(rng.integers(500, 1200)), 260, (14, 14, 16))
    ink = [(255, 170, 40), (255, 60, 40), (90, 255, 120), (240, 240, 255)][int(rng.integers(4))]
    han = rng.random() < 0.5
    text = (pick(DIGITS, 3, rng) + " " if rng.random() < 0.6 else "") + phrase(rng, han=han)
    face = fonts.choose("chinese-text" if han or ord(max(text)) > 255 else "text", rng)
    board.words(text, face, (board.width / 2, 130), 150, ink, 0.9 * board.width)
    dots = np.asarray(board.picture).copy()
    step = int(rng.integers(8, 14))
    dots[::step] = 10
    dots[:, ::step] = 10
    board.picture.paste(Image.fromarray(dots))
    return board


def stripes(rng: Rng) -> Board:
    """Bars with nothing to read: vents, grilles, barriers, barcodes, striped tape."""
    board, ink = any_board(rng, 1.2, 5)
    draw = ImageDraw.Draw(board.picture)
    slant, x = float(rng.choice([0, 0, 80])), -100.0
    while x < board.width + 100:
        step = rng.uniform(10, 50)
        draw.polygon([(x, 0), (x + step, 0), (x + step + slant, 300), (x + slant, 300)], ink)
        x += step + rng.uniform(10, 50)
    return board


BOARDS: dict[str, tuple[Callable[[Rng], Board], float]] = {
    "shop": (shop, 5),
    "street": (street, 3),
    "road": (road, 4),
    "number": (number, 3),
    "poster": (poster, 4),
    "display": (display, 2),
    "stripes": (stripes, 2),
}


def board_sprite(name: str, rng: Rng) -> Sprite:
    board = BOARDS[name][0](rng)
    scale = LONGEST / max(board.width, board.height)
    size = (max(8, round(board.width * scale)), max(8, round(board.height * scale)))
    picture = cv2.resize(np.asarray(board.picture), size, interpolation=cv2.INTER_AREA).astype(np.float32)
    if rng.random() < 0.3:
        picture = picture * (1 - 0.4 * rng.random() * cloud(size[1], size[0], 8, rng)[..., None])
    if name != "display":
        picture = light(picture, rng)
    rgba = np.dstack([picture.clip(0, 255), np.full(size[::-1], 255.0)]).astype(np.uint8)
    return Sprite(rgba, corners(0, 0, *size), "sign", name)


SIGNS: dict[str, float] = {n: share for n, (_f, share) in [*BOARDS.items(), *THINGS.items()]} | {"caption": 2}


def caption(rng: Rng) -> Sprite:
    """The date, time and place that a recorder writes over its picture: text without a ground."""
    date, time = fill("2020-10-00", rng), fill("10:20:00", rng)
    text = [
        f"{date} {time}",
        f"{date} 星期{pick('一二三四五六日', 1, rng)} {time}",
        f"{pick(HAN, 6, rng)}{pick(DIGITS, 2, rng)}",
        f"CAM {pick(DIGITS, 2, rng)}",
    ]
    chosen = text[int(rng.integers(4))]
    han = any(c > "z" for c in chosen)
    mask = np.asarray(fonts.line(chosen, fonts.choose("chinese-text" if han else "text", rng), 30))
    mask = np.pad(mask, 3)
    mask = cv2.resize(
        mask, (LONGEST, max(6, round(mask.shape[0] * LONGEST / mask.shape[1]))), interpolation=cv2.INTER_AREA
    )
    edge = cv2.dilate(mask, np.ones((3, 3), np.uint8)) if rng.random() < 0.6 else mask
    ink = np.array([(245, 245, 245), (245, 245, 245), (250, 220, 60), (20, 20, 20)][int(rng.integers(4))])
    ground = 255 - ink
    share = mask[..., None].astype(np.float32) / 255
    rgba = np.dstack([(ink * share + ground * (1 - share)).astype(np.uint8), edge])
    return Sprite(rgba, corners(0, 0, *mask.shape[::-1]), "sign", "caption")


def draw_sign(name: str, rng: Rng) -> Sprite:
    """Draws one hard negative of kind ``name``."""
    if name in BOARDS:
        return board_sprite(name, rng)
    if name == "caption":
        return caption(rng)
    picture, alpha = THINGS[name][0](rng)
    lit = picture if name == "lamp" else light(picture.astype(np.float32), rng).clip(0, 255).astype(np.uint8)
    return Sprite(np.dstack([lit, alpha]), corners(0, 0, SIDE, SIDE), "sign", name)
