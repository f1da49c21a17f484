"""Zones: polygons that are always obscured, whatever a detector sees there. Pure.

Coordinates are exact fractions, so that a zone means the same whichever file format it was
written in, and so that the tests for crossing edges have no rounding.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import combinations

from redact.period import WHOLE, Period

MOST_POINTS = 200
LEAST_PIXELS = 4
"""A zone in pixels that is smaller than this on a side was meant as shares, or is a slip of the hand."""

_KIND = re.compile(r"[^\W\d_][\w-]{0,31}")
_NOTATION = re.compile(
    r"(?P<kind>[^\s@:：]+)\s*(?P<name>[^@]*?)\s*(?:@\s*(?P<period>\S.*?)\s*)?[:：](?P<points>[^:：]*)", re.DOTALL
)
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,9})?", re.ASCII)
_HOW = 'write "kind name @ start-end: x,y x,y x,y", such as "screen: 0.1,0.2 0.5,0.2 0.5,0.6"'
# What a Chinese keyboard writes in full width, but for the letters.
_NARROW = {0xFF10 + i: 0x30 + i for i in range(10)} | {ord("，"): ord(","), ord("．"): ord("."), 0x3000: ord(" ")}


@dataclass(frozen=True, slots=True)
class Point:
    """A place in the picture, x to the right and y down from the top left corner."""

    x: Fraction
    y: Fraction

    def __str__(self) -> str:
        return f"{float(self.x):.9g},{float(self.y):.9g}"


@dataclass(frozen=True, slots=True)
class Zone:
    """A simple polygon that is obscured from ``period.start`` to ``period.end``.

    ``kind``: one word, such as "screen", "gate" or "machine". ``points``: the corners, in order,
    the last joined to the first. All of 0..1 are shares of the displayed picture's width and height;
    otherwise they are whole display pixels. Raises ValueError with a sentence for a polygon that
    covers nothing, crosses itself or mixes the two.
    """

    kind: str
    points: tuple[Point, ...]
    name: str = ""
    period: Period = WHOLE

    def __post_init__(self) -> None:
        check_kind(self.kind)
        check_polygon(self.points)

    @property
    def in_shares(self) -> bool:
        """Whether the points are shares of the picture; else they are display pixels."""
        return all(v <= 1 for p in self.points for v in (p.x, p.y))

    @property
    def label(self) -> str:
        """What people call it: kind and name."""
        return f"{self.kind} {self.name}".strip()

    def in_pixels(self, width: int, height: int) -> tuple[tuple[float, float], ...]:
        """The corners (x, y) in display pixels of a picture of ``width`` x ``height``.

        Raises ValueError where a corner lies outside: the zone was drawn on another picture.
        """
        sx, sy = (width, height) if self.in_shares else (1, 1)
        for p in self.points:
            if p.x * sx > width or p.y * sy > height:
                raise ValueError(f"the zone {self.label!r} reaches {p}, outside the picture of {width}x{height}")
        return tuple((float(p.x * sx), float(p.y * sy)) for p in self.points)


def check_kind(kind: str) -> str:
    """Gives the word back. Raises ValueError, with a sentence, unless it is one word."""
    if not _KIND.fullmatch(kind):
        raise ValueError(f'{kind!r} is no kind of zone: use one word, such as "screen", "gate" or "machine"')
    return kind


def check_polygon(points: Sequence[Point]) -> None:
    """Raises ValueError, with a sentence, unless the points are a simple polygon, in shares or in whole pixels."""
    if not 3 <= len(points) <= MOST_POINTS:
        raise ValueError(f"a polygon has 3 to {MOST_POINTS} different corners, got {len(points)}")
    numbers = [v for p in points for v in (p.x, p.y)]
    if any(v < 0 for v in numbers):
        raise ValueError("a corner lies outside the picture: no coordinate is below 0")
    outside = [p for p in points if p.x > 1 or p.y > 1]
    if outside and any(v.denominator != 1 for v in numbers):
        raise ValueError(f"the corner {outside[0]} lies outside the picture: use shares from 0 to 1, or whole pixels")
    check_sides(points)
    if outside:
        for low, high in ((min(v), max(v)) for v in ([p.x for p in points], [p.y for p in points])):
            if high - low < LEAST_PIXELS:
                raise ValueError(
                    f"the polygon is only {high - low} pixels wide or high: pixels are whole numbers, shares at most 1"
                )


def check_sides(points: Sequence[Point]) -> None:
    """Raises ValueError, with a sentence, unless three or more points are a polygon whose sides don't cross."""
    if all(_side(points[0], p, q) == 0 for p, q in combinations(points[1:], 2)):
        raise ValueError("the polygon has no area: its corners lie on one line")
    sides = [(a, points[(i + 1) % len(points)]) for i, a in enumerate(points)]
    for (i, a), (j, b) in combinations(enumerate(sides), 2):
        if a[0] == a[1] or b[0] == b[1]:
            raise ValueError(f"the corner {a[0] if a[0] == a[1] else b[0]} is there twice")
        # Neighbours share a corner. If one doubled back over the other, the side behind it would touch the first.
        if 1 < j - i < len(sides) - 1 and _meet(*a, *b):
            raise ValueError(
                f"the polygon crosses itself where the side {a[0]} to {a[1]} meets {b[0]} to {b[1]}:"
                " list the corners in the order in which you would walk around it"
            )


def _side(a: Point, b: Point, p: Point) -> int:
    """On which side of the line from ``a`` to ``b`` a point lies: -1, 0 (on it) or 1."""
    v = (b.x - a.x) * (p.y - a.y) - (b.y - a.y) * (p.x - a.x)
    return (v > 0) - (v < 0)


def _on(a: Point, b: Point, p: Point) -> bool:
    """Whether a point lies on the stretch from ``a`` to ``b``, ends included."""
    inside = min(a.x, b.x) <= p.x <= max(a.x, b.x) and min(a.y, b.y) <= p.y <= max(a.y, b.y)
    return inside and _side(a, b, p) == 0


def _meet(a: Point, b: Point, c: Point, d: Point) -> bool:
    """Whether the stretches a-b and c-d have a point in common."""
    if _on(a, b, c) or _on(a, b, d) or _on(c, d, a) or _on(c, d, b):
        return True
    return _side(a, b, c) != _side(a, b, d) and _side(c, d, a) != _side(c, d, b)


def parse_number(value: object) -> Fraction:
    """An exact coordinate from text, a whole number or a Decimal. Raises ValueError with a sentence."""
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) <= 9:
        value = format(value, "f")
    text = str(value).translate(_NARROW).strip() if isinstance(value, (str, int)) else ""
    if isinstance(value, bool) or not _NUMBER.fullmatch(text):
        shown = repr(value) if isinstance(value, str) else str(value)
        raise ValueError(f"{shown} is no coordinate: use shares from 0 to 1, or whole pixels from 0")
    return Fraction(text)


def parse_points(value: object) -> tuple[Point, ...]:
    """Corners from "x,y x,y x,y" or from a list of pairs. A last corner that repeats the first is left out.

    Raises ValueError with a sentence.
    """
    pairs: list[object] = list(value) if isinstance(value, (list, tuple)) else []
    if isinstance(value, str):
        pairs = [p.split(",") for p in re.sub(r"\s*,\s*", ",", value.translate(_NARROW)).split()]
    points = []
    for pair in pairs:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise ValueError('a corner is two numbers, x and y, such as "0.1,0.2"')
        points.append(Point(parse_number(pair[0]), parse_number(pair[1])))
    return tuple(points[:-1] if len(points) > 3 and points[0] == points[-1] else points)


@dataclass(frozen=True, slots=True)
class ZoneText:
    """The parts of a zone written on one line, as text; ``points`` and ``period`` not looked at yet."""

    kind: str
    name: str
    period: str
    points: str


def split_zone(text: str) -> ZoneText:
    """Takes "kind name @ start-end: x,y x,y x,y" apart; name and period may be absent, as may start or end.

    The corners stand behind the last colon. Raises ValueError with a sentence.
    """
    found = _NOTATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no zone: {_HOW}")
    return ZoneText(found["kind"], " ".join(found["name"].split()), found["period"] or "", found["points"])
