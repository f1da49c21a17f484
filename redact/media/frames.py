"""One decoded frame, as the later stages see it."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from redact.geometry import Display

_FULL_HD = 1920  # px: the long side of the footage that sizes in recipes are meant for
_MOST_LARGER = 1.5  # times a recipe's size: what 4K is shown at; twice would cost 4K on a CPU 3 GiB and twice the time


@dataclass(frozen=True, slots=True)
class Frame:
    """``index`` in display order over the whole video, ``pts`` in ticks of the source's time base.

    ``damage`` says why the picture cannot be trusted, None where it decoded cleanly. A damaged
    frame still carries some picture (or None where the decoder gave nothing); it must not be shown.
    """

    index: int
    pts: int
    image: av.VideoFrame | None
    damage: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A frame as a detector sees it: upright RGB, HxWx3 uint8 C-contiguous.

    ``scale`` times a length in display pixels gives a length in view pixels, per axis (x, y).
    """

    pixels: NDArray[np.uint8]
    scale: tuple[float, float]


def shown_share(width: int, height: int, size_px: int) -> float:
    """The share of its size at which a picture of ``width`` x ``height`` pixels is shown to a detector.

    At most ``size_px`` pixels long up to full HD, and larger in proportion beyond, up to 1.5 times that: who
    films in 4K wants small things to be seen, and so they are. Nothing is enlarged.
    """
    long_side = max(width, height)
    return min(1.0, size_px * min(max(long_side / _FULL_HD, 1.0), _MOST_LARGER) / long_side)


def shrink(pixels: NDArray[np.uint8], size_px: int) -> View:
    """Shows an upright RGB picture (H, W, 3) to a detector, at ``shown_share`` of its size."""
    h, w = pixels.shape[:2]
    factor = shown_share(w, h, size_px)
    nw, nh = max(1, round(w * factor)), max(1, round(h * factor))
    small = pixels if factor == 1.0 else cv2.resize(pixels, (nw, nh), interpolation=cv2.INTER_AREA)
    return View(np.ascontiguousarray(small, np.uint8), (nw / w, nh / h))


def view(image: av.VideoFrame, display: Display, size_px: int) -> View:
    """Shows a frame to a detector: upright, square-pixelled, at ``shown_share`` of its size."""
    dw, dh = display.size
    factor = shown_share(dw, dh, size_px)
    w, h = max(1, round(dw * factor)), max(1, round(dh * factor))
    turned = display.rotation in (90, 270)
    sw, sh = (h, w) if turned else (w, h)
    # One pass does colour conversion and scaling; AREA keeps small faces from being aliased away.
    small = image.reformat(width=sw, height=sh, format="rgb24", interpolation=Interpolation.AREA)
    pixels = small.to_ndarray()
    if display.rotation:
        pixels = np.rot90(pixels, k=-display.rotation // 90)
    return View(np.ascontiguousarray(pixels), (w / dw, h / dh))


def luma(image: av.VideoFrame) -> NDArray[np.uint8]:
    """The picture's luma (H, W) in 8 bits, full range only where the picture is; in stored orientation."""
    name = image.format.name
    if name.startswith(("yuv4", "nv12", "gray")) and image.format.components[0].bits == 8:
        return np.ascontiguousarray(plane_views(image)[0].data, np.uint8)
    # Between grey and colour the range of the samples would be changed.
    target = "gray" if name.startswith("gray") else "yuvj420p" if name.startswith("yuvj") else "yuv420p"
    return np.ascontiguousarray(plane_views(image.reformat(format=target))[0].data, np.uint8)


def luma_sum(image: av.VideoFrame) -> int:
    """CRC-32 of the picture's luma samples as they were decoded, without the padding of its rows."""
    try:
        samples = plane_views(image)[0].data
    except ValueError:  # a pixel format that is converted before it is edited
        samples = luma(image)
    return zlib.crc32(np.ascontiguousarray(samples).data)


@dataclass(frozen=True, slots=True)
class PlaneView:
    """One plane of a frame as a writable array: (H, W) or, for interleaved chroma, (H, W, 2).

    uint8, or uint16 with the value in the low bits. ``sub_x``, ``sub_y``: luma samples per sample.
    """

    data: NDArray[np.uint8] | NDArray[np.uint16]
    sub_x: int
    sub_y: int


def plane_views(image: av.VideoFrame) -> tuple[PlaneView, ...]:
    """Writable views into the planes of ``image``, which must be this process's own (``make_writable``).

    Raises ValueError for a pixel format that is not planar (it is converted before it comes here).
    """
    depth = image.format.components[0].bits
    dtype = np.dtype(np.uint8 if depth == 8 else "<u2")
    views = []
    for plane, (sub_x, sub_y, per_pixel) in zip(
        image.planes, _layout(image.format.name, len(image.planes)), strict=True
    ):
        width, height = -(-image.width // sub_x), -(-image.height // sub_y)
        # A row may be longer than the picture is wide: the rest is the library's padding.
        memory = memoryview(plane)
        rows = np.ndarray((plane.height, plane.line_size // dtype.itemsize), dtype, buffer=memory)
        data = rows[:height, : width * per_pixel]
        if per_pixel > 1:
            step = dtype.itemsize
            strides = (rows.strides[0], step * per_pixel, step)
            data = np.ndarray((height, width, per_pixel), dtype, buffer=memory, strides=strides)
        views.append(PlaneView(data, sub_x, sub_y))
    return tuple(views)


_CHROMA = {"420": (2, 2), "422": (2, 1), "444": (1, 1), "440": (1, 2), "411": (4, 1), "410": (4, 4)}


def _layout(name: str, planes: int) -> list[tuple[int, int, int]]:
    """(sub_x, sub_y, samples per pixel) of each plane of a pixel format that is edited in place."""
    if name in ("nv12", "p010le"):
        return [(1, 1, 1), (2, 2, 2)]
    if name.startswith(("gray", "gbrp")):
        return [(1, 1, 1)] * planes
    for digits, (sx, sy) in _CHROMA.items():
        if name.startswith((f"yuv{digits}p", f"yuvj{digits}p")):
            return [(1, 1, 1), (sx, sy, 1), (sx, sy, 1)]
    if name == "rgb24":
        return [(1, 1, 3)]
    raise ValueError(f"cannot edit a picture of pixel format {name} in place")
