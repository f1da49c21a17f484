"""The one file that knows the order of the stages.

probe > segments > [pass 1 per segment] > track > decide > [pass 2 per segment] > mux > verify > record > release
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TypeVar

from redact.checking import check_stretch
from redact.decide import decide
from redact.errors import SourceError, UsageError, VerificationError
from redact.findings import FrameDetections, Kind, RedactionPlan, SourceId
from redact.media.inspect import inspect
from redact.media.mux import container_for, mux
from redact.media.probe import file_sha256, probe
from redact.media.segments import plan_segments
from redact.media.source import Segment, Source, excerpt
from redact.media.witness import Stretch
from redact.outcome import Outcome, Progress, Watcher
from redact.plan_io import dump_plan, plan_sha256
from redact.policy import Policy
from redact.record import FileId, Kept, canonical, make_record
from redact.stages import SegmentFindings, analyse, detector_ids, is_cut, render
from redact.staging import (
    check_output,
    output_error,
    plan_path,
    publish,
    quarantine_folder,
    record_path,
    workspace,
)
from redact.timeline import Span
from redact.track import link, unite
from redact.verdict import Leak, Verdict
from redact.verify import DetailMeter, OutsideMeter, check_contents, check_decodes, check_leaks, check_times

T = TypeVar("T")
MAX_PICTURES = 20  # of what leaks, kept in quarantine
MAX_REPAIRS = 2  # rounds in which what verification finds is added to the plan and rendered again


class Runner(Protocol):
    """Calls a function on many jobs somewhere and gives the results in the jobs' order."""

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]: ...


@dataclass(frozen=True, slots=True)
class Analysis:
    """What pass 1 found in a whole video, and the plan made of it."""

    frames: tuple[FrameDetections, ...]
    black: dict[int, str]
    plan: RedactionPlan


def _silent(progress: Progress) -> None:
    pass


def open_video(path: Path, policy: Policy) -> Source:
    """Counts a source and refuses it where the recipe says so. Raises SourceError."""
    source = probe(path, policy.streams.video_index)
    if source.damage and policy.damage.on_damage == "refuse":
        raise SourceError(
            f"{str(path)!r}: is damaged: {source.damage[0]}.",
            'Export the footage again, or use a recipe with on_damage = "black".',
        )
    return source


def source_id(source: Source) -> SourceId:
    """What a plan keeps of its source."""
    w, h = source.format.display.size
    return SourceId(source.sha256, source.frames, w, h)


def analyse_video(source: Source, policy: Policy, runner: Runner, folder: Path, watch: Watcher = _silent) -> Analysis:
    """Pass 1: looks at the whole video and plans what to obscure. ``folder``: where findings are kept aside."""
    segments = plan_segments(source)
    frames: list[FrameDetections] = []
    black: dict[int, str] = {}
    last_look = b""
    done = 0
    for findings in runner.map(analyse, ((excerpt(source, s), policy, folder) for s in segments)):
        frames += _joined(findings, last_look)
        last_look = findings.last_look or last_look
        black |= dict(findings.damaged)
        done += len(segments[findings.number].span)
        watch(Progress(source.path, "plan", done, source.frames, source.seconds))
    return make_analysis(source, policy, frames, black)


def _joined(findings: SegmentFindings, last_look: bytes) -> tuple[FrameDetections, ...]:
    """A segment's frames, with a cut between it and the one before marked."""
    if findings.frames and is_cut(last_look, findings.first_look):
        return (replace(findings.frames[0], scene_cut=True), *findings.frames[1:])
    return findings.frames


def make_analysis(source: Source, policy: Policy, frames: Iterable[FrameDetections], black: dict[int, str]) -> Analysis:
    """Links findings to tracks and decides what to obscure. Pure."""
    frames = tuple(frames)
    tracks = link(frames, policy=policy.track, detect=policy.detect, pts=source.pts, time_base=source.format.time_base)
    plan = decide(
        tracks,
        policy=policy,
        source=source_id(source),
        pts=source.pts,
        time_base=source.format.time_base,
        cuts=tuple((a.index, b.index) for a, b in pairwise(frames) if b.scene_cut),
        black=tuple(sorted(black)),
    )
    return Analysis(frames, black, plan)


def render_video(
    source: Source,
    plan: RedactionPlan,
    policy: Policy,
    runner: Runner,
    folder: Path,
    output: Path,
    watch: Watcher = _silent,
) -> tuple[Path, int]:
    """Pass 2: writes the obscured video into ``folder``. Returns the file and how many frames have a region.

    Raises UsageError where the plan was made for another source.
    """
    check_plan(source, plan)
    container = container_for(output)
    segments = plan_segments(source)
    jobs = ((excerpt(source, s), plan.within(s.span), policy, folder) for s in segments)
    files: list[Path] = []
    obscured = done = 0
    for r in runner.map(render, jobs):
        files.append(r.file)
        obscured += r.obscured
        done += r.frames
        watch(Progress(source.path, "render", done, source.frames, source.seconds))
    release = folder / f"release{output.suffix}"
    next(runner.map(mux, [(source, files, release, container, policy.audio.mode == "keep")]))
    return release, obscured


def check_plan(source: Source, plan: RedactionPlan) -> None:
    """Refuses a plan that was made for another source."""
    if plan.source.sha256 != source.sha256:
        raise UsageError(
            f"{str(source.path)!r}: the plan was made for another file (SHA-256 {plan.source.sha256[:12]}..., "
            f"this one is {source.sha256[:12]}...).",
            "Make a plan for this file with `redact plan`.",
        )


def verify_video(
    source: Source,
    release: Path,
    plan: RedactionPlan,
    policy: Policy,
    runner: Runner,
    evidence: Path,
    watch: Watcher = _silent,
) -> Verdict:
    """Looks at a finished file with other eyes. Pictures of frames that leak go into the folder ``evidence``."""
    segments = plan_segments(source)
    # A transport stream has no index to begin in the middle by.
    stretches = [(s, _stretch(source, s, segments)) for s in segments]
    if release.suffix.lower() in (".ts", ".m2ts") or not source.regular:
        whole = Segment(0, Span(0, source.frames), 0)
        stretches = [(whole, Stretch())]
    jobs = ((release, s, excerpt(source, x), plan.within(x.span), policy, evidence) for x, s in stretches)
    times: list[int] = []
    base, errors, looked = Fraction(1), list[str](), 0
    detail, outside = DetailMeter(), OutsideMeter()
    leaks: list[Leak] = []
    for part in runner.map(check_stretch, jobs):
        times += part.times
        base = part.time_base
        errors += part.errors
        looked += part.looked
        detail.add(part.detail)
        outside.add(part.outside)
        leaks += part.leaks
        watch(Progress(source.path, "verify", min(len(times), source.frames), source.frames, source.seconds))
    (contents,) = runner.map(inspect, [(release,)])
    checks = (
        check_decodes(errors),
        check_times(
            source.pts.tolist(),
            source.format.time_base,
            times,
            base,
            may_shift=release.suffix.lower() in (".ts", ".m2ts"),
        ),
        check_contents(contents, audio=policy.audio.mode == "keep"),
        detail.check(),
        outside.check(),
        check_leaks(leaks, looked),
    )
    return Verdict(checks, tuple(leaks))


def _stretch(source: Source, segment: Segment, segments: Sequence[Segment]) -> Stretch:
    """Where a segment lies in the release: each begins at a keyframe there."""
    start = None
    if segment.span.start:
        a, b = (int(source.pts[i]) for i in (segment.span.start - 1, segment.span.start))
        start = Fraction(a + b, 2) * source.format.time_base
    return Stretch(start, None if segment is segments[-1] else len(segment.span))


def run_video(
    path: Path,
    output: Path,
    policy: Policy,
    runner: Runner,
    *,
    force: bool = False,
    plan: RedactionPlan | None = None,
    watch: Watcher = _silent,
    request: dict[str, str] | None = None,
) -> Outcome:
    """Redacts one video: the whole way from source to release.

    ``plan``: render this plan as it is instead of making one (pass 2 only).
    Raises RedactError of some kind where nothing could be released; VerificationError where the
    finished file is in quarantine beside ``output``.
    """
    check_output(path, output, force)
    container_for(output)
    clock = _Clock()
    (source,) = runner.map(open_video, [(path, policy)])
    clock.stop("probe")
    with workspace(output) as folder:
        if plan is None:
            analysis = analyse_video(source, policy, runner, folder, watch)
        else:
            check_plan(source, plan)
            analysis = Analysis((), dict.fromkeys(plan.black, "blackened by the plan"), plan)
        clock.stop("plan")
        repairs = 0
        while True:
            release, obscured = render_video(source, analysis.plan, policy, runner, folder, output, watch)
            clock.stop("render")
            evidence = folder / f"evidence-{repairs}"
            evidence.mkdir()
            verdict = verify_video(source, release, analysis.plan, policy, runner, evidence, watch)
            clock.stop("verify")
            only_leaks = all(c.passed or c.name == "leaks" for c in verdict.checks)
            if verdict.passed or plan is not None or not only_leaks or repairs == MAX_REPAIRS:
                break
            # What the second look found is evidence like any other: follow it and render again.
            analysis = make_analysis(source, policy, _with_leaks(analysis.frames, verdict.leaks), analysis.black)
            repairs += 1
        hashes = runner.map(file_sha256, [(path,), (release,)])
        if next(hashes) != source.sha256:
            raise SourceError(
                f"{str(path)!r}: changed while it was read.", "Run again on a copy that nothing writes to."
            )
        clock.stop("hash")
        record = make_record(
            source=FileId(path.name, source.sha256, source.bytes),
            output=FileId(output.name, next(hashes), release.stat().st_size),
            plan=analysis.plan,
            plan_sha256=plan_sha256(analysis.plan),
            recipe=policy.model_dump(mode="json", by_alias=True),
            recipe_sha256=policy.sha256,
            detectors=detector_ids(policy),
            kept=_kept(source, policy),
            verdict=verdict,
            obscured_frames=obscured,
            black=analysis.black,
            repairs=repairs,
            seconds=clock.spent,
            request=request,
        )
        if not verdict.passed:
            _quarantine(release, output, record, analysis.plan, verdict, evidence)
        _write(folder / "record.json", canonical(record))
        _write(folder / "plan.json", dump_plan(analysis.plan).encode())
        publish(folder / "plan.json", plan_path(output))
        publish(folder / "record.json", record_path(output))
        publish(release, output)
    return Outcome(
        source=path,
        output=output,
        record=record_path(output),
        frames=source.frames,
        seconds=source.seconds,
        tracks={str(k): sum(t.kind == k for t in analysis.plan.tracks) for k in Kind},
        obscured_frames=obscured,
        black_frames=len(analysis.black),
        repairs=repairs,
    )


class _Clock:
    """Seconds spent since the last stop, summed by stage."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = {}
        self._last = time.monotonic()

    def stop(self, stage: str) -> None:
        now = time.monotonic()
        self.spent[stage] = self.spent.get(stage, 0.0) + now - self._last
        self._last = now


def _with_leaks(frames: Iterable[FrameDetections], leaks: Iterable[Leak]) -> list[FrameDetections]:
    """The findings of pass 1 with those of verification added, each sure enough to begin a track of its own."""
    by_index = {f.index: f for f in frames}
    for leak in leaks:
        sure = replace(leak.detection, score=1.0)
        here = by_index.get(leak.index) or FrameDetections(leak.index, ())
        by_index[leak.index] = replace(here, detections=unite([*here.detections, sure]))
    return [by_index[i] for i in sorted(by_index)]


def _kept(source: Source, policy: Policy) -> Kept:
    keep_audio = policy.audio.mode == "keep"
    kept = [f"{source.stream_index}:video:{source.format.codec}"]
    dropped: list[str] = []
    for s in source.others:
        name = f"{s.index}:{'picture' if s.attached_picture else s.type}:{s.codec}"
        (kept if keep_audio and s.type == "audio" else dropped).append(name)
    return Kept(tuple(kept), tuple(dropped), source.metadata_keys)


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as e:
        raise output_error(file, e) from None


def _quarantine(
    release: Path,
    output: Path,
    record: dict[str, Any],
    plan: RedactionPlan,
    verdict: Verdict,
    evidence: Path,
) -> None:
    """Keeps a failed release where nobody takes it for one, with what shows why. Always raises VerificationError."""
    folder = quarantine_folder(output)
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700)
        shutil.move(release, folder / f"unreleased{output.suffix}")
        (folder / "record.json").write_bytes(canonical(record))
        (folder / "plan.json").write_text(dump_plan(plan))
        (folder / "report.json").write_text(
            json.dumps(
                {
                    "reason": verdict.reason,
                    "leaks": [
                        {
                            "frame": leak.index,
                            "kind": str(leak.detection.kind),
                            "score": round(leak.detection.score, 3),
                            "box": [round(v, 1) for v in leak.detection.box.edges],
                        }
                        for leak in verdict.leaks
                    ],
                },
                indent=1,
            )
        )
        for n, picture in enumerate(sorted(evidence.glob("frame-*.png"))[:MAX_PICTURES], 1):
            shutil.move(picture, folder / f"frame-{n:02d}-{picture.stem.rsplit('-')[-1]}.png")
    except OSError as e:
        raise output_error(folder, e) from None
    raise VerificationError(
        f"{str(output)!r}: not released: {verdict.reason}",
        f"Look at {str(folder)!r}, correct the plan there and render it.",
    )
