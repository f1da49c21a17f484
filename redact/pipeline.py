"""The one file that knows the order of the stages.

probe > segments > [pass 1 per segment] > track > decide > [pass 2 per segment] > mux > verify > record > release
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from redact.errors import SourceError
from redact.findings import Kind, RedactionPlan
from redact.media.file import file_sha256
from redact.media.mux import check_ticks, check_turn, container_for
from redact.media.source import Source
from redact.notes import notes_on
from redact.outcome import Outcome, Watcher, silent
from redact.plan_io import check_looked, check_plan, holds
from redact.policy import Policy
from redact.record import FileId, Kept, make_record
from redact.release import Finished, hand_over
from redact.repair import with_leaks, worth_repairing
from redact.scope import EVERYTHING, Scope
from redact.stages import detector_ids
from redact.staging import check_output, plan_path, record_path, workspace
from redact.verdict import Verdict
from redact.video import (
    Runner,
    Seen,
    Work,
    begin,
    hear,
    look_through,
    open_video,
    plan_video,
    render_video,
    verify_video,
)
from redact.words import readable


def run_video(
    path: Path,
    output: Path,
    policy: Policy,
    runner: Runner,
    *,
    force: bool = False,
    plan: RedactionPlan | None = None,
    scope: Scope = EVERYTHING,
    watch: Watcher = silent,
    request: dict[str, Any] | None = None,
    scratch: Path | None = None,
) -> Outcome:
    """Redacts one video: the whole way from source to release.

    ``plan``: render this plan as it is instead of making one (pass 2 only); it says of which part, and
    ``scope`` does not count. ``scratch``: a folder in which finished segments outlast this run; a private
    one that is gone afterwards where None.
    Raises RedactError of some kind where nothing could be released; VerificationError where the
    finished file is in quarantine beside ``output``.
    """
    check_output(path, output, force, same_plan=plan is not None and holds(plan_path(output), plan))
    container_for(output)
    clock = _Clock()
    (source,) = runner.map(open_video, [(path.absolute(), policy)])
    check_turn(output, source.format.display.rotation)
    if plan is not None:
        check_plan(source.path, source.sha256, plan)
        scope = plan.scope
    clock.stop("probe")
    with workspace(output.absolute()) as folder:
        release = folder / f"release{output.suffix}"
        work = begin(source, policy, runner, scratch or folder, scope=scope, watch=watch)
        check_ticks(output, work.part, source.format.time_base)
        work = hear(work, output.suffix)
        clock.stop("listen")
        notes = notes_on(source, policy, scope)
        if plan is None:
            seen = look_through(work)
            the_plan = plan_video(work, seen)
        else:
            check_looked(source.path, work.part.span, plan)
            seen = Seen((), dict.fromkeys(plan.black, "blackened by the plan"))
            the_plan = plan
        clock.stop("plan")
        done = _until_verified(work, seen, the_plan, release, folder, clock, repair=plan is None)
        hashes = runner.map(file_sha256, [(source.path,), (release,)])
        if next(hashes) != source.sha256:
            raise SourceError(
                f"{str(path)!r}: changed while it was read.", "Run again on a copy that nothing writes to."
            )
        digest = next(hashes)
        clock.stop("hash")
        record = make_record(
            source=FileId(readable(path.name), source.sha256, source.bytes),
            output=FileId(readable(output.name), digest, release.stat().st_size),
            plan=done.plan,
            policy=policy,
            detectors=done.seen.detectors or detector_ids(policy),
            kept=_kept(source, policy),
            verdict=done.verdict,
            obscured_frames=done.obscured,
            black=done.seen.black,
            silenced=[
                {"start_s": round(float(b.start), 3), "end_s": round(float(b.end), 3), "reason": b.reason}
                for b in work.broken
            ],
            notes=notes,
            repairs=done.repairs,
            seconds=clock.spent,
            scope=scope,
            request=request,
        )
        hand_over(Finished(release, output, record, done.plan, done.verdict, done.evidence, force))
    part = work.part
    return Outcome(
        source=path,
        output=output,
        record=record_path(output),
        frames=len(part.span),
        seconds=float(sum((int(part.pts[-1]) - int(part.pts[0]), part.last_duration)) * source.format.time_base),
        tracks={str(k): sum(t.kind == k for t in done.plan.tracks) for k in Kind},
        obscured_frames=done.obscured,
        black_frames=sum(i in part.span for i in done.seen.black),
        repairs=done.repairs,
        silent_seconds=round(float(sum(b.end - b.start for b in work.broken)), 3),
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class _Done:
    """A finished file as it was verified: after which plan, how many of its frames have a region, what it shows."""

    seen: Seen
    plan: RedactionPlan
    obscured: int
    verdict: Verdict
    evidence: Path
    repairs: int


def _until_verified(
    work: Work, seen: Seen, plan: RedactionPlan, release: Path, folder: Path, clock: _Clock, *, repair: bool
) -> _Done:
    """Renders and verifies; where that finds what the plan leaves clear, plans with it and renders again."""
    found: list[int] = []
    for repairs in count():
        obscured = render_video(work, plan, release)
        clock.stop("render")
        evidence = folder / f"evidence-{repairs}"
        evidence.mkdir()
        verdict = verify_video(work, release, plan, evidence)
        clock.stop("verify")
        only_leaks = all(c.passed or c.name == "leaks" for c in verdict.checks)
        found.append(len(verdict.leaks))
        if verdict.passed or not repair or not only_leaks or not worth_repairing(found):
            break
        seconds = np.asarray(work.source.pts, np.float64) * float(work.source.format.time_base)
        seen = replace(seen, frames=with_leaks(seen.frames, verdict.leaks, seconds))
        plan = plan_video(work, seen)
    return _Done(seen, plan, obscured, verdict, evidence, repairs)


class _Clock:
    """Seconds spent since the last stop, summed by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._last = time.monotonic()

    def stop(self, stage: str) -> None:
        now = time.monotonic()
        self.spent[stage] = self.spent.get(stage, 0.0) + now - self._last
        self._last = now


def _kept(source: Source, policy: Policy) -> Kept:
    keep_audio = policy.audio.mode == "keep"
    kept = [f"{source.stream_index}:video:{source.format.codec}"]
    dropped: list[str] = []
    for s in source.others:
        name = f"{s.index}:{'picture' if s.attached_picture else s.type}:{s.codec}"
        (kept if keep_audio and s.type == "audio" else dropped).append(name)
    return Kept(tuple(kept), tuple(dropped), source.metadata_keys)
