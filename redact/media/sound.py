"""Listens to sound that is kept, before anything is rendered: can the output hold it, and where is it damaged?"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.logging
from av.audio.stream import AudioStream

from redact.errors import SourceError, UsageError
from redact.media.audio import OVERLAP, AudioEdit, add_encoder, demuxed, duration, is_copied
from redact.media.container import DAMAGED, first_error, open_source, source_error
from redact.media.mux import CONTAINERS

if TYPE_CHECKING:
    from av.packet import Packet

# What MPEG-TS has a stream type for; all else would be written as data that nobody plays.
_IN_TRANSPORT_STREAMS = {"aac", "ac3", "dts", "eac3", "mp1", "mp2", "mp3", "opus", "truehd"}


@dataclass(frozen=True, slots=True)
class BrokenSound:
    """Sound that did not decode cleanly: from ``start`` on, before ``end``; seconds since the first frame."""

    start: Fraction
    end: Fraction
    reason: str


def listen(path: Path, suffix: str, edit: AudioEdit, begins: Fraction, on_damage: str) -> tuple[BrokenSound, ...]:
    """Decodes the sound of a source, as far as ``edit`` keeps it, and tells where it is damaged.

    ``suffix``: the output's. ``begins``: when the first frame is shown, in seconds of the source's clock.
    Raises UsageError where the output's container cannot hold the sound, SourceError where its coding is
    not known, and at the first damage where ``on_damage`` is "refuse".
    """
    found: list[BrokenSound] = []
    with open_source(path) as container:
        whole = is_copied(edit, container.streams.audio)
        for s in container.streams.audio:
            _check_holds(s, path, suffix, whole)
        ears = {s.index: _Ear(edit, begins) for s in container.streams.audio}
        for packet in demuxed(container, ears) if ears else ():
            if not packet.size:
                continue
            broken = ears[packet.stream_index].hear(packet)
            if broken is not None and on_damage == "refuse":
                raise SourceError(
                    f"{str(path)!r}: its sound cannot be decoded cleanly at {float(broken.start):.3f} s: "
                    f"{broken.reason}.",
                    DAMAGED,
                )
            found += [broken] if broken else []
    return _joined(found)


class _Ear:
    """Listens to one stream, packet by packet."""

    def __init__(self, edit: AudioEdit, begins: Fraction) -> None:
        self._edit, self._begins = edit, begins
        self._at = begins
        self._before: str | None = None
        self._latest = Fraction(-(10**9))
        """Up to when sound was heard."""

    def hear(self, packet: Packet[Any]) -> BrokenSound | None:
        """Decodes a packet; what is wrong with it, if anything is."""
        start = self._at if packet.pts is None else packet.pts * Fraction(packet.time_base)
        self._at = end = start + duration(packet)
        if self._edit.drops(start, end):
            return None
        wrong = _decode(packet)
        if start < self._latest - OVERLAP:
            wrong = wrong or "its clock runs backwards"
        self._latest = max(self._latest, end)
        # Decoders carry something over: what follows a damaged packet is spoilt by it as well.
        reason, self._before = wrong or self._before, wrong
        return BrokenSound(start - self._begins, end - self._begins, reason) if reason else None


def _decode(packet: Packet[Any]) -> str | None:
    """Why the sound of a packet cannot be trusted; None where it can."""
    if packet.is_corrupt:
        return "marked corrupt by the container"
    av.logging.set_level(av.logging.ERROR)
    with av.logging.Capture() as logs:
        try:
            packet.decode()
        except av.error.FFmpegError as e:
            return f"the decoder refused it ({e.strerror})"
    line = first_error(logs)
    return f"the decoder reported an error ({line})" if line else None


def _joined(found: Iterable[BrokenSound]) -> tuple[BrokenSound, ...]:
    """Stretches in order, those that touch or overlap as one, with the first one's reason."""
    out: list[BrokenSound] = []
    for b in sorted(found, key=lambda b: b.start):
        if out and b.start <= out[-1].end:
            out[-1] = replace(out[-1], end=max(out[-1].end, b.end))
        else:
            out.append(b)
    return tuple(out)


def _check_holds(stream: AudioStream, path: Path, suffix: str, whole: bool) -> None:
    if stream.codec_context is None:
        raise source_error(path, "holds sound in a coding that is not known", "Use a recipe that drops the sound.")
    if _holds(stream, suffix, whole):
        return
    others = " or ".join(_able(stream, whole))
    raise UsageError(
        f"{str(path)!r}: a {suffix} file cannot hold its sound ({stream.codec_context.name}).",
        f"Name the output {others}, or use a recipe that drops the sound."
        if others
        else "Use a recipe that drops the sound.",
    )


def _able(stream: AudioStream, whole: bool) -> Iterator[str]:
    """One ending of each container that can hold a stream."""
    for container in dict.fromkeys(CONTAINERS.values()):
        suffix = next(s for s, c in CONTAINERS.items() if c == container)
        if _holds(stream, suffix, whole):
            yield suffix


def _holds(stream: AudioStream, suffix: str, whole: bool) -> bool:
    """Whether a container takes a stream, as it is where ``whole``: told by writing its header into memory."""
    container = CONTAINERS[suffix.lower()]
    if whole and container == "mpegts":
        return stream.codec_context.codec.canonical_name in _IN_TRANSPORT_STREAMS
    try:
        with av.open(io.BytesIO(), "w", format=container) as out:
            if whole:
                out.add_stream_from_template(stream)
            else:
                add_encoder(out, stream)
            out.start_encoding()
    except (ValueError, av.error.FFmpegError):
        return False
    return True
