"""Large pictures are looked at several times, and each look counts for the sizes that it is good at."""

from __future__ import annotations

import numpy as np
import pytest

from redact.detect.cards import InputFormat
from redact.detect.scales import gather, looks

FORM = InputFormat(size_px=1280, trained_px=400)


@pytest.mark.parametrize(
    ("size", "sides"),
    [((200, 300), [300]), ((300, 400), [400, 200]), ((600, 500), [600, 200]), ((1280, 720), [1280, 400, 200])],
)
def test_further_looks_only_where_the_picture_is_much_larger(size: tuple[int, int], sides: list[int]) -> None:
    for shape in (size, size[::-1]):
        shown = looks(np.zeros((*shape, 3), np.uint8), FORM)
        assert shown[0].pixels.shape[:2] == shape
        assert [max(look.pixels.shape[:2]) for look in shown] == sides


def test_without_a_training_size_there_is_one_look() -> None:
    assert len(looks(np.zeros((2000, 2000, 3), np.uint8), InputFormat(size_px=1280))) == 1


def test_every_size_counts_in_some_look_and_a_huge_one_only_in_the_smallest_copy() -> None:
    shown = looks(np.zeros((1600, 1600, 3), np.uint8), FORM)
    none = np.zeros((0, 4), np.float32), np.zeros((0, 2), np.float32)
    # 0.3 of 400 px is the most that counts in a picture, and 0.6 of that the least in its smaller copy.
    limits = [(0, 120), (72, 120 * 4), (72 * 4, 1e9)]
    for side in (5.0, 50.0, 71.0, 73.0, 119.0, 121.0, 287.0, 289.0, 479.0, 481.0, 1500.0):
        box = np.array([[10, 10, 10 + side, 10 + side / 2]], np.float32)
        score = np.ones((1, 2), np.float32)
        counted = 0
        for n, (look, (least, most)) in enumerate(zip(shown, limits, strict=True)):
            found = [none] * n + [(box * np.float32(look.scale), score)] + [none] * (2 - n)
            here, _ = gather(shown, found)
            assert len(here) == (least <= side < most), (side, n)
            np.testing.assert_allclose(here, np.repeat(box, len(here), 0), rtol=1e-5)
            counted += len(here)
        assert counted >= 1
