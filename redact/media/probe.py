"""Counts a source packet by packet before anything else is done with it.

Headers lie (a million frames over ten, a duration from another file), so frames, times and the
places where decoding may begin are read off the packets themselves.
"""

from __future__ import annotations

from pathlib import Path

import av
import av.logging
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from redact.errors import SourceError
from redact.media.container import open_source, source_error
from redact.media.file import check_file, file_sha256
from redact.media.packets import scan
from redact.media.picture import check_fields, first_frame, video_format
from redact.media.source import Source, StreamNote, VideoFormat
from redact.media.times import display_times
from redact.media.whole import cut_short
from redact.media.witness import hides_a_border
from redact.words import plural

_ANNOUNCE_SECONDS = ("mp4", "matroska")  # containers whose length is written down, not guessed from the rate of bytes


def _choose(container: InputContainer, path: Path, wanted: int) -> tuple[VideoStream, tuple[StreamNote, ...]]:
    """The video stream to release, and notes on all the others."""
    notes, videos = [], []
    for s in container.streams:
        cover = bool(s.disposition & Disposition.attached_pic)
        codec = s.codec_context.name if s.codec_context is not None else "unknown"
        if isinstance(s, VideoStream) and not cover:
            videos.append(s)
        notes.append(StreamNote(s.index, s.type, codec, cover))
    if not videos:
        raise source_error(path, "holds no video", "Give a file with a video stream; for stills use an image file.")
    if wanted >= 0:
        chosen = next((v for v in videos if v.index == wanted), None)
        if chosen is None:
            have = ", ".join(str(v.index) for v in videos)
            raise source_error(
                path,
                f"stream {wanted} is not one of its video streams ({have})",
                "Set [streams] video_index to one of them.",
            )
    elif len(videos) > 1:
        have = ", ".join(str(v.index) for v in videos)
        raise source_error(
            path,
            f"holds {len(videos)} video streams (numbers {have})",
            "Choose one with [streams] video_index in the recipe; each needs a run of its own.",
        )
    else:
        chosen = videos[0]
    if chosen.codec_context is None:
        raise source_error(path, "holds video in a coding that is not known, or its header is damaged")
    return chosen, tuple(n for n in notes if n.index != chosen.index)


def glance(path: Path, video_index: int = -1) -> tuple[VideoFormat, float | None]:
    """What a file shows at once: its format, and how many seconds it claims to last; None where it claims nothing.

    Reads its header and first frame. Raises SourceError as ``probe`` does.
    """
    check_file(path)
    with open_source(path) as container:
        stream, _ = _choose(container, path, video_index)
        own = stream.duration and float(stream.duration * (stream.time_base or 0))
        whole = container.duration and container.duration / av.time_base
        return video_format(stream, first_frame(path, stream.index), path), own or whole or None


def probe(path: Path, video_index: int = -1) -> Source:
    """Counts a video file.

    ``video_index``: number of the stream to release; -1 for the only one.
    Raises SourceError where the file cannot be read, holds no or several video streams, or no
    frame of it can be decoded.
    """
    size = check_file(path)
    modified = path.stat().st_mtime_ns
    with open_source(path) as container:
        stream, others = _choose(container, path, video_index)
        table, last, wrong = scan(container, stream)
        keys = set(container.metadata) | {f"stream:{k}" for s in container.streams for k in s.metadata}
        keys |= {"chapters"} if container.chapters() else set()
        # A stream's attributes are read while its container is open: PyAV does not keep them after.
        name, index = container.format.name, stream.index
        announced = (container.duration or 0) / av.time_base if any(c in name for c in _ANNOUNCE_SECONDS) else 0.0
        fmt = video_format(stream, first_frame(path, index), path)
    if fmt.interlaced:
        check_fields(path, index, fmt.codec)
    if any(c in name for c in _ANNOUNCE_SECONDS) and hides_a_border(path):
        raise source_error(
            path,
            "asks players to cut a border off its picture, which would be in the release",
            "Make a copy without it first: ffmpeg -i SOURCE -c:a copy -crf 16 COPY.mp4",
        )
    if not table.shown.any():
        raise source_error(path, "has a video stream without a single frame")
    pts, regular = display_times(table, fmt, wrong)
    wrong = [*cut_short(path, name), *wrong]
    there = float((int(pts[-1]) - int(pts[0]) + max(last, 0)) * fmt.time_base)
    if wrong and announced > there + 1:  # by itself it is no damage: sound may last longer
        wrong.insert(0, f"its header announces {announced:.1f} s, its video lasts {there:.1f} s")
    if table.corrupt.any():
        wrong.append(f"{plural(int(table.corrupt.sum()), 'packet')} marked corrupt by the container")
    try:
        digest = file_sha256(path)
    except OSError as e:
        raise SourceError(f"{str(path)!r}: cannot be read: {e.strerror}.", "Check the disk that holds it.") from None
    return Source(
        path=path,
        sha256=digest,
        bytes=size,
        container=name,
        stream_index=index,
        format=fmt,
        pts=pts,
        last_duration=last,
        packets=table,
        regular=regular,
        others=others,
        metadata_keys=tuple(sorted(keys)),
        damage=tuple(wrong),
        modified_ns=modified,
    )
