"""The pairs of looks that benchmarks/cuts.py judges by are what their names say, and the same each time."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from cutting import camera, rivals, scenes


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> camera.Photographs:
    data = tmp_path_factory.mktemp("data")
    folder = data / "val" / "images"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    for n in range(5):
        tiles = rng.integers(0, 255, (4 + n, 5 + n, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / f"darun-{n}.png"), cv2.resize(tiles, (900, 480), interpolation=cv2.INTER_NEAREST))
    cv2.imwrite(str(folder / "darun-small.png"), np.zeros((100, 100, 3), np.uint8))
    cv2.imwrite(str(folder / "daniyal-0.png"), np.zeros((480, 900, 3), np.uint8))
    return camera.Photographs.of(data, "val")


def _shift(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """By what share of the picture ``b`` shows things further left and up than ``a``."""
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in (a, b))
    (dx, dy), _ = cv2.phaseCorrelate(x, y, cv2.createHanningWindow(x.shape[::-1], cv2.CV_32F))
    return -dx / x.shape[1], -dy / x.shape[0]


@pytest.mark.parametrize("pan", [(0.1, 0.0), (0.2, 0.1), (-0.3, 0.05)])
def test_a_pan_is_as_fast_as_it_says(pan: tuple[float, float]) -> None:
    noise = cv2.GaussianBlur(np.random.default_rng(1).integers(0, 255, (480, 900, 3)).astype(np.uint8), (0, 0), 5)
    photo = np.asarray(cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX), np.uint8)
    size = (320, 180)
    for n in range(5):
        a = camera.place(np.random.default_rng(n), photo, size, pan)
        b = camera.Window(a.x + pan[0] * a.width, a.y + pan[1] * a.width * 9 / 16, a.width)
        moved = _shift(*(camera.show(photo, w, size).astype(np.uint8) for w in (a, b)))
        assert moved == pytest.approx(pan, abs=0.01)


def test_blur_is_as_long_as_it_says() -> None:
    """A bright line becomes a band that is wider by the way that the camera goes meanwhile."""
    line = np.zeros((480, 900, 3), np.uint8)
    line[:, 440:460] = 255
    window = camera.Window(450, 240, 640)
    sharp, blurred = (camera.show(line, window, (320, 180), (b, 0.0))[90, :, 0] for b in (0.0, 0.1))
    assert (blurred > 5).sum() - (sharp > 5).sum() == pytest.approx(32, abs=2)


def test_only_large_pictures_of_known_sets_are_taken(photos: camera.Photographs) -> None:
    rng = np.random.default_rng(1)
    assert {photos.any(rng).stem for _ in range(60)} == {f"darun-{n}" for n in range(5)}


def test_pairs_depend_on_kind_and_number_alone(photos: camera.Photographs) -> None:
    kinds = [k for k in (*scenes.SCENES, *scenes.CUTS, *scenes.NEITHER) if k != "later on the same drive"]
    for kind in kinds:
        *_, third = scenes.pairs(kind, photos, "val", 3)
        *_, again = scenes.pairs(kind, photos, "val", 3)
        assert all(np.array_equal(a, b) for a, b in zip(third, again, strict=True)), kind


def test_rivals_know_a_picture_from_another(photos: camera.Photographs) -> None:
    a, b = (camera.read(f) for f in photos.files[1:3])
    for name, unlike in rivals.RIVALS.items():
        assert unlike(a, b) > unlike(a, a), name


def test_the_whole_picture_is_found_again_shifted(photos: camera.Photographs) -> None:
    a, b = camera.read(photos.files[1]), camera.read(photos.files[2])
    assert rivals.one_shift(a[:, :640], a[:, 200:840]) < rivals.one_shift(a[:, :640], b[:, 200:840]) - 0.3
    assert rivals.in_place(a[:, :640], a[:, 200:840]) > 0.8 * rivals.in_place(a[:, :640], b[:, 200:840])
