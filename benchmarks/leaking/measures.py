"""What became of a place in a picture: how much of its detail is still there, and which blocks are obscured.

Detail is what is finer than about 2.2 cycles to a box's shorter side; ``leaks.py`` says why the limits lie where
they do.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from leaking.films import Luma
from numpy.typing import NDArray

from redact.findings import Kind
from redact.geometry import Box

MIN_DETAIL = 1.0  # root mean square, 8-bit steps: below it there is nothing that coding would keep
BLOCK = 16  # px
GONE = 0.25  # likeness below which a block's detail counts as gone: what is covered has about none
BLOCK_DETAIL = 3.0  # root mean square, 8-bit steps: a block with less cannot lose it visibly
MEAN_CHANGE = 12.0  # 8-bit steps: coding changes the mean of a block by 2 or 3 at the most
Floats = NDArray[np.float32]


def _detail(y: NDArray[np.generic], sigma: float) -> Floats:
    f = y.astype(np.float32)
    return np.asarray(f - cv2.GaussianBlur(f, (0, 0), sigma), np.float32)


def likeness(source: Luma, release: Luma, kind: Kind, box: Box) -> tuple[float, float] | None:
    """Correlations, -1..1, of source's and release's detail: inside a box, and inside the half of it most alike.

    Halves are upper, lower, left and right. None where the source has no detail to lose; a release
    without any has likeness 0.
    """
    h, w = source.shape
    sigma = max(min(box.width, box.height) / 12, 0.5)
    margin = 3 * sigma + 1
    x1, y1, x2, y2 = Box(box.x1 - margin, box.y1 - margin, box.x2 + margin, box.y2 + margin).clip(w, h).to_ints()
    yy, xx = np.mgrid[y1:y2, x1:x2] + 0.5
    (cx, cy), rx, ry = box.center, box.width / 2, box.height / 2
    u, v = (xx - cx) / rx, (yy - cy) / ry
    inside = u**2 + v**2 <= 1 if kind is Kind.FACE else (abs(u) <= 1) & (abs(v) <= 1)
    a, b = (_detail(p[y1:y2, x1:x2], sigma) for p in (source, release))
    whole = _correlation(a[inside], b[inside])
    if whole is None:
        return None
    halves = [_correlation(a[inside & half], b[inside & half]) for half in (v < 0, v > 0, u < 0, u > 0)]
    return whole, max(x for x in (whole, *halves) if x is not None)


def _correlation(a: Floats, b: Floats) -> float | None:
    if a.size < 16:
        return None
    a, b = a - a.mean(), b - b.mean()
    if np.sqrt((a**2).mean()) < MIN_DETAIL:
        return None
    power = float((b**2).mean())
    return float((a * b).mean() / np.sqrt((a**2).mean() * power)) if power > 1e-6 else 0.0


def _blocks(p: Floats) -> Floats:
    """Means of whole blocks."""
    h, w = (n // BLOCK * BLOCK for n in p.shape)
    return p[:h, :w].reshape(h // BLOCK, BLOCK, w // BLOCK, BLOCK).mean((1, 3))


def obscured(source: Luma, release: Luma, plain: Luma) -> NDArray[np.bool_]:
    """Which blocks of a release are obscured. ``plain``: the same frame, plainly transcoded."""
    sigma = BLOCK / 12
    a, b, c = (_detail(p, sigma) for p in (source, release, plain))
    aa, bb, cc, ab, ac = (_blocks(p) for p in (a * a, b * b, c * c, a * b, a * c))
    told = (aa >= BLOCK_DETAIL**2) & (ac >= 0.8 * np.sqrt(aa * cc + 1e-6))
    lost = told & (ab < GONE * np.sqrt(aa * bb + 1e-6))
    means = [_blocks(p.astype(np.float32)) for p in (source, release, plain)]
    painted = (abs(means[1] - means[0]) > MEAN_CHANGE) & (abs(means[2] - means[0]) < MEAN_CHANGE / 2)
    return np.asarray(lost | painted)


def unneeded(blocks: NDArray[np.bool_], needed: Iterable[Box]) -> float:
    """Share of all blocks that are obscured and touch no place where that was needed."""
    free = blocks.copy()
    h, w = blocks.shape
    for b in needed:
        x1, y1, x2, y2 = Box(b.x1 / BLOCK, b.y1 / BLOCK, b.x2 / BLOCK, b.y2 / BLOCK).clip(w, h).to_ints()
        free[y1:y2, x1:x2] = False
    return float(free.mean())
