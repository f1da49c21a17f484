"""What verification finds in a release because something was painted there, and what the source shows as well."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from here import Here
from PIL import Image

import redact
from redact import checking, stills
from redact.errors import VerificationError
from redact.findings import Detection, KeyBox, Kind, RedactionPlan, Region, Track
from redact.geometry import Box
from redact.media.frames import View
from redact.verify import is_painted

REGION = Box(100, 60, 180, 160)
LARGE = Detection(Kind.FACE, Box(60, 20, 260, 220), 0.7)  # a fifth of it is under the region
CLEAR = Detection(Kind.FACE, Box(200, 20, 260, 90), 0.7)  # nothing of it is


REGIONS = [Region(1, Kind.FACE, REGION)]


def test_for_what_lies_beside_all_regions_the_source_is_not_even_asked() -> None:
    asked: list[int] = []

    def source() -> list[Detection]:
        asked.append(1)
        return []

    assert not is_painted(CLEAR, REGIONS, source)
    assert not asked
    assert is_painted(LARGE, REGIONS, source)


@pytest.mark.parametrize(
    ("source", "there"),
    [
        ([], False),
        ([LARGE], True),
        ([Detection(Kind.PLATE, LARGE.box, 0.9)], False),
        ([Detection(Kind.FACE, Box(40, 30, 240, 230), 0.1)], True),  # a little off, and doubtful
        ([Detection(Kind.FACE, Box(0, 0, 320, 400), 0.1)], True),  # it is a part of that
        ([Detection(Kind.FACE, REGION, 0.9)], False),  # that is what was covered
    ],
)
def test_what_the_source_shows_is_not_painted(source: Sequence[Detection], there: bool) -> None:
    assert is_painted(LARGE, REGIONS, lambda: source) is not there


class _Finds:
    """Stands for the search of a release, and finds one thing in each picture of it."""

    found = LARGE

    def __init__(self, *_: object) -> None: ...

    def find_all(self, shown: Sequence[View]) -> list[list[Detection]]:
        return [[self.found] for _ in shown]


@pytest.fixture(params=["video", "picture"])
def planned(
    request: pytest.FixtureRequest, plain_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, RedactionPlan, Path]:
    """A source, a plan that covers REGION all through, and where the release goes."""
    source, output = plain_clip, tmp_path / "out.mp4"
    if request.param == "picture":
        source, output = tmp_path / "in.png", tmp_path / "out.png"
        y, x = np.mgrid[0:240, 0:320]
        Image.fromarray(np.stack([x % 256, y % 256, (x + y) // 2 % 256], 2).astype(np.uint8)).save(source)
    plan = redact.plan(source, runner=Here())
    keys = (KeyBox(0, REGION), KeyBox(plan.source.frames - 1, REGION))
    return source, replace(plan, tracks=(Track(1, Kind.FACE, keys[: plan.source.frames]),)), output


def _somebody_sees(monkeypatch: pytest.MonkeyPatch, released: Detection, original: list[Detection]) -> None:
    """What detectors find in the release, and in the source."""
    monkeypatch.setattr(_Finds, "found", released)
    monkeypatch.setattr(checking, "Searcher", _Finds)
    monkeypatch.setattr(checking, "find", lambda *_: iter(original))
    policy = redact.policy_of("public-release")

    def find(_name: str, _policy: object, min_score: float, _shown: View) -> list[Detection]:
        return [released] if min_score == policy.verify.min_score else original

    monkeypatch.setattr(stills, "find", find)


def test_what_only_the_release_shows_is_counted_and_let_go(
    planned: tuple[Path, RedactionPlan, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    source, plan, output = planned
    _somebody_sees(monkeypatch, LARGE, [])
    outcome = redact.render(source, plan, output, runner=Here())
    (leaks,) = (c for c in json.loads(outcome.record.read_text())["verification"]["checks"] if c["name"] == "leaks")
    assert leaks["passed"]
    assert leaks["numbers"]["painted"] == 2 * leaks["numbers"]["frames"], "two detectors search each"


@pytest.mark.parametrize(("released", "original"), [(LARGE, [LARGE]), (CLEAR, [])])
def test_what_the_source_shows_or_nothing_was_painted_on_is_clear(
    released: Detection,
    original: list[Detection],
    planned: tuple[Path, RedactionPlan, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, plan, output = planned
    _somebody_sees(monkeypatch, released, original)
    with pytest.raises(VerificationError, match="shows a clear face"):
        redact.render(source, plan, output, runner=Here())
    assert not output.exists()
