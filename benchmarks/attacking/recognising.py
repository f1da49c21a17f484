"""Finds people by their faces, clear, rebuilt or obscured, in a metric that is learned on other people's faces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from attacking.faces import Floats, Scene, elsewhere, varied
from attacking.methods import CODING_NOISE, At, Method, averaging, region_of


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
    down, across = averaging(y2 - y1, cells), averaging(x2 - x1, cells)
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
