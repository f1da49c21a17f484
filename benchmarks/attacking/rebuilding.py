"""Films an obscured face and rebuilds it from what is seen: the picture that best explains all frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from attacking.faces import FACE, SIDE, Floats, Scene
from attacking.methods import CODING_NOISE, PADDING, At, Matrices, Method, region_of
from skimage.metrics import structural_similarity

from redact.geometry import Box


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
