"""What is given by a name that stands for nothing, for too much or for something else; and how names are shown."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest
from clips import Clip, write_clip
from commands import redact, refused
from PIL import Image
from rich.console import Console

import redact as package
from redact.display import ProgressDisplay
from redact.errors import SourceError, UsageError
from redact.inputs import find_footage, outputs_for
from redact.outcome import Progress
from redact.run.local import LocalRunner
from redact.staging import check_new_file
from redact.words import shown


def _picture(file: Path) -> Path:
    file.parent.mkdir(exist_ok=True)
    Image.new("RGB", (64, 48), (90, 120, 60)).save(file)
    return file


# --- inputs ---


def test_an_empty_folder_among_others_is_named(tmp_path: Path) -> None:
    """As that of a camera whose share is not there."""
    _picture(tmp_path / "full" / "a.png")
    (tmp_path / "empty").mkdir()
    done = redact("run", "empty", "full", "-o", "out", "--json", cwd=tmp_path)
    assert done.returncode == 3
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(r["source"], r["verdict"]) for r in rows] == [("empty", "refused"), ("full/a.png", "released")]
    assert "'empty': holds no video or picture. Check that it is the right folder" in done.stderr
    assert "2 inputs: 1 released, 1 refused" in done.stderr


def test_several_folders_without_footage(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    folders = [tmp_path / "a", tmp_path / "b"]
    with pytest.raises(UsageError, match=r"a', '.*b': holds no video or picture"):
        find_footage(folders, False)
    with pytest.raises(SourceError):
        find_footage([*folders, tmp_path / "none.mp4"], False)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "a.png", "-o", ""),
        ("run", "", "-o", "out"),
        ("run", "a.png", "", "-o", "out"),
        ("plan", "", "-o", "plan.json"),
        ("plan", "a.png", "-o", ""),
        ("render", "", "--plan", "p", "-o", "b.png"),
        ("render", "a.png", "--plan", "p", "-o", ""),
        ("detect", ""),
        ("batch", "r.csv", "-o", ""),
    ],
)
def test_an_empty_name_is_not_the_current_folder(words: tuple[str, ...], tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    (tmp_path / "r.csv").write_text("id,source,operator,purpose,legal_basis\n1,a.png,window 3,a test,none\n")
    before = set(tmp_path.iterdir())
    refused(redact(*words, cwd=tmp_path), 2, "has an empty name")
    assert set(tmp_path.iterdir()) == before


def test_detect_goes_on_after_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for name in ("a.png", "c.png"):
        _picture(tmp_path / "in" / name)
    (tmp_path / "in" / "b.png").write_text("no picture")
    done = redact("detect", "in", "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert [json.loads(line)["file"] for line in done.stdout.splitlines()] == ["in/a.png", "in/c.png"]
    assert done.stderr.count("redact: ") == 1
    assert "in/b.png" in done.stderr


def test_releases_are_no_footage_for_others(tmp_path: Path) -> None:
    _picture(tmp_path / "in" / "a.png")
    assert redact("run", "in", "-o", "in/first", cwd=tmp_path).returncode == 0
    # The original by the name of the release: a record beside it tells of another file.
    _picture(tmp_path / "in" / "first" / "b.png").with_name("b.png.record.json").write_bytes(
        (tmp_path / "in" / "first" / "a.png.record.json").read_bytes()
    )
    done = redact("run", "in", "-o", "in/second", "--recursive", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    second = tmp_path / "in" / "second"
    assert sorted(p.relative_to(second) for p in second.rglob("*.png")) == [Path("a.png"), Path("first/b.png")]
    assert "1 made by redact ('a.png')" in done.stdout
    # Releases may be looked at, and redacted where they are named.
    assert len(find_footage([tmp_path / "in" / "first"], False).files) == 2
    assert len(outputs_for([tmp_path / "in" / "first" / "a.png"], str(tmp_path / "b.png"), False).pairs) == 1


# --- outputs ---


@pytest.fixture
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Something that is there and is no file."""
    there = tmp_path / "there.mp4"
    match request.param:
        case "device":
            return Path("/dev/null")
        case "link":
            there.symlink_to("/dev/null")
        case "pipe":
            os.mkfifo(there)
        case "socket":
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(str(there))
        case "nowhere":
            there.symlink_to("nowhere.mp4")
    return there


@pytest.mark.parametrize("no_file", ["device", "link", "pipe", "socket", "nowhere"], indirect=True)
@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_file_is_never_replaced(no_file: Path, force: bool, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no file but") as caught:
        check_new_file(no_file, (tmp_path / "in.mp4",), force)
    assert "--force" not in str(caught.value)


def test_a_link_to_a_file_is_replaced_by_force(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    check_new_file(tmp_path / "link", (), True)
    with pytest.raises(UsageError, match="exists already"):
        check_new_file(tmp_path / "link", (), False)


def test_a_run_does_not_write_to_a_pipe(tmp_path: Path) -> None:
    source = _picture(tmp_path / "a.png")
    os.mkfifo(tmp_path / "b.png")
    refused(
        redact("run", source, "-o", "b.png", "--force", cwd=tmp_path), 2, "b.png", "is no file but a device, a pipe"
    )
    assert (tmp_path / "b.png").is_fifo()


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("plan", "f", "-o", "x"), 3, "'f': is a folder. Name a file."),
        (("render", "f", "--plan", "p", "-o", "x"), 3, "'f': is a folder. Name a file."),
        (("plan", "a.png", "-o", "f"), 2, "'f': is a folder. Name a file."),
        (
            ("run", "f", "-o", "x.mp4"),
            2,
            "'x.mp4': is the name of one release, but the files of a folder need a folder.",
        ),
        (("run", "f", "-o", "a.png"), 2, "'a.png': is a file, but the files of a folder need a folder. Name a folder."),
        (("run", "a.png", "a.png", "-o", "a.png"), 2, "'a.png': is a file, but several inputs need a folder."),
        (("run", "a.png", "-o", "a.png/"), 2, "'a.png/': is a file, but is written as a folder. Name a folder."),
    ],
)
def test_the_remedy_is_one(words: tuple[str, ...], code: int, says: str, tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    _picture(tmp_path / "f" / "b.png")
    refused(redact(*words, cwd=tmp_path), code, says)


def test_an_earlier_release_that_was_not_replaced_is_said_to_be_one(tmp_path: Path) -> None:
    source = _picture(tmp_path / "a.png")
    assert redact("run", source, "-o", "b.png", cwd=tmp_path).returncode == 0
    source.write_text("no picture any more")
    earlier = "What lies at 'b.png' is an earlier release."
    done = redact("run", source, "-o", "b.png", "--force", "--json", cwd=tmp_path)
    refused(done, 3, earlier)
    assert json.loads(done.stdout)["error"].endswith(earlier)
    plan = tmp_path / "b.png.plan.json"
    refused(redact("render", source, "--plan", plan, "-o", "b.png", "--force", cwd=tmp_path), 3, earlier)
    done = redact("run", source, "-o", "c.png", "--force", cwd=tmp_path)
    assert "earlier release" not in done.stderr


def test_what_is_in_quarantine_is_verified_by_the_plan_there(tmp_path: Path) -> None:
    source = _picture(tmp_path / "a.png")
    package.run(source, tmp_path / "b.png")
    folder = tmp_path / "c.png.quarantine"
    folder.mkdir()
    for name, kept in (("", "unreleased.png"), (".plan.json", "plan.json"), (".record.json", "record.json")):
        shutil.copy(tmp_path / f"b.png{name}", folder / kept)
    done = redact("verify", source, folder / "unreleased.png", "--record", folder / "record.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = redact("verify", source, "x" * 300, "--record", folder / "record.json", cwd=tmp_path)
    refused(done, 3, "File name too long")


# --- how they are shown ---


def test_shown() -> None:
    assert shown("监控/a b.mp4") == "监控/a b.mp4"
    assert shown("\x1b[2J\n\u202e\udce9") == "\\x1b[2J\\n\\u202e\\udce9"


def test_no_name_steers_the_terminal(tmp_path: Path) -> None:
    source, output = _picture(tmp_path / "a\x1b[2J.png"), "b\x1b[2J.png"
    for words in (("run", source, "-o", output), ("plan", source, "-o", "p\x1b[2J.json")):
        done = redact(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        assert "\\x1b[2J" in done.stdout


def test_no_name_steers_the_progress(tmp_path: Path) -> None:
    with (tmp_path / "screen").open("w") as screen:
        display = ProgressDisplay(Console(file=screen, force_terminal=True, width=200))
        with display:
            display.show(Progress(Path("a\x1b[2J[red]b.mp4"), "plan", 1, 2, 1.0))
    assert "a\\x1b[2J[red]b.mp4 plan" in (tmp_path / "screen").read_text()


# --- who looked ---


def test_a_release_that_one_detector_looked_at_alone_says_so(tmp_path: Path, runner: LocalRunner) -> None:
    source = write_clip(tmp_path / "in.mp4", Clip(frames=10))
    (note,) = package.run(source, tmp_path / "a.mp4", "gpu-benchmark", runner=runner).notes
    assert note.startswith("Only redact-pico looked")
    assert json.loads((tmp_path / "a.mp4.record.json").read_text())["notes"] == [note]
    assert package.run(source, tmp_path / "b.mp4", runner=runner).notes == ()
