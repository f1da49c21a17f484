"""Puts rendered segments, and audio where it is kept, into the released file; nothing else goes along."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from redact.errors import UsageError, WorkerError
from redact.media.audio import AudioEdit, add_encoder, copied, edited, is_copied
from redact.media.container import open_source
from redact.media.cut import Cut
from redact.media.encode import aside_offset, write_error
from redact.media.source import Source

if TYPE_CHECKING:
    from av.packet import Packet

    from redact.media.audio import Feed

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".ts": "mpegts", ".m2ts": "mpegts"}


def container_for(output: Path) -> str:
    """The container format that an output's name asks for. Raises UsageError for an unknown ending."""
    name = CONTAINERS.get(output.suffix.lower())
    if name is None:
        what = (
            f"a release cannot be written as {output.suffix!r}"
            if output.suffix
            else "the name of a release needs an ending"
        )
        raise UsageError(f"{str(output)!r}: {what}.", f"Use one of {' '.join(CONTAINERS)}.")
    return name


# What containers count time in, however finely the source does.
_TICKS = {"matroska": Fraction(1, 1000), "mpegts": Fraction(1, 90000)}


def check_turn(output: Path, rotation: int) -> None:
    """Refuses an output whose container cannot say how its picture is turned. Raises UsageError."""
    if rotation and container_for(output) == "mpegts":
        raise UsageError(
            f"{str(output)!r}: a {output.suffix} file cannot say that its picture is turned by {rotation} degrees.",
            "Name the output .mp4.",
        )


def check_ticks(output: Path, part: Cut, base: Fraction) -> None:
    """Refuses an output whose container would show two frames of ``part`` at one time. Raises UsageError."""
    tick = _TICKS.get(container_for(output))
    if tick is None:
        return
    share = base / tick
    at = (2 * part.pts * share.numerator + share.denominator) // (2 * share.denominator)
    same = np.flatnonzero(np.diff(at) <= 0)
    if len(same):
        first = part.span.start + int(same[0])
        raise UsageError(
            f"{str(output)!r}: frames {first} and {first + 1} are closer together than {output.suffix} can tell apart "
            f"({float(tick * 1000):.3g} ms).",
            "Name the output .mp4.",
        )


def decode_times(pts: NDArray[np.int64], rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """Decode times (ticks) for packets in decode order.

    ``pts``: times in display order, strictly rising; ``rank[k]``: display position of packet ``k``.
    The k-th packet is due when the frame ``delay`` places earlier is shown, with the least delay
    for which no packet is due after it is shown (ISO/IEC 14496-12 8.6.1 asks dts <= pts).
    """
    n = len(pts)
    delay = int((np.arange(n) - rank).max(initial=0))
    step = int(np.diff(pts).min()) if n > 1 else 1
    lead = pts[0] - step * np.arange(delay, 0, -1, dtype=np.int64)
    return np.concatenate([lead, pts[: n - delay]])


def _segment_packets(files: Sequence[Path], source: Source) -> Iterator[tuple[Packet[VideoStream], int]]:
    """Each packet of the segments in order, with its presentation time in ticks of the source."""
    base, offset = source.format.time_base, aside_offset(int(source.pts[0]), source.format.time_base)
    for file in files:
        with _segment(file) as part:
            stream = part.streams.video[0]
            assert stream.time_base is not None
            for packet in part.demux(stream):
                if packet.pts is None:
                    continue
                ticks = packet.pts * Fraction(stream.time_base) / base
                if ticks.denominator != 1:
                    raise WorkerError(
                        f"{str(file)!r}: a frame's time is not a whole number of ticks.", "This is a defect in redact."
                    )
                yield packet, int(ticks) - offset


def mux(
    source: Source, part: Cut, segments: Sequence[Path], output: Path, container: str, audio: AudioEdit | None
) -> None:
    """Writes the segments of ``part`` into ``output``, in order, at its times.

    ``audio``: what is done to the sound; None: it is left behind. Raises WorkerError where segments
    do not hold exactly the part's frames, UsageError where the output cannot be written, SpaceError where
    the disk is full, SourceError where sound cannot be read.
    """
    base = source.format.time_base
    shown = np.array([t for _, t in _segment_packets(segments, source)], np.int64) - part.shift
    rank = np.searchsorted(part.pts, shown)
    if len(shown) != len(part.span) or not np.array_equal(np.sort(shown), part.pts):
        raise WorkerError(
            f"{str(source.path)!r}: {len(shown)} frames were rendered, {len(part.span)} expected.", "Run again."
        )
    due = decode_times(part.pts, rank)
    options = {"fflags": "+bitexact"}
    if container in ("mp4", "mov"):
        # A movie tick as fine as the track's, or a non-zero start is rounded to a millisecond.
        options |= {"movflags": "+faststart", "movie_timescale": str(min(base.denominator, 2**31 - 1))}
    if container == "mpegts":
        options |= {"mpegts_copyts": "1"}
    with (
        _segment(segments[0]) as first,
        open_source(source.path) as original,
        _written(output, container, options) as out,
    ):
        video = _add_video(out, first.streams.video[0], source)
        kept = _add_audio(out, original.streams.audio, audio) if audio else {}
        feeds: list[Feed] = [_video_feed(source, part, segments, due, rank, video)]
        if audio and kept:
            from_zero = container == "matroska"
            whole = is_copied(audio, original.streams.audio)
            feeds.append(copied(original, kept, from_zero=from_zero) if whole else edited(original, kept, audio))
        for _, _, packet in heapq.merge(*feeds, key=lambda f: f[:2]):
            try:
                out.mux(packet)
            except av.error.FFmpegError as e:
                raise write_error(output, e) from None


@contextmanager
def _written(output: Path, container: str, options: dict[str, str]) -> Iterator[OutputContainer]:
    """Opens the output, and closes it. Errors of both, but of nothing in between, are told as the output's."""
    try:
        out = av.open(f"file:{output}", "w", format=container, options=options)
    except av.error.FFmpegError as e:
        raise write_error(output, e) from None
    try:
        yield out
    except BaseException:
        with suppress(av.error.FFmpegError):
            out.close()
        raise
    try:
        out.close()
    except av.error.FFmpegError as e:
        raise write_error(output, e) from None


@contextmanager
def _segment(file: Path) -> Iterator[InputContainer]:
    """Opens a segment that was written aside: where it cannot be read, its place is to blame, not the source."""
    try:
        with av.open(f"file:{file}") as container:
            yield container
    except av.error.FFmpegError as e:
        raise write_error(file, e) from None


def _add_video(out: OutputContainer, template: VideoStream, source: Source) -> VideoStream:
    stream = out.add_stream_from_template(template)
    assert isinstance(stream, VideoStream)
    stream.time_base = source.format.time_base
    if (rate := _constant_rate(source)) is not None:
        stream.codec_context.framerate = rate  # else Matroska says that a frame lasts a millisecond
    stream.metadata.clear()
    d = source.format.display
    if d.rotation:
        stream.set_display_rotation(-d.rotation)
    return stream


def _constant_rate(source: Source) -> Fraction | None:
    """Frames a second, where all are as far apart as that says."""
    rate = source.format.frame_rate
    if rate is None or len(source.pts) < 2:
        return None
    off = np.diff(source.pts) - float(1 / (rate * source.format.time_base))
    return rate if bool((np.abs(off) <= 1).all()) else None


def _add_audio(out: OutputContainer, streams: Sequence[AudioStream], edit: AudioEdit) -> dict[int, AudioStream]:
    """Output streams for kept audio, by the source's stream number; ``listen`` made sure that ``out`` takes them."""
    kept: dict[int, AudioStream] = {}
    whole = is_copied(edit, streams)
    for s in streams:
        new = out.add_stream_from_template(s) if whole else add_encoder(out, s)
        new.metadata.clear()
        new.disposition = Disposition.default if not kept else Disposition(0)
        kept[s.index] = new
    return kept


def _video_feed(
    source: Source,
    part: Cut,
    segments: Sequence[Path],
    due: NDArray[np.int64],
    rank: NDArray[np.int64],
    stream: VideoStream,
) -> Feed:
    base = source.format.time_base
    durations = np.append(np.diff(part.pts), part.last_duration)
    for k, (packet, pts) in enumerate(_segment_packets(segments, source)):
        packet.stream = stream
        packet.time_base = base
        packet.pts, packet.dts = pts - part.shift, int(due[k])
        packet.duration = int(durations[rank[k]])
        yield due[k] * base, 0, packet
