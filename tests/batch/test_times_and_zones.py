"""Times and zones as people write them: exact, and refused where they make no sense."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redact.period import Period, format_time, parse_time
from redact.zones import Point, Zone, check_polygon, parse_points, split_zone

nanoseconds = st.integers(0, 10**15).map(lambda n: Fraction(n, 10**9))


@given(nanoseconds)
def test_a_time_that_was_written_reads_back_exactly(seconds: Fraction) -> None:
    assert parse_time(format_time(seconds)) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("12.5", "25/2"),
        ("1:20", "80"),
        ("90:00", "5400"),
        ("0:01:20.040", "2001/25"),
        (" 1：２0 ", "80"),
        (12, "12"),
        (Decimal("0.1"), "1/10"),
        (Decimal("1e2"), "100"),
        ("33.366666667", "33366666667/1000000000"),
    ],
)
def test_times_are_exact(value: object, seconds: str) -> None:
    assert parse_time(value) == Fraction(seconds)


@pytest.mark.parametrize(
    "value",
    [
        *("", "-1", "1:60", "1:60:00", "1:2:3:4", "1,5", "1e3", "१२", "12s", "0.1234567891"),
        *(0.1, True, None, -3, 10**10, [1]),
        *(Decimal("nan"), Decimal("inf"), Decimal("1e999999999"), Decimal("-1")),
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="time"):
        parse_time(value)


def test_a_period_ends_after_it_starts() -> None:
    with pytest.raises(ValueError, match="0:00:05, is not after the start, 0:00:05"):
        Period(Fraction(5), Fraction(5))
    assert Fraction(5) not in Period(Fraction(1), Fraction(5))
    assert Fraction(1) in Period(Fraction(1), Fraction(5))
    assert not Period(Fraction(0), Fraction(5)).meets(Period(Fraction(5)))
    assert Period(Fraction(0), Fraction(5)).meets(Period(Fraction(4)))


def _zone(text: str) -> Zone:
    part = split_zone(text)
    return Zone(part.kind, parse_points(part.points), part.name)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ("", "3 to"),
        ("0,0 1,1", "3 to"),
        ("0,0 1,0 0,0", "one line|there twice|crosses"),
        ("0,0 0.5,0.5 1,1", "no area"),
        ("0.2,0.2 0.2,0.2 0.2,0.2", "no area"),
        ("0,0 1,1 1,0 0,1", "crosses itself"),
        ("0,0 10,0 10,10 5,0 0,10", "crosses itself"),
        ("0,0 10,0 5,0 5,10", "crosses itself"),
        ("0,0 10,0 10,10 10,10", "there twice"),
        ("0.1,0.2 0.5,0.2 1.2,0.6", "outside the picture"),
        ("0,0 1,0 1,2 0,2", "only 1 pixels"),
        ("0,0 5,-1 9,9", "no coordinate"),
        ("0,0 5 9,9", "two numbers"),
        ("0,0 nan,5 9,9", "no coordinate"),
    ],
)
def test_polygons_that_cover_nothing_sure_are_refused(points: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        _zone(f"screen: {points}")


def test_shares_and_pixels() -> None:
    assert _zone("screen: 0,0 1,0 1,1 0,1").in_pixels(1920, 1080) == ((0, 0), (1920, 0), (1920, 1080), (0, 1080))
    pixels = _zone("gate: 0,0 1920,0 1920,1080")
    assert pixels.in_pixels(1920, 1080)[2] == (1920, 1080)
    with pytest.raises(ValueError, match="outside the picture of 1280x720"):
        pixels.in_pixels(1280, 720)


def test_a_zone_on_one_line() -> None:
    part = split_zone("屏幕 前台 （一） @ 1：20～2:00： 0.1，0.2 0.5，0.2 0.5，0.6")
    assert (part.kind, part.name, part.period) == ("屏幕", "前台 （一）", "1：20～2:00")
    assert len(parse_points(part.points)) == 3
    assert len(parse_points("0,0 9,0 9,9 0,0")) == 3, "a ring that is closed again"


coordinates = st.integers(0, 12).map(Fraction)
points = st.lists(st.builds(Point, coordinates, coordinates), min_size=3, max_size=7)


def _crosses(ring: list[Point]) -> bool:
    """Another way to tell: sides are cut into many small steps, and some step of two sides is the same place."""
    sides = []
    for a, b in zip(ring, [*ring[1:], ring[0]], strict=True):
        if a == b:
            return True
        sides.append((a, b))
    for i, (a, b) in enumerate(sides):
        for j, (c, d) in enumerate(sides[:i]):
            # a + t(b-a) = c + u(d-c), solved by Cramer's rule
            rx, ry, sx, sy = b.x - a.x, b.y - a.y, d.x - c.x, d.y - c.y
            det = rx * sy - ry * sx
            qx, qy = c.x - a.x, c.y - a.y
            ends = {a, b} & {c, d}
            if det:
                t, u = (qx * sy - qy * sx) / det, (qx * ry - qy * rx) / det
                meets = 0 <= t <= 1 and 0 <= u <= 1
                if meets and not (ends and (i - j == 1 or i - j == len(sides) - 1)):
                    return True
            elif qx * ry == qy * rx:
                length = rx * rx + ry * ry
                t0 = (qx * rx + qy * ry) / length
                t1 = t0 + (sx * rx + sy * ry) / length
                low, high = max(min(t0, t1), Fraction(0)), min(max(t0, t1), Fraction(1))
                neighbours = i - j == 1 or i - j == len(sides) - 1
                if low < high or (low == high and not neighbours):
                    return True
    return False


@given(points)
def test_crossing_sides_are_found(ring: list[Point]) -> None:
    large = [Point(p.x * 10, p.y * 10) for p in ring]
    reason = ""
    try:
        check_polygon(large)
    except ValueError as e:
        reason = str(e)
    assert bool(reason) == (_crosses(large) or "no area" in reason or "pixels" in reason), reason
