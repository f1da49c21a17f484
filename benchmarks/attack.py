"""Tries to undo obscuring: rebuilds faces from one frame and from 100, and finds people by their obscured faces.

    python benchmarks/attack.py                                  # on generated faces
    python benchmarks/attack.py --faces $REDACT_DATA/detect    # on labelled photographs (YOLO layout)

The attacker knows the method and all of its parameters, where the region lies, and how the face
moved (to a fraction of a pixel). What the attacker does is in three parts:

- rebuild: the picture that best explains what is seen, by regularised least squares. Each method is
  linear but for rounding, so one solver serves all: for a Gaussian it is the Wiener filter, for a
  moving mosaic it is multi-frame super-resolution.
- recognise: the rebuilt face is looked up among clear ones.
- parrot: every face of the gallery is obscured in the same way, and the obscured faces are compared
  (Newton, Sweeney and Malin 2005).

Faces are compared by luma (and, obscured ones, chroma) in a metric learned on other faces: directions
in which pictures of one face differ among themselves count little (within-class whitening).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from redact.findings import Kind, StoredRegion
from redact.geometry import Box
from redact.obscure import FramePlanes, Obscurer, Plane
from redact.obscure.grid import LEVELS, WEIGHT, edges, weights
from redact.policy import ObscurePolicy

SIDE = 128  # a scene: a face with what is around it
FACE = 64  # its height, px
PADDING = 0.2  # of the region around the face, as in the recipes
FRAMES = 100
CODING_NOISE = 1.0  # standard deviation in 8-bit steps: a stand-in for a good video encoder

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """``yuv`` (3, SIDE, SIDE) float64, 0..255; ``face``: the detected box in it."""

    yuv: Floats
    face: Box


# --- Faces -----------------------------------------------------------------------------------------


def generated_faces(count: int, seed: int = 0) -> list[Scene]:
    """Drawn faces, each with features, tones, marks and a background of its own."""
    return [_drawn(np.random.default_rng([seed, i])) for i in range(count)]


def _drawn(rng: np.random.Generator) -> Scene:
    big = 4  # drawn larger, then shrunk, for smooth lines
    n = SIDE * big
    skin = np.array([1.0, 0.80, 0.68]) * rng.uniform(95, 240)
    skin *= rng.uniform(0.94, 1.06, 3)
    hair = np.array([1.0, 0.8, 0.6]) * rng.uniform(15, 150)
    low = rng.integers(30, 220, (6, 6, 3)).astype(np.uint8)
    img = cv2.resize(low, (n, n), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    cx, cy, u = n / 2, n / 2, FACE * big / 2  # u: half a face's height
    wide = rng.uniform(0.68, 0.86)

    def oval(x: float, y: float, rx: float, ry: float, colour: Sequence[float] | Floats, angle: float = 0) -> None:
        middle, axes = (round(cx + x * u), round(cy + y * u)), (max(1, round(rx * u)), max(1, round(ry * u)))
        cv2.ellipse(img, middle, axes, angle, 0, 360, [float(c) for c in colour], -1, cv2.LINE_AA)

    oval(0, 1.5, 1.7, 0.6, rng.uniform(20, 220, 3))
    oval(0, 0.9, 0.4, 0.7, skin * 0.82)
    oval(0, -0.2, wide * rng.uniform(1.05, 1.25), rng.uniform(1.05, 1.2), hair)
    oval(0, 0.05, wide, 1.0, skin)
    oval(0, rng.uniform(-0.95, -0.75), wide * rng.uniform(0.7, 0.98), rng.uniform(0.1, 0.35), hair)
    apart, at, tilt = rng.uniform(0.27, 0.38), rng.uniform(-0.22, -0.08), rng.uniform(-12, 12)
    size, lid, iris = rng.uniform(0.10, 0.16), rng.uniform(0.05, 0.09), rng.uniform(15, 120, 3)
    brow, lift = rng.uniform(0.02, 0.06), rng.uniform(0.16, 0.26)
    for s in (-1, 1):
        oval(s * apart, at, size * 1.3, lid * 1.7, skin * 0.8)
        oval(s * apart, at, size, lid, (225, 225, 225), s * tilt)
        oval(s * apart + rng.uniform(-0.02, 0.02), at, lid * 0.9, lid * 0.9, iris)
        oval(s * apart, at - lift, size * 1.4, brow, hair * 0.8, s * rng.uniform(-18, 18))
    long, broad = rng.uniform(0.2, 0.36), rng.uniform(0.07, 0.15)
    oval(0.03, at + long * 0.7, broad * 0.5, long * 0.7, skin * 1.08)
    oval(0, at + long * 1.4, broad, 0.05, skin * 0.7)
    oval(0, rng.uniform(0.45, 0.6), rng.uniform(0.16, 0.36), rng.uniform(0.03, 0.11), (rng.uniform(90, 190), 60, 65))
    if rng.random() < 0.3:
        oval(0, 0.78, wide * 0.6, 0.2, hair * 0.9)
    if rng.random() < 0.3:
        for s in (-1, 1):
            middle = (round(cx + s * apart * u), round(cy + at * u))
            cv2.ellipse(img, middle, (round(0.2 * u), round(0.16 * u)), 0, 0, 360, (25, 25, 25), big, cv2.LINE_AA)
    for _ in range(rng.integers(3, 14)):
        oval(rng.uniform(-0.6, 0.6), rng.uniform(-0.6, 0.85), 0.025, 0.025, skin * rng.uniform(0.5, 0.8))
    img = np.clip(img, 0, 255)
    small = cv2.resize(img, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    small = np.clip(small + cv2.GaussianBlur(rng.normal(0, 9, small.shape), (0, 0), 1.0), 0, 255)
    half = FACE / 2
    return Scene(_yuv(small), Box(SIDE / 2 - half * wide, SIDE / 2 - half, SIDE / 2 + half * wide, SIDE / 2 + half))


def photographed_faces(folder: Path, seed: int = 0) -> list[Scene]:
    """Labelled faces of at least 64 px (width 40 px), one of each picture, in a shuffled but fixed order.

    ``folder``: images/ and labels/ beside each other under train/. Left out: pictures that the
    sources sheared or made grey (daniyal), and sources that show few people often.
    """
    scenes = []
    for label in sorted((folder / "train" / "labels").glob("*.txt")):
        if label.name.split("-")[0] in ("daniyal", "flstupid", "nisasiimsek"):
            continue
        boxes = [[float(v) for v in line.split()] for line in label.read_text().splitlines()]
        faces = sorted((b[4], b[3], b[1], b[2]) for b in boxes if b[0] == 0)
        if not faces:
            continue
        bgr = cv2.imread(str(folder / "train" / "images" / f"{label.stem}.webp"))
        if bgr is None:
            sys.exit(f"{label.stem}: the picture cannot be read")
        ih, iw = bgr.shape[:2]
        h, w, cx, cy = faces[-1]
        h, w, cx, cy = h * ih, w * iw, cx * iw, cy * ih
        if h < FACE or w < 40 or w > 1.2 * h:
            continue
        scale = FACE / h
        shrunk = cv2.GaussianBlur(bgr, (0, 0), 0.4 / scale) if scale < 0.7 else bgr
        m = np.array([[scale, 0, SIDE / 2 - cx * scale], [0, scale, SIDE / 2 - cy * scale]])
        crop = cv2.warpAffine(shrunk, m, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        a, b = w * scale / 2, FACE / 2
        scenes.append(Scene(_yuv(crop[..., ::-1]), Box(SIDE / 2 - a, SIDE / 2 - b, SIDE / 2 + a, SIDE / 2 + b)))
    order = np.random.default_rng(seed).permutation(len(scenes))
    return [scenes[i] for i in order]


def _yuv(rgb: NDArray[np.generic]) -> Floats:
    """Full-range BT.601 YUV (3, H, W) of RGB (H, W, 3)."""
    m = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
    out = np.asarray(rgb, np.float64) @ m.T
    out[..., 1:] += 128
    return np.ascontiguousarray(out.transpose(2, 0, 1))


def varied(scene: Scene, rng: np.random.Generator, strength: float = 1.0) -> Scene:
    """Another picture of the same face: moved, turned, lit otherwise, noisy, and detected a little off."""
    s = strength
    m = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), rng.uniform(-3, 3) * s, 1 + rng.uniform(-0.04, 0.04) * s)
    m[:, 2] += rng.uniform(-0.04, 0.04, 2) * FACE * s
    planes = np.stack([cv2.warpAffine(p, m, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE) for p in scene.yuv])
    gamma, gain = np.exp(rng.uniform(-0.2, 0.2) * s), 1 + rng.uniform(-0.15, 0.15) * s
    ramp = 1 + rng.uniform(-0.15, 0.15) * s * np.linspace(-1, 1, SIDE)
    planes[0] = (np.clip(planes[0], 0, 255) / 255) ** gamma * 255 * gain * ramp
    planes[1:] += rng.uniform(-4, 4, (2, 1, 1)) * s
    planes += rng.normal(0, 3 * s, planes.shape)
    return Scene(np.clip(planes, 0, 255), scene.face)


def elsewhere(scene: Scene, place: Scene, rng: np.random.Generator) -> Scene:
    """The same face at another time: before what is around another face, twice as different in pose and light."""
    turned = varied(scene, rng, 2.0)
    (cx, cy), b = scene.face.center, scene.face
    y, x = np.mgrid[:SIDE, :SIDE]
    far = ((x + 0.5 - cx) / (0.55 * b.width)) ** 2 + ((y + 0.5 - cy) / (0.55 * b.height)) ** 2
    near = cv2.GaussianBlur((far <= 1).astype(np.float64), (0, 0), 2)
    return Scene(near * turned.yuv + (1 - near) * place.yuv, scene.face)


# --- Obscuring, and what an attacker knows about it --------------------------------------------------

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


_SAMPLE_NOISE = float(np.hypot(CODING_NOISE, 0.3))  # 0.3: rounding to whole steps


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


def _averaging(length: int, cells: int) -> Floats:
    """(cells, length) takes the averages of cells."""
    e = edges(length, cells)
    d = np.arange(length)
    return ((d >= e[:-1, None]) & (d < e[1:, None])) / np.diff(e)[:, None]


def moving_mosaic(cells: int = 6) -> Method:
    """Averages of cells, to a sample's step, taken anew in each frame."""

    def show(planes: list[NDArray[np.uint8]], at: At) -> None:
        x1, y1, x2, y2 = at
        a, b = _averaging(y2 - y1, cells), _averaging(x2 - x1, cells)
        for p in planes:
            p[y1:y2, x1:x2] = (a > 0).T @ np.round(a @ p[y1:y2, x1:x2] @ b.T) @ (b > 0)

    def read(patch: Floats) -> Floats:
        return _averaging(patch.shape[0], cells) @ patch @ _averaging(patch.shape[1], cells).T

    def matrices(at: At) -> Matrices:
        return _inside(at, _averaging(at[3] - at[1], cells), _averaging(at[2] - at[0], cells))

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
        return _inside(at, _averaging(at[3] - at[1], cells), _averaging(at[2] - at[0], cells))

    how = {0: "held", 1: "anew in each frame"}.get(anew, f"anew every {anew} frames")
    return Method(f"redact blur, {cells} x {cells}, {how}", start, read, matrices, 256 / LEVELS / np.sqrt(12), anew)


# --- Filming -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What one frame tells about the face at rest: ``values`` = ``down`` @ luma @ ``across``.T + noise."""

    values: Floats
    down: Floats
    across: Floats


def film(scene: Scene, method: Method, frames: int, rng: np.random.Generator) -> tuple[list[Seen], list[Floats]]:
    """What an attacker reads from a track, and its frames as released (luma).

    The face drifts by fractions of a pixel; the detector's box follows it, in whole pixels and a little off.
    """
    out, shown = [], []
    here: tuple[At, Matrices] | None = None
    for t in range(frames):
        drift = rng.uniform(-5, 5, 2) if t else np.zeros(2)
        move = _moved(SIDE, drift[0]), _moved(SIDE, drift[1])
        planes = [np.clip(np.round(move[0] @ p @ move[1].T), 0, 255).astype(np.uint8) for p in scene.yuv]
        off = np.round(drift + rng.uniform(-1.5, 1.5, 2)) if t else np.zeros(2)
        x1, y1, x2, y2 = region_of(scene.face)
        at = (int(x1 + off[1]), int(y1 + off[0]), int(x2 + off[1]), int(y2 + off[0]))
        if here is None or (method.anew and t % method.anew == 0):
            show, here = method.start(), (at, move)
        show(planes, at)
        luma = np.clip(np.round(planes[0] + rng.normal(0, CODING_NOISE, planes[0].shape)), 0, 255)
        first, first_move = here
        down, across = method.matrices(first)
        values = method.read(luma[at[1] : at[3], at[0] : at[2]])
        out.append(Seen(values, down @ first_move[0], across @ first_move[1]))
        shown.append(luma)
    return out, shown


def _moved(n: int, by: float) -> Floats:
    """(n, n) moves a signal by a fraction of samples, linearly interpolated, edges repeated."""
    at = np.clip(np.arange(n) - by, 0, n - 1)
    low = np.minimum(at.astype(int), n - 2)
    out = np.zeros((n, n))
    out[np.arange(n), low] = 1 - (at - low)
    out[np.arange(n), low + 1] += at - low
    return out


# --- Rebuilding ----------------------------------------------------------------------------------------

# What is known of any picture: neighbours are alike (correlation 0.95 a pixel), deviations are about 50 steps.
_DEVIATION = 50.0
_ROOT = np.linalg.cholesky(0.95 ** np.abs(np.subtract.outer(np.arange(SIDE), np.arange(SIDE))))


def rebuild(seen: Sequence[Seen], noise: float, steps: int = 40) -> Floats:
    """The likeliest luma (SIDE, SIDE) at rest: least squares with a Gaussian prior, by conjugate gradients.

    Values of one and the same grid, shown in many frames, are averaged, which is all they allow.
    """
    told: list[list[Seen]] = []
    for s in seen:
        if told and np.array_equal(told[-1][0].down, s.down) and np.array_equal(told[-1][0].across, s.across):
            told[-1].append(s)
        else:
            told.append([s])
    seen = [Seen(np.mean([s.values for s in same], axis=0), same[0].down, same[0].across) for same in told]
    mean = float(np.mean([s.values.mean() for s in seen]))
    shapes: dict[tuple[int, ...], list[tuple[Floats, Floats, Floats]]] = {}
    for s in seen:
        (du, d), (au, a) = _essence(s.down @ _ROOT), _essence(s.across @ _ROOT)
        values = du.T @ (s.values - mean) @ au
        shapes.setdefault(values.shape, []).append((d, a, values))
    stacks = [[np.stack(part) for part in zip(*group, strict=True)] for group in shapes.values()]
    ridge = (noise / _DEVIATION) ** 2

    def normal(z: Floats) -> Floats:
        return sum((d.mT @ (d @ z @ a.mT) @ a).sum(0) for d, a, _ in stacks) + ridge * z

    # Near the frames' common solution at once: what the frames would say if all had seen what they see on average.
    down, across = (sum((m[i].mT @ m[i]).sum(0) for m in stacks) / len(seen) for i in (0, 1))
    (sd, vd), (sa, va) = np.linalg.eigh(down), np.linalg.eigh(across)
    divisor = len(seen) * np.outer(np.maximum(sd, 0), np.maximum(sa, 0)) + ridge

    def solved(r: Floats) -> Floats:
        return np.asarray(vd @ ((vd.T @ r @ va) / divisor) @ va.T)

    z = np.zeros((SIDE, SIDE))
    r = sum((d.mT @ v @ a).sum(0) for d, a, v in stacks)
    p = q = solved(r)
    rq = first = float((r * q).sum())
    for _ in range(steps):
        n = normal(p)
        alpha = rq / float((p * n).sum())
        z, r = z + alpha * p, r - alpha * n
        q = solved(r)
        before, rq = rq, float((r * q).sum())
        if rq < 1e-9 * first:
            break
        p = q + rq / before * p
    return np.clip(_ROOT @ z @ _ROOT.T + mean, 0, 255)


def _essence(matrix: Floats) -> tuple[Floats, Floats]:
    """(U, S V): a matrix without the rows that tell nothing; U's columns are orthonormal, so noise stays what it is."""
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    k = int((s > 1e-5 * s[0]).sum())
    return u[:, :k], s[:k, None] * v[:k]


@dataclass(frozen=True)
class Quality:
    """How near a rebuilt face is to the truth, inside the detected box.

    ``psnr`` in dB; ``ssim`` as usual; ``detail``: correlation, -1..1, of what is finer than a sixth
    of the region, the part that tells one face from another.
    """

    psnr: float
    ssim: float
    detail: float


def quality(truth: Floats, guess: Floats, face: Box) -> Quality:
    x1, y1, x2, y2 = face.to_ints()
    cell = FACE * (1 + 2 * PADDING) / 6
    fine = [(a - cv2.GaussianBlur(a, (0, 0), cell / 2))[y1:y2, x1:x2].ravel() for a in (truth, guess)]
    a, b = truth[y1:y2, x1:x2], guess[y1:y2, x1:x2]
    detail = 0.0 if fine[1].std() < 1e-6 else float(np.corrcoef(*fine)[0, 1])
    error = float(((a - b) ** 2).mean())
    return Quality(10 * np.log10(255**2 / max(error, 1e-9)), float(structural_similarity(a, b, data_range=255)), detail)


# --- Recognising -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Metric:
    """Distances between feature vectors in which pictures of one face lie near each other."""

    mean: Floats
    base: Floats

    def rank1(self, gallery: Floats, probes: Floats) -> float:
        """Share of ``probes`` (N, F) whose nearest of ``gallery`` (N, F) is the one of the same row."""
        g, p = (gallery - self.mean) @ self.base, (probes - self.mean) @ self.base
        distance = (g**2).sum(1)[None] - 2 * p @ g.T
        return float((distance.argmin(1) == np.arange(len(g))).mean())


def learned(features: Floats) -> Metric:
    """A metric from ``features`` (faces, pictures of each, F): within-class whitening of principal components."""
    flat = features.reshape(-1, features.shape[-1])
    mean = flat.mean(0)
    _, s, v = np.linalg.svd(flat - mean, full_matrices=False)
    keep = v[: min(120, int((s > 1e-6 * s[0]).sum()))].T
    within = ((features - features.mean(1, keepdims=True)) @ keep).reshape(-1, keep.shape[1])
    cov = within.T @ within / (features.shape[0] * (features.shape[1] - 1))
    cov += 1e-3 * np.trace(cov) / len(cov) * np.eye(len(cov))
    values, vectors = np.linalg.eigh(cov)
    return Metric(mean, keep @ vectors / np.sqrt(values))


def looks(yuv: Sequence[Floats], at: At) -> Floats:
    """Features of a region: luma as 24 x 24, chroma as 8 x 8 averages each; luma alone where that is all there is."""
    x1, y1, x2, y2 = at
    return np.concatenate(
        [
            cv2.resize(np.asarray(p, np.float32)[y1:y2, x1:x2], (n, n), interpolation=cv2.INTER_AREA).ravel()
            for p, n in zip(yuv, (24, 8, 8), strict=False)
        ]
    ).astype(np.float64)


def as_shown(scene: Scene, method: Method, rng: np.random.Generator) -> list[Floats]:
    """One frame as released: all planes."""
    planes = [np.clip(np.round(p), 0, 255).astype(np.uint8) for p in scene.yuv]
    method.start()(planes, region_of(scene.face))
    return [np.clip(np.round(p + rng.normal(0, CODING_NOISE, p.shape)), 0, 255) for p in planes]


def grid_of(scene: Scene, cells: int, levels: int) -> Floats:
    """Features of a face behind ``cells`` x ``cells`` averages in ``levels``: all that an attacker could read."""
    x1, y1, x2, y2 = region_of(scene.face)
    down, across = _averaging(y2 - y1, cells), _averaging(x2 - x1, cells)
    step = 256 / levels
    return np.concatenate([(np.floor(down @ p[y1:y2, x1:x2] @ across.T / step)).ravel() for p in scene.yuv])


@dataclass(frozen=True)
class People:
    """Faces for recognition: gallery pictures, other pictures of the same people, and strangers to learn from."""

    gallery: list[Scene]
    probes: list[Scene]
    others: list[list[Scene]]

    def rank1(self, features: Callable[[Scene], Floats]) -> float:
        """How often a probe is found when all pictures are seen through ``features``."""
        metric = learned(np.array([[features(s) for s in pictures] for pictures in self.others]))
        gallery, probes = (np.array([features(s) for s in group]) for group in (self.gallery, self.probes))
        return metric.rank1(gallery, probes)


def people(faces: Sequence[Scene], count: int, *, other_time: bool) -> People:
    """The first ``count`` faces as gallery, at most 500 of the rest to learn from.

    The probe is the gallery's photograph, varied; with ``other_time`` more so, and put elsewhere.
    """
    rng = np.random.default_rng(7)

    def again(s: Scene) -> Scene:
        return elsewhere(s, faces[rng.integers(len(faces))], rng) if other_time else varied(s, rng)

    others = [[s, again(s), again(s), again(s)] for s in faces[count : count + 500]]
    return People(list(faces[:count]), [again(s) for s in faces[:count]], others)


# --- The tables --------------------------------------------------------------------------------------------


def methods() -> list[Method]:
    return [
        gaussian(0.05),
        gaussian(0.10),
        gaussian(0.20),
        deface_blur(),
        deface_mosaic(),
        moving_mosaic(),
        redact_blur(anew=1),
        redact_blur(anew=10),
        redact_blur(),
        redact_blur(cells=4, anew=10),
        redact_blur(cells=4),
    ]


def rebuild_table(faces: Sequence[Scene]) -> list[str]:
    """How near rebuilt faces come to the truth."""
    out = [
        f"| what is released | detail as shown | 1 frame: PSNR | SSIM | detail "
        f"| {FRAMES} frames: PSNR | SSIM | detail |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for m in methods():
        rows = []
        for i, f in enumerate(faces):
            seen, shown = film(f, m, FRAMES, np.random.default_rng([1, i]))
            q = [quality(f.yuv[0], x, f.face) for x in (shown[0], rebuild(seen[:1], m.noise), rebuild(seen, m.noise))]
            rows.append([q[0].detail, *(v for x in q[1:] for v in (x.psnr, x.ssim, x.detail))])
        d0, p1, s1, d1, p2, s2, d2 = np.mean(rows, axis=0)
        out.append(f"| {m.name} | {d0:.2f} | {p1:.1f} | {s1:.2f} | {d1:.2f} | {p2:.1f} | {s2:.2f} | {d2:.2f} |")
        print(out[-1], file=sys.stderr)
    return out


def recognise_table(group: People) -> list[str]:
    """How often people are found by one obscured frame."""
    n = len(group.gallery)
    out = [
        f"| what is released | rebuilt, then compared with clear faces: rank 1 of {n} | parrot: rank 1 of {n} |",
        "|---|---|---|",
    ]
    rng = np.random.default_rng(11)

    def luma(s: Scene) -> Floats:
        return looks([s.yuv[0]], s.face.to_ints())

    clear = learned(np.array([[luma(s) for s in pictures] for pictures in group.others]))
    gallery = np.array([luma(s) for s in group.gallery])
    found = clear.rank1(gallery, np.array([luma(s) for s in group.probes]))
    everything = group.rank1(lambda s: looks(s.yuv, region_of(s.face)))
    out.append(f"| nothing obscured | {found:.0%} | {everything:.0%} |")
    for m in [x for x in methods() if x.anew in (0, 1) and "anew" not in x.name]:
        rebuilt = []
        for s in group.probes:
            seen, _ = film(s, m, 1, rng)
            rebuilt.append(looks([rebuild(seen, m.noise, steps=3)], s.face.to_ints()))

        def seen_by_parrot(s: Scene, m: Method = m) -> Floats:
            return looks(as_shown(s, m, rng), region_of(s.face))

        out.append(f"| {m.name} | {clear.rank1(gallery, np.array(rebuilt)):.0%} | {group.rank1(seen_by_parrot):.0%} |")
        print(out[-1], file=sys.stderr)
    out.append(f"| chance, or a solid | {1 / n:.1%} | {1 / n:.1%} |")
    return out


def grid_table(group: People) -> list[str]:
    """How parrot recognition falls with cells and levels."""
    levels = (256, 32, 16, 8, 4)
    out = [
        "| cells | " + " | ".join(f"{v} levels" for v in levels) + " |",
        "|---|" + "---|" * len(levels),
    ]
    for cells in (8, 6, 5, 4, 3, 2, 1):
        shares = [group.rank1(lambda s, c=cells, v=v: grid_of(s, c, v)) for v in levels]  # type: ignore[misc]
        out.append(f"| {cells} x {cells} | " + " | ".join(f"{v:.0%}" for v in shares) + " |")
        print(out[-1], file=sys.stderr)
    return out


def gallery_table(faces: Sequence[Scene]) -> list[str]:
    """How parrot recognition behind our grid falls with the number of people who come into question."""
    counts = [n for n in (5, 20, 50, 200, 600) if n + 200 <= len(faces)]
    out = ["| people who come into question | 6 x 6 | 4 x 4 | 2 x 2 |", "|---|---|---|---|"]
    for n in counts:
        group = people(faces[-(n + 500) :], n, other_time=True)
        out.append(
            f"| {n} | "
            + " | ".join(f"{group.rank1(lambda s, c=c: grid_of(s, c, LEVELS)):.0%}" for c in (6, 4, 2))
            + " |"
        )  # type: ignore[misc]
    return out


def picture(faces: Sequence[Scene]) -> NDArray[np.uint8]:
    """Rows: methods. Columns, for each face: the truth, as released, rebuilt from one frame, from all."""
    rows = []
    for m in methods():
        row = []
        for i, f in enumerate(faces):
            seen, shown = film(f, m, FRAMES, np.random.default_rng([2, i]))
            row += [f.yuv[0], shown[0], rebuild(seen[:1], m.noise), rebuild(seen, m.noise)]
        band = np.clip(np.concatenate(row, axis=1), 0, 255).astype(np.uint8)
        label = np.full((18, band.shape[1]), 255, np.uint8)
        cv2.putText(label, m.name, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.42, 0, 1, cv2.LINE_AA)
        rows += [label, band]
    return np.concatenate(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Tries to undo obscuring.")
    parser.add_argument("--faces", type=Path, help="labelled photographs, YOLO layout; generated faces without it")
    parser.add_argument("--rebuilt", type=int, default=24, help="how many faces are rebuilt from many frames")
    parser.add_argument("--people", type=int, default=200, help="how many people are in the gallery")
    parser.add_argument("--figure", type=Path, help="writes a PNG of generated faces, rebuilt, and does nothing else")
    args = parser.parse_args()
    if args.figure:
        cv2.imwrite(str(args.figure), picture(generated_faces(3, seed=5)))
        return
    faces = photographed_faces(args.faces) if args.faces else generated_faces(args.people + 500)
    kind = "photographed" if args.faces else "generated"
    same, other = (people(faces, args.people, other_time=v) for v in (False, True))
    n = args.people
    tables = [
        (f"Rebuilding, {args.rebuilt} {kind} faces", lambda: rebuild_table(faces[: args.rebuilt])),
        (f"Recognising by one frame, {n} {kind} faces, the same photograph varied", lambda: recognise_table(same)),
        (f"Recognising by one frame, {n} {kind} faces, another time and place", lambda: recognise_table(other)),
        ("Parrot recognition by cells and levels, the same photograph varied", lambda: grid_table(same)),
        ("Parrot recognition by cells and levels, another time and place", lambda: grid_table(other)),
        ("Parrot recognition by the number of people, another time and place", lambda: gallery_table(faces)),
    ]
    for title, table in tables:
        print(f"\n## {title}\n\n" + "\n".join(table()), flush=True)


if __name__ == "__main__":
    main()
