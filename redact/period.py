"""Stretches of time as people write them ("12.5", "1:20", "0:01:20.040"), held exactly. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

# Nine digits after the point are nanoseconds; the finest time base in use (MPEG-TS, 1/90000 s) needs five.
_TIME = re.compile(r"(?:(?:(?P<h>\d{1,5}):)?(?P<m>\d{1,7}):)?(?P<s>\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_HOW = 'write seconds ("12.5"), minutes ("1:20") or hours ("0:01:20.5")'
_BETWEEN = re.compile(r"\s*[-–—~～至]\s*")  # all the signs that people put between two times
# A Chinese keyboard writes digits, colon and point in full width; they mean the same.
_NARROW = {0xFF10 + i: 0x30 + i for i in range(10)} | {ord("："): ord(":"), ord("．"): ord(".")}


def parse_time(value: object) -> Fraction:
    """Exact seconds from text, a whole number or a Decimal.

    Text is "s", "m:s" or "h:m:s", with up to nine decimals; behind a colon seconds, and behind
    hours minutes, stay below 60. Raises ValueError with a sentence; a float is refused, it is not exact.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    elif isinstance(value, Decimal):
        # The exponent is looked at first: 1e999999999 written out would fill the memory.
        value = format(value, "f") if value.is_finite() and abs(value.adjusted()) <= 12 else str(value)
    if not isinstance(value, str):
        raise ValueError(f"this is no time: {_HOW}, in quotation marks where it has a colon")
    text = value.translate(_NARROW).strip()
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{value!r} is no time: {_HOW}")
    hours, minutes, seconds = int(found["h"] or 0), int(found["m"] or 0), Fraction(found["s"])
    if (found["m"] and seconds >= 60) or (found["h"] and minutes >= 60):
        raise ValueError(f"{value!r} is no time: behind a colon a number stays below 60")
    return hours * 3600 + minutes * 60 + seconds


def format_time(seconds: Fraction) -> str:
    """Writes exact seconds as "h:mm:ss" with as many decimals as needed; ``parse_time`` reads it back.

    Raises ValueError where nine decimals do not hold it.
    """
    ticks = seconds * 10**9
    if ticks.denominator != 1 or seconds < 0:
        raise ValueError(f"{seconds} s cannot be written exactly with nine decimals")
    whole, rest = divmod(int(ticks), 10**9)
    text = f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{text}.{rest:09d}".rstrip("0") if rest else text


@dataclass(frozen=True, slots=True)
class Period:
    """From ``start`` on and before ``end``, in exact seconds from the source's first frame.

    ``end`` is None where it lasts to the end of the video. ``Period()`` is the whole of it.
    """

    start: Fraction = Fraction(0)
    end: Fraction | None = None

    def __post_init__(self) -> None:
        if self.start < 0:
            raise ValueError(f"a period begins at 0 or later, got {self.start} s")
        if self.end is not None and self.end <= self.start:
            raise ValueError(f"the end, {_shown(self.end)}, is not after the start, {_shown(self.start)}")

    def __contains__(self, seconds: object) -> bool:
        """Whether a time, in exact seconds, lies within."""
        return isinstance(seconds, (int, Fraction)) and (
            self.start <= seconds and (self.end is None or seconds < self.end)
        )

    def meets(self, other: Period) -> bool:
        """Whether some time lies in both."""
        return (other.end is None or self.start < other.end) and (self.end is None or other.start < self.end)

    def __str__(self) -> str:
        return f"{_shown(self.start)}-{'' if self.end is None else _shown(self.end)}"


WHOLE = Period()
"""All of a video."""


def split_period(text: str) -> tuple[str, str]:
    """Takes "start-end" apart, not looking at either time. Raises ValueError with a sentence."""
    parts = _BETWEEN.split(text.strip())
    if len(parts) != 2:
        raise ValueError(f'{text!r} is no period: write start and end, such as "1:20-2:05.5"')
    return parts[0], parts[1]


def _shown(seconds: Fraction) -> str:
    return format_time(Fraction(round(seconds * 10**9), 10**9))
