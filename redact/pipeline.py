"""The one file that knows the order of the stages.

probe > segments > [pass 1 per segment] > track > decide > [pass 2 per segment] > mux > verify > record > release
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TypeVar

from redact.checking import check_stretch
from redact.cuts import Change, compare
from redact.decide import decide
from redact.errors import SourceError, UsageError
from redact.findings import FrameDetections, Kind, RedactionPlan, SourceId
from redact.geometry import Polygon
from redact.media.audio import AudioEdit
from redact.media.audio import Stretch as AudioStretch
from redact.media.container import DAMAGED
from redact.media.cut import Cut, cut, frames_in
from redact.media.inspect import inspect
from redact.media.mux import check_ticks, container_for, mux
from redact.media.probe import file_sha256, probe
from redact.media.segments import plan_segments
from redact.media.sound import BrokenSound, listen
from redact.media.source import Segment, Source, excerpt
from redact.media.witness import Stretch
from redact.motion import motion_between
from redact.notes import notes_on
from redact.outcome import Outcome, Progress, Watcher
from redact.period import Period
from redact.pictures import PictureSums, join
from redact.plan_io import check_plan, dump_plan, holds, plan_sha256
from redact.policy import Policy
from redact.quarantine import quarantine
from redact.record import DetectorId, FileId, Kept, canonical, make_record
from redact.scope import EVERYTHING, Scope
from redact.stages import SegmentFindings, analyse, detector_ids, render
from redact.staging import (
    check_output,
    output_error,
    plan_path,
    publish,
    record_path,
    set_quarantine_aside,
    workspace,
)
from redact.track import link, unite
from redact.verdict import Leak, Verdict
from redact.verify import (
    DetailMeter,
    OutsideMeter,
    check_contents,
    check_decodes,
    check_leaks,
    check_times,
    coding_noise,
)
from redact.words import readable

T = TypeVar("T")
MAX_REPAIRS = 2  # rounds in which what verification finds is added to the plan and rendered again
_NO_INDEX = (".ts", ".m2ts")  # transport streams: they cannot begin at zero, nor be entered in the middle


class Runner(Protocol):
    """Calls a function on many jobs somewhere and gives the results in the jobs' order."""

    def map(self, function: Callable[..., T], jobs: Iterable[tuple[Any, ...]]) -> Iterator[T]: ...


@dataclass(frozen=True, slots=True)
class Seen:
    """What pass 1 saw in a video: the examined frames, and why which frames will be black."""

    frames: tuple[FrameDetections, ...]
    black: dict[int, str]
    detectors: tuple[DetectorId, ...] = ()
    """Who looked, each once."""
    pictures: PictureSums | None = None


def _silent(progress: Progress) -> None:
    pass


@dataclass(frozen=True)
class Work:
    """One video to be worked on: where from, what of it, how, with whose hands, and where pieces are kept."""

    source: Source
    part: Cut
    policy: Policy
    scope: Scope
    runner: Runner
    folder: Path
    watch: Watcher = _silent
    broken: tuple[BrokenSound, ...] = ()
    """Damaged sound: silent in the release."""

    def tell(self, phase: str, done: int, total: int, kept: int = 0) -> None:
        """Reports ``done`` of ``total`` frames of a phase, of which ``kept`` were there already."""
        self.watch(Progress(self.source.path, phase, done, total, self.source.seconds, kept))


def open_video(path: Path, policy: Policy) -> Source:
    """Counts a source and refuses it where the recipe says so. Raises SourceError."""
    source = probe(path.absolute(), policy.streams.video_index)
    if source.damage and policy.damage.on_damage == "refuse":
        raise SourceError(f"{str(path)!r}: is damaged: {source.damage[0]}.", DAMAGED)
    return source


def begin(
    source: Source,
    policy: Policy,
    runner: Runner,
    folder: Path,
    *,
    scope: Scope = EVERYTHING,
    watch: Watcher = _silent,
) -> Work:
    """Sets out to work on a source. Raises UsageError where the scope does not fit it."""
    for zone in scope.zones:
        try:
            zone.in_pixels(*source.format.display.size)
        except ValueError as e:
            raise UsageError(f"{str(source.path)!r}: {e}.", "Draw the zone on a frame of this video.") from None
        if not len(frames_in(source, zone.period)):
            raise UsageError(
                f"{str(source.path)!r}: shows no frame in {zone.period}, the time of the zone "
                f"{(zone.name or zone.kind)!r}; it lasts {source.seconds:.3f} s.",
                "Name a time that the video has.",
            )
    return Work(source, cut(source, scope.period), policy, scope, runner, folder.absolute(), watch)


def source_id(source: Source) -> SourceId:
    """What a plan keeps of its source."""
    w, h = source.format.display.size
    return SourceId(source.sha256, source.frames, w, h)


def look_through(work: Work) -> Seen:
    """Pass 1: looks at the video, as far as the part that is released needs it."""
    source, policy = work.source, work.policy
    segments = _needed(work)
    frames: list[FrameDetections] = []
    black: dict[int, str] = {}
    detectors: dict[DetectorId, None] = {}
    pictures: list[PictureSums] = []
    last: SegmentFindings | None = None
    done, kept, total = 0, 0, sum(len(s.span) for s in segments)
    work.tell("plan", done, total)
    jobs = ((excerpt(source, s), policy, work.folder) for s in segments)
    for segment, findings in zip(segments, work.runner.map(analyse, jobs), strict=True):
        frames += _joined(findings, last)
        last = findings if findings.frames else last
        black |= dict(findings.damaged)
        detectors |= dict.fromkeys(findings.detectors)
        pictures += [findings.pictures] if findings.pictures else []
        done += len(segment.span)
        kept += len(segment.span) if findings.kept else 0
        work.tell("plan", done, total, kept)
    return Seen(tuple(frames), black, tuple(detectors), join(pictures))


def _needed(work: Work) -> tuple[Segment, ...]:
    """The segments in which something may be seen that is still, or already, covered in the released part.

    They are whole segments of the source, so that two requests for parts of it share them.
    """
    period, track = work.scope.period, work.policy.track
    margin = Fraction(track.max_gap_seconds + max(track.lead_in_seconds, track.lead_out_seconds))
    wide = Period(max(period.start - margin, Fraction(0)), None if period.end is None else period.end + margin)
    span = frames_in(work.source, wide)
    return tuple(s for s in plan_segments(work.source) if s.span.start < span.stop and s.span.stop > span.start)


def _joined(findings: SegmentFindings, last: SegmentFindings | None) -> tuple[FrameDetections, ...]:
    """A segment's frames, with a cut or the motion between it and the one before it noted."""
    if not findings.frames or last is None:
        return findings.frames
    change = compare(last.last_look, findings.first_look)
    moved = motion_between(last.last_small, findings.first_small) if change is Change.NONE else None
    return (replace(findings.frames[0], scene_cut=change is Change.CUT, motion=moved), *findings.frames[1:])


def plan_video(work: Work, seen: Seen) -> RedactionPlan:
    """Decides on some worker what to obscure: of ten hours of video that takes a minute, and a driver has many."""
    return next(work.runner.map(make_plan, [(work.source, work.policy, work.scope, seen)]))


def make_plan(source: Source, policy: Policy, scope: Scope, seen: Seen) -> RedactionPlan:
    """Links findings to tracks and decides what to obscure. Pure."""
    frames = seen.frames
    base = source.format.time_base
    w, h = source.format.display.size
    zones = ((Polygon(z.in_pixels(w, h)), frames_in(source, z.period)) for z in scope.zones)
    tracks = link(frames, policy=policy.track, detect=policy.detect, pts=source.pts, time_base=base, size=(w, h))
    plan = decide(
        tracks,
        frames,
        policy=policy,
        source=source_id(source),
        pts=source.pts,
        time_base=base,
        zones=tuple(zones),
        black=tuple(sorted(seen.black)),
    )
    return replace(plan, pictures=seen.pictures)


def render_video(work: Work, plan: RedactionPlan, release: Path) -> int:
    """Pass 2: writes the obscured video to ``release``, whose ending decides its container.

    Returns how many frames have a region.
    Raises UsageError where the plan was made for another source.
    """
    source, policy = work.source, work.policy
    check_plan(source.path, source.sha256, plan)
    segments = work.part.of(plan_segments(source))
    jobs = ((excerpt(source, s), plan.within(s.span), policy, work.folder) for s in segments)
    files: list[Path] = []
    obscured = done = kept = 0
    work.tell("render", done, len(work.part.span))
    for r in work.runner.map(render, jobs):
        files.append(r.file)
        obscured += r.obscured
        done += r.frames
        kept += r.frames if r.kept else 0
        work.tell("render", done, len(work.part.span), kept)
    next(work.runner.map(mux, [(source, work.part, files, release, container_for(release), _audio(work))]))
    return obscured


def _audio(work: Work) -> AudioEdit | None:
    """What is done to the sound; None where it is left behind."""
    if work.policy.audio.mode != "keep":
        return None
    source, part = work.source, work.part
    begins = int(source.pts[0]) * source.format.time_base
    mutes = [AudioStretch(begins + m.start, None if m.end is None else begins + m.end) for m in work.scope.mutes]
    mutes += [AudioStretch(begins + b.start, begins + b.end) for b in work.broken]
    start = part.start if part.shift else begins - 3600  # sound may begin ahead of the picture
    return AudioEdit(AudioStretch(start, part.end), tuple(mutes), part.shift * source.format.time_base)


def _heard(work: Work, suffix: str) -> Work:
    """Listens to the sound that is kept: damage is refused, or silent in the release, as the recipe says."""
    edit, source = _audio(work), work.source
    if edit is None or not any(s.type == "audio" for s in source.others):
        return work
    begins = int(source.pts[0]) * source.format.time_base
    (broken,) = work.runner.map(listen, [(source.path, suffix, edit, begins, work.policy.damage.on_damage)])
    return replace(work, broken=broken)


def verify_video(work: Work, release: Path, plan: RedactionPlan, evidence: Path) -> Verdict:
    """Looks at a finished file with other eyes. Pictures of frames that leak go into the folder ``evidence``."""
    source, policy, part = work.source, work.policy, work.part
    segments = part.of(plan_segments(source))
    base = source.format.time_base
    stretches = [(s, _stretch(part, s, base)) for s in segments]
    if release.suffix.lower() in _NO_INDEX:
        stretches = [(Segment(0, part.span, segments[0].start_packet), Stretch())]
    jobs = ((release, s, excerpt(source, x), plan.within(x.span), policy, evidence, work.folder) for x, s in stretches)
    times: list[int] = []
    seen_base, errors, looked = Fraction(1), list[str](), 0
    detail, outside = DetailMeter(), OutsideMeter()
    leaks: list[Leak] = []
    kept = 0
    work.tell("verify", 0, len(part.span))
    for seen in work.runner.map(check_stretch, jobs):
        times += seen.times
        seen_base = seen.time_base
        errors += seen.errors
        looked += seen.looked
        detail.add(seen.detail)
        outside.add(seen.outside)
        leaks += seen.leaks
        kept += len(seen.times) if seen.kept else 0
        work.tell("verify", min(len(times), len(part.span)), len(part.span), kept)
    (contents,) = work.runner.map(inspect, [(release,)])
    may_shift = release.suffix.lower() in _NO_INDEX
    noise = coding_noise(policy.encode)
    checks = (
        check_decodes(errors),
        check_times(part.pts.tolist(), base, times, seen_base, may_shift=may_shift),
        check_contents(contents, audio=policy.audio.mode == "keep"),
        detail.check(noise),
        outside.check(noise),
        check_leaks(leaks, looked),
    )
    return Verdict(checks, tuple(leaks))


def _stretch(part: Cut, segment: Segment, base: Fraction) -> Stretch:
    """Where a segment lies in the release: each begins at a keyframe there."""
    start = None
    first = segment.span.start - part.span.start
    if first:
        a, b = int(part.pts[first - 1]), int(part.pts[first])
        start = Fraction(a + b, 2) * base
    last = segment.span.stop == part.span.stop
    return Stretch(start, None if last else len(segment.span))


def run_video(
    path: Path,
    output: Path,
    policy: Policy,
    runner: Runner,
    *,
    force: bool = False,
    plan: RedactionPlan | None = None,
    scope: Scope = EVERYTHING,
    watch: Watcher = _silent,
    request: dict[str, Any] | None = None,
    scratch: Path | None = None,
) -> Outcome:
    """Redacts one video: the whole way from source to release.

    ``plan``: render this plan as it is instead of making one (pass 2 only). ``scratch``: a folder in
    which finished segments outlast this run; a private one that is gone afterwards where None.
    Raises RedactError of some kind where nothing could be released; VerificationError where the
    finished file is in quarantine beside ``output``.
    """
    check_output(path, output, force, same_plan=plan is not None and holds(plan_path(output), plan))
    container_for(output)
    clock = _Clock()
    (source,) = runner.map(open_video, [(path.absolute(), policy)])
    clock.stop("probe")
    with workspace(output.absolute()) as folder:
        release = folder / f"release{output.suffix}"
        work = begin(source, policy, runner, scratch or folder, scope=scope, watch=watch)
        check_ticks(output, work.part, source.format.time_base)
        work = _heard(work, output.suffix)
        clock.stop("listen")
        notes = notes_on(source, policy, scope)
        if plan is None:
            seen = look_through(work)
            the_plan = plan_video(work, seen)
        else:
            check_plan(source.path, source.sha256, plan)
            seen = Seen((), dict.fromkeys(plan.black, "blackened by the plan"))
            the_plan = plan
        clock.stop("plan")
        repairs = 0
        while True:
            obscured = render_video(work, the_plan, release)
            clock.stop("render")
            evidence = folder / f"evidence-{repairs}"
            evidence.mkdir()
            verdict = verify_video(work, release, the_plan, evidence)
            clock.stop("verify")
            only_leaks = all(c.passed or c.name == "leaks" for c in verdict.checks)
            if verdict.passed or plan is not None or not only_leaks or repairs == MAX_REPAIRS:
                break
            # What the second look found is evidence like any other: follow it and render again.
            seen = replace(seen, frames=_with_leaks(seen.frames, verdict.leaks))
            the_plan = plan_video(work, seen)
            repairs += 1
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
            plan=the_plan,
            plan_sha256=plan_sha256(the_plan),
            recipe=policy.model_dump(mode="json", by_alias=True),
            recipe_sha256=policy.sha256,
            detectors=seen.detectors or detector_ids(policy),
            kept=_kept(source, policy),
            verdict=verdict,
            obscured_frames=obscured,
            black=seen.black,
            silenced=[
                {"start_s": round(float(b.start), 3), "end_s": round(float(b.end), 3), "reason": b.reason}
                for b in work.broken
            ],
            notes=notes,
            repairs=repairs,
            seconds=clock.spent,
            scope=scope,
            request=request,
        )
        if not verdict.passed:
            raise quarantine(release, output, record, the_plan, verdict, evidence)
        _write(folder / "record.json", canonical(record))
        _write(folder / "plan.json", dump_plan(the_plan).encode())
        publish(folder / "record.json", record_path(output))  # first: by it a batch knows what is its own
        publish(folder / "plan.json", plan_path(output))
        set_quarantine_aside(output)
        publish(release, output)
    part = work.part
    return Outcome(
        source=path,
        output=output,
        record=record_path(output),
        frames=len(part.span),
        seconds=float(sum((int(part.pts[-1]) - int(part.pts[0]), part.last_duration)) * source.format.time_base),
        tracks={str(k): sum(t.kind == k for t in the_plan.tracks) for k in Kind},
        obscured_frames=obscured,
        black_frames=sum(i in part.span for i in seen.black),
        repairs=repairs,
        silent_seconds=round(float(sum(b.end - b.start for b in work.broken)), 3),
        notes=notes,
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


def _with_leaks(frames: Iterable[FrameDetections], leaks: Iterable[Leak]) -> tuple[FrameDetections, ...]:
    """The findings of pass 1 with those of verification added, each sure enough to begin a track of its own."""
    by_index = {f.index: f for f in frames}
    for leak in leaks:
        sure = replace(leak.detection, score=1.0)
        here = by_index.get(leak.index) or FrameDetections(leak.index, ())
        by_index[leak.index] = replace(here, detections=unite([*here.detections, sure]))
    return tuple(by_index[i] for i in sorted(by_index))


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
