"""Nobody reads what is said, or it cannot be written: the work is done all the same, and the exit code tells how."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import pytest
from clips import repeat_clip
from PIL import Image

RUN = [sys.executable, "-m", "redact"]


def _pictures(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        Image.new("RGB", (64, 48), (90, 120, 60)).save(folder / name)
    return folder


def _unread() -> int:
    """The end of a pipe at whose other end nobody reads any more."""
    reads, writes = os.pipe()
    os.close(reads)
    return writes


def _redact(*words: str | Path, cwd: Path, stdout: int, stderr: int = subprocess.PIPE) -> tuple[int, str]:
    """Runs redact with its answers going to an open file, which is then closed; returns the code and what it said."""
    command = [*RUN, *map(str, words)]
    try:
        done = subprocess.run(command, cwd=cwd, stdout=stdout, stderr=stderr, text=True, timeout=240, check=False)
    finally:
        os.close(stdout)
    return done.returncode, done.stderr


def _requests(folder: Path, *sources: str) -> Path:
    rows = [f"{n},{s},window 3,a test,none" for n, s in enumerate(sources)]
    (folder / "r.csv").write_text("\n".join(["id,source,operator,purpose,legal_basis", *rows]) + "\n")
    return folder / "r.csv"


@pytest.mark.parametrize("form", [("--json",), ()])
def test_a_closed_pipe_does_not_end_a_run(form: tuple[str, ...], tmp_path: Path) -> None:
    _pictures(tmp_path / "in", "a.png", "b.png", "c.png")
    code, said = _redact("run", "in", "-o", "out", *form, cwd=tmp_path, stdout=_unread())
    assert code == 0, said
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == ["a.png", "b.png", "c.png"]


def test_a_run_that_nobody_reads_ends_with_its_code(tmp_path: Path) -> None:
    """Both outputs in one pipe, as by ``2>&1 | head -1``."""
    _pictures(tmp_path / "in", "a.png", "c.png")
    (tmp_path / "in" / "b.png").write_text("no picture")
    pipe = _unread()
    code, _ = _redact("run", "in", "-o", "out", "--json", cwd=tmp_path, stdout=pipe, stderr=pipe)
    assert code == 3
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == ["a.png", "c.png"]


@pytest.mark.parametrize("form", [("--json",), ()])
def test_a_closed_pipe_does_not_end_a_batch(form: tuple[str, ...], tmp_path: Path) -> None:
    _pictures(tmp_path / "in", "a.png", "b.png", "c.png")
    asked = _requests(tmp_path, "in/a.png", "in/b.png", "in/c.png")
    code, said = _redact("batch", asked, "-o", "out", *form, cwd=tmp_path, stdout=_unread())
    assert code == 0, said
    assert len(list((tmp_path / "out").glob("*.png"))) == 3


def test_a_listing_that_nobody_reads_ends_quietly(tmp_path: Path) -> None:
    _pictures(tmp_path / "in", "a.png", "b.png")
    for words in (("detect", "in", "--json"), ("models", "list"), ("--version",)):
        assert _redact(*words, cwd=tmp_path, stdout=_unread()) == (0, "")


def _full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


def _one_sentence(said: str) -> bool:
    return said == "redact: 'stdout': the disk is full. Free some space or write to another disk.\n"


def test_answers_that_find_no_room_do_not_end_a_run(tmp_path: Path) -> None:
    _pictures(tmp_path / "in", "a.png", "b.png")
    code, said = _redact("run", "in", "-o", "out", "--json", cwd=tmp_path, stdout=_full())
    assert code == 6
    counts, sentence = said.splitlines(keepends=True)
    assert counts == "2 inputs: 2 released\n"
    assert _one_sentence(sentence)
    assert len(list((tmp_path / "out").glob("*.png"))) == 2
    (tmp_path / "in" / "c.png").write_text("no picture")
    code, said = _redact("run", "in", "-o", "out", "--force", cwd=tmp_path, stdout=_full())
    assert code == 3, said  # what became of the work comes first


def test_answers_that_find_no_room_do_not_end_a_batch(tmp_path: Path) -> None:
    _pictures(tmp_path / "in", "a.png", "b.png")
    asked = _requests(tmp_path, "in/a.png", "in/b.png")
    code, said = _redact("batch", asked, "-o", "out", "--json", cwd=tmp_path, stdout=_full())
    assert code == 6
    assert _one_sentence(said.splitlines(keepends=True)[-1])
    assert len(list((tmp_path / "out").glob("*.png"))) == 2
    for form in (("--json",), ()):
        code, said = _redact("status", "out", *form, cwd=tmp_path, stdout=_full())
        assert (code, _one_sentence(said)) == (6, True), said


@pytest.mark.parametrize("words", [("detect", "in", "--json"), ("doctor",), ("models", "list"), ("--version",)])
def test_a_listing_that_finds_no_room(words: tuple[str, ...], tmp_path: Path) -> None:
    _pictures(tmp_path / "in", "a.png", "b.png")
    code, said = _redact(*words, cwd=tmp_path, stdout=_full())
    assert (code, _one_sentence(said)) == (6, True), said


def _terminal(*words: str | Path, cwd: Path, stdout: int | None) -> tuple[subprocess.Popen[bytes], int]:
    """Starts redact in a terminal of its own; ``stdout``: where its answers go instead of there."""
    ours, theirs = pty.openpty()

    def as_a_shell_does() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # these tests may have been started by nohup
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [*RUN, *map(str, words)],
        cwd=cwd,
        stdin=theirs,
        stdout=theirs if stdout is None else stdout,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=as_a_shell_does,
    )
    os.close(theirs)
    return process, ours


def test_answers_go_to_their_file_while_a_terminal_shows_the_progress(plain_clip: Path, tmp_path: Path) -> None:
    with (tmp_path / "answers").open("wb") as answers:
        process, screen = _terminal("run", plain_clip, "-o", "out.mp4", "--json", cwd=tmp_path, stdout=answers.fileno())
    with suppress(OSError):  # the end of a terminal
        while os.read(screen, 65536):
            pass
    os.close(screen)
    assert process.wait(timeout=60) == 0
    assert json.loads((tmp_path / "answers").read_text())["output"] == "out.mp4"


def _until_at_work(folder: Path) -> None:
    end = time.monotonic() + 60
    while not list(folder.glob(".redact-*/.in-use")):
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_terminal_that_is_closed(tmp_path: Path) -> None:
    """The shell goes on to say so by a signal; nothing can be written there any more."""
    source = repeat_clip(tmp_path / "in.mp4", 40)
    process, screen = _terminal("run", source, "-o", "out.mp4", cwd=tmp_path, stdout=None)
    _until_at_work(tmp_path)
    time.sleep(1)
    os.close(screen)
    assert process.wait(timeout=60) == 130
    assert {p.name for p in tmp_path.iterdir()} == {"in.mp4", "once.mp4"}


def test_who_is_to_outlast_the_terminal_does(plain_clip: Path, tmp_path: Path) -> None:
    """As ``nohup`` starts it."""
    source = Path(shutil.copy(plain_clip, tmp_path / "in.mp4"))
    process = subprocess.Popen(
        [*RUN, "run", source, "-o", "out.mp4"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    _until_at_work(tmp_path)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=120) == 0
    assert (tmp_path / "out.mp4").is_file()
