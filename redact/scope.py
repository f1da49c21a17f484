"""What a request asks of a video beyond its recipe: which part, which zones, which silences. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from redact.period import WHOLE, Period
from redact.zones import Point, Zone


@dataclass(frozen=True, slots=True)
class Scope:
    """``period``: the part that is released. ``zones``: always obscured. ``mutes``: silent where sound is kept.

    All times count from the source's first frame.
    """

    period: Period = WHOLE
    zones: tuple[Zone, ...] = ()
    mutes: tuple[Period, ...] = ()


EVERYTHING = Scope()
"""The whole video, without zones or mutes."""


def scope_contents(scope: Scope) -> dict[str, Any]:
    """The scope as plain data, exact times and coordinates as "numerator/denominator"; ``parse_scope`` reads it."""
    return {
        "period": period_contents(scope.period),
        "zones": [
            {
                "kind": z.kind,
                "name": z.name,
                "points": [[str(p.x), str(p.y)] for p in z.points],
                "period": period_contents(z.period),
            }
            for z in scope.zones
        ],
        "mute": [period_contents(p) for p in scope.mutes],
    }


def scope_sentences(scope: Scope) -> tuple[str, ...]:
    """The scope for people: the part, each zone, each mute; nothing for all of a video."""
    part = () if scope.period == WHOLE else (f"part {scope.period}",)
    zones = (f"zone {z.name or z.kind}" + ("" if z.period == WHOLE else f" {z.period}") for z in scope.zones)
    return (*part, *zones, *(f"mute {m}" for m in scope.mutes))


def period_contents(period: Period) -> list[str | None]:
    """Start and end as exact text; the end None where there is none."""
    return [str(period.start), None if period.end is None else str(period.end)]


def parse_scope(data: Mapping[str, Any]) -> Scope:
    """Reads what ``scope_contents`` gave. Raises ValueError, KeyError or TypeError for anything else."""

    def period(value: Any) -> Period:
        start, end = value
        return Period(Fraction(start), None if end is None else Fraction(end))

    zones = tuple(
        Zone(
            z["kind"],
            tuple(Point(Fraction(x), Fraction(y)) for x, y in z["points"]),
            z["name"],
            period(z["period"]),
        )
        for z in data["zones"]
    )
    return Scope(period(data["period"]), zones, tuple(period(m) for m in data["mute"]))
