"""Decodes a segment and notices every frame that did not decode cleanly.

libavcodec conceals errors: it paints over what is missing and returns success. So five witnesses
are heard, and one is enough: the demuxer's corrupt flag, an error returned for a packet, the
frame's own corrupt flag, what the decoder logs at level ERROR while it works, and two things that it
logs for debugging only: that it conceals errors, and, for H.264, that a frame which others refer to
never came. And the frames
that come out must be exactly those whose packets went in. Whatever follows a damaged frame may
refer to it, so it counts as damaged up to the next place where decoding may begin, and so do that
place's leading pictures: decoded after it but shown before it, they may refer to what lies before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import av
import av.logging
import numpy as np
from av.codec.context import Flags
from av.container import InputContainer
from av.video.stream import VideoStream

from redact.media.container import first_error, open_source, source_error
from redact.media.frames import Frame
from redact.media.nal import gaps_allowed
from redact.media.picture import crop_exactly
from redact.media.reading import changed, check_unchanged, matches, packets, packets_of, ticks
from redact.media.source import Excerpt
from redact.media.spread import Trail, begins, followers

if TYPE_CHECKING:
    from redact.media.reading import VideoPacket

OVERTAKEN = 4  # frames that must have come out ahead of a missing one before it is given up


def decode(source: Excerpt) -> Iterator[Frame]:
    """Yields the segment's frames, each exactly once, in display order.

    A frame that the decoder did not give is yielded with ``image`` None and its damage. Memory is
    bounded by the decoder's reordering depth. Frames are in the stored orientation and pixel
    format; they may be referred to by the decoder and must not be written to.
    Raises SourceError where the file changed since it was counted or gives frames that its
    packets do not account for.
    """
    check_unchanged(source)
    if source.regular:
        yield from _decode_regular(source)
    else:
        yield from _decode_from_start(source)
    check_unchanged(source)


def decode_some(source: Excerpt, apart: int) -> Iterator[Frame]:
    """Yields a few of the segment's frames in display order, no two less than ``apart`` frames from each other.

    They are frames from which decoding may begin, and only they are decoded: a tenth of the cost of
    all. There may be none. Where the container gives no usable times all are decoded and every
    ``apart``-th is yielded. Raises SourceError where the file changed since it was counted.
    """
    if not source.regular:
        yield from (f for f in decode(source) if f.index % apart == 0)
        return
    table, first = source.packets, source.segment.start_packet
    last = source.span.start - apart
    with open_source(source.path) as container:
        stream = _open_decoder(container, source)
        for number, packet in packets_of(source, container, stream):
            if number - first >= len(table):
                return
            if not matches(source, number, packet):
                raise changed(source)
            index = source.index_of(packet.pts)
            if not table.seekable[number - first] or index is None or index not in source.span or index - last < apart:
                continue
            last = index
            frames, reason = _feed(stream, packet, first=True)
            drained, at_end = _feed(stream, None, first=True)
            stream.codec_context.flush_buffers()
            image = next((f for f in (*frames, *drained) if f.pts == packet.pts), None)
            wrong = reason or at_end
            yield _emit(source, index, {index: image} if image else {}, {index: wrong} if wrong else {})


def _open_decoder(container: InputContainer, source: Excerpt) -> VideoStream:
    stream = container.streams[source.stream_index]
    assert isinstance(stream, VideoStream)
    # One thread: the log lines and errors of a packet can then be told from another's, the cost per
    # frame is least, and cores are used by working on several segments at once.
    stream.codec_context.thread_count = 1
    crop_exactly(stream)
    # Some H.265 streams carry a checksum of each picture; without one its decoder notices little damage.
    stream.codec_context.options = {"err_detect": "crccheck"}
    av.logging.set_level(av.logging.ERROR)
    return stream


def _feed(
    stream: VideoStream, packet: VideoPacket | None, *, first: bool = False
) -> tuple[list[av.VideoFrame], str | None]:
    """Decodes one packet (None: drains). Returns its frames and why they cannot be trusted, if so.

    ``first``: nothing was decoded before it, so nothing can be missing yet.
    """
    av.logging.set_level(av.logging.DEBUG)
    with av.logging.Capture() as logs:
        try:
            frames = list(stream.codec_context.decode(packet))
            reason = None
        except av.error.FFmpegError as e:
            frames, reason = [], f"the decoder refused it ({e.strerror})"
    av.logging.set_level(av.logging.ERROR)
    line = first_error(logs)
    if line and "mismatching checksum" in line:
        line = "the picture does not match its checksum"
    if any("Frame num gap" in text for _, _, text in logs) and not first and not gaps_allowed(stream):
        reason = reason or "a picture that it refers to is missing"
    if any(text.startswith("concealing ") for _, _, text in logs):
        reason = reason or "the decoder made up a part of it"
    if packet is not None and packet.is_corrupt:
        reason = "marked corrupt by the container"
    return frames, reason or (f"the decoder reported an error ({line})" if line else None)


def _decode_regular(source: Excerpt) -> Iterator[Frame]:
    """By presentation times: what comes out is matched to what was counted."""
    table, span, first = source.packets, source.span, source.segment.start_packet
    damage: dict[int, str] = {}  # by frame index
    ready: dict[int, av.VideoFrame] = {}
    beyond = 0  # frames that came out and are shown after the segment
    at = span.start
    trail = Trail()
    if table.pts[0] > source.pts_of(span.start) or not table.seekable[0]:
        trail.reason = "it precedes the first complete picture of the stream"

    def spoil(pts: int | None, reason: str) -> None:
        index = source.index_of(pts)
        if index is not None and index in span and index >= at:
            damage.setdefault(index, reason)

    def collect(frames: list[av.VideoFrame]) -> None:
        nonlocal beyond
        for image in frames:
            index = source.index_of(image.pts)
            if index is None or index < at:
                continue
            if index >= span.stop:
                beyond += 1
                continue
            if image.is_corrupt:
                for row in followers(source, int(np.flatnonzero(table.pts == image.pts)[0])):
                    spoil(int(table.pts[row]), "the decoder marked it, or one that it may refer to, corrupt")
            ready.setdefault(index, image)

    with open_source(source.path) as container:
        stream = _open_decoder(container, source)
        for number, packet in packets_of(source, container, stream):
            if not matches(source, number, packet):
                raise changed(source)
            frames, reason = _feed(stream, packet, first=number == first)
            wrong = trail.next(ticks(packet.pts), begins=begins(table, number - first), reason=reason)
            if wrong:
                spoil(packet.pts, wrong)
            collect(frames)
            # Decoders give frames in display order: what has been overtaken by several is not coming.
            while at < span.stop and (at in ready or len(ready) + beyond > OVERTAKEN):
                yield _emit(source, at, ready, damage)
                at += 1
            if at == span.stop:
                return
        frames, reason = _feed(stream, None)
        collect(frames)
    for index in range(at, span.stop):
        if reason:
            damage.setdefault(index, reason)
        yield _emit(source, index, ready, damage)


def _emit(source: Excerpt, index: int, ready: dict[int, av.VideoFrame], damage: dict[int, str]) -> Frame:
    image = ready.pop(index, None)
    reason = damage.pop(index, None)
    if image is None:
        reason = reason or "the decoder gave no picture for it"
    return Frame(index, source.pts_of(index), image, reason or _mismatch(source, image))


def _mismatch(source: Excerpt, image: av.VideoFrame | None) -> str | None:
    """A picture that suddenly has another size or format is not the stream that was counted."""
    f = source.format
    if image is not None and (image.width, image.height, image.format.name) != (
        f.display.width,
        f.display.height,
        f.pix_fmt,
    ):
        return f"its picture is {image.width}x{image.height} {image.format.name}, unlike the first one's"
    return None


def _decode_from_start(source: Excerpt) -> Iterator[Frame]:
    """For files without usable times: the n-th frame that comes out is frame n.

    Which packet a picture is of, the decoder says by the number that was sent along with the packet.
    """
    table = source.packets
    damage: dict[int, str] = {}  # by packet number
    trail = Trail()
    index = 0
    with open_source(source.path) as container:
        stream = _open_decoder(container, source)
        stream.codec_context.flags |= Flags.copy_opaque

        def reason_of(number: int, image: av.VideoFrame) -> str | None:
            if number == trail.place:
                trail.before = None  # what comes out from here on is shown after that place
            if image.is_corrupt:
                for row in followers(source, number):
                    damage.setdefault(row, "the decoder marked it, or one that it may refer to, corrupt")
            return damage.pop(number, None) or (trail.before if number > trail.place else None)

        def emit(frames: list[av.VideoFrame], wrong: str | None = None) -> Iterator[Frame]:
            nonlocal index
            for image in frames:
                number = image.opaque if isinstance(image.opaque, int) else index
                # Where pictures come out in the order of their packets, those that were passed over do not come.
                for lost in range(index, number if stream.codec_context.has_b_frames == 0 else index):
                    if lost in source.span:
                        why = damage.pop(lost, None) or trail.before or "the decoder gave no picture for it"
                        yield Frame(lost, source.pts_of(lost), None, why)
                    index += 1
                if index >= source.frames:
                    raise source_error(source.path, "gives more pictures than it has packets")
                reason = reason_of(number, image) or wrong
                if index in source.span:
                    yield Frame(index, source.pts_of(index), image, reason or _mismatch(source, image))
                index += 1

        for number, packet in enumerate(packets(container, stream)):
            if number >= source.total_packets or packet.size != table.size[number]:
                raise changed(source)
            packet.opaque = number
            frames, reason = _feed(stream, packet, first=number == 0)
            wrong = trail.next(number, begins=begins(table, number), reason=reason)
            if wrong:
                damage[number] = wrong
            yield from emit(frames)
        frames, reason = _feed(stream, None)
        yield from emit(frames, reason)
    for missing in range(max(index, source.span.start), source.span.stop):
        reason = reason or trail.reason or "the decoder gave no picture for it"
        yield Frame(missing, source.pts_of(missing), None, reason)
