"""A frame as planes that are written to directly: no colour conversion, so untouched pixels stay bit-exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Plane:
    """``data``: writable (H, W) or (H, W, C), a numpy array or a torch tensor.

    uint8, or 16 bits wide (a tensor also as int16) with the value in the low bits.
    ``sub_x``, ``sub_y``: luma samples per sample of this plane, across and down.
    """

    data: Any
    sub_x: int
    sub_y: int


@dataclass(frozen=True, slots=True)
class FramePlanes:
    """A whole frame: ``width`` x ``height`` luma samples of ``bits`` each (8 to 16).

    The first plane is luma (or the only one, or a colour of ``rgb``), the others chroma. Samples
    that carry 10 bits at their upper end (P010) are samples of 16 bits. ``interlaced``: its rows are those of
    two fields in turn, and so are its rows of chroma.
    """

    planes: tuple[Plane, ...]
    width: int
    height: int
    bits: int = 8
    full_range: bool = False
    rgb: bool = False
    interlaced: bool = False

    @property
    def black_values(self) -> tuple[int, ...]:
        """The value of black in each plane (ITU-R BT.601/709: luma 16, chroma 128 in 8-bit limited range)."""
        if self.rgb:
            return (0,) * len(self.planes)
        scale = 1 << (self.bits - 8)
        luma = 0 if self.full_range else 16 * scale
        return (luma, *([128 * scale] * (len(self.planes) - 1)))


def black(frame: FramePlanes) -> None:
    """Paints the whole frame black."""
    for plane, value in zip(frame.planes, frame.black_values, strict=True):
        plane.data[...] = value
