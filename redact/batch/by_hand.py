"""Releases that a person made of a request: the plan in its quarantine, corrected and rendered to its output.

Their records name no request. Beside them lies the request's quarantine, set aside, whose record does.
They count where they are what the request asks for, and were verified as every release is.
"""

from __future__ import annotations

import glob
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from redact.batch.jobs import Job
from redact.batch.results import Fate, RequestResult
from redact.batch.standing import is_own
from redact.errors import RecipeError, UsageError
from redact.findings import Kind, RedactionPlan, Track
from redact.geometry import Box, Polygon
from redact.media.cut import cut, frames_in
from redact.media.file import file_sha256
from redact.media.images import is_image
from redact.media.source import Source
from redact.plan_io import parse_plan, plan_sha256
from redact.record import KnownRelease, read_record
from redact.scope import Scope
from redact.staging import plan_path, record_path
from redact.timeline import Span
from redact.video import Runner, open_video

NOTE = "Released by hand from a corrected plan."


@dataclass(frozen=True, slots=True)
class ByHand:
    """A release by hand. ``quarantine``: what did not pass before, as it lies beside the release now."""

    result: RequestResult
    source_sha256: str
    output_sha256: str
    quarantine: Path


@dataclass(frozen=True, slots=True)
class _Written:
    """What lies beside a release: what its record says, and its plan."""

    known: KnownRelease
    record: dict[str, Any]
    plan: RedactionPlan


def released_by_hand(job: Job, source: Path, output: Path, blank: RequestResult, runner: Runner) -> ByHand | None:
    """The release that a person made of a job's quarantine; None where none lies there.

    ``blank``: a result that says what was asked for. Raises UsageError where the release is not what the request
    asks for, SourceError or OSError where a file cannot be read.
    """
    quarantine = _quarantine(job, output)
    if quarantine is None or not output.is_file() or is_own(job, record_path(output)):
        return None
    written = _written(output)
    if written is None or written.record["request"]:
        return None
    (digest,) = runner.map(file_sha256, [(output,)])
    if is_image(source):
        video = None
        (source_sha256,) = runner.map(file_sha256, [(source,)])
    else:
        (video,) = runner.map(open_video, [(source, job.policy)])
        source_sha256 = video.sha256
    wrong = _others(job, written, source_sha256, digest, video)
    if wrong:
        raise UsageError(
            f"{str(output)!r}: exists already, and is not what the request asks for: it has another "
            f"{' and another '.join(wrong)}.",
            "Move it away, and render the corrected plan with the recipe of the request.",
        )
    return ByHand(_result(job, blank, written.record, video), source_sha256, digest, quarantine)


def _quarantine(job: Job, output: Path) -> Path | None:
    """The last quarantine of a job that was set aside beside its output."""
    records = output.parent.glob(f"{glob.escape(output.name)}.earlier-quarantine-*/record.json")
    folders = [r.parent for r in records if is_own(job, r)]
    return max(folders, key=lambda f: (len(f.name), f.name), default=None)


def _written(output: Path) -> _Written | None:
    """What lies beside a release; None where it cannot be read."""
    record, plan = record_path(output), plan_path(output)
    try:
        return _Written(
            read_record(record),
            json.loads(record.read_text(encoding="utf-8")),
            parse_plan(plan.read_text(encoding="utf-8"), str(plan)),
        )
    except (RecipeError, OSError, ValueError):
        return None


def _others(job: Job, written: _Written, source_sha256: str, digest: str, video: Source | None) -> list[str]:
    """What of a release by hand is not as its request, its source or its own record say, by name."""
    known, record, scope = written.known, written.record, job.request.scope
    same = {
        "verdict": record["verdict"] == "released" and record["verification"]["passed"] is True,
        "source": known.source_sha256 == source_sha256,
        "file": known.output_sha256 == digest,
        "plan": known.plan_sha256 == plan_sha256(written.plan),
        "recipe": known.policy.sha256 == job.policy.sha256,
        "part or mute": replace(known.scope, zones=()) == replace(scope, zones=()),
        # Zones are regions of the plan by now, which a person may have taken out.
        "zone": video is None or _zones_stand(written.plan, scope, video),
    }
    return [name for name, is_same in same.items() if not is_same]


def _zones_stand(plan: RedactionPlan, scope: Scope, video: Source) -> bool:
    """Whether a plan obscures each zone that was asked for, all of it and all the time in the released part."""
    part = frames_in(video, scope.period)
    for zone in scope.zones:
        outline = Polygon(zone.in_pixels(*video.format.display.size))
        when = frames_in(video, zone.period)
        shown = Span(max(when.start, part.start), min(when.stop, part.stop))
        if len(shown) and not any(_obscures(t, outline, shown) for t in plan.tracks):
            return False
    return True


def _obscures(track: Track, outline: Polygon, shown: Span) -> bool:
    whole = track.kind is Kind.ZONE and track.outline == outline and all(_holds(k.box, outline.box) for k in track.keys)
    return whole and track.span.start <= shown.start and track.span.stop >= shown.stop


def _holds(box: Box, inner: Box) -> bool:
    return box.x1 <= inner.x1 and box.y1 <= inner.y1 and box.x2 >= inner.x2 and box.y2 >= inner.y2


def _result(job: Job, blank: RequestResult, record: dict[str, Any], video: Source | None) -> RequestResult:
    found = record["found"]["tracks"]
    black = [b["frame"] for b in record["black_frames"]]
    frames, seconds = Span(0, 1), 0.0
    if video is not None:
        part = cut(video, job.request.scope.period)
        frames = part.span
        seconds = float((int(part.pts[-1]) - int(part.pts[0]) + part.last_duration) * video.format.time_base)
    return replace(
        blank,
        fate=Fate.RELEASED,
        output=job.output,
        faces=found.get("face", 0),
        plates=found.get("plate", 0),
        zones=found.get("zone", 0),
        frames=len(frames),
        obscured_frames=record["obscured"]["frames"],
        black_frames=sum(i in frames for i in black),
        video_seconds=seconds,
        record=record_path(Path(job.output)).name,
        notes=(NOTE, *record["notes"]),
        earlier=True,
    )
