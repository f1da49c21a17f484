"""Model cards: what a model is, which file it is by digest, what it was trained on and how well it does."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from redact.errors import WeightsError
from redact.findings import Kind
from redact.resources import card_files, weights_file

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class WeightsFile(_Section):
    """One file of weights: where it lies (see ``resources.weights_file``) and its digest."""

    location: str
    sha256: Digest


class Card(_Section):
    """A model card (``models/cards/NAME.toml``)."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    version: str
    family: Literal["yolo26", "centerface", "yunet"]
    """Which adapter reads it."""
    kinds: tuple[Literal["face", "plate"], ...] = Field(min_length=1, strict=False)
    licence: str
    description: str
    onnx: WeightsFile
    torch: WeightsFile | None = None
    training_data: tuple[str, ...] = Field(default=(), strict=False)
    evaluation: dict[str, str] = {}
    """Measured figures, each a sentence by name."""
    weaknesses: tuple[str, ...] = Field(default=(), strict=False)

    @property
    def finds(self) -> frozenset[Kind]:
        return frozenset(Kind(k) for k in self.kinds)


@cache
def load_cards() -> dict[str, Card]:
    """All cards by name. Raises WeightsError for a card that is not exactly right."""
    cards = {}
    for file in card_files():
        try:
            card = Card.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
        except (tomllib.TOMLDecodeError, ValidationError) as e:
            raise WeightsError(f"{file}: not a valid model card: {e}.", "Install redact again.") from None
        cards[card.name] = card
    return cards


def load_card(name: str) -> Card:
    """The card of a detector. Raises WeightsError for an unknown name."""
    cards = load_cards()
    if name not in cards:
        raise WeightsError(
            f"There is no detector called {name!r}.", f"`redact models list` shows them: {', '.join(cards)}."
        )
    return cards[name]


def checked_weights(weights: WeightsFile) -> Path:
    """The path of a weights file whose digest is the card's; nothing reads it before this.

    Raises WeightsError where it is missing or another file.
    """
    path = weights_file(weights.location)
    try:
        with path.open("rb") as f:
            found = hashlib.file_digest(f, "sha256").hexdigest()
    except OSError as e:
        raise WeightsError(
            f"{path}: the weights cannot be read: {e.strerror}.",
            "Install redact again; `redact doctor` lists what is missing.",
        ) from None
    if found != weights.sha256:
        raise WeightsError(
            f"{path}: these are not the weights that the card describes (SHA-256 {found}, expected {weights.sha256}).",
            "Fetch or install them again; do not use this file.",
        )
    return path
