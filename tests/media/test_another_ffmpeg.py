"""The environment names another ffmpeg program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import redact
from redact.errors import WorkerError
from redact.media.witness import Witness, ffmpeg_program, ffmpeg_version


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    for asked in (ffmpeg_program, ffmpeg_version):
        asked.cache_clear()
    yield
    for asked in (ffmpeg_program, ffmpeg_version):
        asked.cache_clear()


def test_it_is_the_one_that_is_used(plain_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark, program = tmp_path / "used", tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\ntouch "{mark}"\nexec "{ffmpeg_program()}" "$@"\n')
    program.chmod(0o755)
    ffmpeg_program.cache_clear()
    monkeypatch.setenv("REDACT_FFMPEG", str(program))
    assert len(list(Witness(plain_clip, 320, 240).pictures())) == 50
    assert mark.exists()


def test_one_that_is_not_there_is_told(plain_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ffmpeg_program.cache_clear()
    monkeypatch.setenv("REDACT_FFMPEG", "/nowhere/ffmpeg")
    with pytest.raises(WorkerError, match="'/nowhere/ffmpeg' cannot be started"):
        list(Witness(plain_clip, 320, 240).pictures())


def test_one_that_is_killed_is_no_fault_of_the_release(
    plain_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nkill -KILL $$\n")
    program.chmod(0o755)
    ffmpeg_program.cache_clear()
    monkeypatch.setenv("REDACT_FFMPEG", str(program))
    with pytest.raises(WorkerError, match=r"ended from outside \(SIGKILL\)"):
        list(Witness(plain_clip, 320, 240).pictures())


def test_a_picture_is_released_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (64, 48), (90, 120, 90)).save(tmp_path / "in.png")
    ffmpeg_program.cache_clear()
    monkeypatch.setenv("REDACT_FFMPEG", "/nowhere/ffmpeg")
    record = json.loads(redact.run(tmp_path / "in.png", tmp_path / "out.png").record.read_text())
    assert record["code"]["versions"]["ffmpeg program"] == "absent"
