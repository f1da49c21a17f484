"""What every detector promises. A test class inherits this and gives a ``detector`` fixture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import ultralytics

from redact.detect import Detector
from redact.findings import Detection, Kind

PHOTOS = Path(ultralytics.__file__).parent / "assets"


def photo(name: str, width: int) -> np.ndarray:
    """A photograph that ultralytics carries, RGB, ``width`` pixels wide."""
    bgr = cv2.imread(str(PHOTOS / name))
    h, w = bgr.shape[:2]
    return cv2.cvtColor(cv2.resize(bgr, (width, round(h * width / w)), interpolation=cv2.INTER_AREA), cv2.COLOR_BGR2RGB)


def close(a: tuple[Detection, ...], b: tuple[Detection, ...], score: float, pixels: float) -> bool:
    """Whether two lists of findings are the same but for rounding."""
    return len(a) == len(b) and all(
        x.kind is y.kind
        and abs(x.score - y.score) <= score
        and np.abs(np.subtract(x.box.edges, y.box.edges)).max() <= pixels
        for x, y in zip(a, b, strict=True)
    )


class DetectorContract:
    """Inherit it, and give a ``detector`` fixture that finds from 0.1 on, as the main job asks it to."""

    def test_finds_the_faces_of_a_photograph(self, detector: Detector) -> None:
        found = [d for d in detector.detect(photo("zidane.jpg", 640)) if d.kind is Kind.FACE]
        # Two men; their faces lie around these places of the 640x360 picture.
        for x, y in ((300, 170), (490, 90)):
            assert any(d.box.x1 < x < d.box.x2 and d.box.y1 < y < d.box.y2 for d in found), (x, y, found)

    def test_boxes_lie_in_the_picture_best_first(self, detector: Detector) -> None:
        picture = photo("bus.jpg", 500)
        h, w = picture.shape[:2]
        found = detector.detect(picture)
        assert found
        for d in found:
            assert d.kind in detector.kinds
            assert 0.1 <= d.score <= 1
            assert 0 <= d.box.x1 < d.box.x2 <= w
            assert 0 <= d.box.y1 < d.box.y2 <= h
        assert [d.score for d in found] == sorted((d.score for d in found), reverse=True)

    def test_same_picture_same_findings(self, detector: Detector) -> None:
        picture = photo("zidane.jpg", 640)
        before = picture.copy()
        first = detector.detect(picture)
        detector.detect(photo("bus.jpg", 320))
        assert detector.detect(picture) == first
        assert np.array_equal(picture, before), "the picture is not changed"

    def test_several_at_a_time_are_each_by_itself(self, detector: Detector) -> None:
        pictures = [photo("zidane.jpg", 640), photo("bus.jpg", 320), photo("bus.jpg", 320)[:, ::-1].copy()]
        alone = [detector.detect(p) for p in pictures]
        for a, b in zip(alone, detector.detect_all(pictures), strict=True):
            assert close(a, b, 0.02, 1.0)
        assert detector.detect_all([]) == []

    @pytest.mark.parametrize("size", [(37, 61), (64, 64), (33, 320), (1, 1)])
    def test_any_size(self, detector: Detector, size: tuple[int, int]) -> None:
        h, w = size
        for d in detector.detect(np.full((h, w, 3), 128, np.uint8)):
            assert 0 <= d.box.x1 < d.box.x2 <= w

    def test_finds_nothing_in_nothing(self, detector: Detector) -> None:
        for value in (0, 114, 255):
            assert detector.detect(np.full((360, 640, 3), value, np.uint8)) == ()
            assert detector.detect(np.full((720, 404, 3), value, np.uint8)) == ()

    @pytest.mark.parametrize(
        "wrong", [np.zeros((10, 10), np.uint8), np.zeros((10, 10, 4), np.uint8), np.zeros((10, 10, 3), np.float32)]
    )
    def test_refuses_what_is_no_picture(self, detector: Detector, wrong: np.ndarray) -> None:
        with pytest.raises(ValueError, match="a picture is"):
            detector.detect(wrong)

    def test_names_its_weights(self, detector: Detector) -> None:
        assert len(detector.sha256) == 64
        assert detector.name
        assert detector.batch >= 1
