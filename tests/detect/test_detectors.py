"""Our detectors and the second opinion, each by the same contract; and their cards."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest
from contracts.detectors import DetectorContract, close, photo

from redact.detect import Detector, load_card, load_cards, load_detector
from redact.detect.cards import Card, WeightsFile, checked_weights
from redact.detect.torch_yolo import YoloTorch
from redact.errors import WeightsError
from redact.findings import Kind
from redact.geometry import Box

OURS = [n for n, c in load_cards().items() if c.family == "yolo26"]


class TestOnnx(DetectorContract):
    @pytest.fixture(scope="class", params=OURS)
    def detector(self, request: pytest.FixtureRequest) -> Detector:
        return load_detector(request.param, min_score=0.1)


class TestCenterFace(DetectorContract):
    @pytest.fixture(scope="class")
    def detector(self) -> Detector:
        return load_detector("centerface", min_score=0.1)


class TestTorchOnTheCpu(DetectorContract):
    @pytest.fixture(scope="class", params=OURS)
    def detector(self, request: pytest.FixtureRequest) -> Detector:
        return YoloTorch(load_card(request.param), min_score=0.1, device="cpu")


class TestTorchOnAGpu(DetectorContract):
    @pytest.fixture(scope="class", params=OURS)
    def detector(self, request: pytest.FixtureRequest) -> Detector:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no GPU here: the same contract runs on the CPU")
        return YoloTorch(load_card(request.param), min_score=0.1, device="cuda")


@pytest.mark.parametrize("name", OURS)
def test_torch_finds_what_onnx_finds(name: str) -> None:
    """The weights of both are of the same training; torch's are stored in half precision."""
    a = load_detector(name, min_score=0.1)
    b = YoloTorch(load_card(name), min_score=0.1, device="cpu")
    for picture in (photo("zidane.jpg", 640), photo("bus.jpg", 480)):
        sure = [tuple(d for d in x.detect(picture) if d.score > 0.35) for x in (a, b)]
        assert close(*sure, score=0.03, pixels=2.0)


@pytest.mark.parametrize("name", [*OURS, "centerface"])
def test_a_face_that_fills_the_picture_is_found(name: str) -> None:
    """In a copy of the picture: CenterFace, shown this one as it is only, takes half of the face for one."""
    close_up = cv2.resize(photo("zidane.jpg", 1280)[60:330, 900:1150], (1280, 1382))
    face = Box(70, 190, 805, 1130)
    found = load_detector(name, min_score=0.3).detect(close_up)
    assert any(d.kind is Kind.FACE and d.box.iou(face) >= 0.6 for d in found)


@pytest.mark.parametrize("name", OURS)
def test_threads_do_not_change_findings(name: str) -> None:
    picture = photo("zidane.jpg", 640)
    assert load_detector(name, min_score=0.1, threads=1).detect(picture) == load_detector(
        name, min_score=0.1, threads=3
    ).detect(picture)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    card = load_card(OURS[0])
    changed = tmp_path / "weights.onnx"
    changed.write_bytes(checked_weights(card.onnx).read_bytes() + b"x")
    with pytest.raises(WeightsError, match="not the weights that the card describes"):
        checked_weights(WeightsFile(location=str(changed), sha256=card.onnx.sha256))


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        checked_weights(WeightsFile(location=str(tmp_path / "none.onnx"), sha256="0" * 64))


def test_unknown_detector_is_named() -> None:
    with pytest.raises(WeightsError, match="no detector called 'nonesuch'"):
        load_detector("nonesuch", min_score=0.1)


@pytest.mark.parametrize("card", load_cards().values(), ids=lambda c: c.name)
def test_cards_say_what_people_need(card: Card) -> None:
    assert card.licence
    assert len(card.description) > 20
    assert card.training_data, "what it was trained on, with attribution"
    assert card.weaknesses, "what it misses, in plain words"
