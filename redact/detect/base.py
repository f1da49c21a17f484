"""What every detector promises, and what all of them need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from redact.detect.cards import Card, InputFormat, WeightsFile, checked_weights
from redact.errors import WeightsError
from redact.findings import Detection, Kind
from redact.geometry import Box

_LEAST_CONTRAST = 1.0  # 8-bit steps, standard deviation: a black frame was taken for a face as large as itself


class Detector(Protocol):
    """Finds faces, plates or both in one picture at a time.

    ``name`` is the recipe's, ``sha256`` that of the weights, ``kinds`` what it can find. The same
    picture gives the same findings, whatever was looked at before and however many threads work.
    """

    name: str
    sha256: str
    kinds: frozenset[Kind]
    device: str
    """Where it runs: "cpu", "cuda", "cuda:1"."""
    batch: int
    """How many pictures it looks at best at a time."""

    def detect_all(self, pictures: Sequence[NDArray[np.uint8]]) -> list[tuple[Detection, ...]]:
        """The findings of several pictures, each as ``detect`` gives them."""
        ...

    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """Findings in ``picture`` (H, W, 3; RGB; uint8), best first, from the detector's least score on.

        Boxes are in pixels of the picture and inside it. The picture is not changed.
        Raises ValueError for another shape or type.
        """
        ...


class CardDetector(ABC):
    """What the adapters of all families share: they are what their card says, and look at one picture at a time."""

    batch = 1

    def __init__(self, card: Card, weights: WeightsFile | None, *, min_score: float, device: str = "cpu") -> None:
        """``weights``: the file of the card that the adapter reads on ``device``; None where the card has none.

        Raises WeightsError where there is none, or it is missing or changed.
        """
        if weights is None:
            place = "the CPU" if device == "cpu" else "a GPU"
            raise WeightsError(f"The detector {card.name!r} has no weights for {place}.", "Choose another one.")
        self.name = card.name
        self.sha256 = weights.sha256
        self.kinds = card.finds
        self.device = device
        self._card = card
        self._min_score = min_score
        self._file = checked_weights(weights)

    @abstractmethod
    def detect(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """As ``Detector.detect``."""

    def detect_all(self, pictures: Sequence[NDArray[np.uint8]]) -> list[tuple[Detection, ...]]:
        return [self.detect(p) for p in pictures]


def check_picture(picture: NDArray[np.uint8]) -> None:
    """Raises ValueError unless ``picture`` is (H, W, 3) uint8 and not empty."""
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise ValueError(f"a picture is (H, W, 3) uint8, got {picture.shape = }, {picture.dtype = }")


def pad_to_multiple(picture: NDArray[np.uint8], multiple: int, value: int) -> NDArray[np.uint8]:
    """Pads right and bottom up to a multiple of ``multiple``; the picture itself where nothing is missing."""
    h, w = picture.shape[:2]
    dh, dw = -h % multiple, -w % multiple
    if not dh and not dw:
        return picture
    return np.pad(picture, ((0, dh), (0, dw), (0, 0)), constant_values=value)


def as_input(picture: NDArray[np.uint8], form: InputFormat, pad_value: int) -> NDArray[np.float32]:
    """The picture (H, W, 3; RGB; uint8) as a network takes it: (1, 3, H', W') float32, padded right and bottom."""
    padded = pad_to_multiple(picture, form.multiple_of, pad_value)
    if form.order == "bgr":
        padded = padded[:, :, ::-1]
    x = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], np.float32)
    if form.divisor != 1:
        x *= np.float32(1 / form.divisor)
    return x


def suppress(boxes: NDArray[np.float32], scores: NDArray[np.float32], iou: float) -> NDArray[np.int64]:
    """Greedy non-maximum suppression: indices to keep, best first; equal scores in their given order.

    ``boxes`` (N, 4) xyxy, ``scores`` (N,).
    """
    order = np.argsort(-scores, kind="stable")
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    keep = []
    while len(order):
        best, rest = order[0], order[1:]
        keep.append(best)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        shared = np.prod(np.clip(high - low, 0, None), axis=1)
        order = rest[shared <= iou * (area[best] + area[rest] - shared)]
    return np.array(keep, np.int64)


def _shows_something(picture: NDArray[np.uint8], box: Box) -> bool:
    x1, y1, x2, y2 = box.to_ints()
    across, down = max(1, (x2 - x1) // 16), max(1, (y2 - y1) // 16)  # some hundred samples tell
    return float(picture[y1:y2:down, x1:x2:across].std(axis=(0, 1)).max(initial=0.0)) >= _LEAST_CONTRAST


def to_detections(
    kinds: Iterable[Kind], boxes: NDArray[np.float32], scores: NDArray[np.float32], picture: NDArray[np.uint8]
) -> tuple[Detection, ...]:
    """Findings in canonical order (score falling, then kind and place), clipped to the picture (H, W, 3; uint8).

    Empty ones are left out, and those in which there is nothing but one colour.
    """
    height, width = picture.shape[:2]
    out = []
    for kind, b, s in zip(kinds, boxes.tolist(), scores.tolist(), strict=True):
        x1, y1, x2, y2 = b
        box = Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)).clip(width, height)
        if not box.is_empty and _shows_something(picture, box):
            out.append(Detection(kind, box, min(1.0, max(0.0, s))))
    return tuple(sorted(out, key=lambda d: (-d.score, d.kind, d.box.edges)))
