"""The coded bytes of a stretch of a release: two stretches of the same bytes show the same pictures."""

from __future__ import annotations

import hashlib
from pathlib import Path

from redact.media.container import open_source
from redact.media.witness import Stretch


def stretch_sha256(file: Path, stretch: Stretch) -> str:
    """SHA-256 (hexadecimal) of the packets of a stretch with their times, and of what its decoder is set up with.

    It says nothing of pictures where the stretch does not begin at a keyframe. Raises SourceError
    where the file cannot be read.
    """
    digest = hashlib.sha256()
    with open_source(file) as container:
        stream = container.streams.video[0]
        base = stream.time_base
        assert base is not None
        context = stream.codec_context
        digest.update(repr((context.name, context.extradata, base, stream.start_time)).encode())
        begun = stretch.start_seconds is None
        if stretch.start_seconds is not None:
            container.seek(int(stretch.start_seconds / base), stream=stream, backward=True)
        left = stretch.frames
        for packet in container.demux(stream):
            if left == 0 or packet.pts is None:
                break
            begun = begun or (packet.is_keyframe and packet.pts * base >= (stretch.start_seconds or 0))
            if begun:
                digest.update(repr((packet.pts, packet.dts, packet.size)).encode())
                digest.update(memoryview(packet))
                left = None if left is None else left - 1
    return digest.hexdigest()
