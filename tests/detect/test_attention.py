"""Looking at what changed only: nothing that a look at the whole finds is lost, and a still picture costs little.

What is in the pictures of most tests is found by a detector of bright squares: it says where it looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from redact.detect import Attention, load_detector
from redact.findings import Detection, Kind
from redact.geometry import Box, Display
from redact.media.frames import view

HEIGHT, WIDTH = 900, 1600


class Squares:
    """Finds bright squares on grey ground, one piece each, in what it is shown."""

    name, sha256, kinds, device = "squares", "0" * 64, frozenset({Kind.FACE}), "cpu"

    def __init__(self, batch: int = 1, largest: int = 999) -> None:
        self.batch = batch
        self.largest = largest
        self.shown: list[int] = []
        """Pixels of each picture that it was shown."""

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        self.shown.append(picture.shape[0] * picture.shape[1])
        _, _, stats, _ = cv2.connectedComponentsWithStats((picture[..., 1] > 150).astype(np.uint8))
        return tuple(
            Detection(Kind.FACE, Box(x, y, x + w, y + h), 0.9)
            for x, y, w, h, _ in stats[1:].tolist()
            if w <= self.largest
        )

    def detect_all(self, pictures: Sequence[NDArray[np.uint8]]) -> list[tuple[Detection, ...]]:
        return [self.detect(p) for p in pictures]


def _picture(*squares: tuple[int, int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Grey ground with a camera's noise, and squares (left, top, side)."""
    out = np.random.default_rng(seed).normal(90, 2, (HEIGHT, WIDTH, 3))
    for x, y, side in squares:
        out[y : y + side, x : x + side] += 130
    return np.clip(out, 0, 255).astype(np.uint8)


def _boxes(found: Sequence[Detection]) -> set[tuple[float, ...]]:
    out = {d.box.edges for d in found}
    assert len(out) == len(found), "something was found twice"
    return out


def _at(*squares: tuple[int, int, int]) -> set[tuple[float, ...]]:
    return {(x, y, x + side, y + side) for x, y, side in squares}


def test_what_stands_still_is_found_without_looking() -> None:
    squares = [(100, 80, 12), (700, 300, 200), (1580, 880, 20)]
    detector = Squares()
    attention = Attention(detector)
    for n in range(17):
        (found,) = attention.look_all([_picture(*squares, seed=n)])
        assert _boxes(found) == _at(*squares)
    assert detector.shown == [HEIGHT * WIDTH] * 3  # the first, the ninth and the seventeenth


@pytest.mark.parametrize("side", [10, 40, 300])
def test_what_appears_moves_and_leaves_is_found_at_once(side: int) -> None:
    still = (1200, 500, 60)
    detector = Squares()
    attention = Attention(detector)
    attention.look_all([_picture(still)])
    for n in range(1, 8):
        here = (96 + 20 * n, 96, side)
        (found,) = attention.look_all([_picture(still, here, seed=n)])
        assert _boxes(found) == _at(still, here), n
    attention.look_all([_picture(still)])  # the whole
    (found,) = attention.look_all([_picture(still, seed=9)])
    assert _boxes(found) == _at(still)
    parts = [p for p in detector.shown if p < HEIGHT * WIDTH]
    assert len(parts) == 7
    assert max(parts) < 0.5 * HEIGHT * WIDTH
    assert min(parts) > (side + 120) ** 2  # with what is around it


def test_what_creeps_is_followed() -> None:
    """A faint thing, a pixel every other look: no look differs much from the one before."""
    attention = Attention(Squares())
    for n in range(60):
        x = 400 + n // 2
        picture = np.full((HEIGHT, WIDTH, 3), 144, np.uint8)
        picture[400:414, x : x + 14] = 156
        (found,) = attention.look_all([picture])
        (d,) = found
        assert abs(d.box.x1 - x) <= 2, n


def test_what_changes_a_little_is_looked_at_as_a_whole() -> None:
    """Something small happens within a large thing and beside another: both are found as they are."""
    squares = [(300, 200, 300), (600, 40, 120)]
    attention = Attention(Squares())
    attention.look_all([_picture(*squares)])
    for n in range(1, 7):
        picture = _picture(*squares, seed=n)
        picture[300:320, 400 + 8 * n : 420 + 8 * n] = 200
        (found,) = attention.look_all([picture])
        assert _boxes(found) == _at(*squares), n


def test_what_lies_at_the_edge_of_a_part_is_neither_lost_nor_cut() -> None:
    """Something happens again and again beside things that stand still, at any distance."""
    for away in range(20, 400, 9):
        still, attention = (300, 300, 90), Attention(Squares())
        attention.look_all([_picture(still)])
        for n in range(1, 4):
            event = (390 + away, 330, 8 + n)
            (found,) = attention.look_all([_picture(still, event, seed=n)])
            assert _boxes(found) == _at(still, event), (away, n)


def test_a_part_s_edge_makes_nothing() -> None:
    """What is no face as a whole, but would be one if it were cut off, stays none."""
    for away in range(20, 400, 9):
        attention = Attention(Squares(largest=150))
        attention.look_all([_picture((200, 300, 200))])
        for n in range(1, 4):
            event = (400 + away, 330, 8 + n)
            (found,) = attention.look_all([_picture((200, 300, 200), event, seed=n)])
            assert _boxes(found) == _at(event), (away, n)


def test_a_picture_that_moves_is_looked_at_whole() -> None:
    texture = np.random.default_rng(1).integers(0, 140, (60, 110, 3), np.uint8)
    wide = cv2.resize(texture, (WIDTH + 200, HEIGHT), interpolation=cv2.INTER_CUBIC)
    detector = Squares()
    attention = Attention(detector)
    for n in range(6):
        attention.look_all([np.ascontiguousarray(wide[:, 9 * n : 9 * n + WIDTH])])
    assert detector.shown == [HEIGHT * WIDTH] * 6


def test_another_size_is_looked_at_whole() -> None:
    attention = Attention(Squares())
    attention.look_all([_picture((100, 100, 50))])
    (found,) = attention.look_all([np.ascontiguousarray(_picture((300, 100, 50))[:500, :900])])
    assert _boxes(found) == _at((300, 100, 50))


def test_a_gpu_is_shown_whole_pictures() -> None:
    detector = Squares(batch=4)
    found = Attention(detector).look_all([_picture((100, 100, 50), seed=n) for n in range(4)])
    assert [_boxes(f) for f in found] == [_at((100, 100, 50))] * 4
    assert detector.shown == [HEIGHT * WIDTH] * 4


@pytest.mark.parametrize("name", ["redact-pico", "centerface"])
def test_nothing_sure_is_lost_on_a_real_camera(name: str, shared_clips: Path) -> None:
    clip = shared_clips / "14_intel_two_people_walking_faces_480x270.mp4"
    detector = load_detector(name, min_score=0.1)
    attention = Attention(detector)
    sure = 0
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            pixels = view(frame, Display(frame.width, frame.height), 640).pixels
            (found,) = attention.look_all([pixels])
            for d in detector.detect(pixels):
                if d.score >= 0.4:
                    sure += 1
                    assert any(f.kind is d.kind and f.box.iou(d.box) > 0.5 for f in found), (frame.pts, d)
    assert sure > 20
