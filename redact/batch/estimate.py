"""What a batch would take: counted where it can be counted, and timed on one segment of it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import TypeAdapter

from redact.batch.by_hand import released_by_hand
from redact.batch.carry import Place, blank_of
from redact.batch.jobs import Batch, Job
from redact.batch.places import fetched
from redact.batch.standing import check_free, check_free_there, is_own
from redact.errors import RedactError
from redact.findings import RedactionPlan
from redact.media.images import is_image, read_image
from redact.media.segments import plan_segments
from redact.media.source import Source, excerpt
from redact.rendering import render
from redact.stages import analyse
from redact.staging import record_path
from redact.video import Runner, begin, open_video, source_id


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a batch would take. ``problems``: what probing already refuses, one sentence each."""

    jobs: int
    done: int
    frames: int
    hours: float
    """Of footage."""
    wall_hours: float
    workers: int
    disk_gib: float
    """Sources' bytes, as far as they are asked for, once for the releases and once for the segments of each: what
    x264 makes at a like quality."""
    free_gib: float
    problems: tuple[str, ...]

    def as_json(self) -> str:
        """As one line of JSON."""
        return TypeAdapter(Estimate).dump_json(self).decode()


@dataclass(frozen=True, slots=True)
class _Counted:
    job: Job
    source: Source
    frames: int
    pixels: int

    @property
    def bytes(self) -> float:
        """Of the source, as far as it is released."""
        return self.source.bytes * self.frames / max(self.source.frames, 1)


def estimate(batch: Batch, place: Place, runner: Runner, workers: int) -> Estimate:
    """Probes all sources, times one segment of the longest, and scales by pixels. Leaves nothing behind."""
    problems: list[str] = []
    with TemporaryDirectory(prefix="redact-dry-") as name:
        folder = Path(name)
        counted = list(_count(batch.jobs, place, folder, runner, problems))
        pixels = sum(c.pixels for c in counted)
        cost = _cost(max(counted, key=lambda c: c.pixels), folder, runner) if counted else 0.0
    held = max((c.bytes for c in counted), default=0)
    return Estimate(
        jobs=len(batch.jobs),
        done=len(batch.done),
        frames=sum(c.frames for c in counted),
        hours=sum(float(c.frames * c.source.seconds / max(c.source.frames, 1)) for c in counted) / 3600,
        wall_hours=cost * pixels / max(workers, 1) / 3600,
        workers=workers,
        disk_gib=(sum(c.bytes for c in counted) + 2 * held) / 2**30,
        free_gib=shutil.disk_usage(place.existing).free / 2**30,
        problems=tuple(problems),
    )


def _count(jobs: Iterable[Job], place: Place, folder: Path, runner: Runner, problems: list[str]) -> Iterable[_Counted]:
    for job in jobs:
        try:
            path = fetched(job.source.location, folder)
            _check_standing(job, path, place, runner)
            if is_image(path):
                list(runner.map(look_at_picture, [(path,)]))
                continue
            (source,) = runner.map(open_video, [(path, job.policy)])
            part = begin(source, job.policy, runner, folder, scope=job.request.scope).part
        except RedactError as e:
            problems.append(f"{job.id}: {e.message}")
            continue
        w, h = source.format.display.size
        yield _Counted(job, source, len(part.span), len(part.span) * w * h)


def _check_standing(job: Job, source: Path, place: Place, runner: Runner) -> None:
    """Raises UsageError where something lies at a request's output that a run would leave there."""
    output = place.folder / job.output
    if place.delivery is not None:
        check_free_there(job, output, place.delivery)
    if not is_own(job, record_path(output)) and not released_by_hand(job, source, output, blank_of(job), runner):
        check_free(output)


def look_at_picture(path: Path) -> None:
    """Raises SourceError where a picture cannot be read."""
    read_image(path)


def _cost(longest: _Counted, folder: Path, runner: Runner) -> float:
    """Seconds of one worker for a pixel of one frame, both passes and verification."""
    source, policy = longest.source, longest.job.policy
    segments = plan_segments(source)
    segment = segments[len(segments) // 2]
    piece = excerpt(source, segment)
    nothing = RedactionPlan(source_id(source), policy.sha256, (), ())
    began = time.monotonic()
    list(runner.map(analyse, [(piece, policy, folder)]))
    looked = time.monotonic() - began
    list(runner.map(render, [(piece, nothing, (), policy, folder)]))
    took = time.monotonic() - began
    w, h = source.format.display.size
    # Verification decodes twice more and looks on fewer frames: as much again as looking, measured.
    return (took + looked) / (len(segment.span) * w * h)
