"""A recipe that a person has written: what it promises and cannot keep is refused, in words that people understand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import redact as command
from commands import refused

import redact
from redact.errors import RecipeError
from redact.policy import DetectPolicy, Policy, VerifyPolicy

PUBLIC = redact.policy_of("public-release")
FACES_ALONE = DetectPolicy(detectors=("centerface",), second_detectors=())


def _recipe(folder: Path, kinds: str, more: str) -> Path:
    file = folder / "mine.toml"
    file.write_text(f'schema = 1\nname = "mine"\n[obscure]\nkinds = {kinds}\n{more}\n')
    return file


BOTH = '["face", "plate"]'
FACES = '["face"]'


@pytest.mark.parametrize(
    ("kinds", "more", "says"),
    [
        (
            BOTH,
            '[detect]\ndetectors = ["centerface"]\nsecond_detectors = []',
            "line 4: obscure.kinds: no detector of this recipe finds plates.",
        ),
        (
            BOTH,
            '[detect]\ndetectors = ["yunet"]\n',
            "line 4: obscure.kinds: no detector of this recipe finds plates.",
        ),
        (
            BOTH,
            '[verify]\nlook_seconds = 1\ndetectors = ["centerface"]',
            "line 7: verify.detectors: no detector that looks at the release finds plates.",
        ),
        (
            FACES,
            '[detect]\ndetectors = ["redact-pcio"]',
            "line 6: detect.detectors: there is no detector called 'redact-pcio'. `redact models list` shows them: ",
        ),
        (
            FACES,
            '[detect]\nsecond_detectors = ["nosuch"]',
            "line 6: detect.second_detectors: there is no detector called 'nosuch'.",
        ),
        (FACES, '[verify]\ndetectors = ["nosuch"]', "line 6: verify.detectors: there is no detector called 'nosuch'."),
    ],
)
def test_what_no_detector_can_do_is_refused(kinds: str, more: str, says: str, tmp_path: Path) -> None:
    file = _recipe(tmp_path, kinds, more)
    with pytest.raises(RecipeError) as caught:
        redact.policy_of(file)
    assert str(caught.value).startswith(f"{file}, {says}")


@pytest.mark.parametrize("more", ['[detect]\ndetectors = ["centerface"]\nsecond_detectors = []', ""])
def test_faces_alone_need_no_detector_of_plates(more: str, tmp_path: Path) -> None:
    assert redact.policy_of(_recipe(tmp_path, FACES, more)).obscure.kinds == ("face",)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (PUBLIC.model_copy(update={"detect": FACES_ALONE}), "the recipe 'public-release': obscure.kinds: no detector"),
        (
            PUBLIC.model_copy(update={"verify": VerifyPolicy(detectors=("nosuch",))}),
            "the recipe 'public-release': verify.detectors: there is no detector called 'nosuch'.",
        ),
    ],
)
def test_a_recipe_made_in_python_is_held_to_the_same(
    policy: Policy, says: str, plain_clip: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError) as caught:
        redact.run(plain_clip, tmp_path / "out.mp4", policy)
    assert str(caught.value).startswith(says)


def test_run_and_batch_refuse_it(plain_clip: Path, tmp_path: Path) -> None:
    _recipe(tmp_path, BOTH, '[detect]\ndetectors = ["centerface"]\nsecond_detectors = []')
    says = "mine.toml, line 4: obscure.kinds: no detector of this recipe finds plates."
    refused(command("run", plain_clip, "-o", "out.mp4", "-r", "mine.toml", cwd=tmp_path), 2, says)
    asked = {"id": "1", "source": str(plain_clip), "operator": "07", "purpose": "a test", "legal_basis": "none"}
    (tmp_path / "r.jsonl").write_text(json.dumps(asked | {"recipe": "mine.toml"}))
    done = command("batch", "r.jsonl", "-o", "out", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert says in " ".join(done.stderr.split())
    assert not (tmp_path / "out").exists()


def test_a_recipe_that_notepad_saved(tmp_path: Path) -> None:
    file = _recipe(tmp_path, FACES, "")
    file.write_text(file.read_text(), encoding="utf-8-sig")
    assert redact.policy_of(file).name == "mine"
    file.write_text(file.read_text(encoding="utf-8-sig"), encoding="utf-16")
    with pytest.raises(RecipeError, match=r"mine\.toml: the recipe is not UTF-8 text\. Save it as UTF-8\.$"):
        redact.policy_of(file)


@pytest.mark.parametrize(
    ("kinds", "more", "says"),
    [
        ("[]", "", "line 4: obscure.kinds must have at least 1 item, got 0."),
        ('"face"', "", "line 4: obscure.kinds must be a list, in square brackets, got 'face'."),
        ('["face", "car"]', "", "line 4: obscure.kinds item 2 must be 'face' or 'plate', got 'car'."),
        (FACES, "[detect]\nlow_score = 0.5", "line 5: detect needs a low_score that does not exceed its high_score."),
        (FACES, "[detect]\nsize_px = 1e3", "line 6: detect.size_px must be a whole number, got 1000.0."),
        (FACES, "[detect]\nlow_score = true", "line 6: detect.low_score must be a number, got True."),
        (FACES, '[encode]\npreset = "slow"', "line 6: encode.preset must be 'ultrafast', 'superfast', "),
        (FACES, "cells = 0", "line 5: obscure.cells must be at least 1, got 0."),
        (FACES, "colour = 1", "line 5: obscure.colour is not a key that recipes have."),
    ],
)
def test_mistakes_are_told_in_plain_words(kinds: str, more: str, says: str, tmp_path: Path) -> None:
    file = _recipe(tmp_path, kinds, more)
    with pytest.raises(RecipeError) as caught:
        redact.policy_of(file)
    assert caught.value.message.startswith(f"{file}, {says}")


def test_a_key_that_is_misspelt_is_named_and_not_what_is_missing_for_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('schema = 1\nname = "mine"\n[obscure]\nkind = ["face"]\n')
    with pytest.raises(RecipeError, match=r"mine\.toml, line 4: obscure\.kind is not a key that recipes have\."):
        redact.policy_of(file)
