"""What was not painted, or not as the recipe says, is told by verification: a renderer that errs, in each way."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from clips import Clip, write_clip
from here import Here
from PIL import Image

import redact
from redact import rendering, stills
from redact.errors import VerificationError
from redact.findings import KeyBox, Kind, RedactionPlan, StoredRegion, Track
from redact.geometry import Box
from redact.obscure import FramePlanes, Obscurer
from redact.policy import Policy
from redact.run.local import LocalRunner

BASE = redact.policy_of("public-release")
FRAMES = 20
# Two that overlap and one apart; a detector finds nothing in these clouds of colour.
PLACES = (Box(40, 40, 120, 130), Box(90, 80, 170, 170), Box(220, 60, 262, 110))


def _clouds(width: int = 320, height: int = 240, seed: int = 4) -> np.ndarray:
    """(height, width, 3): as soft as a face out of focus, without any edge, and colourful."""
    rough = np.random.default_rng(seed).integers(0, 256, (height // 16, width // 16, 3)).astype(np.uint8)
    return cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)


def _moving(clip: Clip, i: int) -> np.ndarray:
    return np.ascontiguousarray(_clouds(clip.width + 80, clip.height)[:, i : i + clip.width])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clip = Clip(frames=FRAMES, options=(("crf", "12"),))
    return write_clip(tmp_path_factory.mktemp("clouds") / "clouds.mp4", clip, _moving)


@pytest.fixture(scope="module")
def plan(source: Path, runner: LocalRunner) -> RedactionPlan:
    tracks = tuple(
        Track(n, Kind.FACE, (KeyBox(0, b), KeyBox(FRAMES - 1, b.move(8, 4)))) for n, b in enumerate(PLACES, 1)
    )
    return replace(redact.plan(source, BASE, runner=runner), tracks=tracks)


def _policy(method: str) -> Policy:
    return BASE.model_copy(update={"obscure": BASE.obscure.model_copy(update={"method": method})})


class Without(Obscurer):
    """Leaves one region out."""

    track = 1

    def apply(self, frame: FramePlanes, regions: Sequence[StoredRegion]) -> None:
        super().apply(frame, [r for r in regions if r.track != self.track])


class WithoutSecond(Without):
    track = 2


class WithoutThird(Without):
    track = 3


class InOneFrame(Obscurer):
    """Leaves a region out of one frame, between two looks."""

    seen = 0

    def apply(self, frame: FramePlanes, regions: Sequence[StoredRegion]) -> None:
        self.seen += 1
        super().apply(frame, [r for r in regions if self.seen != 8 or r.track != 3])


class LumaOnly(Obscurer):
    def apply(self, frame: FramePlanes, regions: Sequence[StoredRegion]) -> None:
        before = [p.data.copy() for p in frame.planes]
        super().apply(frame, regions)
        for p, b in list(zip(frame.planes, before, strict=True))[1:]:
            p.data[...] = b


class ChromaOnly(Obscurer):
    def apply(self, frame: FramePlanes, regions: Sequence[StoredRegion]) -> None:
        before = frame.planes[0].data.copy()
        super().apply(frame, regions)
        frame.planes[0].data[...] = before


class Nothing(Obscurer):
    def apply(self, frame: FramePlanes, regions: Sequence[StoredRegion]) -> None:
        pass


ERRORS = (Nothing, Without, WithoutSecond, WithoutThird, InOneFrame, LumaOnly, ChromaOnly)


def _failed(folder: Path) -> list[str]:
    record = json.loads((folder / "record.json").read_text())
    return [c["name"] for c in record["verification"]["checks"] if not c["passed"]]


@pytest.mark.parametrize("method", ["blur", "mosaic", "solid"])
def test_what_is_painted_well_is_released(method: str, source: Path, plan: RedactionPlan, tmp_path: Path) -> None:
    redact.render(source, plan, tmp_path / "out.mp4", _policy(method), runner=Here())
    record = json.loads((tmp_path / "out.mp4.record.json").read_text())
    (numbers,) = (c["numbers"] for c in record["verification"]["checks"] if c["name"] == "detail")
    assert numbers["fitted"] == 3 * FRAMES, "each region of each frame, overlapped or not"


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("method", ["blur", "mosaic", "solid"])
def test_an_error_of_the_renderer_is_quarantined(
    method: str,
    error: type[Obscurer],
    source: Path,
    plan: RedactionPlan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rendering, "Obscurer", error)
    with pytest.raises(VerificationError):
        redact.render(source, plan, tmp_path / "out.mp4", _policy(method), runner=Here())
    assert _failed(tmp_path / "out.mp4.quarantine") == ["detail"]


def test_blurred_is_not_solid(
    source: Path, plan: RedactionPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering, "Obscurer", lambda _, given=(): Obscurer(BASE.obscure, given))
    with pytest.raises(VerificationError):
        redact.render(source, plan, tmp_path / "out.mp4", _policy("solid"), runner=Here())


def test_a_black_frame_that_is_not_black_is_quarantined(
    source: Path, plan: RedactionPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dark = replace(plan, black=(7,))
    redact.render(source, dark, tmp_path / "out.mp4", BASE, runner=Here())
    monkeypatch.setattr(rendering, "black", lambda _: None)
    with pytest.raises(VerificationError, match="Frame 7"):
        redact.render(source, dark, tmp_path / "again.mp4", BASE, runner=Here())


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("error", [None, Nothing, Without, WithoutSecond, WithoutThird])
def test_a_picture_is_judged_as_a_frame_is(
    error: type[Obscurer] | None, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / f"in{suffix}"
    Image.fromarray(_clouds()).save(source)
    tracks = tuple(Track(n, Kind.FACE, (KeyBox(0, b),)) for n, b in enumerate(PLACES, 1))
    made = replace(redact.plan(source, BASE), tracks=tracks)
    if error is None:
        redact.render(source, made, tmp_path / f"out{suffix}", BASE)
        return
    monkeypatch.setattr(stills, "Obscurer", error)
    with pytest.raises(VerificationError):
        redact.render(source, made, tmp_path / f"out{suffix}", BASE)
    assert _failed(tmp_path / f"out{suffix}.quarantine") == ["detail"]


def test_a_picture_that_changed_beside_its_regions_is_quarantined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.png"
    Image.fromarray(_clouds()).save(source)
    real = stills.write_image
    monkeypatch.setattr(stills, "write_image", lambda p, *rest: real(np.ascontiguousarray(p[::-1]), *rest))
    with pytest.raises(VerificationError):
        redact.run(source, tmp_path / "out.png")
    assert "outside" in _failed(tmp_path / "out.png.quarantine")
