"""Audio that is kept: copied packet by packet, or cut to the sample, muted and encoded again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

if TYPE_CHECKING:
    from av.packet import Packet

    Feed = Iterator[tuple[Fraction, int, Packet[Any]]]


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``start`` on and before ``end``, in exact seconds of the source's own clock; ``end`` None: for ever."""

    start: Fraction
    end: Fraction | None = None

    def covers(self, start: Fraction, end: Fraction) -> bool:
        """Whether all from ``start`` to ``end`` lies in it."""
        return self.start <= start and (self.end is None or end <= self.end)

    def later(self, seconds: Fraction) -> Stretch:
        """The same stretch by a clock that shows so many seconds more."""
        return Stretch(self.start + seconds, None if self.end is None else self.end + seconds)


@dataclass(frozen=True, slots=True)
class AudioEdit:
    """What is done to sound: only ``part`` is kept, ``mutes`` are silent, all is moved ``shift`` seconds earlier."""

    part: Stretch
    mutes: tuple[Stretch, ...]
    shift: Fraction

    @property
    def changes_nothing(self) -> bool:
        return not self.mutes and not self.shift and self.part.end is None

    def drops(self, start: Fraction, end: Fraction) -> bool:
        """Whether nothing from ``start`` to ``end`` is kept."""
        return end <= self.part.start or (self.part.end is not None and start >= self.part.end)


OVERLAP = Fraction(1, 20)  # seconds that sound may begin ahead of the end of what came before: coarse clocks round
BIT_RATE = 96_000  # a channel; transparent for speech, and twice what recorders use


def demuxed(container: InputContainer, indices: Iterable[int]) -> Iterator[Packet[Any]]:
    """The packets of streams, an empty one last of each, up to where the container is broken: as it was counted."""
    try:
        yield from container.demux([container.streams[i] for i in indices])
    except av.error.InvalidDataError:
        return


_HEADERS = {"aac": 5, "opus": 19, "flac": 34, "alac": 36}
"""The most bytes that decoders need ahead of the packets: ISO/IEC 14496-3 1.6.2.1 with the extension that tells of SBR,
RFC 7845 5.1, RFC 9639 8.2, the ALAC magic cookie with its box. Longer ones may hold comments, as those of Vorbis do."""


def is_copied(edit: AudioEdit, streams: Iterable[AudioStream]) -> bool:
    """Whether sound goes into a release packet by packet; else it is encoded again, all streams alike.

    It is, too, where there is more ahead of the packets than their decoder needs: nobody knows what it says.
    """
    return edit.changes_nothing and all(_says_no_more(s) for s in streams)


def _says_no_more(stream: AudioStream) -> bool:
    context = stream.codec_context  # None where the coding is not known
    return not context or len(context.extradata or b"") <= _HEADERS.get(context.name, 0)


def duration(packet: Packet[Any]) -> Fraction:
    """Seconds that a packet lasts; 0 where its container does not say."""
    return (packet.duration or 0) * Fraction(packet.time_base)


def copied(container: InputContainer, kept: dict[int, AudioStream], *, from_zero: bool) -> Feed:
    """The packets of audio streams as they are, for output streams ``kept`` (by the source's stream number).

    ``from_zero``: the output cannot hold what begins before zero, as the packet does with which AAC
    begins, and which players skip. It is left out: the whole release would be moved for it.
    """
    ahead: dict[int, list[Packet[Any]]] = {i: [] for i in kept}
    for packet in demuxed(container, kept):
        if packet.size == 0 or packet.dts is None:
            continue
        number = packet.stream_index
        if packet.is_discard:
            ahead.get(number, []).append(packet)
            continue
        for p in (*_primers(ahead.pop(number, [])), packet):
            time = (p.dts or 0) * Fraction(p.time_base)
            if from_zero and time < 0:
                continue
            p.stream = kept[number]
            yield time, 1, p


PRIMING = Fraction(1, 10)  # seconds: a decoder of AAC is primed by 48 to 100 ms of what players skip


def _primers(packets: list[Packet[Any]]) -> list[Packet[Any]]:
    """What players skip ahead of the first sound that they play: kept where it primes the decoder.

    Where it is more, a trim left it out, and nobody may get it back.
    """
    return packets if sum(map(duration, packets), Fraction(0)) <= PRIMING else []


def edited(container: InputContainer, kept: dict[int, AudioStream], edit: AudioEdit) -> Feed:
    """Decodes audio streams, cuts and mutes them to the sample, and encodes them for output streams ``kept``.

    A packet that does not decode must lie in a mute, or outside of what is kept; it is silent for as
    long as it lasts. Raises PyAV's error for any other.
    """
    latest: dict[int, Fraction] = {}  # up to when each stream was heard
    behind: set[int] = set()
    for packet in demuxed(container, kept):
        out = kept[packet.stream.index]  # the empty last packet of a stream has no number of its own
        for frame in _decoded(packet, edit):
            piece = _piece(frame, edit)
            if piece is None:
                continue
            start = (piece.pts or 0) * Fraction(piece.time_base or 1)
            before = latest.get(out.index, start)
            if start < (before if out.index in behind else before - OVERLAP):
                behind.add(out.index)  # its clock ran backwards: nothing can be heard where something is already
                continue
            behind.discard(out.index)
            latest[out.index] = start + Fraction(piece.samples, piece.sample_rate)
            yield from _encoded(out, piece)
    for out in kept.values():
        yield from _encoded(out, None)


def _decoded(packet: Packet[Any], edit: AudioEdit) -> list[av.AudioFrame]:
    try:
        frames: list[Any] = packet.decode()
    except av.error.FFmpegError:
        if packet.pts is None:
            return []  # as sound without a time is left out below
        start = packet.pts * Fraction(packet.time_base)
        end = start + duration(packet)
        if not edit.drops(start, end) and not any(m.covers(start, end) for m in edit.mutes):
            raise
        frames = _nothing_heard(packet)
    return frames


def _nothing_heard(packet: Packet[Any]) -> list[av.AudioFrame]:
    """Silence for as long as a packet lasts, as its decoder would give it."""
    c = packet.stream.codec_context
    n = round(duration(packet) * c.sample_rate)
    if not n:
        return []
    like = av.AudioFrame(format=c.format.name, layout=c.layout.name, samples=n)
    samples = np.full_like(like.to_ndarray(), _silence(like.to_ndarray().dtype))
    frame = av.AudioFrame.from_ndarray(samples, format=c.format.name, layout=c.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = c.sample_rate, packet.pts, packet.time_base
    return [frame]


def _piece(frame: av.AudioFrame, edit: AudioEdit) -> av.AudioFrame | None:
    """What of a decoded frame is kept, with its mutes; None where nothing is."""
    if frame.pts is None or frame.time_base is None:
        return None  # sound without a time cannot be shown to be outside a mute
    begins = frame.pts * Fraction(frame.time_base)
    samples: NDArray[Any] = frame.to_ndarray()
    planar = frame.format.is_planar
    if not planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    n, rate = int(samples.shape[1]), int(frame.sample_rate)

    def at(time: Fraction | None) -> int:
        """The first sample at or after a time."""
        return n if time is None else min(max(ceil((time - begins) * rate), 0), n)

    samples = samples.copy()
    for m in edit.mutes:
        samples[:, at(m.start) : at(m.end)] = _silence(samples.dtype)
    a, b = at(edit.part.start), at(edit.part.end)
    if a >= b:
        return None
    kept = np.ascontiguousarray(samples[:, a:b])
    flat = kept if planar else np.ascontiguousarray(kept.T).reshape(1, -1)
    piece = av.AudioFrame.from_ndarray(flat, format=frame.format.name, layout=frame.layout.name)
    piece.sample_rate = frame.sample_rate
    piece.time_base = Fraction(1, frame.sample_rate)
    piece.pts = round((begins - edit.shift) * frame.sample_rate) + a
    return piece


def _silence(dtype: np.dtype[Any]) -> int:
    return 128 if dtype == np.uint8 else 0


def _encoded(out: AudioStream, piece: av.AudioFrame | None) -> Feed:
    for packet in out.encode(piece):
        if packet.dts is not None:
            yield packet.dts * Fraction(packet.time_base), 1, packet


_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}


def _layout(layout: av.AudioLayout) -> str:
    """The usual layout of so many channels where the source does not say which they are ("2 channels")."""
    named = not layout.name.endswith((" channels", " channel"))
    return layout.name if named else _LAYOUTS.get(layout.nb_channels, layout.name)


def add_encoder(container: av.container.OutputContainer, template: AudioStream) -> AudioStream:
    """An AAC output stream with the channels of ``template`` and its rate, or 48 kHz where AAC does not know that."""
    c = template.codec_context
    known = av.Codec("aac", "w").audio_rates or []
    out = container.add_stream("aac", rate=c.sample_rate if c.sample_rate in known else 48000, layout=_layout(c.layout))
    out.codec_context.bit_rate = BIT_RATE * c.layout.nb_channels
    out.codec_context.thread_count = 1
    return out
