"""Other ways to tell a cut, to be held beside ``redact.cuts``: each says how unlike two pictures are; more is a cut."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
IN_PLACE = 28.0  # the limit of ``in_place`` in redact until it was replaced


def _grey(p: Pixels, size: tuple[int, int]) -> NDArray[np.float32]:
    small = cv2.resize(p, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def in_place(a: Pixels, b: Pixels) -> float:
    """Mean absolute difference of luma thumbnails of 32 x 18, their means taken away: what redact did before."""
    x, y = (_grey(p, (32, 18)) for p in (a, b))
    return float(np.abs((x - x.mean()) - (y - y.mean())).mean())


def colours(a: Pixels, b: Pixels) -> float:
    """Distance (Bhattacharyya) of histograms of hue, saturation and value."""

    def histogram(p: Pixels) -> NDArray[np.float32]:
        hsv = cv2.cvtColor(cv2.resize(p, (64, 36), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2HSV)
        counts = cv2.calcHist([hsv], [0, 1, 2], None, [8, 4, 4], [0, 180, 0, 256, 0, 256])
        return np.asarray(counts / counts.sum(), np.float32)

    return float(cv2.compareHist(histogram(a), histogram(b), cv2.HISTCMP_BHATTACHARYYA))


def edges(a: Pixels, b: Pixels) -> float:
    """Edge change ratio: the share of edges that have none near them in the other picture."""
    x, y = (cv2.Canny(_grey(p, (96, 54)).astype(np.uint8), 60, 140) > 0 for p in (a, b))
    near = np.ones((9, 9), np.uint8)
    at_x, at_y = (cv2.dilate(e.astype(np.uint8), near) > 0 for e in (x, y))
    return float(max((x & ~at_y).sum() / max(1, x.sum()), (y & ~at_x).sum() / max(1, y.sum())))


def one_shift(a: Pixels, b: Pixels) -> float:
    """The picture as a whole at its best shift: correlation over what overlaps, times the root of the overlap."""
    width, height = size = (64, 32)
    x, y = (_grey(p, size) for p in (a, b))
    x, y = x - x.mean(), y - y.mean()

    def spectrum(v: NDArray[np.float32]) -> NDArray[np.complex64]:
        return np.asarray(np.fft.rfft2(v, (2 * height, 2 * width)), np.complex64)

    def over_shifts(u: NDArray[np.complex64], v: NDArray[np.complex64]) -> NDArray[np.float32]:
        return np.asarray(np.fft.irfft2(np.conj(u) * v), np.float32)

    ones = spectrum(np.ones_like(x))
    fx, fy = spectrum(x), spectrum(y)
    n = np.maximum(over_shifts(ones, ones), 1)
    sx, sy = over_shifts(fx, ones), over_shifts(ones, fy)
    vx = np.maximum(over_shifts(spectrum(x * x), ones) - sx * sx / n, n)
    vy = np.maximum(over_shifts(ones, spectrum(y * y)) - sy * sy / n, n)
    fit = (over_shifts(fx, fy) - sx * sy / n) / np.sqrt(vx * vy)
    overlap = n / (width * height)
    return -float(np.where(overlap >= 0.15, fit * np.sqrt(overlap), -1).max())


RIVALS: dict[str, Callable[[Pixels, Pixels], float]] = {
    "difference in place (before)": in_place,
    "histograms of colours": colours,
    "edge change ratio": edges,
    "the whole picture, shifted": one_shift,
}
