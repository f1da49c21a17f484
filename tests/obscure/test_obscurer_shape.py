"""Whatever the shape, every sample of the unpadded box is covered, on every plane."""

from __future__ import annotations

import numpy as np
import pytest
from contracts.planes import Layout, bounds, noise
from hypothesis import given, settings
from hypothesis import strategies as st

from redact.decide import decide_still
from redact.findings import Detection, Kind, SourceId, StoredRegion
from redact.geometry import Box, Display
from redact.obscure import FramePlanes, Obscurer
from redact.obscure.shape import Sides, exponent, runs
from redact.policy import ObscurePolicy, Policy

YUV = {
    "420": Layout("yuv420p", ((1, 1, 1), (2, 2, 1), (2, 2, 1))),
    "411": Layout("yuv411p", ((1, 1, 1), (4, 1, 1), (4, 1, 1))),
}


def _covered(frame: FramePlanes, regions: list[StoredRegion], obscure: ObscurePolicy) -> list[np.ndarray]:
    """Which samples of each plane a solid changes."""
    for p, value in zip(frame.planes, frame.black_values, strict=True):
        p.data[...] = value + 1
    Obscurer(obscure).apply(frame, regions)
    return [p.data == value for p, value in zip(frame.planes, frame.black_values, strict=True)]


@settings(max_examples=300, deadline=None)
@given(
    width=st.integers(24, 220),
    height=st.integers(24, 220),
    x=st.floats(-0.4, 1.0),
    y=st.floats(-0.4, 1.0),
    w=st.floats(4, 150),
    h=st.floats(4, 150),
    padding=st.one_of(st.just(0.2), st.floats(0, 0.6)),
    sar=st.sampled_from([(1, 1), (4, 3), (8, 9), (64, 45)]),
    rotation=st.sampled_from([0, 90, 180, 270]),
    layout=st.sampled_from(sorted(YUV)),
)
def test_a_detected_box_is_covered_whole(
    width: int,
    height: int,
    x: float,
    y: float,
    w: float,
    h: float,
    padding: float,
    sar: tuple[int, int],
    rotation: int,
    layout: str,
) -> None:
    """From the detection through padding, rounding, clipping, aspect ratio and rotation to the stored samples."""
    display = Display(width, height, *sar, rotation)
    dw, dh = display.size
    found = Box(x * dw, y * dh, x * dw + w, y * dh + h)
    obscure = ObscurePolicy(kinds=("face",), method="solid", face_padding=padding)
    policy = Policy(schema=1, name="test", obscure=obscure)
    plan = decide_still([Detection(Kind.FACE, found, 0.9)], policy, SourceId("0" * 64, 1, dw, dh))
    regions = [r.stored(display) for r in plan.regions(0)]
    frame = noise(YUV[layout], width, height)
    stored = display.to_stored(found)
    for plane, covered in zip(frame.planes, _covered(frame, regions, obscure), strict=True):
        assert covered[bounds(stored, frame, plane)].all()


@pytest.mark.parametrize("padding", [0.02, 0.1, 0.2, 0.5, 2.0])
@pytest.mark.parametrize("size", [(40, 40), (41, 67), (300, 400)])
def test_the_shape_is_no_larger_than_it_must_be(padding: float, size: tuple[int, int]) -> None:
    """Not more than the superellipse grown by two samples: one of slack, one of rounding outwards."""
    w, h = size
    n = exponent(padding)
    shape = runs(w, h, n, Sides())
    assert shape is not None
    for row in range(h):
        y = max(abs(row + 0.5 - h / 2) - 2, 0) / (h / 2)
        for column in (shape.starts[row], shape.ends[row] - 1):
            x = max(abs(column + 0.5 - w / 2) - 2, 0) / (w / 2)
            assert x**n + y**n <= 1


def test_the_default_shape_is_nearly_an_ellipse() -> None:
    shape = runs(200, 240, exponent(0.2), Sides())
    assert shape is not None
    share = float((shape.ends - shape.starts).sum()) / (200 * 240)
    assert 0.78 < share < 0.83  # pi/4 = 0.785 for a true ellipse


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([2.0, 2.06, 5.0, 17.0]), st.booleans(), st.booleans())
def test_no_row_is_empty_and_the_shape_is_symmetric(w: int, h: int, n: float, left: bool, top: bool) -> None:
    shape = runs(w, h, n, Sides(left, top, left, top))
    assert shape is not None
    assert (shape.starts < shape.ends).all()
    assert np.array_equal(shape.starts, w - shape.ends)
    assert np.array_equal(shape.starts, shape.starts[::-1])
