"""The commands as people type them: what they read and write, and what they say."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from commands import redact, refused
from PIL import Image

from redact.detect.cards import load_cards


def _picture(file: Path, width: int = 320, height: int = 240) -> Path:
    """A picture of a gradient: no face, no plate."""
    y, x = np.mgrid[0:height, 0:width]
    Image.fromarray(np.stack([x % 256, y % 256, (x + y) // 2 % 256], 2).astype(np.uint8)).save(file)
    return file


def _files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*")}


def test_nothing_is_written_outside_the_named_folders(tmp_path: Path) -> None:
    """Libraries keep identifiers and caches in the home folder, and send what they saw, unless they are told not to."""
    home = tmp_path / "home"
    home.mkdir()
    source = _picture(tmp_path / "in.png")
    done = redact("run", source, "-o", tmp_path / "out.png", cwd=tmp_path, HOME=str(home), XDG_CACHE_HOME="")
    assert done.returncode == 0, done.stderr
    assert not _files(home)
    assert _files(tmp_path) == {"home", "in.png", "out.png", "out.png.plan.json", "out.png.record.json"}


@pytest.mark.parametrize("command", [("doctor",), ("models", "list")])
def test_digests_are_shown_whole_however_narrow_the_terminal(command: tuple[str, ...], tmp_path: Path) -> None:
    done = redact(*command, cwd=tmp_path, COLUMNS="60")
    shown = "".join(done.stdout.split())
    digests = {w.sha256 for card in load_cards().values() for w in card.files.values() if not w.url}
    assert digests
    for digest in digests:
        assert digest in shown
    assert "\N{HORIZONTAL ELLIPSIS}" not in done.stdout


def test_a_dry_run_writes_nothing(plain_clip: Path, tmp_path: Path) -> None:
    """Not the folder of the batch, nor those above it, nor the file of events; what is there already stays as it is."""
    asked = tmp_path / "requests.csv"
    asked.write_text(f"id,source,operator,purpose,legal_basis\n1,{plain_clip},window 3,a test,none\n")
    words = ("batch", asked, "--dry-run", "--events", tmp_path / "events.jsonl", "-o")
    done = redact(*words, tmp_path / "new" / "folder", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "50 frames" in done.stdout
    assert _files(tmp_path) == {"requests.csv"}

    earlier = tmp_path / "earlier"
    (earlier / ".batch").mkdir(parents=True)
    before = _files(tmp_path)
    done = redact(*words, earlier, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert _files(tmp_path) == before


def test_a_dry_run_tells_that_the_folder_cannot_be_made(plain_clip: Path, tmp_path: Path) -> None:
    asked = tmp_path / "requests.csv"
    asked.write_text(f"id,source,operator,purpose,legal_basis\n1,{plain_clip},window 3,a test,none\n")
    done = redact("batch", asked, "--dry-run", "-o", asked / "folder", cwd=tmp_path)
    assert done.returncode == 2
    assert "requests.csv': is a file" in done.stderr


def test_detect_looks_into_folders(tmp_path: Path) -> None:
    (tmp_path / "in" / "below").mkdir(parents=True)
    first, second = _picture(tmp_path / "in" / "b.png"), _picture(tmp_path / "in" / "a.jpg")
    below = _picture(tmp_path / "in" / "below" / "c.png")
    (tmp_path / "in" / "notes.txt").write_text("no picture")

    def looked_at(*words: str) -> list[str]:
        done = redact("detect", "in", "--json", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return [json.loads(line)["file"] for line in done.stdout.splitlines()]

    shown = [str(f.relative_to(tmp_path)) for f in (second, first, below)]
    assert looked_at() == shown[:2]
    assert looked_at("--recursive") == shown
    empty = tmp_path / "empty"
    empty.mkdir()
    done = redact("detect", empty, cwd=tmp_path)
    assert done.returncode == 2
    assert "holds no video or picture" in done.stderr


def test_models_are_listed_in_80_columns(tmp_path: Path) -> None:
    """Each measurement on one line, with whole headings."""
    done = redact("models", "list", cwd=tmp_path, COLUMNS="80")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    heads = [line.split() for line in lines if line.startswith(" set ")]
    assert heads
    assert all(len(h) == 12 and h[-3:] == ["covered", "others", "CPU-ms"] for h in heads)
    rows = [line.split() for line in lines if line.startswith((" val ", " far "))]
    assert len(rows) == sum(len(card.evaluation) for card in load_cards().values())
    assert {len(r) for r in rows} == {12}


def test_version(tmp_path: Path) -> None:
    done = redact("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"redact {metadata.version('redact')}\n")


def test_the_demo_overwrites_nothing_unasked(tmp_path: Path) -> None:
    (tmp_path / "street.mp4").write_text("mine")
    refused(redact("demo", tmp_path, cwd=tmp_path), 2, "is not empty", "--force")
    assert _files(tmp_path) == {"street.mp4"}
    assert (tmp_path / "street.mp4").read_text() == "mine"
