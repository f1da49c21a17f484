"""What lies there stays: originals always, through links too; anything else unless ``--force`` is given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from commands import redact, refused
from PIL import Image

from redact.plan_io import dump_plan, parse_plan


@pytest.fixture
def clip(plain_clip: Path, tmp_path: Path) -> Path:
    """A copy of the plain clip, alone in its folder."""
    return Path(shutil.copy(plain_clip, tmp_path / "in.mp4"))


@pytest.mark.parametrize("link", ["", "symbolic", "hard"])
def test_a_plan_is_not_written_onto_the_footage(link: str, clip: Path) -> None:
    before, output = clip.read_bytes(), clip
    if link:
        output = clip.with_name("link.mp4")
        output.symlink_to(clip) if link == "symbolic" else output.hardlink_to(clip)
    refused(redact("plan", clip, "-o", output, "--force", cwd=clip.parent), 2, "the output is the input")
    assert clip.read_bytes() == before


def test_a_plan_is_not_written_onto_the_recipe(clip: Path) -> None:
    recipe = clip.with_name("mine.toml")
    recipe.write_text('schema = 1\nname = "mine"\n')
    refused(redact("plan", clip, "-r", recipe, "-o", recipe, "--force", cwd=clip.parent), 2, "the output is the input")
    assert recipe.read_text().startswith("schema")


@pytest.mark.parametrize("beside", ["plan", "record"])
def test_what_lies_beside_a_release_is_not_overwritten(beside: str, clip: Path) -> None:
    """A plan that a person corrected, above all."""
    there = clip.with_name(f"out.mp4.{beside}.json")
    there.write_text("corrected by hand")
    refused(redact("run", clip, "-o", "out.mp4", cwd=clip.parent), 2, there.name, "exists already", "--force")
    picture = clip.with_name("in.png")
    Image.new("RGB", (64, 48)).save(picture)
    there = there.rename(clip.with_name(f"out.png.{beside}.json"))
    refused(redact("run", picture, "-o", "out.png", cwd=clip.parent), 2, there.name, "exists already", "--force")
    assert there.read_text() == "corrected by hand"
    assert sorted(clip.parent.iterdir()) == sorted([clip, picture, there])


def test_a_plan_may_lie_where_its_release_will(clip: Path) -> None:
    """Corrected where it lies, or made there: it is rendered by, and stays what it is."""
    plan = clip.with_name("out.mp4.plan.json")
    words = ("render", clip, "--plan", plan, "-o", "out.mp4")
    assert redact("plan", clip, "-o", plan, cwd=clip.parent).returncode == 0
    made = parse_plan(plan.read_text(), "plan")
    plan.write_text(dump_plan(made).replace("\n", ""))
    done = redact(*words, cwd=clip.parent)
    assert done.returncode == 0, done.stderr
    assert parse_plan(plan.read_text(), "plan") == made
    clip.with_name("out.mp4").unlink()
    clip.with_name("out.mp4.record.json").unlink()
    other = clip.with_name("other.json")
    other.write_text(dump_plan(made).replace('"black": []', '"black": [3]'))
    refused(redact("render", clip, "--plan", other, "-o", "out.mp4", cwd=clip.parent), 2, "plan.json", "exists already")
    assert parse_plan(plan.read_text(), "plan") == made
