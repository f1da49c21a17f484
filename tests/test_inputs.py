"""What is given to be worked on: missing, locked, of another kind, in folders; nothing is left out quietly."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from commands import redact, refused
from PIL import Image

from redact.errors import RedactError, SourceError, UsageError
from redact.inputs import find_footage, outputs_for
from redact.media.images import read_image


@pytest.fixture
def clip(plain_clip: Path, tmp_path: Path) -> Path:
    """A copy of the plain clip, alone in its folder."""
    return Path(shutil.copy(plain_clip, tmp_path / "in.mp4"))


def _picture(file: Path, form: str | None = None) -> Path:
    Image.new("RGB", (64, 48), (90, 120, 60)).save(file, format=form)
    return file


def _sound(file: Path) -> Path:
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(8000))
    return file


# --- names ---


@pytest.mark.parametrize("name", [b"caf\xe9.mp4", "监控".encode("gb18030") + b".mp4", b"caf\xe9.png"])
def test_a_name_that_is_no_utf_8_works(name: bytes, clip: Path) -> None:
    """A recorder writes names in its own encoding; they are released under that name, and a folder goes on."""
    folder = clip.parent / "footage"
    folder.mkdir()
    source = folder / os.fsdecode(name)
    _picture(source) if source.suffix == ".png" else shutil.copy(clip, source)
    shutil.copy(clip, folder / "other.mp4")
    done = redact("run", "footage", "-o", "out", cwd=clip.parent)
    assert done.returncode == 0, done.stderr
    assert "2 inputs: 2 released" in done.stdout
    release = clip.parent / "out" / source.name
    record = json.loads(release.with_name(release.name + ".record.json").read_text("utf-8"))
    assert (
        record["source"]["name"]
        == record["output"]["name"]
        == name.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace").decode()
    )
    if source.suffix == ".mp4":
        words = ("verify", source, release, "--record", release.with_name(release.name + ".record.json"))
        assert redact(*words, cwd=clip.parent).returncode == 0


def test_a_folder_whose_name_is_no_utf_8(clip: Path) -> None:
    folder = clip.parent / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    done = redact("run", clip, "-o", folder / "out.mp4", "--json", cwd=clip.parent)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["output"] == str(folder / "out.mp4")


def test_a_name_that_is_too_long_is_refused_at_once(clip: Path) -> None:
    """Longer names are written beside a release: that they are too long would be found when all is done."""
    words = ("run", clip, "-o")
    refused(redact(*words, "x" * 240 + ".mp4", cwd=clip.parent), 2, "too long")
    refused(redact(*words, "x" * 300 + ".mp4", cwd=clip.parent), 2, "too long")
    refused(redact("run", "x" * 300 + ".mp4", "-o", "out.mp4", cwd=clip.parent), 3, "File name too long")
    refused(redact("plan", clip, "-o", "x" * 300 + ".json", cwd=clip.parent), 2, "too long")
    long = clip.rename(clip.with_name("y" * 245 + ".mp4"))
    refused(redact("run", clip.parent, "-o", "out", cwd=clip.parent), 2, "too long")
    assert sorted(clip.parent.iterdir()) == [clip.parent / "out", long]


# --- what is missing, or may not be looked at ---


def test_a_missing_input_comes_before_anything_about_the_output(tmp_path: Path) -> None:
    for words in (("none.mp4", "-o", "x"), ("a.mp4", "b.mp4", "-o", "x.mp4"), ("none", "-o", "no/folder/x.mp4")):
        refused(redact("run", *words, cwd=tmp_path), 3, words[0], "no such file")
    refused(redact("plan", "none.mp4", "-o", "no/folder/plan.json", cwd=tmp_path), 3, "none.mp4", "no such file")
    refused(redact("render", "none.mp4", "--plan", "p", "-o", "x", cwd=tmp_path), 3, "none.mp4", "no such file")
    refused(redact("verify", "none.mp4", "x", "--record", "r", cwd=tmp_path), 3, "none.mp4", "no such file")
    refused(redact("detect", "none.mp4", cwd=tmp_path), 3, "none.mp4", "no such file")
    refused(redact("run", "footage/*.mp4", "-o", "x", cwd=tmp_path), 3, "footage/*.mp4", "quotation marks")
    assert not list(tmp_path.iterdir())


def test_the_others_of_several_inputs_are_released(clip: Path) -> None:
    done = redact("run", "none.mp4", clip, "-o", "out", "--json", cwd=clip.parent)
    assert done.returncode == 3
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(r["source"], r["verdict"]) for r in rows] == [("none.mp4", "refused"), (str(clip), "released")]
    assert "2 inputs: 1 released, 1 refused" in done.stderr


# As a clerk, whom permissions bind: root may look everywhere.
_AS_CLERK = """
import os, sys
from pathlib import Path
from redact.errors import RedactError
from redact.inputs import outputs_for
from redact.staging import check_output
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    found = outputs_for([Path(p) for p in sys.argv[2:]], sys.argv[1], True)
    for source, output in found.pairs:
        check_output(source, output, False)
    for item, e in found.footage.wrong:
        print(e.exit_code, e)
    print([str(s) for s, _ in found.pairs])
except RedactError as e:
    print(e.exit_code, e)
"""


@pytest.fixture
def locked(plain_clip: Path) -> Path:
    """A folder that anybody may enter, with footage in it and in a folder below that only root may look into."""
    import tempfile

    folder = Path(tempfile.mkdtemp())  # tmp_path lies in a folder of ours
    folder.chmod(0o777)
    (folder / "below").mkdir()
    for file in (folder / "open.mp4", folder / "closed.mp4", folder / "below" / "deep.mp4"):
        shutil.copy(plain_clip, file)
        file.chmod(0o644)
    (folder / "closed.mp4").chmod(0)
    (folder / "below").chmod(0o700)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("out.mp4", "below/deep.mp4"), "3 'below/deep.mp4': may not be read."),
        (("out", "below"), "3 'below': may not be looked into."),
        (("out", "."), "3 'below': may not be looked into."),
        (("out.mp4", "closed.mp4"), "3 'closed.mp4': may not be read."),
        (("below/out.mp4", "open.mp4"), "2 'below': may not be written to."),
        (("below/further/out.mp4", "open.mp4"), "2 'below/further': cannot be written: Permission denied."),
        (("below/further/", "open.mp4"), "2 'below/further': cannot be written: Permission denied."),
    ],
)
def test_what_may_not_be_looked_at_is_named(words: tuple[str, ...], expected: str, locked: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _AS_CLERK, *words], cwd=locked, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith(expected), done.stdout + done.stderr
    if words == ("out", "."):
        # What may be looked at is worked on: whether it may be read is seen when its turn comes.
        assert done.stdout.splitlines()[1:] == ["['closed.mp4', 'open.mp4']"]


# --- folders ---


def test_a_slash_makes_a_folder(clip: Path) -> None:
    done = redact("run", clip, "-o", "new/folder/", cwd=clip.parent)
    assert done.returncode == 0, done.stderr
    assert (clip.parent / "new" / "folder" / "in.mp4").is_file()
    refused(redact("plan", clip, "-o", "other/", cwd=clip.parent), 2, "other/", "is a folder")
    refused(redact("render", clip, "--plan", "p", "-o", "other/", cwd=clip.parent), 2, "other/", "is a folder")


def test_several_inputs_go_into_no_folder_that_is_called_like_a_file(clip: Path) -> None:
    other = clip.with_name("other.mp4")
    shutil.copy(clip, other)
    for name in ("rel.mp4", "rel.jpg"):
        with pytest.raises(UsageError, match="is the name of one release, but several inputs need a folder"):
            outputs_for([clip, other], str(clip.with_name(name)), False)
        with pytest.raises(UsageError, match="is the name of one release, but the files of a folder need a folder"):
            outputs_for([clip.parent], str(clip.with_name(name)), False)
    assert sorted(clip.parent.iterdir()) == [clip, other]
    assert [o.name for _, o in outputs_for([clip, other], f"{clip.with_name('rel.mp4')}/", False).pairs] == [
        "in.mp4",
        "other.mp4",
    ]


def test_no_release_of_a_folder_lies_on_an_input(clip: Path) -> None:
    other = clip.with_name("out") / "in.mp4"
    other.parent.mkdir()
    other.hardlink_to(clip)
    with pytest.raises(UsageError, match="the output is an input"):
        outputs_for([clip, other], str(other.parent), False)


def test_what_of_a_folder_is_skipped_is_said(clip: Path) -> None:
    (clip.parent / "below").mkdir()
    shutil.copy(clip, clip.parent / "below" / "deep.mp4")
    (clip.parent / "earlier.mp4.quarantine").mkdir()
    shutil.copy(clip, clip.parent / "earlier.mp4.quarantine" / "unreleased.mp4")
    for name in ("camera", "camera.dat", ".hidden.mp4", "old.mp4.plan.json", "b.bmp"):
        (clip.parent / name).write_text("x")
    clip.with_name("gone.mp4").symlink_to("nowhere.mp4")
    done = redact("run", clip.parent, "-o", "out", cwd=clip.parent)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()[-1]
    assert said.startswith("Skipped 8: ")
    for part in (
        "3 named as no footage is ('b.bmp', 'camera', 'camera.dat')",
        "1 hidden ('.hidden.mp4')",
        "1 in quarantine ('earlier.mp4.quarantine')",
        "1 below the folder, where --recursive looks ('below')",
        "1 beside a release ('old.mp4.plan.json')",
        "1 leading to no file ('gone.mp4')",
    ):
        assert part in said
    # Once more: the folder of the releases lies in the folder, and its releases are no footage.
    done = redact("run", clip.parent, "-o", "out", "--recursive", "--json", "--force", cwd=clip.parent)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(r["source"]).name for r in rows] == ["deep.mp4", "in.mp4"]
    assert "2 inputs: 2 released" in done.stderr
    assert "1 for the releases ('out')" in done.stderr


def test_a_folder_without_footage(tmp_path: Path) -> None:
    (tmp_path / "camera.dat").write_text("x")
    with pytest.raises(UsageError, match=r"holds no video or picture. Skipped 1: 1 named as no footage is"):
        find_footage([tmp_path], False)


# --- kinds ---


def test_no_picture_while_ultralytics_is_loaded(plain_clip: Path, tmp_path: Path) -> None:
    """It makes Pillow look for a plugin, which is not there."""
    import ultralytics.utils.patches  # noqa: F401

    file = Path(shutil.copy(plain_clip, tmp_path / "video.jpg"))
    with pytest.raises(SourceError, match="is no picture but a video"):
        read_image(file)


@pytest.mark.parametrize("command", ["run", "plan", "render", "verify", "detect"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sound.wav", "holds no video, only sound (WAV)"),
        ("picture.bmp", "is a BMP picture, which cannot be read"),
        ("picture.tiff", "is a TIFF picture, which cannot be read"),
        ("jpeg.mp4", "is a JPEG picture by another ending"),
        ("video.jpg", "is no picture but a video (MP4)"),
        ("letter.mp4", "is no video but a PDF file"),
    ],
)
def test_what_a_file_is_instead_is_said(name: str, says: str, command: str, clip: Path, plan_of: Path) -> None:
    import redact as package

    file = clip.with_name(name)
    match name:
        case "sound.wav":
            _sound(file)
        case "video.jpg":
            shutil.copy(clip, file)
        case "letter.mp4":
            file.write_bytes(b"%PDF-1.7\n" * 100)
        case _:
            _picture(file, "JPEG" if name == "jpeg.mp4" else None)
    plan = package.load_plan(plan_of)
    output = clip.with_name("out.jpg" if name == "video.jpg" else "out.mp4")
    work = {
        "run": lambda: package.run(file, output),
        "plan": lambda: package.plan(file),
        "render": lambda: package.render(file, plan, output),
        "verify": lambda: package.verify(
            file, plan_of.with_name("out.mp4"), plan_of.with_name("out.mp4.record.json"), plan_of
        ),
        "detect": lambda: list(package.detect(file)),
    }
    with pytest.raises(SourceError) as caught:
        work[command]()
    assert says in caught.value.message


@pytest.fixture(scope="module")
def plan_of(plain_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan of a release of the plain clip."""
    import redact as package

    output = tmp_path_factory.mktemp("release") / "out.mp4"
    package.run(plain_clip, output)
    return output.with_name("out.mp4.plan.json")


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("picture.bmp", SourceError, "picture.bmp': is a BMP picture, which cannot be read"),
        ("picture.tiff", SourceError, "picture.tiff': is a TIFF picture, which cannot be read"),
        ("picture.gif", SourceError, "picture.gif': is a GIF picture, which cannot be read"),
        ("in.mp4", UsageError, "out.jpg': a video is not released as a picture"),
    ],
)
def test_a_picture_of_another_kind_is_no_wrong_output(
    name: str, error: type[RedactError], says: str, clip: Path
) -> None:
    import redact as package

    file = clip if name == "in.mp4" else _picture(clip.with_name(name))
    with pytest.raises(error) as caught:
        package.run(file, clip.with_name("out.jpg"))
    assert says in caught.value.message
