"""Frames of all pixel formats whose samples are random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from redact.geometry import Box
from redact.obscure import FramePlanes, Plane


@dataclass(frozen=True)
class Layout:
    """Planes of a pixel format: (sub_x, sub_y, samples per pixel) each; ``bits`` a sample."""

    name: str
    planes: tuple[tuple[int, int, int], ...]
    bits: int = 8
    rgb: bool = False


def _yuv(name: str, sx: int, sy: int, bits: int = 8) -> Layout:
    return Layout(name, ((1, 1, 1), (sx, sy, 1), (sx, sy, 1)), bits)


YUV420 = _yuv("yuv420p", 2, 2)
LAYOUTS = [
    YUV420,
    _yuv("yuv422p", 2, 1),
    _yuv("yuv440p", 1, 2),
    _yuv("yuv444p", 1, 1),
    _yuv("yuv411p", 4, 1),
    _yuv("yuv420p10", 2, 2, 10),
    _yuv("yuv422p10", 2, 1, 10),
    _yuv("yuv444p12", 1, 1, 12),
    Layout("nv12", ((1, 1, 1), (2, 2, 2))),
    Layout("p010, ten bits at the upper end of sixteen", ((1, 1, 1), (2, 2, 2)), 16),
    Layout("gray", ((1, 1, 1),)),
    Layout("gbrp", ((1, 1, 1),) * 3, rgb=True),
    Layout("rgb24", ((1, 1, 3),), rgb=True),
]


def noise(layout: Layout, width: int, height: int, seed: int = 0) -> FramePlanes:
    """A frame in which every sample is random."""
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if layout.bits == 8 else np.uint16
    planes = []
    for sx, sy, c in layout.planes:
        shape = (-(-height // sy), -(-width // sx)) + ((c,) if c > 1 else ())
        planes.append(Plane(rng.integers(0, 1 << layout.bits, shape, dtype), sx, sy))
    return FramePlanes(tuple(planes), width, height, layout.bits, rgb=layout.rgb)


def copy(frame: FramePlanes) -> FramePlanes:
    """The same frame in memory of its own."""
    planes = tuple(Plane(p.data.copy(), p.sub_x, p.sub_y) for p in frame.planes)
    return FramePlanes(planes, frame.width, frame.height, frame.bits, frame.full_range, frame.rgb, frame.interlaced)


def same(a: FramePlanes, b: FramePlanes) -> bool:
    """Whether all samples are equal."""
    return all(np.array_equal(p.data, q.data) for p, q in zip(a.planes, b.planes, strict=True))


def bounds(box: Box, frame: FramePlanes, plane: Plane) -> tuple[slice, slice]:
    """Rows and columns of the samples of a plane that a box meets, written down apart from the code under test."""
    xs = [x for x in range(frame.width) if x < box.x2 and x + 1 > box.x1]
    ys = [y for y in range(frame.height) if y < box.y2 and y + 1 > box.y1]
    if not xs or not ys:
        return slice(0, 0), slice(0, 0)
    return (
        slice(ys[0] // plane.sub_y, ys[-1] // plane.sub_y + 1),
        slice(xs[0] // plane.sub_x, xs[-1] // plane.sub_x + 1),
    )


def shuffled_within_cells(frame: FramePlanes, box: Box, cells: int, seed: int) -> FramePlanes:
    """The frame with the samples of each cell of a region in another order: other detail, the same averages."""
    rng = np.random.default_rng(seed)
    out = copy(frame)
    for plane in out.planes:
        patch = plane.data[bounds(box, frame, plane)]
        h, w = patch.shape[:2]
        for r in range(cells):
            for c in range(cells):
                cell = patch[r * h // cells : (r + 1) * h // cells, c * w // cells : (c + 1) * w // cells]
                flat = cell.reshape(-1, *cell.shape[2:]).copy()
                cell[...] = rng.permutation(flat).reshape(cell.shape)
    return out
