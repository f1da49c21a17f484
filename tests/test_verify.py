"""What verification says in numbers."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import redact
from redact.errors import VerificationError
from redact.meters import DetailMeter, OutsideMeter, Worst
from redact.policy import EncodePolicy
from redact.run.local import LocalRunner
from redact.verify import check_times, coding_noise


def test_times_are_rounded_as_all_numbers_of_a_record_are() -> None:
    """A third of a millisecond has no end in decimals; a record has three of them."""
    at_30 = [0, 1, 2]
    in_ms = [0, 33, 67]
    check = check_times(at_30, Fraction(1, 30), in_ms, Fraction(1, 1000), may_shift=False)
    assert check.passed
    assert check.numbers == {"frames": 3.0, "worst_ms": 0.333}


def test_a_recipe_that_asks_for_noise_is_told_so() -> None:
    """Much compression alone fails some releases: whoever asked for it learns that, and what to ask for."""
    detail, outside = DetailMeter(worst=Worst(5.0, 7), regions=1), OutsideMeter(worst=Worst(5.0, 7), frames=1)
    noise = coding_noise(EncodePolicy(crf=28))
    for check in (detail.check(noise), outside.check(noise)):
        assert not check.passed
        assert check.sentence.startswith("Frame 7 ")
        assert check.sentence.endswith("try crf = 20 and 'veryfast'.")
    assert "coding noise" not in detail.check(coding_noise(EncodePolicy())).sentence
    assert coding_noise(EncodePolicy(preset="ultrafast"))
    assert DetailMeter().check(noise).sentence == "No detail is left inside the regions."


def test_a_picture_of_another_size_is_none_that_was_not_compared() -> None:
    outside = OutsideMeter()
    outside.look(3, np.zeros((48, 64), np.uint8), np.zeros((48, 32), np.uint8), ())
    assert not outside.check().passed


def test_a_coarse_release_that_fails_says_why(shared_clips: Path, runner: LocalRunner, tmp_path: Path) -> None:
    """The clip whose obscured regions lie in much that moves, at the fastest preset."""
    base = redact.policy_of("public-release")
    policy = base.model_copy(update={"encode": EncodePolicy(crf=28, preset="ultrafast")})
    source = next(shared_clips.glob("05*.mp4"))
    with pytest.raises(VerificationError, match=r"At crf = 28 and preset = 'ultrafast' coding noise alone"):
        redact.run(source, tmp_path / "out.mp4", policy, runner=runner)
