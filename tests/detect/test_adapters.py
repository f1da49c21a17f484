"""Other people's detectors, each by the contract of all detectors, on our own weights in their formats."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from as_others import OURS, card_for, export, write_checkpoint, write_egoblur, write_yunet
from contracts.detectors import DetectorContract, close, photo

from redact.detect import Detector, load_card, load_detector, open_detector
from redact.detect.cards import InputFormat, checked_weights
from redact.detect.ultralytics_output import anchors
from redact.errors import WeightsError
from redact.findings import Kind

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
BGR = InputFormat(size_px=640, multiple_of=1, order="bgr", divisor=1.0)


class AdapterContract(DetectorContract):
    """For adapters that are tested on our own weights: what these find is not the adapter's to answer for."""


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("theirs") / "theirs.pt"
    write_checkpoint(file)
    return file


class TestUltralyticsCheckpoint(AdapterContract):
    @pytest.fixture(scope="class")
    def detector(self, checkpoint: Path) -> Detector:
        return open_detector(card_for("ultralytics", "pt", checkpoint), min_score=0.1)


class TestUltralyticsOnnx(AdapterContract):
    """One column an anchor, pictures of any size."""

    @pytest.fixture(scope="class")
    def detector(self, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Detector:
        file = tmp_path_factory.mktemp("onnx") / "any.onnx"
        export(checkpoint, file, dynamic=True, imgsz=[384, 640])
        return open_detector(card_for("ultralytics", "onnx", file), min_score=0.1)

    def test_finds_what_ours_finds(self, detector: Detector) -> None:
        picture = photo("zidane.jpg", 608)
        card = load_card(OURS)
        once = card.model_copy(update={"input": card.input.model_copy(update={"trained_px": None})})  # as ultralytics
        ours = open_detector(once, min_score=0.1).detect(picture)
        assert close(detector.detect(picture), ours, 0.03, 2.0)


class TestUltralyticsOnnxOfOneSize(AdapterContract):
    """Finished boxes, and pictures of one size only."""

    @pytest.fixture(scope="class")
    def detector(self, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Detector:
        file = tmp_path_factory.mktemp("onnx") / "one.onnx"
        export(checkpoint, file, nms=False, imgsz=[384, 640])
        return open_detector(card_for("ultralytics", "onnx", file), min_score=0.1)


class TestUltralyticsEngine(AdapterContract):
    @pytest.fixture(scope="class")
    def detector(self, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Detector:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no GPU here: a TensorRT engine is built for one and runs on one")
        pytest.importorskip("tensorrt", reason="TensorRT is not installed: pip install tensorrt")
        from ultralytics import YOLO

        file = tmp_path_factory.mktemp("engine") / "theirs.engine"
        made = YOLO(str(checkpoint)).export(format="engine", dynamic=True, imgsz=640, half=True, verbose=False)
        Path(made).replace(file)
        return open_detector(card_for("ultralytics", "engine", file), min_score=0.1, device="cuda")


class TestYuNet(AdapterContract):
    @pytest.fixture(scope="class")
    def detector(self, tmp_path_factory: pytest.TempPathFactory) -> Detector:
        file = tmp_path_factory.mktemp("yunet") / "theirs.onnx"
        write_yunet(file)
        return open_detector(card_for("yunet", "onnx", file, classes=("face",), input=BGR), min_score=0.1)


class TestRealYuNet(DetectorContract):
    @pytest.fixture(scope="class")
    def detector(self) -> Detector:
        try:
            return load_detector("yunet", min_score=0.1)
        except WeightsError as e:
            pytest.skip(f"YuNet is not on this machine: {e.remedy}")


class TestEgoBlur(AdapterContract):
    @pytest.fixture(scope="class", params=[1, 2], ids=["first", "second"])
    def detector(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Detector:
        file = tmp_path_factory.mktemp("egoblur") / "theirs.jit"
        write_egoblur(file, request.param)
        card = card_for("egoblur", "torchscript", file, classes=("face",), input=BGR)
        return open_detector(card, min_score=0.1)


class _Bomb:
    """A pickle that would leave a trace if it were opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.trace,)


def test_a_checkpoint_of_another_digest_is_not_opened(checkpoint: Path, tmp_path: Path) -> None:
    card = card_for("ultralytics", "pt", checkpoint)
    file, trace = tmp_path / "theirs.pt", tmp_path / "opened"
    file.write_bytes(pickle.dumps(_Bomb(trace)))
    assert card.pt is not None
    other = card.model_copy(update={"pt": card.pt.model_copy(update={"location": str(file)})})
    with pytest.raises(WeightsError, match="not the weights that the card describes"):
        open_detector(other, min_score=0.1)
    assert not trace.exists()


def test_a_file_that_is_no_model_is_told_as_one(tmp_path: Path) -> None:
    file = tmp_path / "theirs"
    file.write_bytes(b"not a model")
    for family, form in (("yunet", "onnx"), ("egoblur", "torchscript"), ("ultralytics", "onnx"), ("yolo26", "onnx")):
        with pytest.raises(WeightsError, match="cannot open this model"):
            open_detector(card_for(family, form, file, classes=("face",)), min_score=0.1)
    with pytest.raises(WeightsError, match="has no weights for the CPU"):
        open_detector(card_for("ultralytics", "engine", file), min_score=0.1)


def test_classes_that_do_not_fit_are_told() -> None:
    three = load_card(OURS).model_copy(update={"classes": ("face", "other", "plate")})
    with pytest.raises(WeightsError, match="does not fit the 3 classes"):
        anchors(np.zeros((6, 100), np.float32), three)


def test_other_classes_are_dropped() -> None:
    card = load_card(OURS).model_copy(update={"classes": ("other", "plate", "face")})
    assert card.finds == {Kind.PLATE, Kind.FACE}
    rows = np.array([[0, 0, 9, 9, 0.9, 0], [10, 0, 19, 9, 0.8, 1], [20, 0, 29, 9, 0.7, 2]], np.float32)
    boxes, scores = anchors(rows, card)
    from redact.detect.yolo import select

    found = select(boxes, scores, card.classes, 0.3, np.indices((100, 100, 3)).sum(0).astype(np.uint8))
    assert [(d.kind, d.box.x1) for d in found] == [(Kind.PLATE, 10.0), (Kind.FACE, 20.0)]


def test_the_digest_is_checked_for_every_format(checkpoint: Path) -> None:
    card = card_for("ultralytics", "pt", checkpoint)
    assert card.pt is not None
    assert checked_weights(card.pt) == checkpoint
