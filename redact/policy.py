"""The recipe: what to obscure, how, and what a release may carry. Strict TOML, checked before any work.

A recipe must name what it obscures; there is no built-in "nothing". Every other value has the
default of ``public-release``. Durations are seconds, sizes are pixels, as the key's name says.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from redact.errors import RecipeError
from redact.findings import Kind
from redact.mistakes import in_words, where

Score = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=60)]


class Method(StrEnum):
    """How a region is obscured."""

    BLUR = "blur"
    MOSAIC = "mosaic"
    SOLID = "solid"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ObscurePolicy(_Section):
    """``[obscure]``: what is hidden and how."""

    kinds: tuple[Literal["face", "plate"], ...] = Field(min_length=1, strict=False)
    method: Literal["blur", "mosaic", "solid"] = "blur"
    shape: Literal["ellipse", "box"] = "ellipse"
    """Faces are covered by this shape; plates always by a box."""
    cells: Annotated[int, Field(ge=1, le=6)] = 2
    """Grid of averages that may remain inside a region, per side."""
    face_padding: Annotated[float, Field(ge=0, le=2)] = 0.2
    """Grown on each side by this share of the detected width and height."""
    plate_padding: Annotated[float, Field(ge=0, le=2)] = 0.15


class DetectPolicy(_Section):
    """``[detect]``: who looks, how closely and how often."""

    detectors: tuple[str, ...] = Field(default=("redact-pico",), min_length=1, strict=False)
    size_px: Annotated[int, Field(ge=128, le=8192)] = 1600
    """Long side of the picture that the detectors see, of sources up to full HD; see ``shown_share``."""
    look_seconds: Annotated[float, Field(ge=0, le=2)] = 0.125
    """The detectors look at least this often; at every frame where frames are further apart."""
    second_detectors: tuple[str, ...] = Field(default=("centerface",), strict=False)
    """Detectors of another descent whose findings are added, at their own size and pace."""
    second_size_px: Annotated[int, Field(ge=128, le=8192)] = 960
    second_look_seconds: Annotated[float, Field(ge=0, le=20)] = 0.6
    low_score: Score = 0.10
    """Findings below this are dropped; from here on they may continue a track."""
    high_score: Score = 0.30
    """Findings from this score on may begin a track."""

    @model_validator(mode="after")
    def _order(self) -> DetectPolicy:
        if self.low_score > self.high_score:
            raise ValueError("needs a low_score that does not exceed its high_score")
        return self


class TrackPolicy(_Section):
    """``[track]``: how findings become regions without a clear frame between them."""

    lead_in_seconds: Seconds = 0.5
    lead_out_seconds: Seconds = 0.5
    max_gap_seconds: Seconds = 1.5
    """A track that is seen again within this time is covered all through."""
    single_score: Score = 0.5
    """A finding in one examined frame alone counts only from this score on."""


class AudioPolicy(_Section):
    """``[audio]``: speech identifies people too."""

    mode: Literal["drop", "keep"] = "drop"


class DamagePolicy(_Section):
    """``[damage]``: what to do with a source that cannot be decoded cleanly."""

    on_damage: Literal["refuse", "black"] = "refuse"


class StreamPolicy(_Section):
    """``[streams]``: which video stream; -1 means the only one, and several are refused."""

    video_index: Annotated[int, Field(ge=-1, le=64)] = -1


class VerifyPolicy(_Section):
    """``[verify]``: how closely the finished file is looked at again."""

    look_seconds: Annotated[float, Field(ge=0, le=60)] = 0.6
    """The detectors look at the release at least this often, at another scale."""
    detectors: tuple[str, ...] = Field(default=(), strict=False)
    """Detectors that look at the release; all of ``[detect]`` where empty."""
    min_score: Score = 0.5
    """A finding outside the plan from this score on fails the release."""


class EncodePolicy(_Section):
    """``[encode]``: quality of the released picture."""

    crf: Annotated[int, Field(ge=0, le=28)] = 20
    """x264/x265 constant rate factor: lower is better and larger."""
    preset: Literal["ultrafast", "superfast", "veryfast", "faster", "fast", "medium"] = "veryfast"


# What one size misses by chance another may see.
VERIFY_SCALE = 0.8


class Detail(StrEnum):
    """How closely to look, for those who don't write a recipe: what is set, and what it costs, in docs/recipes.md."""

    LOW = "low"
    HIGH = "high"


# The cheap and the thorough end of the curve in benchmarks/results/detail.md; the default is its knee.
_DETAIL: dict[Detail, dict[str, float]] = {
    Detail.LOW: {"size_px": 960, "look_seconds": 0.125, "second_size_px": 640},
    Detail.HIGH: {"size_px": 2560, "look_seconds": 0.0, "second_size_px": 1280},
}


@dataclass(frozen=True, slots=True)
class Verifier:
    """A detector that looks at the finished release; ``size_px`` as in a recipe."""

    detector: str
    size_px: int


class Policy(_Section):
    """A whole recipe."""

    schema_version: Literal[1] = Field(alias="schema")
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
    description: str = ""
    obscure: ObscurePolicy
    detect: DetectPolicy = DetectPolicy()
    track: TrackPolicy = TrackPolicy()
    audio: AudioPolicy = AudioPolicy()
    damage: DamagePolicy = DamagePolicy()
    streams: StreamPolicy = StreamPolicy()
    verify: VerifyPolicy = VerifyPolicy()
    encode: EncodePolicy = EncodePolicy()

    @property
    def kinds(self) -> frozenset[Kind]:
        """What this recipe obscures."""
        return frozenset(Kind(k) for k in self.obscure.kinds)

    @property
    def least_score(self) -> float:
        """The lowest score that any of its steps asks for."""
        return min(self.detect.low_score, self.verify.min_score)

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """Who looks at the finished release, each once, at another scale than in pass 1."""
        d = self.detect
        names = dict.fromkeys(self.verify.detectors or (*d.detectors, *d.second_detectors))
        sizes = dict.fromkeys(d.second_detectors, d.second_size_px)
        return tuple(Verifier(n, round(sizes.get(n, d.size_px) * VERIFY_SCALE)) for n in names)

    def looking(self, detail: Detail) -> Policy:
        """The same recipe, looking as closely as ``detail`` says."""
        return self.model_copy(update={"detect": self.detect.model_copy(update=_DETAIL[detail])})

    @property
    def sha256(self) -> str:
        """Digest of the values (not of comments or spacing), hexadecimal."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()


def _line_of(text: str, path: tuple[int | str, ...]) -> int:
    """The line on which ``path`` (section, key) stands in a TOML text; its section's line if absent; else 1."""
    section, found = "", 1
    keys = [str(p) for p in path if isinstance(p, str)]
    for number, line in enumerate(text.splitlines(), 1):
        head = re.match(r"\s*\[\s*([^\]]+?)\s*\]", line)
        if head:
            section = head[1]
            if keys[:1] == [section]:
                found = number
            continue
        key = re.match(r"""\s*["']?([^"'=\s]+)["']?\s*=""", line)
        if key:
            here = [section, key[1]] if section else key[1].split(".")
            if here == keys[: len(here)]:
                return number
    return found


_REMEDY = "The keys and their meaning are in docs/recipes.md."
_MEANING = {
    "extra_forbidden": "is not a key that recipes have",
    "string_pattern_mismatch": "is wrong: small letters, digits and hyphens are allowed, 64 at most, no hyphen first",
}


def parse_policy(text: str, origin: str) -> Policy:
    """Parses a recipe.

    Raises RecipeError naming ``origin``, the line and the key for anything that is not exactly right.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise RecipeError(f"{origin}: not valid TOML: {e}.", _REMEDY) from None
    if not values:
        raise RecipeError(f"{origin}: the recipe is empty; it must say at least what to obscure.", _REMEDY)
    try:
        return Policy.model_validate(values)
    except ValidationError as e:
        # A key that is misspelt is missing, too; what was written is what is to be corrected.
        first = min(e.errors(), key=lambda error: error["type"] != "extra_forbidden")
        path = first["loc"]
        what = _MEANING.get(first["type"]) or in_words(first)
        raise RecipeError(f"{origin}, line {_line_of(text, path)}: {where(path)} {what}.", _REMEDY) from None


def check_detectors(policy: Policy, finds: Mapping[str, frozenset[Kind]], origin: str, text: str = "") -> None:
    """Refuses a recipe that promises what its detectors cannot keep: what nobody looks for is released clear.

    ``finds``: what each detector that there is finds, by name. ``text``: the recipe as it is written, if
    it is. Raises RecipeError naming ``origin``, the line in ``text`` and the key.
    """
    for path, what, remedy in _beyond(policy, finds):
        line = f", line {_line_of(text, path)}" if text else ""
        raise RecipeError(f"{origin}{line}: {where(path)}: {what}.", remedy)


def _beyond(policy: Policy, finds: Mapping[str, frozenset[Kind]]) -> Iterator[tuple[tuple[str, str], str, str]]:
    """What is asked of detectors that there are not, or that cannot do it: key, sentence, what to do."""
    detect, verify = policy.detect, policy.verify
    named = (
        (("detect", "detectors"), detect.detectors),
        (("detect", "second_detectors"), detect.second_detectors),
        (("verify", "detectors"), verify.detectors),
    )
    for path, names in named:
        for name in names:
            if name not in finds:
                yield (
                    path,
                    f"there is no detector called {name!r}",
                    f"`redact models list` shows them: {', '.join(finds)}.",
                )
    looking = (*detect.detectors, *detect.second_detectors)
    for path, names, who in (
        (("obscure", "kinds"), looking, "detector of this recipe"),
        (("verify", "detectors"), verify.detectors or looking, "detector that looks at the release"),
    ):
        for kind in sorted(policy.kinds.difference(*(finds[n] for n in names))):
            yield path, f"no {who} finds {kind}s", "`redact models list` shows what each detector finds."


def load_policy(file: Path, finds: Mapping[str, frozenset[Kind]]) -> Policy:
    """Reads a recipe file; ``finds``: what each detector that there is finds, by name.

    Raises RecipeError where it is missing, unreadable or wrong.
    """
    try:
        text = file.read_text(encoding="utf-8-sig")  # Windows Notepad begins a file with a mark of order
    except OSError as e:
        what = f"{file}: the recipe cannot be read: {e.strerror}."
        raise RecipeError(what, "Check the path and its permissions.") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{file}: the recipe is not UTF-8 text.", "Save it as UTF-8.") from None
    policy = parse_policy(text, str(file))
    check_detectors(policy, finds, str(file), text)
    return policy
