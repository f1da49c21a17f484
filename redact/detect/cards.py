"""Model cards: what a model is, which file it is by digest, what it was trained on and how well it does."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from redact.errors import WeightsError
from redact.findings import Kind
from redact.resources import card_files, user_card_files, weights_file

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
KindName = Literal["face", "plate"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class WeightsFile(_Section):
    """One file of weights: where it lies (see ``resources.weights_file``) and its digest."""

    location: str
    sha256: Digest
    url: Annotated[str, Field(pattern=r"^(https?://|file:)")] | None = None
    """Where ``redact models pull`` fetches it: https, http or file; the digest says whether it is the right one."""
    bytes: Annotated[int, Field(ge=1)] | None = None
    """Size of the file; nothing longer is fetched."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.url is not None and (self.bytes is None or not self.location.startswith("user:")):
            raise ValueError('a file with a url needs bytes, and a location that begins with "user:"')
        return self


class InputFormat(_Section):
    """``[input]``: the picture that the network takes. Adapters go by this."""

    size_px: Annotated[int, Field(ge=32, le=8192)]
    """Long side it is meant to be shown at. A recipe's ``size_px`` decides; this is advice."""
    multiple_of: Annotated[int, Field(ge=1, le=256)] = 32
    """Sides are padded, right and bottom, up to a multiple of this."""
    order: Literal["rgb", "bgr"] = "rgb"
    divisor: Annotated[float, Field(gt=0)] = 255.0
    """Normalisation: pixel values 0..255 are divided by this; nothing is subtracted."""
    trained_px: Annotated[int, Field(ge=32, le=8192)] | None = None
    """Side of the pictures that it was trained on; what is too large for them is looked for in a smaller copy."""


class Thresholds(_Section):
    """``[thresholds]``: scores that suit this model, as in a recipe's ``[detect]``."""

    low: Share
    high: Share


class SizeBin(_Section):
    """What was found of the objects of one size: ``px`` is their height in the picture that the detector saw."""

    px: Literal["8-16", "16-32", "32+"]
    boxes: Count
    """Labelled objects of this size."""
    recall: Share
    """Share of them with a finding on it (IoU at least 0.4 for faces, 0.5 for plates)."""
    covered: Share
    """Share of them of whose box 95 % lies under findings padded as the recipe pads."""


class Evaluation(_Section):
    """``[[evaluation]]``: one measurement, of one kind of object on one set at one size and score."""

    set: str
    kind: KindName
    size_px: Annotated[int, Field(ge=1)]
    """Long side of the pictures shown; smaller ones were not enlarged."""
    score: Share
    """Findings from this score on were counted."""
    pictures: Annotated[int, Field(ge=1)]
    boxes: Count
    recall: Share
    covered: Share
    unmatched_per_picture: Annotated[float, Field(ge=0)]
    """Findings on nothing labelled. False positives where all objects are labelled, else more than those."""
    all_labelled: bool
    cpu_ms_per_picture: Annotated[float, Field(ge=0)]
    """Processor time of one thread, on the machine that measured."""
    bins: tuple[SizeBin, ...] = Field(strict=False)


# Which formats of weights the adapter of a family can open; at least one of them must be given.
FORMATS: Mapping[str, frozenset[str]] = {
    "yolo26": frozenset({"onnx", "torch"}),
    "ultralytics": frozenset({"onnx", "pt", "engine"}),
    "centerface": frozenset({"onnx"}),
    "yunet": frozenset({"onnx"}),
    "egoblur": frozenset({"torchscript"}),
}


class Card(_Section):
    """A model card (``models/cards/NAME.toml``, or one of the user's own)."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    version: str
    family: Literal["yolo26", "ultralytics", "centerface", "yunet", "egoblur"]
    """Which adapter reads it."""
    classes: tuple[Literal["face", "plate", "other"], ...] = Field(min_length=1, strict=False)
    """What the network's classes are, in its own order; "other" is dropped."""
    licence: str
    description: str
    training_data: tuple[str, ...] = Field(default=(), strict=False)
    weaknesses: tuple[str, ...] = Field(default=(), strict=False)
    input: InputFormat
    thresholds: Thresholds
    onnx: WeightsFile | None = None
    torch: WeightsFile | None = None
    """safetensors with a description of the network."""
    pt: WeightsFile | None = None
    """A checkpoint of ultralytics: a pickle, that is code, opened only because its digest is pinned here."""
    engine: WeightsFile | None = None
    """A TensorRT engine, built for one kind of GPU."""
    torchscript: WeightsFile | None = None
    evaluation: tuple[Evaluation, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        given = set(self.files)
        allowed = FORMATS[self.family]
        if not given or not given <= allowed:
            raise ValueError(f"a card of family {self.family} gives one or more of the tables {sorted(allowed)}")
        if not self.finds:
            raise ValueError("none of the classes is a face or a plate")
        return self

    @property
    def finds(self) -> frozenset[Kind]:
        return frozenset(Kind(c) for c in self.classes if c != "other")

    @property
    def files(self) -> dict[str, WeightsFile]:
        """The files of weights by format, in a fixed order."""
        formats = ("onnx", "torch", "pt", "engine", "torchscript")
        return {f: w for f in formats if (w := getattr(self, f)) is not None}

    @property
    def can_be_pulled(self) -> bool:
        """Whether its weights don't come with redact but can be fetched."""
        return any(w.url for w in self.files.values())


def load_cards() -> dict[str, Card]:
    """All cards by name: those that come with redact, then the user's.

    Raises WeightsError for a card that is not exactly right, or a user's that takes another one's name.
    """
    return dict(_load(card_files(), user_card_files()))


@lru_cache(maxsize=8)
def _load(ours: tuple[Path, ...], users: tuple[Path, ...]) -> dict[str, Card]:
    cards: dict[str, Card] = {}
    for file in (*ours, *users):
        remedy = "Correct or remove it." if file in users else "Install redact again."
        card = read_card(file, remedy)
        if card.name in cards:
            raise WeightsError(f"{file}: another model card has the name {card.name!r}.", "Give it another name.")
        cards[card.name] = card
    return cards


def read_card(file: Path, remedy: str = "Correct it.") -> Card:
    """Reads one card. Raises WeightsError, with ``remedy``, for anything that is not exactly right."""
    try:
        return Card.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise WeightsError(f"{file}: the model card cannot be read: {e}.", remedy) from None
    except ValidationError as e:
        first = e.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "card"
        raise WeightsError(f"{file}: not a valid model card: {where}: {first['msg'].lower()}.", remedy) from None


def load_card(name: str) -> Card:
    """The card of a detector. Raises WeightsError for an unknown name."""
    cards = load_cards()
    if name not in cards:
        raise WeightsError(
            f"There is no detector called {name!r}.", f"`redact models list` shows them: {', '.join(cards)}."
        )
    return cards[name]


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal. Raises OSError."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()


def checked_weights(weights: WeightsFile) -> Path:
    """The path of a weights file whose digest is the card's; nothing reads it before this.

    Raises WeightsError where it is missing or another file.
    """
    path = weights_file(weights.location)
    try:
        found = file_sha256(path)
    except OSError as e:
        remedy = (
            "Fetch them with `redact models pull`; `redact models list` shows the names."
            if weights.url
            else "Install redact again; `redact doctor` lists what is missing."
        )
        raise WeightsError(f"{path}: the weights cannot be read: {e.strerror}.", remedy) from None
    if found != weights.sha256:
        raise WeightsError(
            f"{path}: these are not the weights that the card describes (SHA-256 {found}, expected {weights.sha256}).",
            "Fetch or install them again; do not use this file.",
        )
    return path
