"""Requests: what is asked for, by whom, on what ground. Checked field by field, with every error at once.

Operator, purpose and legal basis are required: the Chongqing Measures on public-security video
image information systems have each use registered (Art. 11) and forbid a change of purpose (Art. 12).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from redact.batch.problems import Problem, suggestion
from redact.batch.rows import COLUMNS, Row, Rows
from redact.batch.texts import Operator, Reason, line_of, output_name, said, source_name
from redact.errors import RedactError
from redact.period import WHOLE, Period, parse_time, split_period
from redact.record import canonical
from redact.scope import Scope, scope_contents
from redact.zones import Point, Zone, check_kind, check_polygon, parse_points, split_zone


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a release. All times count from the first frame of the source.

    ``source``: a path, a glob or an fsspec address, as written. ``output``: the release's file name,
    empty where it is made of the id and the source's name. ``recipe``: a name or a path, as written.
    ``period``: the part of the source that is asked for. ``mute``: where the sound is silenced.
    """

    id: str
    source: str
    operator: str
    purpose: str
    legal_basis: str
    recipe: str
    requester: str = ""
    output: str = ""
    period: Period = WHOLE
    zones: tuple[Zone, ...] = ()
    mute: tuple[Period, ...] = ()
    line: int = field(default=0, compare=False)
    """Where it stands in its file, from 1."""

    @property
    def scope(self) -> Scope:
        """What the request asks of the video itself."""
        return Scope(self.period, self.zones, self.mute)


def request_contents(request: Request) -> dict[str, Any]:
    """The content as plain data for records and digests; exact times and coordinates as "numerator/denominator"."""
    return {
        "id": request.id,
        "source": request.source,
        "output": request.output,
        "operator": request.operator,
        "purpose": request.purpose,
        "legal_basis": request.legal_basis,
        "requester": request.requester,
        "recipe": request.recipe,
        **scope_contents(request.scope),
    }


def request_sha256(request: Request) -> str:
    """Digest of a request's content, hexadecimal: the same whatever format, file and line it was written in."""
    return hashlib.sha256(canonical({"schema": 1, "request": request_contents(request)})).hexdigest()


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


Start = Annotated[Fraction, BeforeValidator(parse_time)]
End = Annotated[Fraction | None, BeforeValidator(parse_time)]


def _after_start(end: Fraction | None, info: ValidationInfo) -> Fraction | None:
    if end is not None and "start" in info.data:
        Period(info.data["start"], end)
    return end


class _Period(_Part):
    """``{start, end}``, or "start-end"; both are required."""

    start: Start
    end: Annotated[Fraction, BeforeValidator(parse_time), AfterValidator(_after_start)]

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return dict(zip(("start", "end"), split_period(value), strict=True)) if isinstance(value, str) else value

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)


def _polygon(points: tuple[Point, ...]) -> tuple[Point, ...]:
    check_polygon(points)
    return points


class _Zone(_Part):
    """``{kind, name, points, start, end}``, or "kind name @ start-end: x,y x,y x,y"."""

    kind: Annotated[str, BeforeValidator(line_of(32)), AfterValidator(check_kind)]
    name: Annotated[str, BeforeValidator(line_of(100))] = ""
    points: Annotated[tuple[Point, ...], BeforeValidator(parse_points), AfterValidator(_polygon)]
    start: Start = Fraction(0)
    end: Annotated[End, AfterValidator(_after_start)] = None

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        part = split_zone(value)
        times = dict(zip(("start", "end"), split_period(part.period), strict=True)) if part.period else {}
        return {"kind": part.kind, "name": part.name, "points": part.points, **{k: t for k, t in times.items() if t}}

    @property
    def zone(self) -> Zone:
        return Zone(self.kind, self.points, self.name, Period(self.start, self.end))


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a request must find where it is carried out. Both raise ValueError or RedactError where it does not."""

    source: Callable[[str], object]
    recipe: Callable[[str], object]


def _surroundings(info: ValidationInfo) -> Surroundings:
    if not isinstance(info.context, Surroundings):
        raise TypeError("requests are validated with a context of Surroundings")
    return info.context


def _found(source: str, info: ValidationInfo) -> str:
    _surroundings(info).source(source)
    return source


def _known(recipe: str, info: ValidationInfo) -> str:
    try:
        _surroundings(info).recipe(recipe)
    except RedactError as e:
        raise ValueError(str(e)) from None
    return recipe


def _listed(value: object) -> object:
    """A list, or its items in one text with ";", "|" or line breaks between them."""
    if isinstance(value, str):
        return [part.strip() for part in _BETWEEN.split(value) if part.strip()]
    return value


_BETWEEN = re.compile(r"[;；|｜\n]")
Recipe = Annotated[str, BeforeValidator(line_of(300)), AfterValidator(_known)]


class _Defaults(_Part):
    """What may be said once for all requests: nothing that belongs to one piece of footage."""

    recipe: Recipe = ""
    purpose: Reason = ""
    legal_basis: Reason = ""
    requester: Annotated[str, BeforeValidator(line_of(200))] = ""
    operator: Operator = ""


class _Fields(_Part):
    """A request as written. The order matters: a field is checked against those above it."""

    id: Annotated[str, BeforeValidator(line_of(100)), AfterValidator(said)]
    source: Annotated[str, BeforeValidator(source_name), AfterValidator(_found)]
    output: Annotated[str, BeforeValidator(output_name)] = ""
    start: Start = Fraction(0)
    end: Annotated[End, AfterValidator(_after_start)] = None
    recipe: Recipe
    purpose: Reason
    legal_basis: Reason
    requester: Annotated[str, BeforeValidator(line_of(200))] = ""
    operator: Operator
    zones: Annotated[list[_Zone], BeforeValidator(_listed)] = Field(default=[])
    mute: Annotated[list[_Period], BeforeValidator(_listed)] = Field(default=[])

    @field_validator("zones", "mute")
    @classmethod
    def _within(cls, parts: list[Any], info: ValidationInfo) -> list[Any]:
        """A time outside the part that is asked for was counted from elsewhere, and would cover the wrong thing."""
        if {"start", "end"} <= info.data.keys():
            asked = Period(info.data["start"], info.data["end"])
            for number, part in enumerate(parts, 1):
                if not Period(part.start, part.end).meets(asked):
                    raise ValueError(
                        f"number {number}, {Period(part.start, part.end)}, lies outside the part that is asked for, "
                        f"{asked}; all times count from the beginning of the source"
                    )
        return parts

    def request(self, line: int) -> Request:
        return Request(
            id=self.id,
            source=self.source,
            operator=self.operator,
            purpose=self.purpose,
            legal_basis=self.legal_basis,
            recipe=self.recipe,
            requester=self.requester,
            output=self.output,
            period=Period(self.start, self.end),
            zones=tuple(z.zone for z in self.zones),
            mute=tuple(m.period for m in self.mute),
            line=line,
        )


@dataclass(frozen=True)
class Listing:
    """A request as written and, where nothing is wrong with it by itself, as understood."""

    row: Row
    request: Request | None

    @property
    def id(self) -> str:
        """The id, so far as it can be told; empty where it cannot."""
        return self.request.id if self.request else " ".join(str(self.row.values.get("id", "")).split())


def parse_requests(
    rows: Rows, origin: str, recipe: str, surroundings: Surroundings
) -> tuple[tuple[Listing, ...], tuple[Problem, ...]]:
    """Understands what was read from the file ``origin``; all that is wrong with it comes back as well.

    ``recipe`` is for requests that name none.
    """
    problems = list(rows.problems)
    given = _present(rows.defaults.values)
    try:
        _Defaults.model_validate(given, context=surroundings)
        wrong: set[str] = set()
    except ValidationError as e:
        problems += _problems(e, rows.defaults, origin, "default ", _Defaults.model_fields)
        wrong = {str(x["loc"][0]) for x in e.errors() if x["loc"]}
    defaults = {"recipe": recipe, **{k: v for k, v in given.items() if k not in wrong}}
    listings = []
    for row in rows.requests:
        try:
            fields = _Fields.model_validate({**defaults, **_present(row.values)}, context=surroundings)
            listings.append(Listing(row, fields.request(row.line)))
        except ValidationError as e:
            found = _problems(e, row, origin, "", COLUMNS)
            # What is wrong with a default was said once, where it stands.
            problems += [p for p in found if not (p.field in wrong and p.sentence == _MISSING)]
            listings.append(Listing(row, None))
    return tuple(listings), tuple(problems)


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is blank: an empty cell says nothing."""
    return {k: v for k, v in values.items() if v is not None and not (isinstance(v, str) and not v.strip())}


_MISSING = "is missing"
_SENTENCES = {
    "missing": _MISSING,
    "list_type": "is no list: write [ ... ] around it",
    "model_type": "is neither text nor a table",
    "dict_type": "is neither text nor a table",
}


def _problems(e: ValidationError, row: Row, origin: str, prefix: str, known: Iterable[str]) -> list[Problem]:
    found = []
    for error in e.errors(include_url=False):
        loc = error["loc"]
        cause = error.get("ctx", {}).get("error")
        if error["type"] == "extra_forbidden":
            sentence = f"is not a field that requests have{suggestion(str(loc[-1]), known) if len(loc) == 1 else ''}"
        else:
            sentence = str(cause) if cause else _SENTENCES.get(error["type"], error["msg"].lower())
        where = "".join(f" {part + 1}" if isinstance(part, int) else f", {part}" for part in loc)
        found.append(Problem(origin, row.line_of(loc), prefix + where.removeprefix(", "), sentence))
    return found
