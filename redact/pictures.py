"""Checksums of decoded pictures: whether what is rendered is what was examined. Pure.

A decoder that meets damage it does not notice may leave parts of a picture as they were in memory,
and memory differs from one decoding to the next: pass 2 would then show what pass 1 never saw.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from redact.timeline import Span

# Codecs whose standard says what every sample of every picture is, so that all decoders agree. The others leave the
# inverse transform a tolerance: two kinds of processor may differ in the last bit.
EXACT_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1"})


@dataclass(frozen=True, slots=True)
class PictureSums:
    """CRC-32 of the luma of each decoded frame from frame ``first`` on, 4 bytes each, little-endian.

    Those of frames that did not decode are 0 and mean nothing.
    """

    first: int
    crc32: bytes

    def __post_init__(self) -> None:
        if self.first < 0 or len(self.crc32) % 4:
            raise ValueError("checksums of pictures have 4 bytes each and begin at some frame")

    @classmethod
    def of(cls, first: int, sums: list[int]) -> PictureSums:
        """``sums``: one for each frame from ``first`` on."""
        return cls(first, np.asarray(sums, "<u4").tobytes())

    @property
    def span(self) -> Span:
        """The frames that there are checksums of."""
        return Span(self.first, self.first + len(self.crc32) // 4)

    def within(self, span: Span) -> PictureSums:
        """Those of the frames that lie in ``span``, too."""
        a = min(max(span.start, self.span.start), self.span.stop)
        b = max(min(span.stop, self.span.stop), a)
        return PictureSums(a, self.crc32[4 * (a - self.first) : 4 * (b - self.first)])

    def at(self, index: int) -> int | None:
        """The checksum of a frame; None where there is none."""
        if index not in self.span:
            return None
        at = 4 * (index - self.first)
        return int.from_bytes(self.crc32[at : at + 4], "little")


def join(parts: list[PictureSums]) -> PictureSums | None:
    """Checksums of segments that follow each other, as one; None where there are none."""
    if not parts:
        return None
    if any(a.span.stop != b.first for a, b in pairwise(parts)):
        raise ValueError("checksums of pictures can be joined only where one part begins where the other ends")
    return PictureSums(parts[0].first, b"".join(p.crc32 for p in parts))
