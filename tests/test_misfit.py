"""A region that was painted is told from one that was not."""

from __future__ import annotations

import numpy as np
import pytest

from redact.findings import Kind, StoredRegion
from redact.geometry import Box
from redact.meters import MAX_MISFIT, DetailMeter
from redact.misfit import Stretch, misfit
from redact.obscure import FramePlanes, Obscurer, Plane
from redact.policy import ObscurePolicy


def _soft_face(side: int, contrast: float) -> np.ndarray:
    """A face out of focus: eyes and mouth as blobs, without any sharp edge."""
    y, x = np.mgrid[0:side, 0:side] / side
    image = np.full((side, side), 130.0)
    for cx, cy, r in ((0.33, 0.4, 0.07), (0.67, 0.4, 0.07), (0.5, 0.72, 0.1)):
        image -= contrast * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * r**2))
    return image.round().astype(np.uint8)


@pytest.mark.parametrize("side", [30, 60, 150])
@pytest.mark.parametrize("method", ["blur", "mosaic", "solid"])
def test_painted_fits_and_unpainted_does_not(side: int, method: str) -> None:
    clear = np.random.default_rng(1).integers(90, 120, (300, 300)).astype(np.uint8)
    clear[50 : 50 + side, 60 : 60 + side] = _soft_face(side, 60)
    box = Box(60, 50, 60 + side, 50 + side)
    painted = clear.copy()
    policy = ObscurePolicy(kinds=("face",), method=method, shape="box")
    frame = FramePlanes((Plane(painted, 1, 1),), 300, 300)
    Obscurer(policy).apply(frame, [StoredRegion(1, Kind.FACE, box)])
    for picture, passes in ((painted, True), (clear, False)):
        meter = DetailMeter()
        meter.look(7, (picture,), [StoredRegion(1, Kind.FACE, box)], policy)
        check = meter.check()
        assert check.passed is passes, check
        assert check.numbers["fitted"] == 1
    assert "Frame 7 has a region that does not look obscured" in check.sentence


def test_a_grid_held_from_another_size_fits_too() -> None:
    """Levels are held: a region that has grown still shows the few cells that it began with."""
    picture = np.random.default_rng(2).integers(0, 256, (200, 200)).astype(np.uint8)
    obscurer = Obscurer(ObscurePolicy(kinds=("face",), shape="box", cells=6))
    for side in (20, 90):
        frame = FramePlanes((Plane(picture, 1, 1),), 200, 200)
        obscurer.apply(frame, [StoredRegion(1, Kind.FACE, Box(10, 10, 10 + side, 10 + side))])
    assert misfit(picture[28:82, 28:82], Stretch(90, 18, 72), Stretch(90, 18, 72), 6) < 1


def test_the_limit_lies_above_rounding() -> None:
    assert MAX_MISFIT > 1
