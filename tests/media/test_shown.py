"""At what size pictures are shown to detectors."""

from __future__ import annotations

import av
import numpy as np
import pytest

from redact.geometry import Display
from redact.media.frames import shown_share, shrink, view


@pytest.mark.parametrize(
    ("width", "height", "long_side"),
    [
        (1280, 720, 1280),  # not enlarged
        (1920, 1080, 1600),
        (1080, 1920, 1600),
        (2560, 1440, 1600 * 2560 / 1920),
        (3840, 2160, 2400),
        (7680, 4320, 2400),
    ],
)
def test_large_footage_is_shown_larger(width: int, height: int, long_side: float) -> None:
    assert shown_share(width, height, 1600) * max(width, height) == pytest.approx(long_side)


def test_a_frame_and_a_picture_are_shown_alike() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((1440, 2560, 3), 90, np.uint8), format="rgb24")
    shown = view(frame, Display(2560, 1440), 960)
    assert shown.pixels.shape == shrink(frame.to_ndarray(), 960).pixels.shape == (720, 1280, 3)
    assert shown.scale == (0.5, 0.5)
