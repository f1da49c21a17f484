"""Ways to obscure, redact's own and others', and what each leaves for an attacker who knows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from attacking.faces import FACE, SIDE, Floats
from numpy.typing import NDArray

from redact.findings import Kind, StoredRegion
from redact.geometry import Box
from redact.obscure import FramePlanes, Obscurer, Plane
from redact.obscure.grid import LEVELS, WEIGHT, edges, weights
from redact.policy import ObscurePolicy

PADDING = 0.2  # of the region around the face, as in the recipes
CODING_NOISE = 1.0  # standard deviation in 8-bit steps: a stand-in for a good video encoder
_SAMPLE_NOISE = float(np.hypot(CODING_NOISE, 0.3))  # 0.3: rounding to whole steps

At = tuple[int, int, int, int]  # x1, y1, x2, y2 of a region in a scene
Show = Callable[[list[NDArray[np.uint8]], At], None]  # obscures a region of a frame's planes, in place
Matrices = tuple[Floats, Floats]  # down (m, SIDE) and across (n, SIDE): values = down @ luma @ across.T


@dataclass(frozen=True)
class Method:
    """A way to obscure, and what its values are to an attacker.

    ``start`` gives the obscurer of a fresh track; ``read`` turns a region's released luma into
    values, ``matrices`` says which values these are of the original's, with noise of standard deviation
    ``noise``. ``anew``: every how many frames they are taken from the picture; 0 for once.
    """

    name: str
    start: Callable[[], Show]
    read: Callable[[Floats], Floats]
    matrices: Callable[[At], Matrices]
    noise: float
    anew: int = 1


def region_of(face: Box) -> At:
    """The padded region."""
    return face.pad(PADDING).clip(SIDE, SIDE).to_ints()


def _inside(at: At, down: Floats, across: Floats) -> Matrices:
    """Matrices of a region's samples as matrices of the scene's."""
    x1, y1, x2, y2 = at
    whole = np.eye(SIDE)
    return down @ whole[y1:y2], across @ whole[x1:x2]


def _unchanged(patch: Floats) -> Floats:
    return patch


def gaussian(share: float) -> Method:
    """A Gaussian blur of the picture, shown inside the region; ``share``: sigma over the face's height."""
    d = np.arange(SIDE)
    k = np.exp(-0.5 * ((d[:, None] - d) / (share * FACE)) ** 2)
    k /= k.sum(1, keepdims=True)

    def show(planes: list[NDArray[np.uint8]], at: At) -> None:
        x1, y1, x2, y2 = at
        for p in planes:
            p[y1:y2, x1:x2] = np.round(k[y1:y2] @ p @ k[x1:x2].T)

    def matrices(at: At) -> Matrices:
        x1, y1, x2, y2 = at
        return k[y1:y2], k[x1:x2]

    name = f"Gaussian blur, sigma {share:.0%} of the face"
    return Method(name, lambda: show, _unchanged, matrices, _SAMPLE_NOISE)


def deface_blur() -> Method:
    """deface 1.5 ``--replacewith blur``: a box filter half as large as the region, inside it (deface.py, draw_det)."""

    def show(planes: list[NDArray[np.uint8]], at: At) -> None:
        x1, y1, x2, y2 = at
        for p in planes:
            p[y1:y2, x1:x2] = cv2.blur(p[y1:y2, x1:x2].copy(), ((x2 - x1) // 2, (y2 - y1) // 2))

    def matrices(at: At) -> Matrices:
        h, w = at[3] - at[1], at[2] - at[0]
        return _inside(at, cv2.blur(np.eye(h), (1, h // 2)), cv2.blur(np.eye(w), (1, w // 2)))

    return Method("deface blur (box filter, half the region)", lambda: show, _unchanged, matrices, _SAMPLE_NOISE)


def deface_mosaic(size: int = 20) -> Method:
    """deface 1.5 ``--replacewith mosaic``: squares in the colour of their first pixel, from the region's corner on."""

    def show(planes: list[NDArray[np.uint8]], at: At) -> None:
        x1, y1, x2, y2 = at
        for p in planes:
            squares = p[y1:y2:size, x1:x2:size].repeat(size, 0).repeat(size, 1)
            p[y1:y2, x1:x2] = squares[: y2 - y1, : x2 - x1]

    def read(patch: Floats) -> Floats:
        rows, columns = (range(0, n, size) for n in patch.shape)
        return np.array([[patch[r : r + size, c : c + size].mean() for c in columns] for r in rows])

    def matrices(at: At) -> Matrices:
        return _inside(at, np.eye(at[3] - at[1])[::size], np.eye(at[2] - at[0])[::size])

    return Method(f"deface mosaic ({size} px, moving)", lambda: show, read, matrices, 0.4)


def averaging(length: int, cells: int) -> Floats:
    """(cells, length) takes the averages of cells."""
    e = edges(length, cells)
    d = np.arange(length)
    return ((d >= e[:-1, None]) & (d < e[1:, None])) / np.diff(e)[:, None]


def moving_mosaic(cells: int = 6) -> Method:
    """Averages of cells, to a sample's step, taken anew in each frame."""

    def show(planes: list[NDArray[np.uint8]], at: At) -> None:
        x1, y1, x2, y2 = at
        a, b = averaging(y2 - y1, cells), averaging(x2 - x1, cells)
        for p in planes:
            p[y1:y2, x1:x2] = (a > 0).T @ np.round(a @ p[y1:y2, x1:x2] @ b.T) @ (b > 0)

    def read(patch: Floats) -> Floats:
        return averaging(patch.shape[0], cells) @ patch @ averaging(patch.shape[1], cells).T

    def matrices(at: At) -> Matrices:
        return _inside(at, averaging(at[3] - at[1], cells), averaging(at[2] - at[0], cells))

    return Method(f"mosaic of {cells} x {cells} averages, moving", lambda: show, read, matrices, 0.35)


def redact_blur(cells: int = 6, anew: int = 0) -> Method:
    """redact's blur by redact's own code; ``anew``: as a job in pieces of so many frames would show it."""
    policy = ObscurePolicy(kinds=("plate",), method="blur", cells=cells)

    def start() -> Show:
        obscurer = Obscurer(policy)

        def show(planes: list[NDArray[np.uint8]], at: At) -> None:
            frame = FramePlanes(tuple(Plane(p, 1, 1) for p in planes), SIDE, SIDE)
            obscurer.apply(frame, [StoredRegion(1, Kind.PLATE, Box(*at))])

        return show

    def read(patch: Floats) -> Floats:
        down, across = (np.linalg.pinv(weights(n, cells).astype(np.float64) / WEIGHT) for n in patch.shape)
        return down @ patch @ across.T

    def matrices(at: At) -> Matrices:
        return _inside(at, averaging(at[3] - at[1], cells), averaging(at[2] - at[0], cells))

    how = {0: "held", 1: "anew in each frame"}.get(anew, f"anew every {anew} frames")
    return Method(f"redact blur, {cells} x {cells}, {how}", start, read, matrices, 256 / LEVELS / np.sqrt(12), anew)
