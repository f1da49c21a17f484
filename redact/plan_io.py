"""The plan as a document: JSON that a person can read, correct and render again. See docs/plan-format.md."""

from __future__ import annotations

import hashlib
import json
import math
import re
from base64 import b64encode
from collections import Counter
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, PlainValidator, ValidationError

from redact.errors import RecipeError, UsageError
from redact.findings import KeyBox, Kind, RedactionPlan, SourceId, Track
from redact.geometry import Box, Polygon
from redact.mistakes import in_words, where
from redact.period import Period
from redact.pictures import PictureSums
from redact.scope import EVERYTHING, Scope
from redact.timeline import Span
from redact.zones import Point, check_sides

_Index = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


_MOST_SECONDS = 10**9  # as in requests; far greater numbers do not fit the ticks of a source


def _time(value: object) -> Fraction:
    """Exact seconds: a number means what is written, not the float nearest to it; text is "numerator/denominator"."""
    number = isinstance(value, int) if not isinstance(value, float) else math.isfinite(value)
    text = isinstance(value, str) and re.fullmatch(r"\d{1,20}(/[1-9]\d{0,19})?", value, re.ASCII)
    time = Fraction(str(value)) if (number or text) and not isinstance(value, bool) else None
    if time is None or time > _MOST_SECONDS:
        raise ValueError("is no time: write seconds, such as 80 or 125.5")
    return time


_Time = Annotated[Fraction, PlainValidator(_time, json_schema_input_type=float | str)]


class _Period(_Part):
    start: _Time = Fraction(0)
    end: _Time | None = None

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)


class _Scope(_Period):
    mute: list[_Period] = Field(default=[])


class _Looked(_Part):
    first: _Index
    last: _Index


class _Source(_Part):
    sha256: str
    frames: _Index
    width: Annotated[int, Field(gt=0)]
    height: Annotated[int, Field(gt=0)]


class _Key(_Part):
    frame: _Index
    box: tuple[float, float, float, float]
    score: float | None = None


class _Track(_Part):
    id: Annotated[int, Field(ge=1)]
    kind: Kind
    outline: Annotated[list[tuple[float, float]], Field(min_length=3)] | None = None
    keys: Annotated[list[_Key], Field(min_length=1)]


class _Pictures(_Part):
    first: _Index
    crc32: Base64Bytes


class _Plan(_Part):
    schema_version: Literal[1] = Field(alias="schema")
    source: _Source
    scope: _Scope | None = None
    recipe_sha256: str
    detectors: list[str]
    examined: _Index
    looked: _Looked | None = None
    black: list[_Index]
    pictures: _Pictures | None = None
    tracks: list[_Track]


def _number(v: float) -> float | int:
    return int(v) if v == int(v) else v


def _seconds(time: Fraction) -> float | int | str:
    """What ``_time`` reads back: a number where one says it exactly."""
    v = float(time)
    return _number(v) if Fraction(str(v)) == time else str(time)


def _period(period: Period) -> dict[str, object]:
    """Start and end, so far as they are said."""
    times = (("start", period.start or None), ("end", period.end))
    return {name: _seconds(time) for name, time in times if time is not None}


def dump_plan(plan: RedactionPlan) -> str:
    """The plan as JSON text, one key box a line; the same plan always gives the same text."""
    head: dict[str, object] = {
        "schema": 1,
        "source": {
            "sha256": plan.source.sha256,
            "frames": plan.source.frames,
            "width": plan.source.width,
            "height": plan.source.height,
        },
    }
    if plan.scope != EVERYTHING:
        mute = {"mute": [_period(m) for m in plan.scope.mutes]} if plan.scope.mutes else {}
        head["scope"] = {**_period(plan.scope.period), **mute}
    head |= {
        "recipe_sha256": plan.recipe_sha256,
        "detectors": list(plan.detectors),
        "examined": plan.examined,
    }
    if plan.looked is not None:
        head["looked"] = {"first": plan.looked.start, "last": plan.looked.stop - 1}
    head["black"] = list(plan.black)
    if plan.pictures is not None:
        head["pictures"] = {"first": plan.pictures.first, "crc32": b64encode(plan.pictures.crc32).decode()}
    lines = ["{"]
    lines += [f" {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
    lines.append(' "tracks": [')
    for n, t in enumerate(plan.tracks):
        corners = [[_number(v) for v in c] for c in t.outline.corners] if t.outline else []
        outline = f'"outline": {json.dumps(corners)}, ' if corners else ""
        lines.append(f'  {{"id": {t.id}, "kind": "{t.kind}", {outline}"keys": [')
        for m, k in enumerate(t.keys):
            box = [_number(v) for v in k.box.edges]
            key: dict[str, object] = {"frame": k.index, "box": box}
            if k.score is not None:
                key["score"] = round(k.score, 3)
            lines.append(f"   {json.dumps(key)}" + ("," if m + 1 < len(t.keys) else ""))
        lines.append("  ]}" + ("," if n + 1 < len(plan.tracks) else ""))
    lines += [" ]", "}"]
    return "\n".join(lines) + "\n"


def plan_sha256(plan: RedactionPlan) -> str:
    """SHA-256 of the plan's JSON text, hexadecimal."""
    return hashlib.sha256(dump_plan(plan).encode()).hexdigest()


_ROUNDING = 1e-6  # px^2
_REMEDY = "The format is described in docs/plan-format.md; `redact plan` makes a new one."


def parse_plan(text: str, origin: str) -> RedactionPlan:
    """Reads a plan. Raises RecipeError naming ``origin`` and what is wrong, and where."""
    try:
        data = json.loads(text, object_pairs_hook=_each_once)
        try:
            plan = _plan(_Plan.model_validate(data))
        except ValidationError as e:
            first = e.errors()[0]
            unknown = first["type"] == "extra_forbidden"
            what = "is not a field that plans have" if unknown else in_words(first)
            raise ValueError(f"{_place(first['loc'], data)} {what}") from None
        _check_tracks(plan)
    except RecursionError:
        raise RecipeError(f"{origin}: is nested too deeply.", _REMEDY) from None
    except ValueError as e:
        raise RecipeError(f"{origin}: {e}.", _REMEDY) from None
    return plan


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values under one key JSON would take the last, and a region that a person wrote would be lost."""
    found = dict(pairs)
    if len(found) < len(pairs):
        double = next(k for k, n in Counter(k for k, _ in pairs).items() if n > 1)
        raise ValueError(f"the key {double!r} stands twice in one place: only one of them would count")
    return found


def _place(loc: tuple[int | str, ...], data: Any) -> str:
    """Where a mistake is, as people look for it: by the number of a track and the frame of a key, if they have one."""
    match loc:
        case ("tracks", int(t), "keys", int(k), *rest):
            named, place = data["tracks"][t]["keys"][k], f"{_place(loc[:2], data)}, "
            frame = named.get("frame") if isinstance(named, dict) else None
            place += f"frame {frame}" if isinstance(frame, int) else f"key {k + 1}"
        case ("tracks", int(t), *rest):
            named = data["tracks"][t]
            number = named.get("id") if isinstance(named, dict) else None
            place = f"track {number}" if isinstance(number, int) else f"the track that is number {t + 1} in the list"
        case _:
            return where(loc) or "the document"
    return f"{place}: {where(tuple(rest))}" if rest else place


def _plan(p: _Plan) -> RedactionPlan:
    """The plan that a document of the right form says. Raises ValueError naming the place of what is not possible."""
    pictures = None if p.pictures is None else PictureSums(p.pictures.first, p.pictures.crc32)
    if p.looked is not None and p.looked.last < p.looked.first:
        raise ValueError(f"looked: the last frame, {p.looked.last}, comes before the first, {p.looked.first}")
    try:
        scope = Scope(p.scope.period, mutes=tuple(m.period for m in p.scope.mute)) if p.scope else EVERYTHING
    except ValueError as e:
        raise ValueError(f"scope: {e}") from None
    looked = None if p.looked is None else Span(p.looked.first, p.looked.last + 1)
    return RedactionPlan(
        source=SourceId(p.source.sha256, p.source.frames, p.source.width, p.source.height),
        recipe_sha256=p.recipe_sha256,
        detectors=tuple(p.detectors),
        tracks=tuple(
            Track(t.id, t.kind, tuple(KeyBox(k.frame, _box(t, k), k.score) for k in t.keys), _outline(t))
            for t in p.tracks
        ),
        black=tuple(p.black),
        examined=p.examined,
        pictures=pictures,
        scope=scope,
        looked=looked,
    )


def _box(track: _Track, key: _Key) -> Box:
    try:
        return Box(*key.box)
    except ValueError as e:
        raise ValueError(f"track {track.id}, frame {key.frame}: {e}") from None


def _outline(track: _Track) -> Polygon | None:
    if track.outline is None:
        return None
    try:
        outline = Polygon(tuple(track.outline))
        check_sides([Point(Fraction(x), Fraction(y)) for x, y in outline.corners])
    except ValueError as e:
        raise ValueError(f"track {track.id}: outline: {e}") from None
    return outline


def _check_tracks(plan: RedactionPlan) -> None:
    """Raises ValueError for frames that the source does not have, a doubled number, and what would hide nothing."""
    last = plan.source.frames - 1
    for what, frame in (
        ("black", max(plan.black, default=0)),
        *((f"track {t.id}", t.keys[-1].index) for t in plan.tracks),
    ):
        if frame > last:
            raise ValueError(f"{what}: there is no frame {frame}: frames are numbered 0 to {last}")
    for number, count in Counter(t.id for t in plan.tracks).items():
        if count > 1:
            raise ValueError(f"track {number}: {count} tracks have this id; each has one of its own")
    w, h = plan.source.width, plan.source.height
    for t in plan.tracks:
        if not _hides(t, w, h):
            raise ValueError(
                f"track {t.id}, frame {t.keys[0].index}: from there on it hides nothing: "
                f"all of it lies outside the picture of {w}x{h} px or outside its outline, or is empty"
            )
        if t.outline is not None and (key := next((k for k in t.keys if not _holds_outline(t, k, w, h)), None)):
            raise ValueError(
                f"track {t.id}, frame {key.index}: its outline reaches beyond its box, which would leave that part "
                "clear: make the box as large as the outline"
            )


def _holds_outline(track: Track, key: KeyBox, width: int, height: int) -> bool:
    """Whether the box of a key holds all of the track's outline that lies in the picture."""
    assert track.outline is not None
    shown = track.outline.box.clip(width, height)
    return shown.is_empty or shown.union(key.box).area <= key.box.area + _ROUNDING


def _hides(track: Track, width: int, height: int) -> bool:
    """Whether a track can be seen in a picture of ``width`` x ``height``: at a key, or on the way between two."""
    ways = (a.box.union(b.box) for a, b in pairwise(track.keys) if b.index - a.index > 1)
    for box in chain((k.box for k in track.keys), ways):
        shown = box.round_out().clip(width, height)
        if not shown.is_empty and (track.outline is None or shown.intersection(track.outline.box) > 0):
            return True
    return False


def read_plan(file: Path) -> str:
    """The text of a plan file. Raises OSError, and UnicodeDecodeError where it is not UTF-8."""
    return file.read_text(encoding="utf-8-sig")  # Windows Notepad begins a file with a mark of order


def holds(file: Path, plan: RedactionPlan) -> bool:
    """Whether a file holds this plan, however it is laid out."""
    try:
        return parse_plan(read_plan(file), str(file)) == plan
    except (OSError, UnicodeDecodeError, RecipeError):
        return False


def check_plan(path: Path, sha256: str, plan: RedactionPlan) -> None:
    """Refuses a plan that was made for another source than ``path`` with this digest. Raises UsageError."""
    if plan.source.sha256 != sha256:
        raise UsageError(
            f"{str(path)!r}: the plan was made for another file (SHA-256 {plan.source.sha256[:12]}..., "
            f"this one is {sha256[:12]}...).",
            "Make a plan for this file with `redact plan`.",
        )


def check_looked(path: Path, part: Span, plan: RedactionPlan) -> None:
    """Refuses a plan for a part of the source ``path`` in which nobody looked at all frames. Raises UsageError."""
    # Who takes `looked` out of a plan, or has one from before it was said, is told by the pictures.
    for looked in (plan.looked, None if plan.pictures is None else plan.pictures.span):
        if looked is not None and not looked.start <= part.start <= part.stop <= looked.stop:
            raise UsageError(
                f"{str(path)!r}: the plan is for frames {part.start} to {part.stop - 1}, but it was made by looking at "
                f"frames {looked.start} to {looked.stop - 1} only.",
                "Correct `scope` in the plan, or make a plan for all of it.",
            )
