"""The one file that knows the order of the stages.

probe > segments > [pass 1 per segment] > track > decide > [pass 2 per segment] > mux > verify > record > release
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np

from redact.decide import decide
from redact.errors import SourceError, UsageError, VerificationError
from redact.findings import FrameDetections, Kind, RedactionPlan, SourceId
from redact.media.inspect import inspect
from redact.media.mux import container_for, mux
from redact.media.probe import file_sha256, probe
from redact.media.segments import plan_segments
from redact.media.source import Source, excerpt
from redact.media.witness import Picture, Witness
from redact.outcome import Outcome, Progress, Watcher
from redact.plan_io import dump_plan, plan_sha256
from redact.policy import Policy
from redact.record import FileId, Kept, canonical, make_record
from redact.stages import SegmentFindings, analyse, detector_ids, find, is_cut, is_examined, render
from redact.staging import (
    check_output,
    output_error,
    plan_path,
    publish,
    quarantine_folder,
    record_path,
    workspace,
)
from redact.track import RegionsByFrame, link, unite
from redact.verdict import Leak, Verdict
from redact.verify import DetailMeter, OutsideMeter, check_contents, check_decodes, check_leaks, check_times, uncovered

T = TypeVar("T")
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


def analyse_video(source: Source, policy: Policy, runner: Runner, watch: Watcher = _silent) -> Analysis:
    """Pass 1: looks at the whole video and plans what to obscure."""
    segments = plan_segments(source)
    frames: list[FrameDetections] = []
    black: dict[int, str] = {}
    last_look = b""
    done = 0
    for findings in runner.map(analyse, ((excerpt(source, s), policy) for s in segments)):
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
    jobs = ((excerpt(source, s), plan.within(s.span), policy, folder / f"{s.number:06d}.nut") for s in segments)
    files: list[Path] = []
    obscured = done = 0
    for r in runner.map(render, jobs):
        files.append(r.file)
        obscured += r.obscured
        done += r.frames
        watch(Progress(source.path, "render", done, source.frames, source.seconds))
    release = folder / f"release{output.suffix}"
    mux(source, files, release, container, policy.audio.mode == "keep")
    for f in files:
        f.unlink()
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
    source: Source, release: Path, plan: RedactionPlan, policy: Policy, watch: Watcher = _silent
) -> tuple[Verdict, dict[int, Picture]]:
    """Looks at a finished file with other eyes. Returns the verdict and the pictures of frames that leak."""
    display = source.format.display
    stride = policy.verify.detector_stride_frames
    names = policy.verify.detectors or policy.detect.second_detectors or policy.detect.detectors
    # Another scale than pass 1 used: what one size misses by chance another may see.
    size = round(policy.detect.size_px * 0.8)
    released = Witness(release, 0, display.width, display.height)
    compared = None
    if not plan.black and source.regular:
        compared = Witness(source.path, source.stream_index, display.width, display.height, every=stride).pictures()
    regions = RegionsByFrame(plan)
    detail, outside = DetailMeter(), OutsideMeter()
    leaks: list[Leak] = []
    evidence: dict[int, Picture] = {}
    looked = 0
    soft = policy.obscure.method != "mosaic"
    for picture in released.pictures():
        if picture.number >= source.frames:
            break
        shown = [r.box for r in regions.at(picture.number)]
        stored = [display.to_stored(b) for b in shown]
        if soft:
            detail.look(picture.number, picture.y, stored)
        if compared is not None and picture.number % stride == 0:
            original = next(compared, None)
            if original is not None:
                outside.look(picture.number, original.y, picture.y, stored)
        if is_examined(picture.number, source.frames, stride):
            looked += 1
            seen = picture.view(display, size)
            for name in names:
                found = find(name, policy.kinds, policy.verify.min_score, seen)
                new = [Leak(picture.number, d) for d in uncovered(found, shown, policy.verify.min_score)]
                if new:
                    evidence.setdefault(picture.number, picture)
                leaks += new
        if picture.number % 50 == 0:
            watch(Progress(source.path, "verify", picture.number, source.frames, source.seconds))
    contents = inspect(release)
    checks = (
        check_decodes(released.errors),
        check_times(
            source.pts.tolist(),
            source.format.time_base,
            released.times,
            released.time_base,
            may_shift=release.suffix.lower() in (".ts", ".m2ts"),
        ),
        check_contents(contents, audio=policy.audio.mode == "keep"),
        detail.check(),
        outside.check(),
        check_leaks(leaks, looked),
    )
    return Verdict(checks, tuple(leaks)), evidence


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
    source = open_video(path, policy)
    clock.stop("probe")
    with workspace(output) as folder:
        if plan is None:
            analysis = analyse_video(source, policy, runner, watch)
        else:
            check_plan(source, plan)
            analysis = Analysis((), dict.fromkeys(plan.black, "blackened by the plan"), plan)
        clock.stop("plan")
        repairs = 0
        while True:
            release, obscured = render_video(source, analysis.plan, policy, runner, folder, output, watch)
            clock.stop("render")
            verdict, evidence = verify_video(source, release, analysis.plan, policy, watch)
            clock.stop("verify")
            only_leaks = all(c.passed or c.name == "leaks" for c in verdict.checks)
            if verdict.passed or plan is not None or not only_leaks or repairs == MAX_REPAIRS:
                break
            # What the second look found is evidence like any other: follow it and render again.
            analysis = make_analysis(source, policy, _with_leaks(analysis.frames, verdict.leaks), analysis.black)
            repairs += 1
        if file_sha256(path) != source.sha256:
            raise SourceError(
                f"{str(path)!r}: changed while it was read.", "Run again on a copy that nothing writes to."
            )
        clock.stop("hash")
        record = make_record(
            source=FileId(path.name, source.sha256, source.bytes),
            output=FileId(output.name, file_sha256(release), release.stat().st_size),
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
    evidence: dict[int, Picture],
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
        for number, picture in sorted(evidence.items())[:20]:
            bgr = cv2.cvtColor(picture.rgb(), cv2.COLOR_RGB2BGR)
            for leak in (x for x in verdict.leaks if x.index == number):
                x1, y1, x2, y2 = leak.detection.box.to_ints()
                cv2.rectangle(bgr, (x1, y1), (x2, y2), (0, 0, 255), 2)
            ok, png = cv2.imencode(".png", np.ascontiguousarray(bgr))
            if ok:
                (folder / f"frame-{number:06d}.png").write_bytes(png.tobytes())
    except OSError as e:
        raise output_error(folder, e) from None
    raise VerificationError(
        f"{str(output)!r}: not released: {verdict.reason}",
        f"Look at {str(folder)!r}, correct the plan there and render it.",
    )
