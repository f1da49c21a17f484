"""Each kind of bad input: one sentence, its exit code, no output, nothing left behind, the source untouched."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from clips import Clip, repeat_clip, write_clip

RUN = [sys.executable, "-m", "redact", "run"]


def _redact(*args: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*RUN, *map(str, args)], capture_output=True, text=True, cwd=cwd, timeout=120, check=False)


def _refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    assert done.returncode == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("redact: ")
    assert "Traceback" not in done.stderr
    for w in words:
        assert w in lines[0]


def _nothing_left(folder: Path, *known: Path) -> None:
    assert sorted(folder.iterdir()) == sorted(known)


@pytest.fixture
def clip(plain_clip: Path, tmp_path: Path) -> Path:
    """A copy of the plain clip, alone in its folder."""
    return Path(shutil.copy(plain_clip, tmp_path / "in.mp4"))


def _spoilt(kind: str, clip: Path) -> bytes:
    data = clip.read_bytes()
    moov, mdat = data.index(b"moov"), data.index(b"mdat")
    return {
        "not a video": b"This is a letter, not a video.\n" * 100,
        "empty": b"",
        "cut in the header": data[: moov + 60] if moov < mdat else data[:40],
        "cut in the middle": data[: len(data) // 2],
        "cut at the end": data[:-20],
        "zeros": bytes(100_000),
    }[kind]


@pytest.mark.parametrize(
    "kind", ["not a video", "empty", "cut in the header", "cut in the middle", "cut at the end", "zeros"]
)
def test_spoilt_file(kind: str, clip: Path) -> None:
    clip.write_bytes(_spoilt(kind, clip))
    before = hashlib.sha256(clip.read_bytes()).digest()
    _refused(_redact(clip, "-o", clip.parent / "out.mp4"), 3, "in.mp4")
    _nothing_left(clip.parent, clip)
    assert hashlib.sha256(clip.read_bytes()).digest() == before


def test_a_copy_that_ended_early_is_called_so(clip: Path) -> None:
    """The index of an MP4 that a recorder wrote lies at its end."""
    data = clip.read_bytes()
    moov = data.index(b"moov") - 4
    length = int.from_bytes(data[moov : moov + 4], "big")
    clip.write_bytes(data[:moov] + data[moov + length :])
    _refused(_redact(clip, "-o", clip.parent / "out.mp4"), 3, "in.mp4", "its index is damaged or missing")


def test_cut_matroska_is_refused(tmp_path: Path) -> None:
    file = write_clip(tmp_path / "in.mkv", Clip())
    file.write_bytes(file.read_bytes()[:-3000])
    _refused(_redact(file, "-o", tmp_path / "out.mkv"), 3, "in.mkv")
    _nothing_left(tmp_path, file)


def test_missing_file(tmp_path: Path) -> None:
    _refused(_redact(tmp_path / "none.mp4", "-o", tmp_path / "out.mp4"), 3, "no such file")


def test_sound_without_video(tmp_path: Path) -> None:
    import av
    import numpy as np

    file = tmp_path / "sound.mp4"
    with av.open(str(file), "w") as out:
        s = out.add_stream("aac", rate=48000)
        a = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        a.sample_rate = 48000
        out.mux(s.encode(a))
        out.mux(s.encode(None))
    _refused(_redact(file, "-o", tmp_path / "out.mp4"), 3, "holds no video")


def test_playlist_is_not_followed(clip: Path) -> None:
    playlist = clip.parent / "list.m3u8"
    playlist.write_text(f"#EXTM3U\n#EXTINF:2,\n{clip}\n#EXT-X-ENDLIST\n")
    _refused(_redact(playlist, "-o", clip.parent / "out.mp4"), 3, "list.m3u8")


def test_output_is_input(clip: Path) -> None:
    before = clip.read_bytes()
    _refused(_redact(clip, "-o", clip, "--force"), 2, "the output is the input")
    link = clip.parent / "link.mp4"
    link.symlink_to(clip)
    _refused(_redact(clip, "-o", link, "--force"), 2, "the output is the input")
    assert clip.read_bytes() == before


def test_existing_output_is_not_overwritten(clip: Path) -> None:
    other = clip.parent / "out.mp4"
    other.write_text("mine")
    _refused(_redact(clip, "-o", other), 2, "exists already")
    assert other.read_text() == "mine"


def test_unknown_ending(clip: Path) -> None:
    _refused(_redact(clip, "-o", clip.parent / "out.xyz"), 2, "cannot be written as")


def test_missing_output_folder(clip: Path) -> None:
    _refused(_redact(clip, "-o", clip.parent / "no" / "out.mp4"), 2, "no such folder")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(clip: Path) -> None:
    locked = clip.parent / "locked"
    locked.mkdir(mode=0o500)
    _refused(_redact(clip, "-o", locked / "out.mp4"), 2, "may not be written")


def test_unknown_recipe(clip: Path) -> None:
    _refused(_redact(clip, "-o", clip.parent / "out.mp4", "--recipe", "nonesuch"), 2, "no such recipe")


def test_wrong_recipe_names_the_line(clip: Path) -> None:
    recipe = clip.parent / "r.toml"
    recipe.write_text('schema = 1\nname = "x"\n\n[obscure]\nkinds = ["face"]\nblurr = 3\n')
    _refused(_redact(clip, "-o", clip.parent / "out.mp4", "--recipe", recipe), 2, "line 6", "blurr")


@pytest.mark.parametrize(
    "name", ["with space.mp4", "quote'\".mp4", "new\nline.mp4", "-dash.mp4", "监控 视频.mp4", "a|b.mp4"]
)
def test_strange_names_work(name: str, clip: Path) -> None:
    source = clip.rename(clip.parent / name)
    done = subprocess.run(
        [*RUN, "--json", "-o", str(clip.parent / f"out {name}"), "--", name],
        capture_output=True,
        text=True,
        cwd=clip.parent,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "released"
    assert (clip.parent / f"out {name}").is_file()
    assert source.is_file()


def test_link_to_a_video_works(clip: Path) -> None:
    link = clip.parent / "link.mp4"
    link.symlink_to(clip)
    assert _redact(link, "-o", clip.parent / "out.mp4").returncode == 0
    assert link.is_symlink()


def test_several_videos_in_one_file(tmp_path: Path) -> None:
    import ffmpeg

    from redact.media.witness import ffmpeg_program

    one = write_clip(tmp_path / "one.mp4", Clip(frames=10))
    both = tmp_path / "both.mkv"
    video = ffmpeg.input(str(one))
    ffmpeg.output(video["v"], video["v"], str(both), c="copy").run(cmd=ffmpeg_program(), quiet=True)
    _refused(_redact(both, "-o", tmp_path / "out.mkv"), 3, "2 video streams", "video_index")


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that takes long enough to be disturbed."""
    return repeat_clip(tmp_path_factory.mktemp("long") / "long.mp4", 40)


@pytest.mark.parametrize("wait", [0.3, 1.5, 3.0, 4.5])
def test_interrupt_at_any_moment(wait: float, long_clip: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(long_clip, tmp_path))
    process = subprocess.Popen(
        [*RUN, str(file), "-o", str(tmp_path / "out.mp4")], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all processes of the job
    _, text = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert "Traceback" not in text
    _nothing_left(tmp_path, file)


@pytest.mark.parametrize("wait", [0.0, 0.02, 0.1, 0.2, 0.3, 0.35, 0.4, 0.5])
def test_interrupt_while_libraries_load(wait: float, long_clip: Path, tmp_path: Path) -> None:
    """Half-loaded, they crash or report an error of their own where an exception comes in between."""
    file = Path(shutil.copy(long_clip, tmp_path))
    process = subprocess.Popen([*RUN, str(file), "-o", str(tmp_path / "out.mp4")], stderr=subprocess.PIPE, text=True)
    while "onnxruntime" not in Path(f"/proc/{process.pid}/maps").read_text():
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(wait)
    process.send_signal(signal.SIGINT)
    _, text = process.communicate(timeout=60)
    assert process.returncode == 130, text
    assert "Traceback" not in text
    assert "Stopped" in text
    _nothing_left(tmp_path, file)


@pytest.mark.parametrize(
    ("now", "code", "said"),
    [
        ("", 130, "redact: Stopped before anything was done.\n"),
        (
            "with errors():",
            130,
            "redact: Stopped: what was not finished is not released, and nothing half-made is left.\n",
        ),
        ("with errors(): pass", 0, ""),
    ],
    ids=["before", "during", "after"],
)
def test_an_interrupt_says_what_became_of_the_work(now: str, code: int, said: str) -> None:
    """While words are read, when nothing has begun; at work; and when all is done."""
    script = f"""
from redact.__main__ import _stop
from redact.cli.output import errors
{now}
{"    " if now.endswith(":") else ""}_stop(2, None)
"""
    words = script.replace("with errors(): pass", "with errors():\n    pass")
    caught = f"import typer\ntry:\n    exec({words!r})\nexcept typer.Exit as e:\n    raise SystemExit(e.exit_code)"
    done = subprocess.run([sys.executable, "-c", caught], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (code, said)


def test_an_interrupt_that_compiled_code_swallows_is_repeated() -> None:
    """pydantic, for one, turns a path into text while it builds a validator, and goes on whatever that raises."""
    script = """
import signal, time
import typer
import redact.cli
from redact.__main__ import main
from redact.cli.output import errors

class Gone:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

redact.cli.app = typer.Typer()

@redact.cli.app.command()
def command() -> None:
    with errors():
        held = Gone()
        del held
        print("went on", flush=True)
        time.sleep(30)

main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=20, check=False)
    said = "redact: Stopped: what was not finished is not released, and nothing half-made is left.\n"
    assert (done.stdout, done.stderr) == ("went on\n", said)


def _workers_of(process: subprocess.Popen[str]) -> list[int]:
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [int(p) for p in children if b"spawn_main" in Path(f"/proc/{p}/cmdline").read_bytes()]
    except OSError:
        return []


def test_a_killed_worker_costs_a_second_try(tmp_path: Path) -> None:
    file = repeat_clip(tmp_path / "in.mp4", 8)
    process = subprocess.Popen([*RUN, str(file), "-o", str(tmp_path / "out.mp4")], stderr=subprocess.PIPE, text=True)
    while not _workers_of(process):
        time.sleep(0.1)
    time.sleep(4)
    os.kill(_workers_of(process)[0], signal.SIGKILL)
    _, text = process.communicate(timeout=240)
    assert process.returncode == 0, text
    assert (tmp_path / "out.mp4").is_file()


def test_workers_that_are_always_killed(long_clip: Path, tmp_path: Path) -> None:
    file = Path(shutil.copy(long_clip, tmp_path))
    process = subprocess.Popen([*RUN, str(file), "-o", str(tmp_path / "out.mp4")], stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        for worker in _workers_of(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.2)
    assert process.stderr is not None
    text = process.stderr.read()
    assert process.returncode == 7, text
    assert "worker process died" in text
    _nothing_left(tmp_path, file)


def test_full_disk(clip: Path, tmp_path: Path) -> None:
    """A real small file system that fills up while rendering."""
    mount = tmp_path / "small"
    mount.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a small file system")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], check=False).returncode:
        pytest.skip("cannot mount a small file system here")
    try:
        _refused(_redact(clip, "-o", mount / "out.mp4"), 6, "disk is full")
        _nothing_left(mount)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_keep_going_and_fail_fast(clip: Path) -> None:
    broken = clip.parent / "a-broken.mp4"
    broken.write_bytes(b"no video")
    out = clip.parent / "out"
    done = _redact(broken, clip, "-o", out, "--json")
    assert done.returncode == 3
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["verdict"] for r in rows] == ["refused", "released"]
    assert (out / "in.mp4").is_file()
    shutil.rmtree(out)
    done = _redact(broken, clip, "-o", out, "--json", "--fail-fast")
    assert done.returncode == 3
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["refused", "not tried"]
    assert not list(out.iterdir())
