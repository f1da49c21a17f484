"""What is done to one video, stage by stage: its segments are handed to a runner, and what comes back is put together.

Of the order of the stages it knows nothing: that is ``redact.pipeline``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TypeVar

from redact.checking import check_stretch
from redact.cuts import Change, compare
from redact.decide import decide
from redact.errors import SourceError, UsageError
from redact.findings import FrameDetections, RedactionPlan, SourceId
from redact.geometry import Polygon
from redact.media.audio import AudioEdit
from redact.media.audio import Stretch as AudioStretch
from redact.media.container import DAMAGED
from redact.media.cut import Cut, cut, frames_in
from redact.media.hearing import loudest
from redact.media.inspect import inspect
from redact.media.mux import container_for, mux
from redact.media.probe import probe
from redact.media.segments import plan_segments
from redact.media.sound import BrokenSound, listen
from redact.media.source import Segment, Source, excerpt
from redact.media.witness import Stretch
from redact.meters import DetailMeter, OutsideMeter
from redact.motion import motion_between
from redact.obscure import Held
from redact.outcome import Progress, Watcher, silent
from redact.period import Period
from redact.pictures import PictureSums, join
from redact.plan_io import check_plan
from redact.policy import Method, Policy
from redact.record import DetectorId
from redact.rendering import borders, render, take_levels
from redact.scope import EVERYTHING, Scope
from redact.stages import SegmentFindings, analyse
from redact.timeline import Span
from redact.track import link
from redact.verdict import Leak, Verdict
from redact.verify import (
    check_contents,
    check_decodes,
    check_leaks,
    check_sound,
    check_times,
    coding_noise,
)

T = TypeVar("T")
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
    looked: Span | None = None
    """The frames that were gone through; None for all of them."""


@dataclass(frozen=True)
class Work:
    """One video to be worked on: where from, what of it, how, with whose hands, and where pieces are kept."""

    source: Source
    part: Cut
    policy: Policy
    scope: Scope
    runner: Runner
    folder: Path
    watch: Watcher = silent
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
    watch: Watcher = silent,
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
    if len(black) == total:
        raise SourceError(
            f"{str(source.path)!r}: none of its {total} frames can be decoded cleanly: {next(iter(black.values()))}.",
            "Export it again, from an earlier moment on: it may begin between two keyframes.",
        )
    looked = Span(segments[0].span.start, segments[-1].span.stop)
    return Seen(tuple(frames), black, tuple(detectors), join(pictures), None if total == source.frames else looked)


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
    """Decides on some worker what to obscure: of ten hours of a crowd that takes 20 minutes (1.3 ms a frame)."""
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
    asked = Scope(scope.period, mutes=scope.mutes)
    return replace(plan, pictures=seen.pictures, scope=asked, looked=seen.looked)


def render_video(work: Work, plan: RedactionPlan, release: Path) -> int:
    """Pass 2: writes the obscured video to ``release``, whose ending decides its container.

    Returns how many frames have a region.
    Raises UsageError where the plan was made for another source.
    """
    source, policy = work.source, work.policy
    check_plan(source.path, source.sha256, plan)
    segments = work.part.of(plan_segments(source))
    work.tell("render", 0, len(work.part.span))
    given = _given(work, plan, segments)
    parts = ((s, plan.within(s.span)) for s in segments)
    jobs = (
        (excerpt(source, s), part, [h for t in part.tracks for h in given.get(t.id, {}).values()], policy, work.folder)
        for s, part in parts
    )
    files: list[Path] = []
    obscured = done = kept = 0
    for r in work.runner.map(render, jobs):
        files.append(r.file)
        obscured += r.obscured
        done += r.frames
        kept += r.frames if r.kept else 0
        work.tell("render", done, len(work.part.span), kept)
    next(work.runner.map(mux, [(source, work.part, files, release, container_for(release), _audio(work))]))
    return obscured


def _given(work: Work, plan: RedactionPlan, segments: Sequence[Segment]) -> dict[int, dict[bool, Held]]:
    """What each track is painted by that is seen in several segments, by whether it was sighted: the same in all."""
    if Method(work.policy.obscure.method) is Method.SOLID:
        return {}
    given: dict[int, dict[bool, Held]] = {}
    sums = plan.pictures
    jobs = (
        (excerpt(work.source, s), regions, None if sums is None else sums.within(s.span), work.policy, work.folder)
        for s, regions in borders(plan, segments)
    )
    for taken in work.runner.map(take_levels, jobs):
        for held in taken:
            given.setdefault(held.track, {}).setdefault(held.sighted, held)
    return given


def _audio(work: Work) -> AudioEdit | None:
    """What is done to the sound; None where it is left behind."""
    if work.policy.audio.mode != "keep":
        return None
    source, part = work.source, work.part
    begins = source.begins
    ahead = begins - 3600  # sound may begin before the picture; what is muted from the beginning on is so from there
    mutes = [
        AudioStretch(begins + m.start if m.start else ahead, None if m.end is None else begins + m.end)
        for m in work.scope.mutes
    ]
    mutes += [AudioStretch(begins + b.start, begins + b.end) for b in work.broken]
    start = ahead if part.start is None else part.start
    return AudioEdit(AudioStretch(start, part.end), tuple(mutes), part.shift * source.format.time_base)


def hear(work: Work, suffix: str) -> Work:
    """Listens to the sound that is kept: damage is refused, or silent in the release, as the recipe says."""
    edit, source = _audio(work), work.source
    if edit is None or not any(s.type == "audio" for s in source.others):
        return work
    (broken,) = work.runner.map(listen, [(source.path, suffix, edit, source.begins, work.policy.damage.on_damage)])
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
    seen_base, errors, looked, painted = Fraction(1), list[str](), 0, 0
    detail, outside = DetailMeter(), OutsideMeter()
    leaks: list[Leak] = []
    kept = 0
    work.tell("verify", 0, len(part.span))
    for seen in work.runner.map(check_stretch, jobs):
        times += seen.times
        seen_base = seen.time_base
        errors += seen.errors
        looked += seen.looked
        painted += seen.painted
        detail.add(seen.detail)
        outside.add(seen.outside)
        leaks += seen.leaks
        kept += len(seen.times) if seen.kept else 0
        work.tell("verify", min(len(times), len(part.span)), len(part.span), kept)
    (contents,) = work.runner.map(inspect, [(release,)])
    may_shift = release.suffix.lower() in _NO_INDEX
    noise = coding_noise(policy.encode)
    checks = [
        check_decodes(errors),
        check_times(part.pts.tolist(), base, times, seen_base, may_shift=may_shift),
        check_contents(contents, audio=_sounds(work), frames=len(part.span), display=source.format.display),
        detail.check(noise),
        outside.check(noise),
        check_leaks(leaks, looked, painted),
    ]
    quiet = _quiet(work)
    if quiet and times:
        ahead = times[0] * seen_base - int(part.pts[0]) * base  # MPEG-TS begins later
        checks += [check_sound(s.level, s.seconds) for s in work.runner.map(loudest, [(release, quiet, ahead)])]
    return Verdict(tuple(checks), tuple(leaks))


def _sounds(work: Work) -> int:
    """How many streams of sound the release may have."""
    return sum(s.type == "audio" for s in work.source.others) if work.policy.audio.mode == "keep" else 0


def _quiet(work: Work) -> tuple[AudioStretch, ...]:
    """Where nothing is to be heard in the release, in seconds of its clock."""
    edit = _audio(work)
    if edit is None or edit.changes_nothing or not any(s.type == "audio" for s in work.source.others):
        return ()
    quiet = list(edit.mutes)
    if edit.part.end is not None:
        quiet.append(AudioStretch(edit.part.end))
    return tuple(s.later(-edit.shift) for s in quiet)


def _stretch(part: Cut, segment: Segment, base: Fraction) -> Stretch:
    """Where a segment lies in the release: each begins at a keyframe there."""
    start = None
    first = segment.span.start - part.span.start
    if first:
        a, b = int(part.pts[first - 1]), int(part.pts[first])
        start = Fraction(a + b, 2) * base
    last = segment.span.stop == part.span.stop
    return Stretch(start, None if last else len(segment.span))
