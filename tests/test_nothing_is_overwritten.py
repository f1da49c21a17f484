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


def _requests(folder: Path, clip: Path, name: str = "requests.csv") -> Path:
    asked = folder / name
    asked.write_text(f"id,source,operator,purpose,legal_basis\n1,{clip},window 3,a test,none\n")
    return asked


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
@pytest.mark.parametrize("target", ["in.mp4", "link.mp4", "requests.csv", "notes.txt"])
def test_events_are_not_appended_to_anything_else(target: str, dry: tuple[str, ...], clip: Path) -> None:
    asked = _requests(clip.parent, clip)
    clip.with_name("link.mp4").symlink_to(clip)
    clip.with_name("notes.txt").write_text("notes of mine\n")
    before = {f: f.read_bytes() for f in clip.parent.iterdir()}
    done = redact("batch", asked, "-o", "out", "--events", target, *dry, cwd=clip.parent)
    refused(done, 2, target, "events" if target == "notes.txt" else "is an input of this batch")
    assert {f: f.read_bytes() for f in clip.parent.iterdir()} == before


def test_events_are_appended_to_those_of_an_earlier_batch(clip: Path) -> None:
    events = clip.with_name("events.jsonl")
    for n in (1, 2):
        asked = _requests(clip.parent, clip)
        done = redact("batch", asked, "-o", f"out{n}", "--events", events, cwd=clip.parent)
        assert done.returncode == 0, done.stderr
    assert events.read_text().count('"batch finished"') == 2


def test_a_batch_does_not_overwrite_its_requests_or_a_table_of_mine(clip: Path) -> None:
    out = clip.parent / "out"
    (out / ".batch").mkdir(parents=True)
    asked = _requests(out, clip, "summary.csv")
    before = asked.read_bytes()
    refused(redact("batch", asked, "-o", out, cwd=clip.parent), 2, "the output is the input")
    assert asked.read_bytes() == before
    (out / ".batch").rmdir()
    other = _requests(clip.parent, clip)
    refused(redact("batch", other, "-o", out, cwd=clip.parent), 2, "summary.csv", "no batch wrote it")
    assert asked.read_bytes() == before
