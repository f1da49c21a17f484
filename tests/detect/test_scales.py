"""Large pictures are looked at twice, and each look counts for the sizes that it is good at."""

from __future__ import annotations

import numpy as np
import pytest

from redact.detect.cards import InputFormat
from redact.detect.scales import gather, looks

FORM = InputFormat(size_px=1280, trained_px=400)


@pytest.mark.parametrize(("size", "count"), [((300, 400), 1), ((600, 500), 1), ((720, 1280), 2), ((1280, 720), 2)])
def test_second_look_only_where_the_picture_is_much_larger(size: tuple[int, int], count: int) -> None:
    shown = looks(np.zeros((*size, 3), np.uint8), FORM)
    assert len(shown) == count
    assert shown[0].pixels.shape[:2] == size
    assert max(shown[-1].pixels.shape[:2]) == (400 if count == 2 else max(size))


def test_without_a_training_size_there_is_one_look() -> None:
    assert len(looks(np.zeros((2000, 2000, 3), np.uint8), InputFormat(size_px=1280))) == 1


def test_every_size_counts_in_some_look_and_a_huge_one_only_in_the_small_copy() -> None:
    shown = looks(np.zeros((1600, 1600, 3), np.uint8), FORM)
    full, copy = shown
    for side in (5.0, 50.0, 71.0, 73.0, 119.0, 121.0, 1500.0):
        box = np.array([[10, 10, 10 + side, 10 + side / 2]], np.float32)
        score = np.ones((1, 2), np.float32)
        none = np.zeros((0, 4), np.float32), np.zeros((0, 2), np.float32)
        of_full, _ = gather(shown, [(box * np.float32(full.scale), score), none])
        of_copy, _ = gather(shown, [none, (box * np.float32(copy.scale), score)])
        assert len(of_full) == (side < 120), side
        assert len(of_copy) == (side >= 72), side
        both = np.concatenate([of_full, of_copy])
        np.testing.assert_allclose(both, np.repeat(box, len(both), 0), rtol=1e-5)
