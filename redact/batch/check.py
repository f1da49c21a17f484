"""Looks whether requests fit their sources, before anything is done: times, zones, and what pictures do not have.

Whether a source is whole is not asked: a damaged one must not stop the others, and is refused when its turn comes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from redact.batch.jobs import Batch, Job
from redact.batch.problems import Problem, RequestError
from redact.batch.sources import is_address
from redact.errors import RedactError
from redact.media.cut import frames_in
from redact.media.images import is_image
from redact.media.probe import glance, probe
from redact.period import Period
from redact.scope import EVERYTHING, Scope
from redact.video import Runner

Misfit = tuple[str, str]
"""A field of requests, and a sentence about it."""


def check_sources(batch: Batch, runner: Runner) -> None:
    """Raises RequestError with everything that does not fit. Sources behind addresses are not fetched for this."""
    problems: list[Problem] = []
    here = [j for j in batch.jobs if not is_address(j.source.location)]
    for j in here:
        problems += _seen_by_name(j, batch.file)
    asked = [j for j in here if j.request.scope != EVERYTHING and not is_image(Path(j.source.location))]
    jobs = ((Path(j.source.location).absolute(), j.policy.streams.video_index, j.request.scope) for j in asked)
    for j, misfits in zip(asked, runner.map(misfits_of, jobs), strict=True):
        problems += [_problem(j, batch.file, *m) for m in misfits]
    if problems:
        raise RequestError(problems)


def _seen_by_name(job: Job, file: str) -> Iterator[Problem]:
    path = Path(job.source.location)
    if not os.access(path, os.R_OK):
        yield _problem(job, file, "source", "may not be read: ask for permission on the file and its folder")
    if is_image(path) and job.request.scope != EVERYTHING:
        sentence = "is a still picture: leave start, end, mute and zones empty"
        yield _problem(job, file, "source", sentence)


def _problem(job: Job, file: str, field: str, sentence: str) -> Problem:
    return Problem(file, job.request.line, field, f"{job.source.listed!r} {sentence}")


def misfits_of(path: Path, video_index: int, scope: Scope) -> tuple[Misfit, ...]:
    """What a request asks of a video that it does not have; nothing for a file that is no such video at all."""
    try:
        shown, claimed = glance(path, video_index)
        found = list(_zones_outside(scope, shown.display.size))
        periods = [("start", scope.period), *(("zones", z.period) for z in scope.zones)]
        periods += [("mute", m) for m in scope.mutes]
        # A header may lie: where it says that something lies beyond the end, all is counted.
        if claimed is None or any(p.start >= claimed - 1 for _, p in periods if p.start):
            source = probe(path, video_index)
            for field, period in periods:
                if not len(frames_in(source, period)):
                    found.append((field, _beyond(period, source.seconds)))
    except RedactError:
        return ()
    return tuple(found)


def _beyond(period: Period, seconds: float) -> str:
    return f"shows no frame in {period}; it lasts {seconds:.3f} s"


def _zones_outside(scope: Scope, size: tuple[int, int]) -> Iterator[Misfit]:
    for zone in scope.zones:
        try:
            zone.in_pixels(*size)
        except ValueError as e:
            yield "zones", f"is another picture than it was drawn on: {e}"
