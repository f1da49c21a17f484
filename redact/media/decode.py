"""Decodes a segment and notices every frame that did not decode cleanly.

libavcodec conceals errors: it paints over what is missing and returns success. So five witnesses
are heard, and one is enough: the demuxer's corrupt flag, an error returned for a packet, the
frame's own corrupt flag, what the decoder logs at level ERROR while it works, and, for H.264, its
note that a frame which others refer to never came (it logs that for debugging only). And the frames
that come out must be exactly those whose packets went in. Whatever follows a damaged frame may
refer to it, so it counts as damaged up to the next place where decoding may begin.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import av
import av.logging
from av.container import InputContainer
from av.video.stream import VideoStream

from redact.media.container import first_error, open_source, source_error
from redact.media.frames import Frame
from redact.media.nal import gaps_allowed
from redact.media.probe import NO_PTS
from redact.media.source import Excerpt

if TYPE_CHECKING:
    from av.packet import Packet

    VideoPacket = Packet[VideoStream]

OVERTAKEN = 4  # frames that must have come out ahead of a missing one before it is given up


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[VideoPacket]:
    """The stream's packets as the scan counted them; a demuxer error ends them, as it did there."""
    try:
        for p in container.demux(stream):
            if (p.size == 0 and p.pts is None and p.dts is None) or p.is_discard:
                continue
            yield p
    except av.error.FFmpegError:
        return


def _ticks(value: int | None) -> int:
    return NO_PTS if value is None else value


def _matches(source: Excerpt, number: int, p: VideoPacket) -> bool:
    """Whether a packet is the one that was counted at this place; what lies after the excerpt is not compared."""
    t, i = source.packets, number - source.segment.start_packet
    if i >= len(t):
        return number < source.total_packets
    return (_ticks(p.pts), _ticks(p.dts), p.size) == (int(t.pts[i]), int(t.dts[i]), int(t.size[i]))


def _from(source: Excerpt, container: InputContainer, stream: VideoStream) -> Iterator[tuple[int, VideoPacket]]:
    """(number, packet) from the segment's start on: by seeking where that lands right, else by reading up to it."""
    start, dts = source.segment.start_packet, int(source.packets.dts[0])
    if start and source.regular and dts != NO_PTS:
        container.seek(dts, stream=stream, backward=True)
        stream_packets = _packets(container, stream)
        for p in stream_packets:
            if _matches(source, start, p):
                yield start, p
                for number, q in enumerate(stream_packets, start + 1):
                    yield number, q
                return
            if p.dts is None or p.dts > dts:
                break
        container.seek(0, backward=True, any_frame=True)
    for number, p in enumerate(_packets(container, stream)):
        if number >= start:
            yield number, p


def decode(source: Excerpt) -> Iterator[Frame]:
    """Yields the segment's frames, each exactly once, in display order.

    A frame that the decoder did not give is yielded with ``image`` None and its damage. Memory is
    bounded by the decoder's reordering depth. Frames are in the stored orientation and pixel
    format; they may be referred to by the decoder and must not be written to.
    Raises SourceError where the file changed since it was counted or gives frames that its
    packets do not account for.
    """
    _check_unchanged(source)
    if source.regular:
        yield from _decode_regular(source)
    else:
        yield from _decode_from_start(source)
    _check_unchanged(source)


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
        for number, packet in _from(source, container, stream):
            if number - first >= len(table):
                return
            if not _matches(source, number, packet):
                raise _changed(source)
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


def _check_unchanged(source: Excerpt) -> None:
    # What is found in other bytes must not be kept under the digest of these.
    if source.modified_ns:
        try:
            modified = source.path.stat().st_mtime_ns
        except OSError as e:
            raise source_error(source.path, f"cannot be read: {e.strerror}", "Check the disk that holds it.") from None
        if modified != source.modified_ns:
            raise _changed(source)


def _open_decoder(container: InputContainer, source: Excerpt) -> VideoStream:
    stream = container.streams[source.stream_index]
    assert isinstance(stream, VideoStream)
    # One thread: the log lines and errors of a packet can then be told from another's, the cost per
    # frame is least, and cores are used by working on several segments at once.
    stream.codec_context.thread_count = 1
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
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
    if any("Frame num gap" in text for _, _, text in logs) and not first and not gaps_allowed(stream):
        reason = reason or "a picture that it refers to is missing"
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
    spreading: str | None = None
    if table.pts[0] > source.pts_of(span.start) or not table.seekable[0]:
        spreading = "it precedes the first complete picture of the stream"

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
                damage.setdefault(index, "the decoder marked it corrupt")
            ready.setdefault(index, image)

    with open_source(source.path) as container:
        stream = _open_decoder(container, source)
        for number, packet in _from(source, container, stream):
            if not _matches(source, number, packet):
                raise _changed(source)
            if number - first < len(table) and table.seekable[number - first]:
                spreading = None
            frames, reason = _feed(stream, packet, first=number == first)
            spreading = reason or spreading
            index = source.index_of(packet.pts)
            if spreading and index is not None and index in span:
                damage.setdefault(index, spreading)
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


def _changed(source: Excerpt) -> Exception:
    return source_error(source.path, "changed while it was read", "Run again on a copy that nothing writes to.")


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
    """For files without usable times: the n-th frame that comes out is frame n."""
    spreading: str | None = None
    index = 0
    with open_source(source.path) as container:
        stream = _open_decoder(container, source)

        def emit(frames: list[av.VideoFrame]) -> Iterator[Frame]:
            nonlocal index
            for image in frames:
                if index >= source.frames:
                    raise source_error(source.path, "gives more pictures than it has packets")
                reason = spreading or ("the decoder marked it corrupt" if image.is_corrupt else None)
                if index in source.span:
                    yield Frame(index, source.pts_of(index), image, reason or _mismatch(source, image))
                index += 1

        for number, packet in enumerate(_packets(container, stream)):
            if number >= source.total_packets or packet.size != source.packets.size[number]:
                raise _changed(source)
            frames, reason = _feed(stream, packet, first=number == 0)
            if reason:
                spreading = reason
            elif source.packets.seekable[number]:
                # What comes out now may still be from before; it is good only once this picture is out.
                yield from emit(frames)
                spreading = None
                continue
            yield from emit(frames)
        frames, reason = _feed(stream, None)
        spreading = spreading or reason
        yield from emit(frames)
    for missing in range(max(index, source.span.start), source.span.stop):
        yield Frame(missing, source.pts_of(missing), None, spreading or "the decoder gave no picture for it")
