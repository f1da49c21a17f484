"""A training picture is turned, bent, squeezed and put into its cell, and its boxes with it."""

from __future__ import annotations

import numpy as np
import pytest
from pixels import extent

import compose
from pack import Example

SIZE = 208


def bright_oval(box: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    y, x = np.mgrid[0:SIZE, 0:SIZE] + 0.5
    x1, y1, x2, y2 = box
    image[((x - (x1 + x2) / 2) / (x2 - x1) * 2) ** 2 + ((y - (y1 + y2) / 2) / (y2 - y1) * 2) ** 2 <= 1] = 255
    return image


@pytest.mark.parametrize("box", [(90, 90, 120, 130), (20, 30, 60, 80), (150, 140, 190, 160)])
def test_boxes_follow_the_fisheye_and_the_turn(box: tuple[int, int, int, int]) -> None:
    known = np.ones((2, SIZE // 4, SIZE // 4), bool)
    boxes = np.array([box], np.float32)
    for image, new, _known in (
        compose.fisheye(bright_oval(box), boxes, known, 0.3),
        compose.rotate(bright_oval(box), boxes, np.zeros(1, np.int64), known, 7),
    ):
        assert np.abs(new[0] - box).max() > 0.5
        assert np.abs(extent(image[..., 0] > 127) - new[0]).max() < 2


def test_a_plate_that_leans_is_inside_its_box() -> None:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[90:110, 70:130] = 255
    known = np.ones((2, SIZE // 4, SIZE // 4), bool)
    boxes = np.array([[70, 90, 130, 110]], np.float32)
    turned, new, _known = compose.rotate(image, boxes, np.ones(1, np.int64), known, -30)
    assert np.abs(extent(turned[..., 0] > 127) - new[0]).max() < 2


def test_a_box_follows_its_object_into_its_cell() -> None:
    rng = np.random.default_rng(4)
    image = np.zeros((300, 400, 3), np.uint8)
    image[100:160, 150:230] = 255
    e = Example(image, np.array([[150, 100, 230, 160]], np.float32), np.zeros(1, np.int64), "a")
    whole_ones = 0
    for _ in range(60):
        canvas = np.zeros((SIZE, SIZE, 3), np.uint8)
        known = np.ones((2, SIZE // 4, SIZE // 4), bool)
        boxes, _labels, whole = compose.place(canvas, known, e, (40, 20, 190, 180), rng)
        if len(boxes):
            assert np.abs(extent(canvas[..., 0] > 127) - boxes[0]).max() < 1.6
            whole_ones += int(whole[0])
    assert whole_ones > 20


def test_an_object_that_cannot_be_seen_any_more_is_not_taught() -> None:
    image = np.full((SIZE, SIZE, 3), 8, np.uint8)
    image[10:30:4, 10:40] = 200
    boxes = np.array([[10, 10, 40, 30], [100, 100, 140, 140]], np.float32)
    assert compose.visible(image, boxes).tolist() == [True, False]


def test_pictures_with_plates_are_squeezed_at_times() -> None:
    image = np.full((400, 400, 3), 90, np.uint8)
    image[100:200, 100:200] = 200
    box = np.array([[100, 100, 200, 200]], np.float32)

    def narrowest(kind: int) -> float:
        shapes = []
        for seed in range(60):
            canvas, known = np.zeros((256, 256, 3), np.uint8), np.ones((2, 64, 64), bool)
            e = Example(image, box, np.array([kind]), "s", (True, True))
            boxes, _, whole = compose.place(canvas, known, e, (0, 0, 256, 256), np.random.default_rng(seed))
            shapes += [(b[2] - b[0]) / (b[3] - b[1]) for b in boxes[whole]]
        return float(min(shapes))

    assert 0.28 < narrowest(compose.PLATE) < 0.68
    assert narrowest(compose.FACE) > 0.7
