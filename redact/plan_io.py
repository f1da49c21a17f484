"""The plan as a document: JSON that a person can read, correct and render again. See docs/plan-format.md."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, ValidationError

from redact.errors import RecipeError, UsageError
from redact.findings import KeyBox, Kind, RedactionPlan, SourceId, Track
from redact.geometry import Box, Polygon
from redact.pictures import PictureSums
from redact.track import RegionsByFrame

_Index = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
    recipe_sha256: str
    detectors: list[str]
    examined: _Index
    black: list[_Index]
    pictures: _Pictures | None = None
    tracks: list[_Track]


def _number(v: float) -> float | int:
    return int(v) if v == int(v) else v


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
        "recipe_sha256": plan.recipe_sha256,
        "detectors": list(plan.detectors),
        "examined": plan.examined,
        "black": list(plan.black),
    }
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


def parse_plan(text: str, origin: str) -> RedactionPlan:
    """Reads a plan. Raises RecipeError naming ``origin`` and what is wrong."""
    remedy = "The format is described in docs/plan-format.md; `redact plan` makes a new one."
    try:
        p = _Plan.model_validate_json(text)
        tracks = tuple(
            Track(
                t.id,
                t.kind,
                tuple(KeyBox(k.frame, Box(*k.box), k.score) for k in t.keys),
                Polygon(tuple(t.outline)) if t.outline else None,
            )
            for t in p.tracks
        )
        pictures = None if p.pictures is None else PictureSums(p.pictures.first, p.pictures.crc32)
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(v) for v in first["loc"]) or "the document"
        raise RecipeError(f"{origin}: {where}: {first['msg']}.", remedy) from None
    except ValueError as e:
        raise RecipeError(f"{origin}: {e}.", remedy) from None
    last = p.source.frames - 1
    for what, frame in (("black", max(p.black, default=0)), *((f"track {t.id}", t.keys[-1].index) for t in tracks)):
        if frame > last:
            raise RecipeError(f"{origin}: {what}: there is no frame {frame}: frames are numbered 0 to {last}.", remedy)
    if len({t.id for t in tracks}) != len(tracks):
        raise RecipeError(f"{origin}: two tracks have the same id.", remedy)
    source = SourceId(p.source.sha256, p.source.frames, p.source.width, p.source.height)
    return RedactionPlan(source, p.recipe_sha256, tuple(p.detectors), tracks, tuple(p.black), p.examined, pictures)


def holds(file: Path, plan: RedactionPlan) -> bool:
    """Whether a file holds this plan, however it is laid out."""
    try:
        return parse_plan(file.read_text(encoding="utf-8"), str(file)) == plan
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


def to_mot(plan: RedactionPlan) -> str:
    """The final regions as MOTChallenge CSV.

    Columns: frame and track from 1, x, y, width, height, 1, class (1 face, 2 plate, 3 zone), 1.
    """
    classes = {Kind.FACE: 1, Kind.PLATE: 2, Kind.ZONE: 3}
    regions = RegionsByFrame(plan)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    for i in range(plan.source.frames):
        for r in regions.at(i):
            b = r.box
            rows.writerow([i + 1, r.track, int(b.x1), int(b.y1), int(b.width), int(b.height), 1, classes[r.kind], 1])
    return text.getvalue()
